// Package storage holds the tables of processors and views: one Storage per partition, with its rows, and the offset
// of the table topic up to which the rows are complete.
package storage

import "context"

// Storage is one partition of a table. It has one writer and any number of concurrent readers. Iterators are readers;
// each belongs to one goroutine at a time. A call after Close, and on an iterator whose storage was closed, is an ErrClosed, unless the
// storage can serve it all the same, as memory does.
//
// Keys are any bytes, none included, and values any bytes but nil; an empty value is a row like any other. No key, not
// even the empty one, collides with the offset. No method keeps a slice that it is given, and no slice that it returns
// is changed later, neither by further writes nor by moving or releasing an iterator; callers must not change what
// they are given either.
//
// Package storagetest holds an implementation to these promises.
type Storage interface {
	// Open makes the storage ready. Nothing else but Close may be called before.
	Open() error
	// Close writes out what is pending and lets go of all resources. It may be called twice, before Open, beside
	// readers and beside a MarkRecovered that still runs. A storage that cannot serve calls and open iterators any more
	// answers them with an error then, ErrClosed. Open makes it ready again, with the rows and the offset it had.
	Close() error

	// Has reports whether there is a row for key.
	Has(key string) (bool, error)
	// Get returns the value of key, nil without an error when there is none.
	Get(key string) ([]byte, error)
	// Set stores a value. A nil value is an error, ErrNilValue; use Delete.
	Set(key string, value []byte) error
	// Delete removes the row of key, if there is one.
	Delete(key string) error

	// GetOffset returns the offset stored last, be it 0 or negative, or def when none was ever stored.
	GetOffset(def int64) (int64, error)
	// SetOffset stores the offset of the last record of the table topic that the rows contain; any number is one.
	SetOffset(offset int64) error

	// MarkRecovered tells the storage that bulk loading is over and normal operation begins. It may be called
	// more than once, and nothing depends on it but speed.
	MarkRecovered() error

	// Iterator returns an iterator over a snapshot of all rows in the byte order of their keys.
	Iterator() (Iterator, error)
	// IteratorWithRange returns an iterator over a snapshot of the rows with start <= key < limit in the byte order
	// of their keys. A nil or empty start begins at the first row, a nil or empty limit ends after the last one.
	IteratorWithRange(start, limit []byte) (Iterator, error)
}

// Iterator walks over rows in the byte order of their keys. It stands before the first row at the beginning:
//
//	for it.Next() {
//		value, err := it.Value()
//		...
//	}
//	err := it.Err()
type Iterator interface {
	// Next moves to the next row and reports whether there is one.
	Next() bool
	// Err returns the error that ended the iteration, if one did. It stays after Release.
	Err() error
	// Key returns the key of the present row, nil when there is none.
	Key() []byte
	// Value returns the value of the present row, nil when there is none.
	Value() ([]byte, error)
	// Release lets go of the snapshot. It may be called twice.
	Release()
	// Seek places the iterator before the first row whose key is greater than or equal to key, and reports whether
	// there is one. Call Next to reach that row; until then Key and Value are nil. Seek may move backwards too, also
	// after the last row, within the iterator's range.
	Seek(key []byte) bool
}

// ContextOpener is implemented by storages whose Open may take long. OpenContext is Open until ctx ends, and returns
// ctx's cause then. The storage is as it was before; what the interrupted opening holds is let go of in the
// background, and a later Open of the same table, by this or another Storage of the process, waits for that.
type ContextOpener interface {
	// OpenContext is Open, until ctx ends.
	OpenContext(ctx context.Context) error
}

// ContextCloser is implemented by storages whose Close may take long. CloseContext is Close until ctx ends, and returns
// ctx's cause then. Rows that were not written out by that time are given up: they are in Kafka's changelog, and the
// offset that is stored tells from where on.
type ContextCloser interface {
	// CloseContext is Close, until ctx ends.
	CloseContext(ctx context.Context) error
}

// Builder makes the storage for one partition of a table. Open is called by whoever uses the storage.
type Builder func(topic string, partition int32) (Storage, error)

// Row is one change of a WriteBatch.
type Row struct {
	Key   string // of the row
	Value []byte // nil deletes the row
}

// BatchWriter is implemented by storages that can apply several changes and the offset they belong to in one atomic
// write: after a crash either all of them are there or none. goka uses it where a storage has it, and falls back to
// Set, Delete and SetOffset, in this order, where it has not.
type BatchWriter interface {
	// WriteBatch applies rows in order (a later change of a key wins) and stores offset. An iterator sees all of
	// it or nothing.
	WriteBatch(rows []Row, offset int64) error
}

// Sizer is implemented by storages that can tell how great their table is, at little cost: memory and disk can.
type Sizer interface {
	// SizeBytes returns what the rows take up: their keys and values in memory, files and what is not written out yet on a
	// disk. It fails with ErrClosed where a closed storage cannot tell.
	SizeBytes() (int64, error)
}
