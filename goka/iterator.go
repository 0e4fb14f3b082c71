package goka

import (
	"fmt"

	"github.com/gokasim/gokasim/storage"
)

// Iterator walks over the rows of a view in the byte order of their keys, as they were when it was made:
//
//	for it.Next() {
//		value, err := it.Value()
//		...
//	}
//	err := it.Err()
type Iterator interface {
	// Next moves to the next row and reports whether there is one.
	Next() bool
	// Err returns the error that ended the iteration, if one did.
	Err() error
	// Key returns the key of the present row.
	Key() string
	// Value returns the decoded value of the present row.
	Value() (interface{}, error)
	// Release lets go of the snapshot. The iterator is of no use then.
	Release()
	// Seek places the iterator before the first row whose key is key or greater, and reports whether there is one. Call
	// Next to reach that row.
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
