// Package storage holds the tables of processors and views: one Storage per partition, with its rows, and the offset
// of the table topic up to which the rows are complete.
package storage

// Storage is one partition of a table. It has one writer and any number of concurrent readers.
//
// Keys are any bytes and values any bytes but nil. No method keeps a slice that it is given, and no slice that it
// returns is changed later; callers must not change what they are given either.
type Storage interface {
	// Open makes the storage ready. Nothing else may be called before.
	Open() error
	// Close writes out what is pending and lets go of all resources. It may be called twice.
	Close() error

	// Has reports whether there is a row for key.
	Has(key string) (bool, error)
	// Get returns the value of key, nil without an error when there is none.
	Get(key string) ([]byte, error)
	// Set stores a value. A nil value is an error; use Delete.
	Set(key string, value []byte) error
	// Delete removes the row of key, if there is one.
	Delete(key string) error

	// GetOffset returns the offset stored last, or def when none was ever stored.
	GetOffset(def int64) (int64, error)
	// SetOffset stores the offset of the last record of the table topic that the rows contain.
	SetOffset(offset int64) error

	// MarkRecovered tells the storage that bulk loading is over and normal operation begins. It may be called
	// more than once.
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
//		use(it.Key(), it.Value)
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
	// there is one. Call Next to reach that row. Seek may move backwards too, within the iterator's range.
	Seek(key []byte) bool
}

// Builder makes the storage for one partition of a table. Open is called by whoever uses the storage.
type Builder func(topic string, partition int32) (Storage, error)

// Row is one change of a Batch: a nil Value deletes the row of Key.
type Row struct {
	Key   string
	Value []byte
}

// BatchWriter is implemented by storages that can apply several changes and the offset they belong to in one atomic
// write: after a crash either all of them are there or none. goka uses it where a storage has it, and falls back to
// Set, Delete and SetOffset, in this order, where it has not.
type BatchWriter interface {
	// WriteBatch applies rows in order (a later change of a key wins) and stores offset.
	WriteBatch(rows []Row, offset int64) error
}
