package txn

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/kafka"
)

// TestRandomHistories plays random requests of producers that come, write, end transactions, die and are fenced, by and
// against the protocol, and checks after each step what no history may break.
func TestRandomHistories(t *testing.T) {
	histories.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"init":        w.init,
			"add":         w.add,
			"add-offsets": w.addOffsets,
			"end":         w.end,
			"commit":      func(t *rapid.T) { w.transaction(t, true) },
			"abort":       func(t *rapid.T) { w.transaction(t, false) },
			"markers":     w.markers,
			"exhaust":     w.exhaust,
			"advance":     w.advance,
			"fail-over":   w.failOver,
			"nonsense":    w.nonsense,
			"":            w.check,
		})
	})
}

// world is a coordinator under test, a twin that gets the same commands, and what the producers should know.
type world struct {
	t       *rapid.T
	cfg     Config
	c, twin *Coordinator
	epoch   int32
	issued  []int64
	given   [2]int
	now     kafka.Millis
	timers  map[string]kafka.Millis
	log     []kafka.Record
	steps   int

	ids map[string]*known
}

// known is what is known of one transactional id from the outside.
type known struct {
	name     string
	exists   bool
	alive    Producer   // may write and end transactions; NoProducer if the last one was fenced
	producer Producer   // the highest seen
	former   []Producer // all that were ever given to a client
	state    State      // of the last record

	open    []kafka.TopicPartition // that were added with success, while a transaction is open
	markers *WriteMarkers          // that are being written
	left    []kafka.TopicPartition // of them, without a marker
}

func newWorld(t *rapid.T) *world {
	cfg := DefaultConfig()
	cfg.Version = rapid.SampledFrom([]int16{2, 2, 1, 0}).Draw(t, "transaction.version")
	w := &world{t: t, cfg: cfg, epoch: 1, now: begin, timers: map[string]kafka.Millis{}, ids: map[string]*known{}}
	w.c, w.twin = New(cfg, w.epoch, w.newProducerID(0), begin), New(cfg, w.epoch, w.newProducerID(1), begin)
	for i := range 3 {
		name := string(rune('a' + i))
		w.ids[name] = &known{name: name, alive: NoProducer, producer: NoProducer}
	}
	return w
}

// newProducerID gives both coordinators the same ids.
func (w *world) newProducerID(of int) func() int64 {
	return func() int64 {
		if w.given[of] == len(w.issued) {
			w.issued = append(w.issued, int64(1000+len(w.issued)))
		}
		w.given[of]++
		return w.issued[w.given[of]-1]
	}
}

// step gives both coordinators the command, takes the effects of the first, and returns the response. by is the
// transactional id, if any, whose client sent the command, and as whom.
func (w *world) step(cmd Command, by *known, as Producer) any {
	w.steps++
	tag := w.steps
	cmd = tagged(cmd, tag)
	before, lives := w.c.Records(), by != nil && by.lives(as)
	effects, err := w.c.Step(w.now, cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	again, err := w.twin.Step(w.now, cmd)
	if err != nil || !reflect.DeepEqual(effects, again) {
		w.t.Fatalf("the same commands gave other effects: %v\n%s", err, cmp.Diff(effects, again))
	}
	w.perform(effects)
	var responses []any
	for _, e := range effects {
		if r, ok := e.(Reply); ok {
			if r.Tag != tag {
				w.t.Fatalf("%+v is answered under tag %v", cmd, r.Tag)
			}
			responses = append(responses, r.Response)
		}
	}
	if by == nil {
		if len(responses) > 0 {
			w.t.Fatalf("%+v is answered: %+v", cmd, responses)
		}
		return nil
	}
	if len(responses) != 1 {
		w.t.Fatalf("%+v is answered %d times: %+v", cmd, len(responses), responses)
	}
	_, isInit := cmd.(InitProducerID)
	if !isInit && !lives {
		if diff := cmp.Diff(before, w.c.Records()); diff != "" {
			w.t.Fatalf("%+v of a producer that is not alive changed something:\n%s", cmd, diff)
		}
	}
	return responses[0]
}

func tagged(cmd Command, tag any) Command {
	switch c := cmd.(type) {
	case InitProducerID:
		c.Tag = tag
		return c
	case AddPartitions:
		c.Tag = tag
		return c
	case AddOffsets:
		c.Tag = tag
		return c
	case EndTxn:
		c.Tag = tag
		return c
	}
	return cmd
}

func (w *world) perform(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case SetTimer:
			w.timers[e.Key] = e.At
		case StopTimer:
			delete(w.timers, e.Key)
		case AppendState:
			for _, r := range e.Records {
				w.record(r)
			}
		case WriteMarkers:
			w.writeMarkers(e)
		}
	}
}

// record follows the states that the log tells.
func (w *world) record(r kafka.Record) {
	w.log = append(w.log, r)
	id, ok, err := IDOf(r)
	if err != nil || !ok {
		w.t.Fatalf("the record %+v cannot be read: %v", r, err)
	}
	k := w.ids[id]
	if r.Value == nil {
		if !slices.Contains(next[k.state], Dead) {
			w.t.Fatalf("%s is forgotten in state %s", id, k.state)
		}
		k.exists, k.alive, k.producer, k.state = false, NoProducer, NoProducer, Empty
		return
	}
	t, err := decodeValue(id, r.Value)
	if err != nil {
		w.t.Fatal(err)
	}
	if k.exists && !slices.Contains(next[k.state], t.state) {
		w.t.Fatalf("%s moves from %s to %s", id, k.state, t.state)
	}
	if k.producer.ID == t.producer.ID && t.producer.Epoch < k.producer.Epoch || t.producer.ID < k.producer.ID {
		w.t.Fatalf("%s falls back from %+v to %+v", id, k.producer, t.producer)
	}
	k.exists, k.state, k.producer = true, t.state, t.producer
	switch t.state {
	case PrepareCommit, PrepareAbort:
		if !slices.Equal(k.open, t.partitions) {
			w.t.Fatalf("a transaction with %v ends with %v", k.open, t.partitions)
		}
		k.alive = NoProducer // unless the answer tells better
		k.left = k.open
	case CompleteCommit, CompleteAbort:
		if len(k.left) > 0 {
			w.t.Fatalf("%s has ended without its markers in %v", id, k.left)
		}
		k.open, k.markers = nil, nil
	}
}

func (w *world) writeMarkers(e WriteMarkers) {
	k := w.ids[e.TransactionalID]
	if k.markers != nil {
		w.t.Fatalf("the transaction of %s ends twice: %+v, %+v", k.name, *k.markers, e)
	}
	if !slices.Equal(e.Partitions, k.open) || e.CoordinatorEpoch != w.epoch {
		w.t.Fatalf("markers %+v for the partitions %v", e, k.open)
	}
	if e.Commit != (k.state == PrepareCommit) || e.Producer != k.producer {
		w.t.Fatalf("markers %+v in state %s of %+v", e, k.state, k.producer)
	}
	k.markers = &e
}

func (w *world) draw(t *rapid.T) *known {
	return w.ids[rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")]
}

// as is who a client takes itself for: the producer alive, or by a mistake another one.
func (k *known) as(t *rapid.T) Producer {
	p := k.alive
	if p == NoProducer && len(k.former) > 0 {
		p = k.former[len(k.former)-1]
	}
	if rapid.IntRange(0, 5).Draw(t, "someone else") == 0 {
		if len(k.former) > 0 {
			p = rapid.SampledFrom(k.former).Draw(t, "as")
		}
		p.Epoch += rapid.SampledFrom([]int16{0, 1, -1}).Draw(t, "epoch")
	}
	if p == k.producer && !k.lives(p) {
		p.ID = 4711 // no client was given this epoch, and none can be told from the coordinator by it
	}
	return p
}

func (k *known) lives(p Producer) bool { return p == k.alive && p != NoProducer }

func drawPartitions(t *rapid.T) []kafka.TopicPartition {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) kafka.TopicPartition {
		return kafka.TopicPartition{Topic: rapid.SampledFrom([]string{"clicks", "views"}).Draw(t, "topic"), Partition: rapid.Int32Range(0, 2).Draw(t, "partition")}
	}), 0, 3).Draw(t, "partitions")
}

func (w *world) init(t *rapid.T) {
	k := w.draw(t)
	cmd := InitProducerID{
		Transactional: true, TransactionalID: k.name,
		Timeout: rapid.SampledFrom([]kafka.Millis{60_000, 1_000, 900_000, 0, 900_001}).Draw(t, "timeout"),
	}
	if rapid.Bool().Draw(t, "expects") {
		p := k.as(t)
		cmd.Expected = &p
	}
	ending, last := k.markers != nil, k.producer
	r := w.step(cmd, k, NoProducer).(InitProducerIDResponse)
	if r.Err == kafka.None {
		repeated := cmd.Expected != nil && r.Producer == last
		if !repeated && slices.Contains(k.former, r.Producer) || r.Producer != k.producer {
			t.Fatalf("%s was given %+v, which is not new; last is %+v", k.name, r.Producer, k.producer)
		}
		k.give(r.Producer)
	} else if r.Producer != NoProducer {
		t.Fatalf("%s comes with %+v", r.Err, r.Producer)
	}
	switch {
	case cmd.Timeout <= 0 || cmd.Timeout > w.cfg.MaxTimeout:
		want(t, cmd, r.Err, kafka.InvalidTransactionTimeout)
	case ending:
		want(t, cmd, r.Err, kafka.ConcurrentTransactions)
	case cmd.Expected == nil && k.markers == nil && len(k.open) == 0 && r.Err == kafka.ConcurrentTransactions:
		// A transaction that was open without any partition ended at once.
	case cmd.Expected == nil && k.markers == nil:
		want(t, cmd, r.Err, kafka.None)
	}
}

func (k *known) give(p Producer) {
	k.alive = p
	k.former = append(k.former, p)
}

func want(t *rapid.T, cmd Command, got kafka.ErrorCode, options ...kafka.ErrorCode) {
	if !slices.Contains(options, got) {
		t.Fatalf("%+v is answered with %s, not with one of %v", cmd, got.Name(), options)
	}
}

// wantRefusal checks what the producer that is alive, or not, may be told.
func (w *world) wantRefusal(t *rapid.T, k *known, as Producer, ending bool, cmd Command, got kafka.ErrorCode) {
	switch {
	case ending:
		want(t, cmd, got, kafka.ConcurrentTransactions, kafka.ProducerFenced, kafka.InvalidProducerIDMapping)
	case !k.lives(as):
		want(t, cmd, got, kafka.ProducerFenced, kafka.InvalidProducerIDMapping)
	default:
		want(t, cmd, got, kafka.None)
	}
}

func (w *world) add(t *rapid.T) {
	k := w.draw(t)
	as := k.as(t)
	w.addAs(t, k, as, rapid.IntRange(0, 3).Draw(t, "verify") == 0)
}

func (w *world) addAs(t *rapid.T, k *known, as Producer, verify bool) {
	cmd := AddPartitions{
		TransactionalID: k.name, Producer: as, Partitions: drawPartitions(t), VerifyOnly: verify, V2: rapid.Bool().Draw(t, "v2"),
	}
	ending, open, before := k.markers != nil, k.open, len(w.log)
	r := w.step(cmd, k, as).(AddPartitionsResponse)
	if len(r.Partitions) != len(cmd.Partitions) {
		t.Fatalf("%+v is answered for %+v", cmd, r.Partitions)
	}
	for i, p := range r.Partitions {
		if p.TP != cmd.Partitions[i] {
			t.Fatalf("%+v is answered for %+v", cmd, r.Partitions)
		}
		if verify && !ending && k.lives(as) {
			inside := p.Err == kafka.None
			if inside != slices.Contains(open, p.TP) {
				t.Fatalf("%s is verified as %s in a transaction of %v", p.TP, p.Err.Name(), open)
			}
			continue
		}
		w.wantRefusal(t, k, as, ending, cmd, p.Err)
	}
	switch {
	case verify && len(w.log) != before:
		t.Fatalf("%+v added something", cmd)
	case !verify && !ending && k.lives(as):
		k.open = union(open, cmd.Partitions)
	}
}

func (w *world) addOffsets(t *rapid.T) {
	k := w.draw(t)
	as := k.as(t)
	cmd := AddOffsets{
		TransactionalID: k.name, Producer: as, GroupID: rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group"), V2: rapid.Bool().Draw(t, "v2"),
	}
	ending := k.markers != nil
	r := w.step(cmd, k, as).(AddOffsetsResponse)
	w.wantRefusal(t, k, as, ending, cmd, r.Err)
	if r.Err == kafka.None {
		p := kafka.TopicPartition{Topic: OffsetsTopic, Partition: PartitionFor(cmd.GroupID, 50)}
		k.open = union(k.open, []kafka.TopicPartition{p})
	}
}

func (w *world) end(t *rapid.T) {
	k := w.draw(t)
	w.endAs(t, k, k.as(t), rapid.Bool().Draw(t, "commit"), rapid.Bool().Draw(t, "v2"))
}

// transaction is what a producer does that follows the protocol.
func (w *world) transaction(t *rapid.T, commit bool) {
	k := w.draw(t)
	if k.alive == NoProducer || k.markers != nil {
		t.Skip("nobody could")
	}
	w.addAs(t, k, k.alive, false)
	if r := w.endAs(t, k, k.alive, commit, rapid.Bool().Draw(t, "v2")); r.Err != kafka.None {
		t.Fatalf("the transaction of %s cannot be ended: %v", k.name, r.Err)
	}
}

func (w *world) endAs(t *rapid.T, k *known, as Producer, commit, v2 bool) EndTxnResponse {
	cmd := EndTxn{TransactionalID: k.name, Producer: as, Commit: commit, V2: v2}
	ending, lives, state := k.markers != nil, k.lives(as), k.state
	r := w.step(cmd, k, as).(EndTxnResponse)
	prepare, complete := outcomes(commit)
	if r.Err != kafka.None && r.Producer != NoProducer || r.Err == kafka.None && v2 != (r.Producer != NoProducer) {
		t.Fatalf("%+v is answered with %+v", cmd, r)
	}
	switch {
	case ending:
		want(t, cmd, r.Err, kafka.ConcurrentTransactions, kafka.ProducerFenced, kafka.InvalidProducerIDMapping)
	case !lives:
		want(t, cmd, r.Err, kafka.None, kafka.ProducerFenced, kafka.InvalidProducerIDMapping, kafka.InvalidTxnState)
		if r.Err == kafka.None && (state != complete || !v2 && as != k.producer) {
			t.Fatalf("%+v is accepted in state %s of %+v", cmd, state, k.producer)
		}
	case state == Ongoing:
		want(t, cmd, r.Err, kafka.None)
		if k.state != prepare && k.state != complete {
			t.Fatalf("%+v leads to %s", cmd, k.state)
		}
	case v2 && !commit: // nothing to abort
		want(t, cmd, r.Err, kafka.None)
	case v2 || state != complete:
		want(t, cmd, r.Err, kafka.InvalidTxnState)
	default: // once more
		want(t, cmd, r.Err, kafka.None)
	}
	if r.Err != kafka.None {
		return r
	}
	if v2 {
		k.give(r.Producer)
	} else {
		if lives {
			k.alive = as
		}
	}
	return r
}

// markers lets some of those under way be written.
func (w *world) markers(t *rapid.T) {
	k := w.draw(t)
	if k.markers == nil {
		t.Skip("none under way")
	}
	w.written(k, rapid.SliceOf(rapid.SampledFrom(k.left)).Draw(t, "some"), rapid.Bool().Draw(t, "all"))
}

func (w *world) written(k *known, some []kafka.TopicPartition, all bool) {
	cmd := MarkersWritten{TransactionalID: k.name, Producer: k.markers.Producer}
	if all {
		k.left = nil
	} else {
		cmd.Partitions = append(some, k.left[0])
		k.left = slices.DeleteFunc(slices.Clone(k.left), func(tp kafka.TopicPartition) bool { return slices.Contains(cmd.Partitions, tp) })
	}
	done := len(k.left) == 0
	w.step(cmd, nil, NoProducer)
	if done != (k.markers == nil) {
		w.t.Fatalf("markers of %s are left: %v; it is %s", k.name, k.left, k.state)
	}
}

// exhaust brings an id near the end of its epochs, as nobody has the patience to wait for.
func (w *world) exhaust(t *rapid.T) {
	k := w.draw(t)
	if k.alive == NoProducer || k.markers != nil || k.state != Empty {
		t.Skip("in use")
	}
	epoch := rapid.Int16Range(math.MaxInt16-3, math.MaxInt16-1).Draw(t, "epoch")
	if epoch <= k.producer.Epoch {
		t.Skip("done")
	}
	for _, c := range []*Coordinator{w.c, w.twin} {
		tx := c.ids[k.name]
		tx.producer.Epoch, tx.lastEpoch = epoch, noEpoch
	}
	w.record(w.c.record(w.c.ids[k.name]))
	k.give(Producer{ID: k.producer.ID, Epoch: epoch})
}

func (w *world) advance(t *rapid.T) {
	until := w.now + rapid.SampledFrom([]kafka.Millis{0, 1, 999, 5_000, 10_000, 60_000, 1_000_000, 3_600_000, 700_000_000}).Draw(t, "ms")
	for {
		due, at := "", until+1
		for _, key := range w.c.Timers() {
			if w.timers[key] < at {
				due, at = key, w.timers[key]
			}
		}
		if due == "" {
			w.now = until
			return
		}
		w.now = max(w.now, at)
		if w.now == at && rapid.IntRange(0, 9).Draw(t, "early") == 0 {
			w.now--
			w.step(Timer{Key: due}, nil, NoProducer)
			w.now++
		}
		delete(w.timers, due)
		w.step(Timer{Key: due}, nil, NoProducer)
	}
}

// failOver replaces the coordinator by one that replays the log, or what compaction left of it.
func (w *world) failOver(t *rapid.T) {
	log := w.log
	if rapid.Bool().Draw(t, "compacted") {
		log = w.c.Records()
	}
	before := w.c.Records()
	w.epoch++
	clear(w.timers)
	for _, k := range w.ids {
		if k.markers != nil {
			k.markers, k.left = nil, k.open
		}
	}
	c, effects, err := Replay(w.cfg, w.epoch, w.newProducerID(0), w.now, w.now, log)
	if err != nil {
		t.Fatal(err)
	}
	twin, again, err := Replay(w.cfg, w.epoch, w.newProducerID(1), w.now, w.now, log)
	if err != nil || !reflect.DeepEqual(effects, again) {
		t.Fatalf("the same log gave other effects: %v\n%s", err, cmp.Diff(effects, again))
	}
	w.c, w.twin = c, twin
	w.perform(effects)
	for _, k := range w.ids {
		if k.state.ending() != (k.markers != nil) {
			t.Fatalf("%s is %s, with markers %+v", k.name, k.state, k.markers)
		}
	}
	if diff := cmp.Diff(before, w.c.Records()); diff != "" {
		t.Fatalf("another coordinator after a fail-over:\n%s", diff)
	}
}

func (w *world) nonsense(t *rapid.T) {
	before, timers := w.c.Records(), w.c.Timers()
	for _, cmd := range []Command{nil, &EndTxn{}, (*Timer)(nil)} {
		if effects, err := w.c.Step(w.now, cmd); !errors.Is(err, ErrCommand) || effects != nil {
			t.Fatalf("%T gave %v, %v", cmd, effects, err)
		}
	}
	w.step(Timer{Key: "nobody set this"}, nil, NoProducer)
	w.step(MarkersWritten{TransactionalID: "nobody"}, nil, NoProducer)
	if !reflect.DeepEqual(before, w.c.Records()) || !slices.Equal(timers, w.c.Timers()) {
		t.Fatal("nonsense changed something")
	}
}

func (w *world) check(t *rapid.T) {
	ongoing := 0
	for _, k := range w.ids {
		d, err := w.c.Describe(k.name)
		if k.exists != (err == kafka.None) {
			t.Fatalf("%s exists: %t, but it is described with %s", k.name, k.exists, err.Name())
		}
		if !k.exists {
			continue
		}
		if d.State != k.state || d.Producer != k.producer {
			t.Fatalf("%+v is described, after %s of %+v", d, k.state, k.producer)
		}
		partitions := k.open
		if k.markers != nil {
			partitions = k.left
		}
		if !slices.Equal(d.Partitions, partitions) {
			t.Fatalf("%+v is described, with partitions %v", d, partitions)
		}
		if d.State == Ongoing {
			ongoing++
			latest := max(d.Start+d.Timeout+1, w.c.started) + w.cfg.AbortInterval
			if at, set := w.timers[timerAbort]; !set || at > latest {
				t.Fatalf("%+v is open, and the timer stands at %d", d, at)
			}
			if w.now > latest {
				t.Fatalf("%+v is still open at %d", d, w.now)
			}
		}
	}
	if _, set := w.timers[timerAbort]; set != (ongoing > 0) || w.c.ongoing != ongoing {
		t.Fatalf("%d open transactions, counted as %d; the timer is set: %t", ongoing, w.c.ongoing, set)
	}
	if got := w.c.Timers(); len(got) != len(w.timers) {
		t.Fatalf("timers %v, and %v in the effects", got, w.timers)
	}
}

// TestRecordsComeBack writes random transactions as records and reads them again, in both versions.
func TestRecordsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tx := transaction{
			id:       rapid.String().Draw(t, "id"),
			producer: Producer{ID: rapid.Int64().Draw(t, "producer"), Epoch: rapid.Int16().Draw(t, "epoch")},
			timeout:  kafka.Millis(rapid.Int32().Draw(t, "timeout")),
			state:    State(rapid.IntRange(0, 5).Draw(t, "state")),
			start:    kafka.Millis(rapid.Int64().Draw(t, "start")), updated: kafka.Millis(rapid.Int64().Draw(t, "updated")),
			previousID: -1, nextID: -1, lastEpoch: noEpoch,
		}
		version := int16(rapid.IntRange(0, 1).Draw(t, "version"))
		if version == valueFlexible {
			tx.previousID, tx.nextID = rapid.Int64Min(-1).Draw(t, "previous"), rapid.Int64Min(-1).Draw(t, "next")
			tx.version = rapid.SampledFrom([]int16{0, 2}).Draw(t, "transaction.version")
		}
		if tx.state != Empty {
			tx.partitions = union(drawPartitions(t), nil)
		}
		id, ok, err := IDOf(kafka.Record{Key: encodeKey(tx.id)})
		if err != nil || !ok || id != tx.id {
			t.Fatalf("id %q is read as %q, %t, %v", tx.id, id, ok, err)
		}
		got, err := decodeValue(tx.id, encodeValue(&tx, version))
		if err != nil || !reflect.DeepEqual(&tx, got) {
			t.Fatalf("%v\n%+v is read as\n%+v", err, tx, got)
		}
	})
}

// FuzzRecords reads anything as a record. What can be read can be written, and read again as the same.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 'a'}, []byte(nil))
	tx := &transaction{id: "a", state: Ongoing, partitions: []kafka.TopicPartition{{Topic: "t", Partition: 1}}, previousID: 3, nextID: 4, version: 2}
	f.Add(encodeKey("a"), encodeValue(tx, valueVersion))
	f.Add(encodeKey("a"), encodeValue(tx, valueFlexible))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r := kafka.Record{Key: key, Value: value}
		_, _, err := Replay(DefaultConfig(), 0, func() int64 { return 0 }, 0, 0, []kafka.Record{r})
		if err != nil && !errors.Is(err, ErrRecord) {
			t.Fatal(err)
		}
		read, err := decodeValue("a", value)
		if err != nil {
			return
		}
		version := int16(value[1])
		if read.state == Empty {
			read.partitions = nil // nobody writes them
		}
		again, err := decodeValue("a", encodeValue(read, version))
		if err != nil || !reflect.DeepEqual(read, again) {
			t.Fatalf("%v\n%+v is read again as\n%+v", err, read, again)
		}
	})
}

// TestPartitionFor compares with Java's String.hashCode, taken modulo 50 by Kafka.
func TestPartitionFor(t *testing.T) {
	for _, of := range []struct {
		id   string
		want int32
	}{
		{"", 0},
		{"g", 3},
		{"another-group", 5},
		{"Gruppe-äöü-🐇", 41},
		{"transactional-id-of-negative-hash", 6},
		{"polygenelubricants", 0}, // the smallest int32, which has no absolute value
	} {
		if got := PartitionFor(of.id, 50); got != of.want {
			t.Errorf("PartitionFor(%q, 50) = %d, want %d", of.id, got, of.want)
		}
	}
}

func TestConfigNamesEveryBadSetting(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	const want = `transaction.max.timeout.ms is 0; give 1 or more
transaction.abort.timed.out.transaction.cleanup.interval.ms is -1; give 1 or more
transactional.id.expiration.ms is 0; give 1 or more
transaction.remove.expired.transaction.cleanup.interval.ms is 0; give 1 or more
offsets.topic.num.partitions is 0; give 1 or more
transaction.version is 3; give 0, 1 or 2`
	if got := fmt.Sprint(Config{AbortInterval: -1, Version: 3}.Validate()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestStates(t *testing.T) {
	for s := Empty; s <= PrepareEpochFence; s++ {
		if got, ok := StateNamed(s.String()); !ok || got != s {
			t.Errorf("%s is found as %s, %t", s, got, ok)
		}
		for _, to := range next[s] {
			if to.String() == "State("+strconv.Itoa(int(to))+")" {
				t.Errorf("%s leads to %s", s, to)
			}
		}
	}
	if s, ok := StateNamed("Half"); ok {
		t.Errorf("Half is %s", s)
	}
	if got := State(8).String(); got != "State(8)" {
		t.Error(got)
	}
}
