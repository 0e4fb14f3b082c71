package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/memkafka"
)

// serveOptions is what serve is told on its command line.
type serveOptions struct {
	listen    string
	advertise string
	brokers   int32
	topics    []string
	settings  []string
	asVersion string
	cert      string
	key       string
	clientCA  string
	sasl      []string
	users     []string
	acls      bool
	super     []string
}

func newServe() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Runs a Kafka cluster in memory, for development and tests",
		Long: `Runs a Kafka cluster in memory that any Kafka client can use. What it holds is gone when it ends.

When all brokers listen, the bootstrap servers are written to standard output, comma-separated in one line, and nothing
else is. SIGINT and SIGTERM end it.

Brokers have the settings of Apache Kafka 4.3, with one difference: group.initial.rebalance.delay.ms is 0, as every
development set-up has it, so that a new consumer group does not wait 3 s for more members.
-c group.initial.rebalance.delay.ms=3000 sets it back. Topics are created when they are first asked for, with
num.partitions partitions (1); -c auto.create.topics.enable=false turns that off.`,
		Example: `  gokasim serve
  gokasim serve --listen 127.0.0.1:0 --brokers 3 --topic orders:6 --topic state:6:cleanup.policy=compact
  gokasim serve -c num.partitions=4 -c log.retention.hours=1
  gokasim serve --sasl SCRAM-SHA-256 --user alice:secret --acls --super-user User:alice`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("serve takes no arguments, and got %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:9092", "`address` of the first broker; the others take the ports that follow, port 0 a free one each")
	f.StringVar(&o.advertise, "advertise", "", "`host` that clients are told to connect to (default: the one of --listen)")
	f.Int32Var(&o.brokers, "brokers", 1, "number of brokers")
	f.StringArrayVar(&o.topics, "topic", nil, "topic to create, `NAME:PARTITIONS[:key=value,...]`; may be given several times")
	f.StringArrayVarP(&o.settings, "config", "c", nil, "broker setting, `NAME=VALUE` under Kafka's name; may be given several times")
	f.StringVar(&o.asVersion, "as-version", "", "pose as an older Apache `Kafka`, from 2.1 on: its requests, versions and features (default 4.3)")
	f.StringVar(&o.cert, "tls-cert", "", "listen with TLS, with the certificate in this `file` (PEM)")
	f.StringVar(&o.key, "tls-key", "", "`file` with the key of --tls-cert (PEM)")
	f.StringVar(&o.clientCA, "tls-client-ca", "", "`file` with certificates (PEM) one of which has to have signed a client's")
	f.StringSliceVar(&o.sasl, "sasl", nil, "have clients log in by one of these `mechanisms`: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER")
	f.StringArrayVar(&o.users, "user", nil, "user that can log in with PLAIN and SCRAM, `NAME:PASSWORD`; may be given several times")
	f.BoolVar(&o.acls, "acls", false, "let ACLs say who may do what")
	f.StringArrayVar(&o.super, "super-user", nil, "`principal`, as User:admin, that may do everything in spite of --acls; may be given several times")
	return cmd
}

// secured is what the options say about who may come in and do what.
func (o serveOptions) secured() (options []memkafka.Option, listen []memkafka.ListenOption, err error) {
	var wrong []error
	for _, u := range o.users {
		name, password, ok := strings.Cut(u, ":")
		if !ok {
			wrong = append(wrong, fmt.Errorf("--user %s: it has no password; give NAME:PASSWORD", u))
			continue
		}
		options = append(options, memkafka.WithUser(name, password))
	}
	switch {
	case o.acls:
		options = append(options, memkafka.WithAuthorizer(o.super...))
	case len(o.super) > 0:
		wrong = append(wrong, errors.New("--super-user: it says something only with --acls"))
	}
	if len(o.sasl) > 0 {
		listen = append(listen, memkafka.WithSASL(o.sasl...))
	} else if len(o.users) > 0 {
		wrong = append(wrong, errors.New("--user: users log in only with --sasl"))
	}
	switch {
	case o.cert != "" && o.key != "":
		config, err := o.tls()
		if err != nil {
			wrong = append(wrong, err)
		} else {
			listen = append(listen, memkafka.WithTLS(config))
		}
	case o.cert != "" || o.key != "" || o.clientCA != "":
		wrong = append(wrong, errors.New("TLS needs both --tls-cert and --tls-key"))
	}
	return options, listen, errors.Join(wrong...)
}

func (o serveOptions) tls() (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s: %w", o.cert, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if o.clientCA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(o.clientCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-client-ca: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-client-ca %s: it holds no certificate in PEM", o.clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// serve runs a cluster until ctx ends.
func serve(ctx context.Context, o serveOptions, stdout, stderr io.Writer) error {
	options := []memkafka.Option{memkafka.WithBrokers(o.brokers), memkafka.WithSetting("group.initial.rebalance.delay.ms", "0"), memkafka.AsVersion(o.asVersion)}
	var wrong []error
	for _, s := range o.settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			wrong = append(wrong, fmt.Errorf("-c %s: it has no =; give NAME=VALUE", s))
			continue
		}
		options = append(options, memkafka.WithSetting(strings.TrimSpace(name), value))
	}
	topics := make([]servedTopic, len(o.topics))
	for i, t := range o.topics {
		var err error
		if topics[i], err = parseTopic(t); err != nil {
			wrong = append(wrong, err)
		}
	}
	secured, listenOptions, err := o.secured()
	if err != nil {
		wrong = append(wrong, err)
	}
	cluster, err := memkafka.Open(append(options, secured...)...)
	if err != nil {
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return &usageError{err}
	}
	defer cluster.Close()
	log := slog.New(slog.NewTextHandler(stderr, nil))
	cluster.LogTo(log)
	for _, t := range topics {
		if err := cluster.CreateTopic(t.name, t.partitions, t.options...); err != nil {
			return usagef("--topic %s: %w", t.name, err)
		}
	}
	if o.advertise != "" {
		listenOptions = append(listenOptions, memkafka.WithAdvertisedHost(o.advertise))
	}
	l, err := cluster.Listen(o.listen, listenOptions...)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; give another --listen, or port 0 for a free one", err)
	case err != nil:
		return err
	}
	if _, err := fmt.Fprintln(stdout, l.Bootstrap()); err != nil {
		return fmt.Errorf("write the bootstrap servers: %w", err)
	}
	log.Info("brokers are up", "bootstrap.servers", l.Bootstrap(), "topics", len(topics))
	<-ctx.Done()
	log.Info("brokers go down", "cause", context.Cause(ctx))
	return nil
}

// servedTopic is a topic that exists from the beginning.
type servedTopic struct {
	name       string
	partitions int32
	options    []memkafka.TopicOption
}

// parseTopic reads NAME:PARTITIONS[:key=value,...]. A value may have commas itself, as cleanup.policy=compact,delete.
func parseTopic(text string) (servedTopic, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 2 {
		return servedTopic{}, fmt.Errorf("--topic %s: it has no number of partitions; give NAME:PARTITIONS", text)
	}
	n, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil || n < 1 {
		return servedTopic{}, fmt.Errorf("--topic %s: %q is not a number of partitions; give 1 or more", text, parts[1])
	}
	t := servedTopic{name: parts[0], partitions: int32(n)}
	if len(parts) < 3 {
		return t, nil
	}
	var name, value string
	add := func() {
		if name != "" {
			t.options = append(t.options, memkafka.WithConfig(name, value))
		}
	}
	for _, word := range strings.Split(parts[2], ",") {
		key, v, ok := strings.Cut(word, "=")
		switch {
		case ok:
			add()
			name, value = strings.TrimSpace(key), v
		case name != "":
			value += "," + word
		default:
			return servedTopic{}, fmt.Errorf("--topic %s: %q has no =; give key=value", text, word)
		}
	}
	add()
	return t, nil
}
