// Package connect reaches a real Kafka cluster as the command line says: by flags, by librdkafka's property names as kcat takes them
// with -X, and by kcat's configuration file.
package connect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Flags are what the user said about a cluster.
type Flags struct {
	Brokers    []string
	Properties []string // NAME=VALUE
	File       string
}

// Add offers the flags.
func (f *Flags) Add(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&f.Brokers, "brokers", "b", nil, "`host:port` of a broker or several, comma-separated")
	flags.StringArrayVarP(&f.Properties, "property", "X", nil, "setting of the connection, `NAME=VALUE` under librdkafka's name, as kcat takes it; may be given several times")
	flags.StringVarP(&f.File, "config-file", "F", "", "`file` with such settings, a line each, as kcat reads it (default: $KCAT_CONFIG, ~/.config/kcat.conf)")
}

// Config is how to reach a cluster, read and checked.
type Config struct {
	Brokers     []string
	Uncommitted bool     // isolation.level=read_uncommitted
	Unused      []string // what kcat's configuration file sets for other programs, FILE:LINE: NAME
	options     []kgo.Opt
}

// TellUnused names what is Unused, a line each.
func (c *Config) TellUnused(w io.Writer) {
	for _, where := range c.Unused {
		_, _ = fmt.Fprintf(w, "%s is not used here\n", where) // standard error is where a failure to write could be told
	}
}

// Read checks what was said. Errors name the flag or the file and line that is wrong.
func (f *Flags) Read() (*Config, error) {
	s, unused, err := f.settings()
	if err != nil {
		return nil, err
	}
	c := &Config{Brokers: f.Brokers, Unused: unused}
	if len(c.Brokers) == 0 {
		for _, name := range []string{"bootstrap.servers", "metadata.broker.list"} {
			if v, ok := s[name]; ok && len(c.Brokers) == 0 {
				c.Brokers = strings.Split(v.value, ",")
			}
		}
	}
	for i, b := range c.Brokers {
		c.Brokers[i] = strings.TrimSpace(b)
	}
	if len(c.Brokers) == 0 || slices.Contains(c.Brokers, "") {
		return nil, errors.New("no brokers; name one, as in --brokers localhost:9092, or set bootstrap.servers in kcat's configuration file")
	}
	if c.options, err = s.options(); err != nil {
		return nil, err
	}
	c.Uncommitted = s["isolation.level"].value == "read_uncommitted"
	return c, nil
}

// Client makes a client of the cluster, and checks that a broker of it answers within patience.
func (c *Config) Client(ctx context.Context, patience time.Duration, options ...kgo.Opt) (*kgo.Client, error) {
	all := append([]kgo.Opt{kgo.SeedBrokers(c.Brokers...), kgo.ClientID("gokasim")}, c.options...)
	client, err := kgo.NewClient(append(all, options...)...)
	if err != nil {
		return nil, fmt.Errorf("settings of the connection: %w", err)
	}
	hurry, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := client.Ping(hurry); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if refused := new(kerr.Error); errors.As(err, &refused) { // one answered
			return nil, fmt.Errorf("connecting to %s: %w", strings.Join(c.Brokers, ","), err)
		}
		return nil, fmt.Errorf("no broker of %s answers within %v: %w", strings.Join(c.Brokers, ","), patience, err)
	}
	return client, nil
}

// setting is a value and where it was given.
type setting struct{ value, where string }

type settings map[string]setting

// settings gathers the file's and the command line's properties; the latter win. What the file sets for other programs that share it is unused.
func (f *Flags) settings() (s settings, unused []string, err error) {
	s = settings{}
	name, must := f.File, true
	if name == "" {
		name, must = os.Getenv("KCAT_CONFIG"), true
	}
	if name == "" {
		home, err := os.UserHomeDir()
		if err == nil {
			name, must = home+"/.config/kcat.conf", false
		}
	}
	if name != "" {
		if unused, err = s.read(name, must); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range f.Properties {
		if err := s.add(p, "-X "+p); err != nil {
			return nil, nil, err
		}
	}
	return s, unused, nil
}

func (s settings) read(name string, must bool) (unused []string, err error) {
	file, err := os.Open(name)
	if err != nil {
		if !must && errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading the configuration file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		where := fmt.Sprintf("%s:%d", name, n)
		setting, _, ok := strings.Cut(line, "=")
		if setting = strings.TrimSpace(setting); ok && elsewhere(setting) {
			unused = append(unused, where+": "+setting)
			continue
		}
		if err := s.add(line, where); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the configuration file %s: %w", name, err)
	}
	return unused, nil
}

// elsewhere reports whether a setting is of no use here and may be left out: it is none of those that say how to connect safely and as whom.
func elsewhere(name string) bool {
	return name != "" && !slices.Contains(known, name) && !strings.Contains(name, "ssl.") && !strings.Contains(name, "sasl.")
}

func (s settings) add(property, where string) error {
	name, value, ok := strings.Cut(property, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return fmt.Errorf("%s: it has no =; give NAME=VALUE", where)
	}
	if !slices.Contains(known, name) {
		return fmt.Errorf("%s: setting %q is not supported; these are: %s", where, name, strings.Join(known, ", "))
	}
	s[name] = setting{value: strings.TrimSpace(value), where: where}
	return nil
}

// known are the settings that are understood, under librdkafka's names.
var known = func() []string {
	names := []string{
		"bootstrap.servers", "metadata.broker.list", "client.id", "security.protocol", "isolation.level",
		"sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "enable.sasl.oauthbearer.unsecure.jwt", "sasl.oauthbearer.config",
		"ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "enable.ssl.certificate.verification", "ssl.endpoint.identification.algorithm",
		"socket.connection.setup.timeout.ms", "compression.codec", "compression.type", "linger.ms", "message.max.bytes", "acks", "request.required.acks",
	}
	sort.Strings(names)
	return names
}()
