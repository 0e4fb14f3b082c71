package kcat

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// client is kcat, pointed at a broker.
type client struct {
	path string
	args []string
}

func newClient(t *testing.T, b rig.Broker, settings ...string) client {
	t.Helper()
	c := client{path: rig.Tool(t, "kcat", "install it (Debian: apt-get install kcat)"), args: []string{"-b", b.Servers}}
	for _, s := range settings {
		c.args = append(c.args, "-X", s)
	}
	return c
}

// run runs kcat with what args add, and returns what it wrote.
func (c client) run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	return rig.Run(t, stdin, c.path, append(slices.Clone(c.args), args...)...)
}

// consume reads a topic to its end, a record a line in the form of kcat's -f.
func (c client) consume(t *testing.T, topic, format string, args ...string) []string {
	t.Helper()
	return lines(c.run(t, "", append([]string{"-C", "-q", "-e", "-t", topic, "-f", format + `\n`}, args...)...))
}

func lines(text string) []string {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func want(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "k%d:v%d\n", i, i)
	}
	return b.String()
}

// metadata is what kcat -L -J says.
type metadata struct {
	Brokers []struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	} `json:"brokers"`
	Topics []struct {
		Topic      string `json:"topic"`
		Partitions []struct {
			Partition int               `json:"partition"`
			Leader    int               `json:"leader"`
			Replicas  []json.RawMessage `json:"replicas"`
			ISRs      []json.RawMessage `json:"isrs"`
		} `json:"partitions"`
	} `json:"topics"`
}

func (c client) metadata(t *testing.T, args ...string) metadata {
	t.Helper()
	var m metadata
	text := c.run(t, "", append([]string{"-L", "-J"}, args...)...)
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return m
}

func TestLists(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		c, topic := newClient(t, b), rig.Name("listed")
		c.run(t, "v\n", "-P", "-t", topic)
		m := c.metadata(t, "-t", topic)
		if servers := strings.Split(b.Servers, ","); len(m.Brokers) != len(servers) || !strings.Contains(b.Servers, m.Brokers[0].Name) {
			t.Errorf("brokers %v, want those of %s", m.Brokers, b.Servers)
		}
		if len(m.Topics) != 1 || m.Topics[0].Topic != topic || len(m.Topics[0].Partitions) != 1 {
			t.Fatalf("topics %+v", m.Topics)
		}
		if p := m.Topics[0].Partitions[0]; p.Leader < 1 || len(p.Replicas) != 1 || len(p.ISRs) != 1 {
			t.Errorf("partition %+v", p)
		}
		if text := c.run(t, "", "-L"); !strings.Contains(text, fmt.Sprintf("topic %q with 1 partitions", topic)) {
			t.Errorf("the list of all topics lacks %s:\n%s", topic, text)
		}
	})
}

func TestProducesAndConsumes(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			t.Run(codec, func(t *testing.T) {
				c, topic := newClient(t, b), rig.Name("compressed")
				c.run(t, numbered(0, 1000), "-P", "-t", topic, "-z", codec, "-K:", "-H", "trace=7", "-H", "bare")
				got := c.consume(t, topic, "%o %k %s %h", "-o", "beginning")
				if len(got) != 1000 {
					t.Fatalf("%d records, want 1000", len(got))
				}
				for i, line := range got {
					if want := fmt.Sprintf("%d k%d v%d trace=7,bare=NULL", i, i, i); line != want {
						t.Fatalf("record %d is %q, want %q", i, line, want)
					}
				}
			})
		}
	})
}

func TestStartsAndStopsAnywhere(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		c, topic := newClient(t, b), rig.Name("offsets")
		c.run(t, numbered(0, 5), "-P", "-t", topic, "-K:")
		c.run(t, numbered(5, 10), "-P", "-t", topic, "-K:") // later by as long as a process takes to start
		at, err := strconv.ParseInt(c.consume(t, topic, "%T", "-o", "5", "-c", "1")[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []struct {
			name string
			args []string
			from int
			to   int
		}{
			{"beginning", []string{"-o", "beginning"}, 0, 10},
			{"end", []string{"-o", "end"}, 0, 0},
			{"an offset", []string{"-o", "7"}, 7, 10},
			{"so many before the end", []string{"-o", "-2"}, 8, 10},
			{"from a time", []string{"-o", fmt.Sprintf("s@%d", at)}, 5, 10},
			{"until a time", []string{"-o", "s@1", "-o", fmt.Sprintf("e@%d", at)}, 0, 5},
			{"after the last", []string{"-o", fmt.Sprintf("s@%d", at+3_600_000)}, 0, 0},
		} {
			var expected []string
			for i := o.from; i < o.to; i++ {
				expected = append(expected, fmt.Sprint("v", i))
			}
			want(t, o.name, c.consume(t, topic, "%s", o.args...), expected)
		}
		for _, q := range []struct {
			time   int64
			offset int
		}{{-2, 0}, {-1, 10}, {1, 0}, {at, 5}} {
			got := c.run(t, "", "-Q", "-t", fmt.Sprintf("%s:0:%d", topic, q.time))
			if want := fmt.Sprintf("%s [0] offset %d\n", topic, q.offset); got != want {
				t.Errorf("-Q at %d is %q, want %q", q.time, got, want)
			}
		}
	})
}

func TestWritesTombstonesAndPartitions(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		c, topic := newClient(t, b), rig.Name("tombstones")
		c.run(t, "a:1\na:\n:2\n", "-P", "-t", topic, "-K:", "-Z", "-p", "0")
		want(t, "keys and values with their lengths", c.consume(t, topic, "%K[%k] %S[%s] %p", "-o", "beginning"),
			[]string{"1[a] 1[1] 0", "1[a] -1[] 0", "-1[] 1[2] 0"})
		_, stderr, err := rig.Try(t, "v\n", c.path, append(slices.Clone(c.args), "-P", "-t", topic, "-p", "9")...)
		if err == nil || !strings.Contains(stderr, "Unknown partition") {
			t.Errorf("a partition that is not there: %v, %s", err, stderr)
		}
	})
}

func TestProducesExactlyOnce(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		topic := rig.Name("transactions")
		newClient(t, b, "enable.idempotence=true").run(t, numbered(0, 100), "-P", "-t", topic, "-K:")
		writer := newClient(t, b, "transactional.id="+topic)
		writer.run(t, numbered(100, 200), "-P", "-t", topic, "-K:")
		writer.run(t, numbered(200, 300), "-P", "-t", topic, "-K:") // the same id again, at its next epoch
		for _, level := range []string{"read_committed", "read_uncommitted"} {
			got := newClient(t, b, "isolation.level="+level).consume(t, topic, "%s", "-o", "beginning")
			if len(got) != 300 || got[299] != "v299" {
				t.Errorf("%s: %d records, the last is %q", level, len(got), got[len(got)-1])
			}
		}
	})
}

// rebalance is what a member of a group says when partitions come or go, at once or, with cooperative-sticky, a few at a time.
var rebalance = regexp.MustCompile(`rebalanced.*?(assigned|revoked|incremental assignment|incremental revoke)[^:]*:(.*)`)

// assignment is what a member of a group has to read, by what it wrote to standard error.
func assignment(stderr string) []string {
	var has []string
	for _, found := range rebalance.FindAllStringSubmatch(stderr, -1) {
		changed := strings.Split(strings.TrimSpace(found[2]), ", ")
		changed = slices.DeleteFunc(changed, func(p string) bool { return p == "" })
		switch found[1] {
		case "assigned":
			has = changed
		case "incremental assignment":
			has = append(has, changed...)
		default:
			has = slices.DeleteFunc(has, func(p string) bool { return slices.Contains(changed, p) })
		}
	}
	return has
}

func TestSharesATopicInAGroup(t *testing.T) {
	rig.Each(t, func(t *testing.T, b rig.Broker) {
		for _, strategy := range []string{"range", "roundrobin", "cooperative-sticky"} {
			t.Run(strategy, func(t *testing.T) {
				topic, group := rig.Topic(t, b, "shared", 4), rig.Name("members")
				c := newClient(t, b, "partition.assignment.strategy="+strategy, "auto.offset.reset=earliest", "session.timeout.ms=6000", "heartbeat.interval.ms=200")
				c.run(t, numbered(0, 100), "-P", "-t", topic, "-K:")
				join := func() *rig.Process {
					return rig.Start(t, c.path, append(slices.Clone(c.args), "-u", "-G", group, "-f", `%s\n`, topic)...)
				}
				seen := map[string]bool{}
				first := join()
				for len(seen) < 100 {
					seen[first.Await(t, "a record", func(string) bool { return true })] = true
				}
				second := join()
				rig.Eventually(t, "the members have two partitions each", func() (string, bool) {
					one, two := assignment(first.Errors()), assignment(second.Errors())
					all := slices.Sorted(slices.Values(slices.Concat(one, two)))
					return fmt.Sprint(one, two), len(one) == 2 && len(two) == 2 && len(slices.Compact(all)) == 4
				})
				first.Interrupt(t)
				rig.Eventually(t, "the second member has all partitions", func() (string, bool) {
					return second.Errors(), len(assignment(second.Errors())) == 4
				})
				c.run(t, numbered(100, 200), "-P", "-t", topic, "-K:")
				for len(seen) < 200 {
					line := second.Await(t, "a record", func(string) bool { return true })
					if seen[line] {
						t.Errorf("%s came twice, though the first member has committed it", line)
					}
					seen[line] = true
				}
				second.Interrupt(t)
			})
		}
	})
}

// TestLogsIn logs in by every mechanism, in the open and over TLS.
func TestLogsIn(t *testing.T) {
	certificates := rig.NewCertificates(t)
	over := map[string][]string{
		"SASL_PLAINTEXT": nil,
		"SASL_SSL":       {"--tls-cert", certificates.BrokerCert, "--tls-key", certificates.BrokerKey},
	}
	for _, protocol := range slices.Sorted(maps.Keys(over)) {
		b := rig.Serve(t, append(over[protocol], "--brokers", "2", "--sasl", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER", "--user", "alice:secret")...)
		for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"} {
			t.Run(protocol+"/"+mechanism, func(t *testing.T) {
				settings := []string{
					"security.protocol=" + protocol, "ssl.ca.location=" + certificates.CA, "sasl.mechanism=" + mechanism, "sasl.username=alice", "sasl.password=secret",
				}
				if mechanism == "OAUTHBEARER" {
					settings = append(settings[:3], "enable.sasl.oauthbearer.unsecure.jwt=true", "sasl.oauthbearer.config=principal=alice")
				}
				c, topic := newClient(t, b, settings...), rig.Name("login")
				c.run(t, "in\n", "-P", "-t", topic)
				want(t, "records", c.consume(t, topic, "%s", "-o", "beginning"), []string{"in"})
				if mechanism == "OAUTHBEARER" {
					return // everybody can be everybody
				}
				wrong := newClient(t, b, append(settings, "sasl.password=guess")...)
				_, stderr, err := rig.Try(t, "", wrong.path, append(wrong.args, "-L", "-m", "1")...)
				if err == nil || !strings.Contains(stderr, "uthentication failed") {
					t.Errorf("a wrong password: %v\n%s", err, stderr)
				}
			})
		}
	}
}

func TestTLS(t *testing.T) {
	certificates := rig.NewCertificates(t)
	b := rig.Serve(t, "--tls-cert", certificates.BrokerCert, "--tls-key", certificates.BrokerKey)
	c, topic := newClient(t, b, "security.protocol=SSL", "ssl.ca.location="+certificates.CA), rig.Name("tls")
	c.run(t, "in\n", "-P", "-t", topic)
	want(t, "records", c.consume(t, topic, "%s", "-o", "beginning"), []string{"in"})
}

// TestMutualTLS has a client be known by its certificate, and ACLs say that only it may write.
func TestMutualTLS(t *testing.T) {
	certificates := rig.NewCertificates(t)
	b := rig.Serve(t, "--tls-cert", certificates.BrokerCert, "--tls-key", certificates.BrokerKey, "--tls-client-ca", certificates.CA,
		"--acls", "--super-user", "User:CN=alice,O=test")
	settings := []string{"security.protocol=SSL", "ssl.ca.location=" + certificates.CA}
	known := newClient(t, b, append(settings, "ssl.certificate.location="+certificates.ClientCert, "ssl.key.location="+certificates.ClientKey)...)
	topic := rig.Name("mutual")
	known.run(t, "in\n", "-P", "-t", topic)
	want(t, "records", known.consume(t, topic, "%s", "-o", "beginning"), []string{"in"})
	for name, more := range map[string][]string{
		"without a certificate": nil,
		"with the broker's":     {"ssl.certificate.location=" + certificates.BrokerCert, "ssl.key.location=" + certificates.BrokerKey},
	} {
		c := newClient(t, b, append(slices.Clone(settings), more...)...)
		if stdout, stderr, err := rig.Try(t, "x\n", c.path, append(slices.Clone(c.args), "-P", "-t", topic, "-X", "message.timeout.ms=3000", "-m", "5")...); err == nil {
			t.Errorf("%s: it wrote\n%s\n%s", name, stdout, stderr)
		}
	}
	want(t, "records in the end", known.consume(t, topic, "%s", "-o", "beginning"), []string{"in"})
}
