package storage

import (
	"fmt"
	"slices"
	"sync"
)

// NewMemory returns a storage that keeps its rows in memory. It is ready without Open, and keeps rows and offset when
// closed, so that one value can stand for a table over several runs of a program's parts. It implements BatchWriter and
// Sizer, and fails at a nil value only.
//
// Reading and writing a row costs the same however many rows there are. An iterator costs what it takes to put those
// keys in order that are new since the last one, never more, and never holds up the writer: it shows the table as it
// was by the old values that the writer leaves for it.
func NewMemory() Storage {
	return &memory{rows: map[string]*entry{}}
}

// MemoryBuilder returns a builder that makes a new NewMemory for every call.
func MemoryBuilder() Builder {
	return func(string, int32) (Storage, error) { return NewMemory(), nil }
}

// memory finds rows by a hash map and orders them by a tree of its own, which only iterators use. Time is counted in
// epochs: each snapshot ends one.
type memory struct {
	order order // taken before mu

	mu        sync.RWMutex // guards all below, and the fields of entries that change
	rows      map[string]*entry
	size      int64 // of keys and values that are rows now, in bytes
	offset    int64
	hasOffset bool

	epoch     uint64   // of writes that happen now
	snapshots []uint64 // epochs that open iterators show, in ascending order
	kept      []*entry // have older versions
	arrivals  arrivals // what order must learn
}

// entry is a row, from when it is set until it is deleted. A key that is deleted and set again has another entry.
type entry struct {
	key  string
	born uint64 // epoch in which it was set first
	version
}

// version is a value of a row. The value nil means that the row was deleted.
type version struct {
	value []byte
	since uint64 // epoch in which it was written
	older *version
}

var (
	_ BatchWriter = (*memory)(nil)
	_ Sizer       = (*memory)(nil)
)

func (m *memory) Open() error { return nil }

func (m *memory) Close() error { return nil }

func (m *memory) Has(key string) (bool, error) {
	m.mu.RLock()
	_, ok := m.rows[key]
	m.mu.RUnlock()
	return ok, nil
}

func (m *memory) Get(key string) (value []byte, _ error) {
	m.mu.RLock()
	if e := m.rows[key]; e != nil {
		value = e.value
	}
	m.mu.RUnlock()
	return value, nil
}

func (m *memory) Set(key string, value []byte) error {
	if value == nil {
		return fmt.Errorf("storage: key %q: %w", key, ErrNilValue)
	}
	value = exact(value)
	m.mu.Lock()
	m.set(key, value)
	m.mu.Unlock()
	return nil
}

// exact copies value to its exact size, so that appending to what a reader got never reaches what others got.
func exact(value []byte) []byte {
	kept := make([]byte, len(value))
	copy(kept, value)
	return kept
}

func (m *memory) set(key string, value []byte) {
	if e := m.rows[key]; e != nil {
		m.size += int64(len(value) - len(e.value))
		m.change(e, value)
		return
	}
	m.size += int64(len(key) + len(value))
	e := &entry{key: key, born: m.epoch, version: version{value: value, since: m.epoch}}
	m.rows[key] = e
	m.arrivals.set(e, len(m.rows))
}

// change gives e another value, nil for none, and keeps the present one if an open iterator shows it.
func (m *memory) change(e *entry, value []byte) {
	if n := len(m.snapshots); n > 0 && m.snapshots[n-1] >= e.since {
		old := e.version
		if m.snapshots[0] >= old.since {
			old.older = nil // no iterator is as old
		}
		if e.older == nil {
			m.keep(e)
		}
		e.older = &old
	}
	e.value, e.since = value, m.epoch
}

// keep notes that e has older versions. Where iterators overlap without end, those that none of them shows any more
// are dropped each time the list has doubled.
func (m *memory) keep(e *entry) {
	if len(m.kept) == cap(m.kept) {
		m.kept = slices.DeleteFunc(m.kept, func(e *entry) bool {
			needless := e.since <= m.snapshots[0]
			if needless {
				e.older = nil
			}
			return needless
		})
	}
	m.kept = append(m.kept, e)
}

func (m *memory) Delete(key string) error {
	m.mu.Lock()
	m.delete(key)
	m.mu.Unlock()
	return nil
}

func (m *memory) delete(key string) {
	if e := m.rows[key]; e != nil {
		m.size -= int64(len(key) + len(e.value))
		delete(m.rows, key)
		m.change(e, nil)
		m.arrivals.deleted(e, m.epoch)
	}
}

func (m *memory) WriteBatch(rows []Row, offset int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range rows {
		if row.Value == nil {
			m.delete(row.Key)
		} else {
			m.set(row.Key, exact(row.Value))
		}
	}
	m.offset, m.hasOffset = offset, true
	return nil
}

// SizeBytes implements Sizer. Older values that open iterators show are not in it.
func (m *memory) SizeBytes() (int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.size, nil
}

func (m *memory) GetOffset(def int64) (int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.hasOffset {
		return def, nil
	}
	return m.offset, nil
}

func (m *memory) SetOffset(offset int64) error {
	m.mu.Lock()
	m.offset, m.hasOffset = offset, true
	m.mu.Unlock()
	return nil
}

func (m *memory) MarkRecovered() error { return nil }
