package tester

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/memkafka"
)

// replaySettings are what options of Replay set.
type replaySettings struct {
	golden  string // "" for the name of the recording
	nothing bool   // compare nothing
	until   time.Time
	upTo    []endOffset
	then    []func(tt *Tester)
}

type endOffset struct {
	tp     memkafka.TopicPartition
	offset int64
}

func replaying(name string, set func(r *replaySettings)) Option {
	return func(s *settings) {
		s.only(replayed, name)
		set(&s.replay)
	}
}

// WithGolden sets the golden file of a replay: that of the recording, with .golden in the place of .jsonl or .jsonl.gz,
// unless set. A replay of a part of a recording, by UpToOffset or UpToTime, is compared with as much of it, and writes it only where it is
// set.
func WithGolden(file string) Option {
	return replaying("WithGolden", func(r *replaySettings) { r.golden = file })
}

// WithoutGolden has a replay compare nothing: it fails only when a processor does.
func WithoutGolden() Option {
	return replaying("WithoutGolden", func(r *replaySettings) { r.nothing = true })
}

// UpToTime ends a replay before the first record with a later time.
func UpToTime(at time.Time) Option {
	return replaying("UpToTime", func(r *replaySettings) { r.until = at })
}

// UpToOffset ends a replay after the record of this offset in the recording, or the first later one of its partition. It
// may be given several times: the first one that is reached counts. A topic that no group reads fails the test.
func UpToOffset(topic string, partition int32, offset int64) Option {
	return replaying("UpToOffset", func(r *replaySettings) {
		r.upTo = append(r.upTo, endOffset{memkafka.TopicPartition{Topic: topic, Partition: partition}, offset})
	})
}

// Afterwards has f called when all is replayed, for expectations of the test's own.
func Afterwards(f func(tt *Tester)) Option {
	return replaying("Afterwards", func(r *replaySettings) { r.then = append(r.then, f) })
}

// Replay sends recorded topics through today's code: each record in the order of the file, one at a time, and compares what
// each has caused, in outputs, loops and tables, with a golden file. A failure names the first record of the recording whose
// effects differ, or which a processor failed at. The recording is what gokasim record, or kcat -J, writes, plain or
// compressed by gzip or zstd:
//
//	gokasim record orders --brokers kafka:9092 --out testdata/orders.jsonl.gz
//
//	func TestOrders(t *testing.T) {
//		tester.Replay(t, "testdata/orders.jsonl.gz", countGraph(), billGraph(), tester.UpToTime(noon))
//	}
//
// After the file come group graphs (*goka.GroupGraph), options (Option) and options of all their processors
// (goka.ProcessorOption), in any order. The golden file is written by
// -gokasim.golden (GOKASIM_GOLDEN=1), see ExpectGolden. WithPartitions and WithInstances count as in New. All runs in a
// testing/synctest bubble whose clock is that of the records, so that code which asks for the time gives the same answer
// each time. Rows of a joined or looked-up table are part of the recording; rows of a group's own table that have no time are
// what the table begins with. Records of topics that the groups write themselves are refused.
func Replay(t *testing.T, file string, of ...any) {
	t.Helper()
	var graphs []*goka.GroupGraph
	var options []Option
	var processors []goka.ProcessorOption
	for _, a := range of {
		switch a := a.(type) {
		case *goka.GroupGraph:
			if a == nil {
				t.Fatalf("replay %s: a group graph is nil", file)
			}
			graphs = append(graphs, a)
		case Option:
			options = append(options, a)
		case goka.ProcessorOption:
			processors = append(processors, a)
		default:
			t.Fatalf("replay %s: %T is neither a *goka.GroupGraph, nor an Option, nor a goka.ProcessorOption", file, a)
		}
	}
	s, err := newSettings(options)
	if err == nil {
		err = s.refuse(simulated, "tester.Replay", "use tester.Simulate, or gokasim replay for rebalances and crashes")
	}
	if err == nil && len(graphs) == 0 {
		err = errors.New("no group graph was given; name those that read what was recorded")
	}
	if err != nil {
		t.Fatalf("replay %s: %v", file, err)
	}
	progress := new(atomic.Uint64)
	stop := watch(progress)
	defer stop()
	ended, stuck := bubble(t, func(t *testing.T) {
		r := &replay{t: t, file: file, graphs: graphs, processors: processors, settings: s, progress: progress}
		err = r.run()
	})
	if stuck != nil {
		err = errors.Join(err, fmt.Errorf("%v: a callback does not return, or has left a goroutine that waits", stuck))
	}
	if err != nil {
		t.Errorf("replay %s: %v", file, err)
	}
	if ended {
		t.FailNow()
	}
}

// replay is one run of Replay.
type replay struct {
	t          *testing.T
	file       string
	graphs     []*goka.GroupGraph
	processors []goka.ProcessorOption
	settings   *settings
	progress   *atomic.Uint64
	tt         *Tester
	roles      map[string]string // of each topic: "read", or which group writes it
	effects    []string          // topics that groups write, sorted
	seen       map[string][]memkafka.Offset
	golden     bytes.Buffer
}

func (r *replay) run() (err error) {
	in, err := dump.Open(r.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var rec dump.Record
	if err := in.Next(&rec); err != nil {
		if err == io.EOF {
			return errors.New("the recording is empty")
		}
		return err
	}
	begin, err := firstTime(r.file)
	if err != nil {
		return err
	}
	r.sleepUntil(begin)
	r.tt = newTester(r.t, r.settings)
	if err := r.tt.standByHand(); err != nil {
		return err
	}
	defer r.tt.Close()
	r.tt.ground.(*byHand).heartbeat = 9 * time.Minute // recordings span years, and the tester says when to send one
	if err := r.topics(); err != nil {
		return err
	}
	started := false
	for err == nil {
		var last bool
		if last, err = r.past(&rec); last || err != nil {
			break
		}
		if !started && !r.isRow(&rec) { // what tables begin with comes before anybody reads it
			if err := r.start(); err != nil {
				return err
			}
			started = true
		}
		if err = r.feed(&rec); err != nil {
			break
		}
		if r.reached(&rec) {
			break
		}
		err = in.Next(&rec)
	}
	if err != nil && err != io.EOF {
		return err
	}
	if !started {
		if err := errors.Join(r.start(), r.tt.settle()); err != nil {
			return err
		}
	}
	for _, f := range r.settings.replay.then {
		f(r.tt)
	}
	if r.settings.replay.nothing {
		return nil
	}
	return r.compare()
}

// firstTime returns the first time that a record of a recording has.
func firstTime(file string) (at memkafka.Millis, err error) {
	in, err := dump.Open(file)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var rec dump.Record
	for {
		switch err := in.Next(&rec); {
		case err == io.EOF:
			return memkafka.NoTimestamp, nil
		case err != nil:
			return 0, err
		case rec.Timestamp >= 0:
			return rec.Timestamp, nil
		}
	}
}

// topics notes who reads and writes what.
func (r *replay) topics() error {
	r.roles, r.seen = map[string]string{}, map[string][]memkafka.Offset{}
	writes := map[string]bool{}
	for _, gg := range r.graphs {
		group := string(gg.Group())
		for _, e := range gg.OutputStreams() {
			r.roles[e.Topic()], writes[e.Topic()] = group, true
		}
		if l := gg.LoopStream(); l != nil {
			r.roles[l.Topic()], writes[l.Topic()] = group, true
		}
		if t := gg.GroupTable(); t != nil {
			r.roles[t.Topic()], writes[t.Topic()] = group, true
		}
	}
	for _, gg := range r.graphs {
		for _, topic := range slices.Concat(gg.InputStreams().Topics(), gg.JointTables().Topics(), gg.LookupTables().Topics()) {
			if !writes[topic] {
				r.roles[topic] = "read"
			}
		}
		if err := r.tt.registerCodecs(gg); err != nil {
			return err
		}
	}
	for _, u := range r.settings.replay.upTo {
		if r.roles[u.tp.Topic] == "" {
			return fmt.Errorf("UpToOffset: no group reads topic %q; they read and write %s", u.tp.Topic, r.topicNames())
		}
	}
	r.effects = slices.Sorted(maps.Keys(writes))
	return nil
}

func (r *replay) topicNames() string { return strings.Join(slices.Sorted(maps.Keys(r.roles)), ", ") }

func (r *replay) start() error {
	for _, gg := range r.graphs {
		r.tt.StartProcessor(gg, r.processors...)
	}
	if err := r.tt.awaitStart(); err != nil {
		return err
	}
	_, err := r.news() // what was there before is nobody's effect
	return err
}

// isRow reports whether a record is a row that a group's own table begins with.
func (r *replay) isRow(rec *dump.Record) bool {
	if rec.Timestamp >= 0 {
		return false
	}
	return slices.ContainsFunc(r.graphs, func(gg *goka.GroupGraph) bool {
		t := gg.GroupTable()
		return t != nil && t.Topic() == rec.Topic
	})
}

// past reports whether a record is later than what is to be replayed.
func (r *replay) past(rec *dump.Record) (bool, error) {
	until := r.settings.replay.until
	if !until.IsZero() && rec.Timestamp >= 0 && int64(rec.Timestamp) > until.UnixMilli() {
		return true, nil
	}
	switch role := r.roles[rec.Topic]; {
	case role == "":
		return false, fmt.Errorf("%s:%d: no group reads topic %q; they read and write %s", rec.File, rec.Line, rec.Topic, r.topicNames())
	case role != "read" && !r.isRow(rec):
		return false, fmt.Errorf("%s:%d: topic %q is written by group %s itself; leave it out of the recording", rec.File, rec.Line, rec.Topic, role)
	}
	return false, nil
}

// reached reports whether a record is the last one to be replayed.
func (r *replay) reached(rec *dump.Record) bool {
	return slices.ContainsFunc(r.settings.replay.upTo, func(u endOffset) bool {
		return u.tp == memkafka.TopicPartition{Topic: rec.Topic, Partition: rec.Partition} && int64(rec.Offset) >= u.offset
	})
}

// sleepUntil lets virtual time pass until the time of a record.
func (r *replay) sleepUntil(at memkafka.Millis) {
	if at >= 0 {
		time.Sleep(time.Until(time.UnixMilli(int64(at))))
	}
}

// feed has one record handled, and notes what it caused.
func (r *replay) feed(rec *dump.Record) error {
	r.progress.Add(1)
	r.sleepUntil(rec.Timestamp)
	where := fmt.Sprintf("%s:%d: record %s/%d offset %d, key %q", rec.File, rec.Line, rec.Topic, rec.Partition, rec.Offset, rec.Key)
	m := memkafka.Record{Key: bytes.Clone(rec.Key), Value: bytes.Clone(rec.Value), Timestamp: rec.Timestamp}
	for _, h := range rec.Headers {
		m.Headers = append(m.Headers, memkafka.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	_, _, err := r.tt.appendKeyed(rec.Topic, string(rec.Key), r.settings.hasher, m)
	if err == nil && len(r.tt.instances) > 0 {
		err = r.quiet()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	for _, i := range r.tt.instances {
		if ended, err := i.Ended(); ended {
			return fmt.Errorf("%s: the %s failed: %w", where, i.what, err)
		}
	}
	if len(r.tt.instances) == 0 {
		return nil
	}
	effects, err := r.news()
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if effects != "" {
		fmt.Fprintf(&r.golden, "%% line %d: %s/%d offset %d key %q\n%s", rec.Line, rec.Topic, rec.Partition, rec.Offset, rec.Key, effects)
	}
	return nil
}

// quiet waits until what a record caused has happened, the end of a processor that failed at it included.
func (r *replay) quiet() error {
	for {
		if err := r.tt.settle(); err != nil {
			return err
		}
		synctest.Wait() // who has failed may not have let go of its partitions yet
		if !r.tt.started() {
			continue
		}
		for _, i := range r.tt.instances {
			if r.tt.parties.hasEnded(i.name) {
				return i.host.until("the "+i.what+" to end", i.done)
			}
		}
		return nil
	}
}

// news is what came to the topics that groups write since it was last asked for.
func (r *replay) news() (string, error) {
	var b bytes.Buffer
	out := dump.NewWriter(&b)
	for _, topic := range r.effects {
		records, err := r.tt.rawRecords(topic, r.seen[topic])
		for _, rec := range records {
			for len(r.seen[topic]) <= int(rec.partition) {
				r.seen[topic] = append(r.seen[topic], 0)
			}
			r.seen[topic][rec.partition] = rec.Offset + 1
			err = errors.Join(err, out.Write(&dump.Record{
				Topic: topic, Partition: dump.NoPartition, Offset: -1, Broker: dump.NoBroker,
				Timestamp: memkafka.NoTimestamp, Key: rec.Key, Value: rec.Value, Headers: rec.Headers,
			}))
		}
		if err != nil {
			return "", fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	err := out.Flush()
	return b.String(), err
}

// compare holds what was noted against the golden file.
func (r *replay) compare() error {
	file := r.settings.replay.golden
	if file == "" {
		file = r.file
		for _, ending := range []string{".gz", ".zst", ".jsonl", ".json"} {
			file = strings.TrimSuffix(file, ending)
		}
		file += ".golden"
	}
	partly := !r.settings.replay.until.IsZero() || len(r.settings.replay.upTo) > 0
	return compareEffects(file, r.golden.Bytes(), partly, r.settings.replay.golden != "")
}
