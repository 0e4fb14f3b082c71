package goka

import (
	"fmt"

	"github.com/gokasim/gokasim/storage"
)

// Iterator walks over the rows of a table in the byte order of their keys, as they were when it was made. It stands before the first
// row, belongs to one goroutine at a time, and holds resources until it is released:
//
//	defer it.Release()
//	for it.Next() {
//		value, err := it.Value()
//		...
//	}
//	err := it.Err()
type Iterator interface {
	// Next moves to the next row and reports whether there is one.
	Next() bool
	// Err returns the error that ended the iteration, if one did: storage.ErrClosed where the partition was closed meanwhile.
	Err() error
	// Key returns the key of the present row, "" when there is none.
	Key() string
	// Value returns the value of the present row, decoded anew, nil when there is none. Its error is the codec's, or Err's.
	Value() (interface{}, error)
	// Release lets go of the snapshot. The iterator is of no use then. It may be called twice.
	Release()
	// Seek places the iterator before the first row whose key is key or greater, and reports whether there is one. Call
	// Next to reach that row. It may move backwards, too, within the iterator's range.
	Seek(key string) bool
}

type iterator struct {
	storage.Iterator
	codec Codec
}

func (i *iterator) Key() string { return string(i.Iterator.Key()) }

func (i *iterator) Value() (interface{}, error) {
	data, err := i.Iterator.Value()
	if err != nil || data == nil {
		return nil, err
	}
	value, err := decode(i.codec, data)
	if err != nil {
		return nil, fmt.Errorf("error decoding value (key %s): %w", i.Key(), err)
	}
	return value, nil
}

func (i *iterator) Seek(key string) bool { return i.Iterator.Seek([]byte(key)) }
