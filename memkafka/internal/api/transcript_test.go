package api_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// record asks Apache Kafka 4.3.0 at KAFKA=host:port, a fresh one with one broker and group.initial.rebalance.delay.ms=0, and
// writes down what it answers.
var record = flag.Bool("record", false, "ask Apache Kafka at KAFKA=host:port and rewrite testdata/apache-kafka-4.3.0")

const recorded = "# Recorded from Apache Kafka 4.3.0.\n"

// script asks a broker one thing after the other and writes down what it hears. The same script is put to Apache Kafka and
// to a simulated broker, and the transcripts have to be the same.
type script struct {
	*client
	text *strings.Builder
	alias
	dial func() net.Conn
}

// transcripts runs a script under the name of the test, and compares with what Apache Kafka said.
func transcript(t *testing.T, run func(s *script), options ...memkafka.Option) {
	t.Helper()
	path := filepath.Join("testdata", "apache-kafka-4.3.0", strings.ReplaceAll(t.Name(), "/", "_"))
	if *record {
		dial := func() net.Conn {
			conn, err := net.Dial("tcp", os.Getenv("KAFKA"))
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(recorded+play(t, dial, run)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	cluster := newCluster(t, append([]memkafka.Option{memkafka.WithInitialRebalanceDelay(0)}, options...)...)
	dial := func() net.Conn {
		conn, err := cluster.Dial("tcp", cluster.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	got := recorded + play(t, dial, run)
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; it said:\n%s", err, got)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("differs from Apache Kafka (-) here (+):\n%s", diff)
	}
}

func play(t *testing.T, dial func() net.Conn, run func(s *script)) string {
	s := &script{client: newClient(t, dial()), text: &strings.Builder{}, alias: newAlias(), dial: dial}
	run(s)
	return s.text.String()
}

// another is a second connection, which writes into the same transcript.
func (s *script) another() *script {
	return &script{client: newClient(s.t, s.dial()), text: s.text, alias: s.alias, dial: s.dial}
}

// say asks and writes down, under a line that says what it is about.
func say[R kmsg.Response](s *script, about string, version int16, r kmsg.Request) R {
	s.t.Helper()
	answer := ask[R](s.client, version, r)
	s.note(about, answer)
	return answer
}

// note writes down an answer.
func (s *script) note(about string, answer kmsg.Response) {
	fmt.Fprintf(s.text, "\n## %s\n%s version %d\n", about, kmsg.NameForKey(answer.Key()), answer.GetVersion())
	s.print(reflect.ValueOf(answer).Elem(), "  ")
}

// until asks again until the answer is as wanted, for what takes Kafka a moment, and writes down nothing.
func until[R kmsg.Response](s *script, version int16, request func() kmsg.Request, ok func(R) bool) R {
	s.t.Helper()
	for deadline := time.Now().Add(patience / 2); ; {
		answer := ask[R](s.client, version, request())
		if ok(answer) {
			return answer
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s never answered as it should: %+v, after\n%s", kmsg.NameForKey(answer.Key()), answer, s.text)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// alias gives names to what is random, in the order in which it comes.
type alias struct {
	seen map[string]string
	kind map[string]int
}

func newAlias() alias { return alias{map[string]string{}, map[string]int{}} }

func (a alias) of(kind, what string) string {
	if a.seen[kind+what] == "" {
		a.kind[kind]++
		a.seen[kind+what] = fmt.Sprintf("<%s %d>", kind, a.kind[kind])
	}
	return a.seen[kind+what]
}

// hidden are fields that say nothing about behaviour, or differ from run to run for no reason of the protocol.
var hidden = map[string]bool{"Version": true, "UnknownTags": true, "ThrottleMillis": true}

// print writes the fields of a struct that are not at their zero, nor what a client takes to be none.
func (s *script) print(v reflect.Value, indent string) {
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		if hidden[name] {
			continue
		}
		s.field(name, f, indent)
	}
}

var (
	uuid    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	uuidB64 = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
)

func (s *script) field(name string, f reflect.Value, indent string) {
	line := func(format string, args ...any) {
		fmt.Fprintf(s.text, "%s%s %s\n", indent, name, fmt.Sprintf(format, args...))
	}
	switch {
	case f.Kind() == reflect.Pointer && f.IsNil():
		return
	case f.Kind() == reflect.Pointer:
		s.field(name, f.Elem(), indent)
	case name == "ErrorCode":
		if code := kafka.ErrorCode(f.Int()); code != kafka.None {
			line("%s", code.Name())
		}
	case name == "ErrorMessage" || name == "Host" || name == "Rack":
	case name == "Port" && f.Int() >= 0:
	case name == "ClusterID":
		line("%s", s.of("cluster", f.String()))
	case f.Kind() == reflect.Array: // a topic id
		if !f.IsZero() {
			id := f.Interface().([16]byte)
			line("%s", s.of("id", hex.EncodeToString(id[:])))
		}
	case name == "ProducerID" && f.Int() >= 0:
		line("%s", s.of("producer", fmt.Sprint(f.Int())))
	case strings.Contains(name, "Timestamp") || name == "LogAppendTime":
		if age := time.Since(time.UnixMilli(f.Int())); age.Abs() < time.Hour {
			line("now")
		} else {
			line("%d", f.Int())
		}
	case name == "RecordBatches":
		s.batches(line, f.Bytes())
	case f.Type() == reflect.TypeFor[[]byte]():
		if f.Len() > 0 {
			line("%q", f.Bytes())
		}
	case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
		if f.Len() == 0 {
			line("[]")
		}
		elements := make([]string, f.Len())
		for i := range elements {
			part := *s
			part.text = &strings.Builder{}
			part.print(f.Index(i), indent+"  ")
			elements[i] = part.text.String()
		}
		if name != "ConfigSynonyms" { // the only list whose order means something
			slices.Sort(elements)
		}
		for i, e := range elements {
			fmt.Fprintf(s.text, "%s%s %d\n%s", indent, name, i, e)
		}
	case f.Kind() == reflect.Slice:
		line("%v", f.Interface())
	case f.Kind() == reflect.Struct:
		fmt.Fprintf(s.text, "%s%s\n", indent, name)
		s.print(f, indent+"  ")
	case f.Kind() == reflect.String:
		text := uuid.ReplaceAllStringFunc(f.String(), func(u string) string { return s.of("uuid", u) })
		if uuidB64.MatchString(text) {
			text = s.of("member", text)
		}
		line("%s", text)
	default:
		line("%v", f.Interface())
	}
}

// batches writes down record batches, one line each with its records.
func (s *script) batches(line func(string, ...any), wire []byte) {
	for len(wire) > 0 {
		n := 12 + int(uint32(wire[8])<<24|uint32(wire[9])<<16|uint32(wire[10])<<8|uint32(wire[11]))
		b, err := batch.FromBytes(wire[:n])
		if err != nil {
			s.t.Fatal(err)
		}
		wire = wire[n:]
		var records []string
		for _, r := range b.Records() {
			records = append(records, fmt.Sprintf("%d:%q=%q", r.Offset, r.Key, r.Value))
		}
		line("[%d..%d] epoch %d, control %t, transactional %t: %s", b.BaseOffset(), b.LastOffset(), b.LeaderEpoch(), b.IsControl(), b.IsTransactional(), strings.Join(records, " "))
	}
}
