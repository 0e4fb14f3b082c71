package tester

import (
	"fmt"
	"slices"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
)

// Bench is what typed handles work on: a *Tester or a *Sim.
type Bench interface{ bench() *Tester }

func (tt *Tester) bench() *Tester { return tt }

func (s *Sim) bench() *Tester { return s.tester }

// Message is a record with a value of a known type.
type Message[V any] struct {
	Record
	Value V // the zero value in a tombstone
}

// Input writes messages with values of one type into a topic: see In.
type Input[V any] struct {
	tt    *Tester
	topic string
}

// In returns a handle that writes to a topic. A codec is needed only where neither a processor nor a view of the test has
// declared one for the topic yet.
func In[V any](b Bench, topic goka.Stream, codec ...goka.Codec) *Input[V] {
	tt := b.bench()
	tt.mark.Helper()
	tt.declare(string(topic), codec)
	return &Input[V]{tt, string(topic)}
}

// declare registers the codec that a handle was given.
func (tt *Tester) declare(topic string, codecs []goka.Codec) {
	var err error
	switch len(codecs) {
	case 0:
		return
	case 1:
		err = tt.codecs.register(topic, codecs[0])
	default:
		err = fmt.Errorf("topic %s: a handle takes one codec, and got %d", topic, len(codecs))
	}
	if err != nil {
		tt.mark.Helper()
		tt.mistakef("%v", err)
	}
}

// Send writes a message and returns when all that it caused has finished, as Consume does.
func (in *Input[V]) Send(key string, value V, options ...EmitOption) {
	if err := in.tt.consume(in.topic, key, value, options); err != nil {
		in.tt.mark.Helper()
		in.tt.fatalf("%v", err)
	}
}

// Delete sends a tombstone.
func (in *Input[V]) Delete(key string, options ...EmitOption) {
	in.tt.mark.Helper()
	in.tt.Consume(in.topic, key, nil, options...)
}

// Produce writes a message and does not wait.
func (in *Input[V]) Produce(key string, value V) {
	in.tt.mark.Helper()
	in.tt.Produce(in.topic, Msg(key, value))
}

// Output reads the messages of a topic: see Out.
type Output[V any] struct {
	tt      *Tester
	topic   string
	tracker *QueueTracker
}

// Out returns a handle that reads a topic from its present end on. A codec is needed as for In.
func Out[V any](b Bench, topic goka.Stream, codec ...goka.Codec) *Output[V] {
	tt := b.bench()
	tt.mark.Helper()
	tt.declare(string(topic), codec)
	return &Output[V]{tt, string(topic), tt.NewQueueTracker(string(topic))}
}

// Next returns the next message, false when there is none.
func (o *Output[V]) Next() (Message[V], bool) {
	o.tt.mark.Helper()
	r, ok := o.tracker.take()
	if !ok {
		return Message[V]{}, false
	}
	rec, err := o.tt.decoded(o.topic, r)
	if err == nil {
		var m Message[V]
		if m, err = messageOf[V](rec); err == nil {
			return m, true
		}
	}
	o.tt.fatalf("output %s/%d, offset %d, key %q: %v", o.topic, r.partition, r.Offset, r.Key, err)
	return Message[V]{}, false
}

func messageOf[V any](r Record) (Message[V], error) {
	m := Message[V]{Record: r}
	if r.Value == nil {
		return m, nil
	}
	v, ok := r.Value.(V)
	if !ok {
		return m, fmt.Errorf("the codec gives a %T, and the handle is for %T", r.Value, m.Value)
	}
	m.Value = v
	return m, nil
}

// All returns the messages from the next one to the last.
func (o *Output[V]) All() []Message[V] {
	o.tt.mark.Helper()
	var all []Message[V]
	for {
		m, ok := o.Next()
		if !ok {
			return all
		}
		all = append(all, m)
	}
}

// Map returns the last value of each key, from the next message to the last. Keys whose last message is a tombstone are
// left out.
func (o *Output[V]) Map() map[string]V {
	o.tt.mark.Helper()
	values := map[string]V{}
	for _, m := range o.All() {
		if m.Record.Value == nil {
			delete(values, m.Key)
		} else {
			values[m.Key] = m.Value
		}
	}
	return values
}

// Expect fails the test when the messages from the next one to the last are not these, in this order for each key, and
// shows the difference. Pairs are made by P; tombstones have a zero value.
func (o *Output[V]) Expect(want ...Pair[V]) {
	o.tt.mark.Helper()
	got := []Pair[V]{}
	for _, m := range o.All() {
		got = append(got, Pair[V]{m.Key, m.Value})
	}
	if o.tt.unordered(o.topic) {
		want = slices.Clone(want)
		sortPairs(want)
		sortPairs(got)
	}
	if diff := gocmp.Diff(want, got, o.tt.compared()...); diff != "" {
		o.tt.errorf("output %s (-want +got):\n%s", o.topic, diff)
	}
}

// ExpectNone fails the test when there is a message.
func (o *Output[V]) ExpectNone() {
	o.tt.mark.Helper()
	o.Expect()
}

// Pair is a key and a value.
type Pair[V any] struct {
	Key   string // of the row or message
	Value V      // as its codec decodes it
}

// P returns a pair.
func P[V any](key string, value V) Pair[V] { return Pair[V]{key, value} }

func sortPairs[V any](pairs []Pair[V]) {
	slices.SortStableFunc(pairs, func(a, b Pair[V]) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return 0
	})
}

// TableHandle reads and presets a table whose rows have one type: see TableOf.
type TableHandle[V any] struct {
	tt    *Tester
	table goka.Table
}

// TableOf returns a handle for a table. A codec is needed as for In.
func TableOf[V any](b Bench, table goka.Table, codec ...goka.Codec) *TableHandle[V] {
	tt := b.bench()
	tt.mark.Helper()
	tt.declare(string(table), codec)
	return &TableHandle[V]{tt, table}
}

// Get returns the row of a key, false when there is none.
func (h *TableHandle[V]) Get(key string) (V, bool) {
	h.tt.mark.Helper()
	var row V
	v := h.tt.TableValue(h.table, key)
	if v == nil {
		return row, false
	}
	row, ok := v.(V)
	if !ok {
		h.tt.fatalf("table %s, key %q: the codec gives a %T, and the handle is for %T", h.table, key, v, row)
	}
	return row, ok
}

// All returns all rows.
func (h *TableHandle[V]) All() map[string]V {
	h.tt.mark.Helper()
	rows := map[string]V{}
	for _, key := range h.Keys() {
		if v, ok := h.Get(key); ok {
			rows[key] = v
		}
	}
	return rows
}

// Keys returns the sorted keys.
func (h *TableHandle[V]) Keys() []string {
	h.tt.mark.Helper()
	return h.tt.GetTableKeys(h.table)
}

// Set writes a row straight into the stores, as SetTableValue does.
func (h *TableHandle[V]) Set(key string, value V) {
	h.tt.mark.Helper()
	h.tt.SetTableValue(h.table, key, value)
}

// Fill writes rows to the table's topic, as FillTable does: for processors and views that start later to recover.
func (h *TableHandle[V]) Fill(rows map[string]V) {
	h.tt.mark.Helper()
	untyped := make(map[string]any, len(rows))
	for k, v := range rows {
		untyped[k] = v
	}
	h.tt.FillTable(h.table, untyped)
}

// Expect fails the test when the rows are others than these, and shows the difference.
func (h *TableHandle[V]) Expect(want map[string]V) {
	h.tt.mark.Helper()
	if diff := gocmp.Diff(want, h.All(), h.tt.compared()...); diff != "" {
		h.tt.errorf("table %s (-want +got):\n%s", h.table, diff)
	}
}
