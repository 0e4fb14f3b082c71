package txn

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/gokasim/gokasim/internal/kafka"
)

// TestTranscripts plays the histories in testdata. Those of Apache Kafka were recorded through the wire; there, markers
// are written while the transcript settles, and only their effect can be seen. Ours also tell about effects.
func TestTranscripts(t *testing.T) {
	for _, of := range []struct {
		dir     string
		effects bool
	}{{"testdata/apache-kafka-4.3.0", false}, {"testdata/coordinator", true}} {
		datadriven.Walk(t, of.dir, func(t *testing.T, path string) {
			b := newBench(t, DefaultConfig())
			b.effects = of.effects
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				b.t = t
				out := b.run(d)
				if out != "" && !strings.HasSuffix(out, "\n") {
					out += "\n"
				}
				return out
			})
		})
	}
}

// bench steps a coordinator by hand: it keeps virtual time and the timers that the coordinator sets, and writes down what
// the coordinator answers. It calls producer ids p0, p1 and so on, in the order in which they appear.
type bench struct {
	t       testing.TB
	cfg     Config
	c       *Coordinator
	epoch   int32
	now     kafka.Millis
	started kafka.Millis
	timers  []SetTimer // in the order in which they were set
	markers map[string]WriteMarkers
	log     []kafka.Record
	serial  int64
	names   []int64
	effects bool // write down effects that are not replies
	out     strings.Builder
}

func newBench(t testing.TB, cfg Config) *bench {
	b := &bench{t: t, cfg: cfg, epoch: 7, now: begin, started: begin, markers: map[string]WriteMarkers{}}
	b.c = New(cfg, b.epoch, b.newProducerID, b.started)
	return b
}

// begin is when transcripts begin.
const begin kafka.Millis = 1_700_000_000_000

func since(at kafka.Millis) time.Duration { return time.Duration(at-begin) * time.Millisecond }

func (b *bench) newProducerID() int64 {
	b.serial++
	return b.serial + 999
}

func (b *bench) step(cmd Command) {
	b.t.Helper()
	effects, err := b.c.Step(b.now, cmd)
	if err != nil {
		b.t.Fatal(err)
	}
	b.perform(effects)
}

func (b *bench) perform(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case SetTimer:
			b.stop(e.Key)
			b.timers = append(b.timers, e)
		case StopTimer:
			b.stop(e.Key)
		case AppendState:
			b.log = append(b.log, e.Records...)
			for _, r := range e.Records {
				if b.effects {
					fmt.Fprintf(&b.out, "append %s\n", b.record(r))
				}
			}
		case WriteMarkers:
			b.markers[e.TransactionalID] = e
			outcome, _ := outcomes(e.Commit)
			if b.effects {
				fmt.Fprintf(&b.out, "write markers of %s: %s %s v%d coordinator=%d%s\n", e.TransactionalID,
					strings.TrimPrefix(outcome.String(), "Prepare"), b.producer(e.Producer), e.Version, e.CoordinatorEpoch, partitions(e.Partitions))
			}
		case Reply:
			b.reply(e.Response)
		}
	}
}

func (b *bench) stop(key string) {
	b.timers = slices.DeleteFunc(b.timers, func(s SetTimer) bool { return s.Key == key })
}

// advance lets time pass and fires what comes due, in order.
func (b *bench) advance(d kafka.Millis) {
	until := b.now + d
	for {
		due := -1
		for i, s := range b.timers {
			if s.At <= until && (due < 0 || s.At < b.timers[due].At) {
				due = i
			}
		}
		if due < 0 {
			b.now = until
			return
		}
		s := b.timers[due]
		b.timers = slices.Delete(b.timers, due, due+1)
		b.now = max(b.now, s.At)
		if b.effects {
			fmt.Fprintf(&b.out, "%s: timer %s\n", since(b.now), s.Key)
		}
		b.step(Timer{Key: s.Key})
		if !b.effects { // where markers are written by themselves
			b.settleAll()
		}
	}
}

func (b *bench) settleAll() {
	for _, w := range b.markers {
		b.step(MarkersWritten{TransactionalID: w.TransactionalID, Producer: w.Producer})
	}
	clear(b.markers)
}

func (b *bench) run(d *datadriven.TestData) string {
	b.out.Reset()
	if !b.effects {
		b.now++ // as a real broker's clock would
	}
	a := newArgs(d)
	who := strings.Trim(a.name, `"`)
	switch d.Cmd {
	case "config":
		b.cfg.Version = int16(a.int("version", 2))
		b.c = New(b.cfg, b.epoch, b.newProducerID, b.started)
	case "init":
		b.init(who, a)
	case "bump": // as many times init, until an epoch is reached
		b.c.ids[who].producer.Epoch = int16(a.int("to", 0) - 1)
		b.init(who, a)
	case "add":
		cmd := AddPartitions{
			TransactionalID: who, Producer: b.parse(a.string("as", "")), VerifyOnly: a.flag("verify"), V2: a.flag("v2"), NoProducerFenced: a.flag("old"),
		}
		for _, f := range strings.Fields(d.Input) {
			cmd.Partitions = append(cmd.Partitions, partition(b.t, f))
		}
		b.step(cmd)
	case "add-offsets":
		b.step(AddOffsets{
			TransactionalID: who, Producer: b.parse(a.string("as", "")), GroupID: a.string("group", ""), V2: a.flag("v2"), NoProducerFenced: a.flag("old"),
		})
	case "end":
		b.step(EndTxn{
			TransactionalID: who, Producer: b.parse(a.string("as", "")), Commit: a.flag("commit"), V2: a.flag("v2"), NoProducerFenced: a.flag("old"),
		})
	case "settle":
		w := b.markers[who]
		delete(b.markers, who)
		b.step(MarkersWritten{TransactionalID: w.TransactionalID, Producer: w.Producer})
		b.describe(who)
	case "written": // markers of some partitions
		cmd := MarkersWritten{TransactionalID: who, Producer: b.parse(a.string("as", ""))}
		for _, f := range strings.Fields(d.Input) {
			cmd.Partitions = append(cmd.Partitions, partition(b.t, f))
		}
		b.step(cmd)
	case "advance":
		took, err := time.ParseDuration(who)
		if err != nil {
			b.t.Fatal(err)
		}
		b.advance(kafka.Millis(took.Milliseconds()))
	case "fail-over":
		b.failOver(b.log)
	case "describe":
		b.describe(who)
	case "list":
		b.list(a, strings.TrimSpace(d.Input))
	case "timers":
		for _, s := range b.timers {
			fmt.Fprintf(&b.out, "%s: %s\n", since(s.At), s.Key)
		}
	default:
		b.t.Fatalf("%s: %s is no command of transcripts", d.Pos, d.Cmd)
	}
	return b.out.String()
}

func (b *bench) init(who string, a args) {
	cmd := InitProducerID{
		Transactional: who != "null", TransactionalID: who, Timeout: kafka.Millis(a.int("timeout", 60_000)), NoProducerFenced: a.flag("old"),
	}
	if p := a.string("expect", ""); p != "" {
		producer := b.parse(p)
		cmd.Expected = &producer
	}
	b.step(cmd)
}

func (b *bench) failOver(log []kafka.Record) {
	b.epoch++
	b.started, b.timers = b.now, nil
	clear(b.markers)
	c, effects, err := Replay(b.cfg, b.epoch, b.newProducerID, b.started, b.now, log)
	if err != nil {
		b.t.Fatal(err)
	}
	b.c = c
	b.perform(effects)
}

func (b *bench) reply(response any) {
	switch r := response.(type) {
	case InitProducerIDResponse:
		if r.Err != kafka.None {
			b.fail(r.Err, r.Producer)
			return
		}
		fmt.Fprintf(&b.out, "%s\n", b.producer(r.Producer))
	case AddPartitionsResponse:
		var lines []string
		for _, p := range r.Partitions {
			lines = append(lines, fmt.Sprintf("%s: %s\n", p.TP, code(p.Err)))
		}
		slices.Sort(lines)
		b.out.WriteString(strings.Join(lines, ""))
	case AddOffsetsResponse:
		fmt.Fprintf(&b.out, "%s\n", code(r.Err))
	case EndTxnResponse:
		if r.Err != kafka.None {
			b.fail(r.Err, r.Producer)
			return
		}
		b.out.WriteString("ok")
		if r.Producer != NoProducer {
			fmt.Fprintf(&b.out, " %s", b.producer(r.Producer))
		}
		b.out.WriteString("\n")
	}
}

func (b *bench) fail(err kafka.ErrorCode, p Producer) {
	fmt.Fprintf(&b.out, "%s\n", code(err))
	if p != NoProducer {
		b.t.Errorf("%s comes with %+v", err, p)
	}
}

func (b *bench) describe(id string) {
	d, err := b.c.Describe(id)
	if err != kafka.None {
		fmt.Fprintf(&b.out, "%s\n", code(err))
		return
	}
	fmt.Fprintf(&b.out, "%s %s timeout=%d", d.State, b.producer(d.Producer), d.Timeout)
	if d.Start >= 0 {
		b.out.WriteString(" started")
	}
	fmt.Fprintf(&b.out, "%s\n", partitions(d.Partitions))
}

func (b *bench) list(a args, pattern string) {
	f := Filter{LongerThan: kafka.Millis(a.int("longer", -1)), Pattern: pattern, States: a.strings("states")}
	for _, p := range a.strings("producers") {
		f.ProducerIDs = append(f.ProducerIDs, b.parse(p+"/0").ID)
	}
	list, unknown, err := b.c.List(b.now, f)
	if err != kafka.None {
		fmt.Fprintf(&b.out, "%s\n", code(err))
	}
	for _, d := range list {
		name, _, _ := strings.Cut(b.producer(d.Producer), "/")
		fmt.Fprintf(&b.out, "%s %s %s\n", d.TransactionalID, d.State, name)
	}
	if len(unknown) > 0 {
		fmt.Fprintf(&b.out, "unknown states: %s\n", strings.Join(unknown, " "))
	}
}

// record tells what a record of __transaction_state says.
func (b *bench) record(r kafka.Record) string {
	id, ok, err := IDOf(r)
	if err != nil {
		return err.Error()
	}
	if !ok {
		return "another kind"
	}
	if r.Value == nil {
		return fmt.Sprintf("%s gone", id)
	}
	t, err := decodeValue(id, r.Value)
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("%s %s %s", id, t.state, b.producer(t.producer))
	if t.previousID != t.producer.ID {
		s += fmt.Sprintf(" previous=%s", b.name(t.previousID))
	}
	if t.nextID != noProducerID {
		s += fmt.Sprintf(" next=%s", b.name(t.nextID))
	}
	if t.version != 0 {
		s += fmt.Sprintf(" v%d", t.version)
	}
	return s + partitions(t.partitions)
}

func partitions(list []kafka.TopicPartition) string {
	var names []string
	for _, tp := range list {
		names = append(names, " "+tp.String())
	}
	slices.Sort(names)
	return strings.Join(names, "")
}

func (b *bench) producer(p Producer) string { return fmt.Sprintf("%s/%d", b.name(p.ID), p.Epoch) }

func (b *bench) name(id int64) string {
	if id == noProducerID {
		return "none"
	}
	i := slices.Index(b.names, id)
	if i < 0 {
		i = len(b.names)
		b.names = append(b.names, id)
	}
	return "p" + strconv.Itoa(i)
}

func (b *bench) parse(s string) Producer {
	id, epoch, _ := strings.Cut(s, "/")
	e, err := strconv.ParseInt(epoch, 10, 16)
	if err != nil {
		b.t.Fatalf("producer %q: %v", s, err)
	}
	p := Producer{Epoch: int16(e)}
	if n, named := strings.CutPrefix(id, "p"); named {
		i, err := strconv.Atoi(n)
		if err != nil || i >= len(b.names) {
			b.t.Fatalf("producer %q has not been seen yet", s)
		}
		p.ID = b.names[i]
		return p
	}
	if p.ID, err = strconv.ParseInt(id, 10, 64); err != nil {
		b.t.Fatalf("producer %q: %v", s, err)
	}
	return p
}

func code(err kafka.ErrorCode) string {
	if err == kafka.None {
		return "ok"
	}
	return err.Name()
}

func partition(t testing.TB, s string) kafka.TopicPartition {
	topic, n, _ := strings.Cut(s, "/")
	p, err := strconv.ParseInt(n, 10, 32)
	if err != nil {
		t.Fatalf("partition %q: %v", s, err)
	}
	return kafka.TopicPartition{Topic: topic, Partition: int32(p)}
}

// args is the arguments of a line in a transcript: perhaps a name, and then keys with values.
type args struct {
	name string
	d    *datadriven.TestData
}

func newArgs(d *datadriven.TestData) args {
	a := args{d: d}
	if len(d.CmdArgs) > 0 && len(d.CmdArgs[0].Vals) == 0 {
		a.name = d.CmdArgs[0].Key
	}
	return a
}

func (a args) strings(key string) []string {
	for _, arg := range a.d.CmdArgs {
		if arg.Key == key {
			return strings.Split(strings.Join(arg.Vals, ","), ",")
		}
	}
	return nil
}

func (a args) string(key, otherwise string) string {
	if v := a.strings(key); v != nil {
		return v[0]
	}
	return otherwise
}

func (a args) flag(key string) bool { return a.d.HasArg(key) }

func (a args) int(key string, otherwise int64) int64 {
	v := a.string(key, "")
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// TestRecordsOfKafka reads what Apache Kafka wrote, and writes it as it was. Kafka names partitions in any order, and we
// in that of topic and number.
func TestRecordsOfKafka(t *testing.T) {
	datadriven.Walk(t, "testdata/records", func(t *testing.T, path string) {
		b := newBench(t, DefaultConfig())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			fields := strings.Fields(d.Input)
			key, err := hex.DecodeString(fields[0])
			if err != nil {
				t.Fatal(err)
			}
			var value []byte
			if fields[1] != "null" {
				if value, err = hex.DecodeString(fields[1]); err != nil {
					t.Fatal(err)
				}
			}
			r := kafka.Record{Key: key, Value: value}
			said := b.record(r)
			id, ok, err := IDOf(r)
			if err != nil || !ok || value == nil {
				return said + "\n"
			}
			tx, err := decodeValue(id, value)
			if err != nil {
				return said + "\n"
			}
			said += fmt.Sprintf(" timeout=%d updated=%d start=%d\n", tx.timeout, tx.updated, tx.start)
			if got := encodeKey(id); !slices.Equal(got, key) {
				t.Errorf("key %x is written as %x", key, got)
			}
			got := encodeValue(tx, int16(value[1]))
			if sameOrder := len(tx.partitions) <= 1; len(got) != len(value) || sameOrder && !slices.Equal(got, value) {
				t.Errorf("value %x is written as %x", value, got)
			}
			return said
		})
	})
}
