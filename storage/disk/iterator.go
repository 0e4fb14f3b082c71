package disk

import (
	"bytes"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gokasim/gokasim/storage"
)

func (s *store) Iterator() (storage.Iterator, error) { return s.IteratorWithRange(nil, nil) }

func (s *store) IteratorWithRange(start, limit []byte) (storage.Iterator, error) {
	e, err := s.use()
	if err != nil {
		return nil, err
	}
	defer s.release()
	bounds := &pebble.IterOptions{LowerBound: append([]byte{rowSpace}, start...), UpperBound: []byte{afterRows}}
	if len(limit) > 0 {
		bounds.UpperBound = append([]byte{rowSpace}, limit...)
	}
	if len(limit) > 0 && bytes.Compare(start, limit) >= 0 {
		return new(storage.NullIter), nil // pebble wants its bounds in order
	}
	rows, err := e.db.NewIter(bounds)
	if err != nil {
		return nil, e.explain("read", err)
	}
	it := &iterator{store: s, engine: e, rows: rows}
	s.iterators.Lock()
	defer s.iterators.Unlock()
	s.iterators.open[it] = struct{}{}
	return it, nil
}

// abandonIterators takes the rows away from all iterators. No new ones come: the storage is closed.
func (s *store) abandonIterators() {
	s.iterators.Lock()
	open := s.iterators.open
	s.iterators.open = nil
	s.iterators.Unlock()
	for it := range open {
		it.mu.Lock()
		it.fail(closedError(s.dir))
		it.mu.Unlock()
	}
}

type iterator struct {
	store  *store
	engine *engine

	mu   sync.Mutex       // guards all below: closing the storage ends iterators from another goroutine
	rows *pebble.Iterator // nil when the iterator is released or has failed
	at   place
	seek []byte // room for Seek's key
	copy copies
	err  error
}

// copies makes copies of small slices in blocks. A copy that is kept keeps its block, so blocks are small too.
type copies struct{ block []byte }

func (c *copies) of(b []byte) []byte {
	const block = 1 << 10
	if len(b) > block/4 {
		return exact(b)
	}
	if c.block == nil || cap(c.block)-len(c.block) < len(b) {
		c.block = make([]byte, 0, block)
	}
	from := len(c.block)
	c.block = append(c.block, b...)
	return c.block[from:len(c.block):len(c.block)]
}

// place tells how pebble's iterator relates to the row that the user sees.
type place uint8

const (
	atStart  place = iota // before the first row, pebble's iterator stands nowhere
	beforeIt              // pebble's iterator is on a row that Next will show
	onRow                 // pebble's iterator is on the row that the user sees
	atEnd                 // no row left; Seek may go back
)

func (it *iterator) Next() bool {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.rows == nil {
		return false
	}
	switch it.at {
	case atStart:
		return it.moved(it.rows.First(), onRow)
	case beforeIt:
		it.at = onRow
		return true
	case onRow:
		return it.moved(it.rows.Next(), onRow)
	case atEnd:
	}
	return false
}

func (it *iterator) Seek(key []byte) bool {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.rows == nil {
		return false
	}
	it.seek = append(append(it.seek[:0], rowSpace), key...)
	return it.moved(it.rows.SeekGE(it.seek), beforeIt)
}

// moved notes where pebble's iterator went.
func (it *iterator) moved(found bool, to place) bool {
	if !found {
		to = atEnd
		if err := it.rows.Error(); err != nil {
			it.fail(it.engine.explain("read", err))
			return false
		}
	}
	it.at = to
	return found
}

func (it *iterator) fail(err error) {
	if it.rows == nil {
		return
	}
	it.err = err
	_ = it.rows.Close() // it has nothing to add to err
	it.rows = nil
}

func (it *iterator) Key() []byte {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.rows == nil || it.at != onRow {
		return nil
	}
	return it.copy.of(it.rows.Key()[1:])
}

func (it *iterator) Value() ([]byte, error) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.rows == nil || it.at != onRow {
		return nil, it.err
	}
	value, err := it.rows.ValueAndErr()
	if err != nil {
		it.fail(it.engine.explain("read", err))
		return nil, it.err
	}
	return it.copy.of(value), nil
}

func (it *iterator) Err() error {
	it.mu.Lock()
	defer it.mu.Unlock()
	return it.err
}

func (it *iterator) Release() {
	it.store.iterators.Lock()
	delete(it.store.iterators.open, it)
	it.store.iterators.Unlock()

	it.mu.Lock()
	defer it.mu.Unlock()
	if it.rows == nil {
		return
	}
	if err := it.rows.Close(); err != nil && it.err == nil {
		it.err = it.engine.explain("read", err)
	}
	it.rows = nil
}
