package tester

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/storage"
)

// tables are the stores of all processors and views, and the values that SetTableValue gave.
type tables struct {
	tester *Tester

	mu     sync.Mutex // guards all below
	stores []*store
	preset map[string][]storage.Row // by topic: rows for stores that are opened later
}

// store is the store of one partition of a table, of one processor or view.
type store struct {
	storage.Storage
	storage.BatchWriter
	tables    *tables
	topic     string
	partition int32
	closed    bool
}

// build makes a store in memory. Each caller gets one of its own, as in production.
func (ts *tables) build(topic string, partition int32) (storage.Storage, error) {
	m := storage.NewMemory()
	s := &store{Storage: m, BatchWriter: m.(storage.BatchWriter), tables: ts, topic: topic, partition: partition}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, r := range ts.preset[topic] {
		p, err := ts.tester.partitionOf(topic, r.Key, ts.tester.settings.hasher)
		if err != nil {
			return nil, err
		}
		if p != partition {
			continue
		}
		if err := m.Set(r.Key, r.Value); err != nil {
			return nil, err
		}
	}
	// a closed store of the same place is kept only as long as nobody opens that place again
	ts.stores = slices.DeleteFunc(ts.stores, func(o *store) bool {
		return o.closed && o.topic == topic && o.partition == partition
	})
	ts.stores = append(ts.stores, s)
	return s, nil
}

func (s *store) Close() error {
	s.tables.mu.Lock()
	s.closed = true
	s.tables.mu.Unlock()
	return s.Storage.Close()
}

// of lists the stores of a topic that are open, and those that are closed, the newest ones first: while a partition moves
// from one processor to the next, the older store is open still, and old.
func (ts *tables) of(topic string) (open, closed []*store) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, s := range slices.Backward(ts.stores) {
		switch {
		case s.topic != topic:
		case s.closed:
			closed = append(closed, s)
		default:
			open = append(open, s)
		}
	}
	return open, closed
}

// present lists the store to ask in each partition of a topic: the newest one that is open, or else that was closed last.
// The one of the given partition comes first, since a key is mostly there.
func (ts *tables) present(topic string, partition int32) []*store {
	open, closed := ts.of(topic)
	var stores []*store
	seen := map[int32]bool{}
	for _, s := range append(open, closed...) {
		if seen[s.partition] {
			continue
		}
		seen[s.partition] = true
		if s.partition == partition {
			stores = slices.Insert(stores, 0, s)
		} else {
			stores = append(stores, s)
		}
	}
	return stores
}

// TableValue returns the decoded value of a key in a table of any registered processor or view, nil when there is no row. A table
// that nobody keeps fails the test.
func (tt *Tester) TableValue(table goka.Table, key string) interface{} {
	if err := tt.awaitStart(); err != nil {
		tt.mark.Helper()
		tt.fatalf("value of key %q in table %s: %v", key, table, err)
		return nil
	}
	topic := string(table)
	b, err := tt.row(topic, key)
	if err == nil {
		var v interface{}
		if v, err = tt.codecs.decode(topic, b); err == nil {
			return v
		}
	}
	tt.mark.Helper()
	tt.fatalf("value of key %q in table %s: %v", key, table, err)
	return nil
}

// row returns the bytes of a row, nil when there is none.
func (tt *Tester) row(topic, key string) ([]byte, error) {
	partition, err := tt.partitionOf(topic, key, tt.settings.hasher)
	if err != nil {
		return nil, err
	}
	stores := tt.tables.present(topic, partition)
	if len(stores) == 0 {
		return nil, tt.tables.missing(topic)
	}
	for _, s := range stores {
		b, err := s.Get(key)
		if err != nil || b != nil {
			return b, err
		}
	}
	return nil, nil
}

// SetTableValue writes a row straight into every store of a table, those that are opened later included. No record is
// written to the table's topic. A nil value deletes the row. A table without a codec, that no graph and no view has named yet, fails
// the test.
func (tt *Tester) SetTableValue(table goka.Table, key string, value interface{}) {
	if err := tt.setRow(string(table), key, value); err != nil {
		tt.mark.Helper()
		tt.fatalf("set key %q in table %s: %v", key, table, err)
	}
}

func (tt *Tester) setRow(topic, key string, value any) error {
	b, err := tt.codecs.encode(topic, value)
	if err != nil {
		return err
	}
	partition, err := tt.partitionOf(topic, key, tt.settings.hasher)
	if err != nil {
		return err
	}
	ts := &tt.tables
	ts.mu.Lock()
	if ts.preset == nil {
		ts.preset = map[string][]storage.Row{}
	}
	rows := slices.DeleteFunc(ts.preset[topic], func(r storage.Row) bool { return r.Key == key })
	if b != nil {
		rows = append(rows, storage.Row{Key: key, Value: bytes.Clone(b)})
	}
	ts.preset[topic] = rows
	ts.mu.Unlock()
	open, _ := ts.of(topic)
	for _, s := range open {
		if s.partition != partition {
			continue
		}
		if b == nil {
			err = s.Delete(key)
		} else {
			err = s.Set(key, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// GetTableKeys returns the sorted keys of a table.
func (tt *Tester) GetTableKeys(table goka.Table) []string {
	if err := tt.awaitStart(); err != nil {
		tt.mark.Helper()
		tt.fatalf("keys of table %s: %v", table, err)
		return nil
	}
	keys, err := tt.tables.keys(string(table))
	if err != nil {
		tt.mark.Helper()
		tt.fatalf("keys of table %s: %v", table, err)
	}
	return keys
}

// keys returns the sorted keys of a table.
func (ts *tables) keys(topic string) ([]string, error) {
	stores := ts.present(topic, 0)
	if len(stores) == 0 {
		return nil, ts.missing(topic)
	}
	var keys []string
	for _, s := range stores {
		if err := eachKey(s, func(k string) { keys = append(keys, k) }); err != nil {
			return nil, err
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// missing is what is wrong with a table without a store: nothing for who looks between two events of a simulation, when
// whoever keeps it may not have begun.
func (ts *tables) missing(topic string) error {
	if g, ok := ts.tester.ground.(*inSimulation); ok && g.sim.looking != "" && ts.tester.codecs.find(topic) != nil {
		return nil
	}
	return fmt.Errorf("table %s does not exist: no registered processor or view keeps it", topic)
}

func eachKey(s *store, f func(key string)) error {
	it, err := s.Iterator()
	if err != nil {
		return err
	}
	defer it.Release()
	for it.Next() {
		f(string(it.Key()))
	}
	return it.Err()
}

// ClearValues empties every store, and forgets what SetTableValue gave. Topics keep their records.
func (tt *Tester) ClearValues() {
	ts := &tt.tables
	ts.mu.Lock()
	ts.preset = nil
	stores := slices.Clone(ts.stores)
	ts.mu.Unlock()
	for _, s := range stores {
		var keys []string
		err := eachKey(s, func(k string) { keys = append(keys, k) })
		for _, k := range keys {
			if err == nil {
				err = s.Delete(k)
			}
		}
		if err != nil {
			tt.mark.Helper()
			tt.fatalf("clear table %s: %v", s.topic, err)
		}
	}
}

func joinSorted(names []string) string {
	if len(names) == 0 {
		return "no topic"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
