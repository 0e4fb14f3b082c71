package storage

import (
	"fmt"
	"sync"

	"github.com/tidwall/btree"
)

// NewMemory returns a storage that keeps its rows in memory, in the order of their keys. It is ready without Open, and
// keeps rows and offset when closed, so that one value can stand for a table over several runs of a program's parts.
//
// It implements BatchWriter. An iterator costs the same whatever the number of rows, and holds up nobody: rows
// written while it is open go into copies of the tree's nodes.
func NewMemory() Storage {
	return new(memory)
}

// MemoryBuilder returns a builder that makes a new NewMemory for every call.
func MemoryBuilder() Builder {
	return func(string, int32) (Storage, error) { return NewMemory(), nil }
}

type memory struct {
	mu        sync.RWMutex // guards all below
	rows      btree.Map[string, []byte]
	offset    int64
	hasOffset bool
}

var _ BatchWriter = (*memory)(nil)

func (m *memory) Open() error { return nil }

func (m *memory) Close() error { return nil }

func (m *memory) Has(key string) (bool, error) {
	m.mu.RLock()
	_, ok := m.rows.Get(key)
	m.mu.RUnlock()
	return ok, nil
}

func (m *memory) Get(key string) ([]byte, error) {
	m.mu.RLock()
	value, _ := m.rows.Get(key)
	m.mu.RUnlock()
	return value, nil
}

func (m *memory) Set(key string, value []byte) error {
	if value == nil {
		return fmt.Errorf("storage: key %q: %w", key, ErrNilValue)
	}
	value = keep(value)
	m.mu.Lock()
	m.rows.Set(key, value)
	m.mu.Unlock()
	return nil
}

// keep copies value to its exact size, so that appending to what a reader got never reaches what others got.
func keep(value []byte) []byte {
	kept := make([]byte, len(value))
	copy(kept, value)
	return kept
}

func (m *memory) Delete(key string) error {
	m.mu.Lock()
	m.rows.Delete(key)
	m.mu.Unlock()
	return nil
}

func (m *memory) WriteBatch(rows []Row, offset int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range rows {
		if row.Value == nil {
			m.rows.Delete(row.Key)
		} else {
			m.rows.Set(row.Key, keep(row.Value))
		}
	}
	m.offset, m.hasOffset = offset, true
	return nil
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

func (m *memory) Iterator() (Iterator, error) {
	return m.IteratorWithRange(nil, nil)
}

func (m *memory) IteratorWithRange(start, limit []byte) (Iterator, error) {
	m.mu.Lock() // copying marks the nodes of the tree as shared
	snapshot := m.rows.Copy()
	m.mu.Unlock()
	return &memoryIterator{rows: snapshot.Iter(), start: string(start), limit: string(limit)}, nil
}

// memoryIterator walks over a snapshot that belongs to it alone.
type memoryIterator struct {
	rows         btree.MapIter[string, []byte]
	start, limit string // "" for no bound
	at           place
}

// place tells how an iterator's cursor relates to the row that its user sees.
type place uint8

const (
	atStart  place = iota // before the first row, no cursor yet
	beforeIt              // the cursor is on a row that Next will show
	onRow                 // the cursor is on the row that the user sees
	atEnd                 // no row left; Seek may go back
	released
)

func (it *memoryIterator) Next() bool {
	var ok bool
	switch it.at {
	case atStart:
		ok = it.rows.Seek(it.start)
	case beforeIt:
		it.at = onRow
		return true
	case onRow:
		ok = it.rows.Next()
	case atEnd, released:
		return false
	}
	it.at = atEnd
	if ok && it.inRange() {
		it.at = onRow
	}
	return it.at == onRow
}

func (it *memoryIterator) inRange() bool {
	return it.limit == "" || it.rows.Key() < it.limit
}

func (it *memoryIterator) Seek(key []byte) bool {
	if it.at == released {
		return false
	}
	it.at = atEnd
	if it.rows.Seek(max(string(key), it.start)) && it.inRange() {
		it.at = beforeIt
	}
	return it.at == beforeIt
}

func (it *memoryIterator) Key() []byte {
	if it.at != onRow {
		return nil
	}
	return []byte(it.rows.Key())
}

func (it *memoryIterator) Value() ([]byte, error) {
	if it.at != onRow {
		return nil, nil
	}
	return it.rows.Value(), nil
}

func (it *memoryIterator) Err() error { return nil }

func (it *memoryIterator) Release() {
	*it = memoryIterator{at: released}
}
