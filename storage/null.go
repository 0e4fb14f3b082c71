package storage

import "sync/atomic"

// NewNull returns a storage without memory: it accepts everything and returns nothing. A processor with a table in
// it writes its changelog and never reads a row back.
func NewNull() Storage {
	return new(Null)
}

// Null is the storage of NewNull. The zero value is ready.
type Null struct {
	recovered atomic.Bool
}

var _ BatchWriter = (*Null)(nil)

// Open does nothing.
func (*Null) Open() error { return nil }

// Close does nothing.
func (*Null) Close() error { return nil }

// Has returns false.
func (*Null) Has(string) (bool, error) { return false, nil }

// Get returns nil.
func (*Null) Get(string) ([]byte, error) { return nil, nil }

// Set drops the value.
func (*Null) Set(string, []byte) error { return nil }

// Delete does nothing.
func (*Null) Delete(string) error { return nil }

// WriteBatch drops the rows and the offset.
func (*Null) WriteBatch([]Row, int64) error { return nil }

// GetOffset returns def.
func (*Null) GetOffset(def int64) (int64, error) { return def, nil }

// SetOffset drops the offset.
func (*Null) SetOffset(int64) error { return nil }

// MarkRecovered makes Recovered true.
func (n *Null) MarkRecovered() error {
	n.recovered.Store(true)
	return nil
}

// Recovered reports whether MarkRecovered was called.
func (n *Null) Recovered() bool { return n.recovered.Load() }

// Iterator returns an iterator without rows.
func (*Null) Iterator() (Iterator, error) { return new(NullIter), nil }

// IteratorWithRange returns an iterator without rows.
func (*Null) IteratorWithRange(_, _ []byte) (Iterator, error) { return new(NullIter), nil }

// NullIter is an iterator without rows. The zero value is ready.
type NullIter struct{}

// Next returns false.
func (*NullIter) Next() bool { return false }

// Err returns nil.
func (*NullIter) Err() error { return nil }

// Key returns nil.
func (*NullIter) Key() []byte { return nil }

// Value returns nil.
func (*NullIter) Value() ([]byte, error) { return nil, nil }

// Release does nothing.
func (*NullIter) Release() {}

// Seek returns false.
func (*NullIter) Seek([]byte) bool { return false }
