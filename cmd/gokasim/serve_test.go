package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// serving runs serve until stop is called, which returns the exit status and what was written to standard output after
// the first line, and to standard error.
func serving(t *testing.T, args ...string) (bootstrap []string, stop func() (code int, rest, stderr string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	var errs strings.Builder
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve"}, args...), stdout, &errs)
		_ = stdout.Close() // a pipe's end never fails
	}()
	t.Cleanup(cancel)
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("no bootstrap servers: %v; exit status %d, standard error:\n%s", err, <-code, &errs)
	}
	return strings.Split(strings.TrimSpace(first), ","), func() (int, string, string) {
		cancel()
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		return <-code, string(rest), errs.String()
	}
}

// asks puts a request to a broker and returns its answer, both without their lengths.
func asks(t *testing.T, broker, request string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", broker, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // it was used
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(append([]byte{0, 0, 0, byte(len(request))}, request...)); err != nil {
		t.Fatal(err)
	}
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, int(length[2])<<8|int(length[3]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestServe(t *testing.T) {
	bootstrap, stop := serving(t, "--listen", "127.0.0.1:0", "--brokers", "2",
		"--topic", "orders:3", "--topic", "state:2:cleanup.policy=compact,delete,retention.ms=1000", "-c", "num.partitions=4")
	if len(bootstrap) != 2 {
		t.Fatalf("bootstrap servers %v, want those of 2 brokers", bootstrap)
	}
	const metadataOfAll = "\x00\x03\x00\x00\x00\x00\x00\x07\x00\x04test\x00\x00\x00\x00" // version 0
	for _, broker := range bootstrap {
		answer := asks(t, broker, metadataOfAll)
		if !strings.HasPrefix(answer, "\x00\x00\x00\x07") || !strings.Contains(answer, "\x00\x06orders") || !strings.Contains(answer, "\x00\x05state") {
			t.Errorf("broker %s answers %q, want request 7 answered with both topics", broker, answer)
		}
	}
	code, rest, stderr := stop()
	if code != 0 || rest != "" {
		t.Errorf("exit status %d after %q, want 0 after the bootstrap servers alone", code, rest)
	}
	if !strings.Contains(stderr, "brokers are up") || !strings.Contains(stderr, "brokers go down") {
		t.Errorf("standard error says\n%s", stderr)
	}
	if conn, err := net.DialTimeout("tcp", bootstrap[0], time.Second); err == nil {
		_ = conn.Close() // it should not be there
		t.Errorf("%s still listens", bootstrap[0])
	}
}

func TestServeTellsItsAddressesAsJSON(t *testing.T) {
	line, stop := serving(t, "--listen", "127.0.0.1:0", "--brokers", "2", "--json")
	code, rest, _ := stop()
	var told struct {
		Bootstrap string   `json:"bootstrap_servers"`
		Brokers   []string `json:"brokers"`
	}
	if err := json.Unmarshal([]byte(strings.Join(line, ",")), &told); err != nil || code != 0 || rest != "" {
		t.Fatalf("%q, then %q, status %d: %v", line, rest, code, err)
	}
	if len(told.Brokers) != 2 || strings.Join(told.Brokers, ",") != told.Bootstrap {
		t.Errorf("told %+v", told)
	}
}

func TestServeOnAPortThatIsTaken(t *testing.T) {
	bootstrap, stop := serving(t, "--listen", "127.0.0.1:0")
	code, _, stderr := runWith(t, "serve", "--listen", bootstrap[0])
	if code != 1 || !strings.Contains(stderr, bootstrap[0]) {
		t.Errorf("exit status %d, want 1; standard error:\n%s", code, stderr)
	}
	stop()
}

// TestServeTakesTheOptionsOfKclFake starts a cluster as somebody does who knows kcl fake.
func TestServeTakesTheOptionsOfKclFake(t *testing.T) {
	t.Setenv("SECRET_OF_ADMIN", "pw")
	bootstrap, stop := serving(t, "--ports", "0,0", "-l", "none", "-d", t.TempDir(), "--sync", "--as-version", "3.9", "--broker-config", "num.partitions=3",
		"--seed-topic", "foo,bar:2", "--seed-topic", "baz", "--allow-auto-topic-creation=false", "--acls", "--sasl", "plain:admin:$SECRET_OF_ADMIN", "--pprof", "0")
	if len(bootstrap) != 2 {
		t.Fatalf("bootstrap servers %v, want those of 2 ports", bootstrap)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.SASL(plain.Auth{User: "admin", Pass: "pw"}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	topics, err := kadm.NewClient(c).ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"foo": 3, "bar": 2, "baz": 3} {
		if got := len(topics[name].Partitions); got != want {
			t.Errorf("topic %s has %d partitions, want %d", name, got, want)
		}
	}
	if code, _, stderr := stop(); code != 0 || stderr != "" {
		t.Errorf("exit status %d, standard error:\n%s", code, stderr)
	}
}

func TestServeUsedWrongly(t *testing.T) {
	for _, tc := range []struct{ name, args, want string }{
		{"an argument", "serve now", `serve takes no arguments, and got "now"`},
		{"no partitions", "serve --topic orders", "--topic orders: it has no number of partitions; give NAME:PARTITIONS"},
		{"bad partitions", "serve --topic orders:x", `--topic orders:x: "x" is not a number of partitions; give 1 or more`},
		{"no value", "serve --topic orders:1:compact", `--topic orders:1:compact: "compact" has no =; give key=value`},
		{"unknown topic setting", "serve --topic orders:1:no.such=1", "--topic orders: INVALID_CONFIG: Unknown topic config name: no.such"},
		{"no value of a setting", "serve -c num.partitions", "-c num.partitions: it has no =; give NAME=VALUE"},
		{"unknown setting", "serve -c num.partition=1", "num.partition is no setting of brokers that this cluster has; near it are num.partitions"},
		{"no brokers", "serve --brokers 0", "brokers: 0 is not a number of brokers; give 1 or more"},
		{"no port", "serve --listen localhost", "give HOST:PORT"},
		{"half a certificate", "serve --tls-cert a", "TLS needs both --tls-cert and --tls-key, or --tls alone"},
		{"clients of no TLS", "serve --tls-client-ca a", "--tls-client-ca: it says something only with --tls or --tls-cert"},
		{"nothing made", "serve --tls-ca a", "--tls-ca: it is written for a certificate that is made here; give --tls without --tls-cert"},
		{"unknown mechanism", "serve --sasl plian:a:b", `--sasl plian:a:b: mechanism "plian" is none of PLAIN,`},
		{"no password", "serve --sasl PLAIN:a", "--sasl PLAIN:a: it has no password; give MECHANISM:NAME:PASSWORD"},
		{"unknown level", "serve -l loud", "--log-level loud: give debug, info, warn, error or none"},
		{"said twice", "serve -c auto.create.topics.enable=true --allow-auto-topic-creation=false", "say the same; leave one of them out"},
		{"columns of nothing", "serve --key-column id", "are about --load"},
		{"no address", "serve --listen 127.0.0.1:0 --pprof here", "--pprof here: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, _, stderr := runWith(t, strings.Fields(tc.args)...)
			if code != 2 || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit status %d, want 2 with %q:\n%s", code, tc.want, stderr)
			}
		})
	}
}

func TestServeLoadsColumnsIntoTheTopicThatIsNamed(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a=b.csv":    "id,n,at\nk,7,2013-01-01T10:17:00Z\n",
		"large.csv":  "id\n" + strings.Repeat("x", 2<<20) + "\n",
		"none.jsonl": `{"key":"k","payload":"v"}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bootstrap, stop := serving(t, "--listen", "127.0.0.1:0", "-l", "none", "--load", "orders="+filepath.Join(dir, "a=b.csv"), "--key-column", "id", "--value-column", "n", "--time-column", "at")
	_, recorded, _ := runWith(t, "record", "orders", "-b", bootstrap[0])
	if want := `{"topic":"orders","partition":0,"offset":0,"tstype":"create","ts":1357035420000,"broker":1,"key":"k","payload":"7"}` + "\n"; recorded != want {
		t.Errorf("recorded %s, want %s", recorded, want)
	}
	if code, _, stderr := stop(); code != 0 {
		t.Errorf("exit status %d, standard error:\n%s", code, stderr)
	}
	for load, want := range map[string]string{
		"none.jsonl": "none.jsonl:1: the record names no topic; --load TOPIC=",
		"large.csv":  "MESSAGE_TOO_LARGE: ",
		"missing":    "missing: no such file or directory",
	} {
		file := filepath.Join(dir, load)
		if load == "large.csv" {
			file = "orders=" + file
		}
		if code, _, stderr := runWith(t, "serve", "--listen", "127.0.0.1:0", "--load", file); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("--load %s: exit status %d, want 1 with %q:\n%s", load, code, want, stderr)
		}
	}
}
