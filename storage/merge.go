package storage

import (
	"bytes"
	"container/heap"
)

// NewMultiIterator returns the rows of all iters in the byte order of their keys, as one iterator. It owns iters from
// now on and releases them. Rows of equal keys come in the order of iters. An iterator of which one fails shows
// every row that comes before the failure, and then ends with its error. Without iters it has no rows.
func NewMultiIterator(iters []Iterator) Iterator {
	switch len(iters) {
	case 0:
		return new(NullIter)
	case 1:
		return iters[0]
	}
	return &multiIterator{iters: iters, open: make(mergeHeap, 0, len(iters)), stale: true}
}

// multiIterator keeps the iterators that stand on a row in a heap. The top one stands on the present row if current is
// set. It is moved when the next row is asked for and not earlier, so that its failure cannot hide a row.
type multiIterator struct {
	iters   []Iterator
	open    mergeHeap
	current bool
	stale   bool // the iterators stand before their rows: open is to be filled
	err     error
}

func (m *multiIterator) Next() bool {
	if m.err != nil {
		return false
	}
	switch {
	case m.stale:
		m.stale = false
		m.fill()
	case m.current:
		m.advance()
	}
	m.current = m.err == nil && len(m.open) > 0
	return m.current
}

// fill moves every iterator to its first row.
func (m *multiIterator) fill() {
	m.open = m.open[:0]
	for i, it := range m.iters {
		if it.Next() {
			m.open = append(m.open, mergeSource{it: it, key: it.Key(), index: i})
		} else if m.err = it.Err(); m.err != nil {
			return
		}
	}
	heap.Init(&m.open)
}

// advance moves the iterator on the present row to its next one.
func (m *multiIterator) advance() {
	top := &m.open[0]
	if top.it.Next() {
		top.key = top.it.Key()
		heap.Fix(&m.open, 0)
		return
	}
	m.err = top.it.Err()
	heap.Pop(&m.open)
}

func (m *multiIterator) Seek(key []byte) bool {
	if m.err != nil || m.iters == nil {
		return false
	}
	m.current, m.stale = false, true
	m.open = m.open[:0]
	found := false
	for _, it := range m.iters {
		if it.Seek(key) {
			found = true
		} else if m.err = it.Err(); m.err != nil {
			return false
		}
	}
	return found
}

func (m *multiIterator) Key() []byte {
	if !m.current {
		return nil
	}
	return m.open[0].key
}

func (m *multiIterator) Value() ([]byte, error) {
	if !m.current {
		return nil, nil
	}
	return m.open[0].it.Value()
}

func (m *multiIterator) Err() error { return m.err }

func (m *multiIterator) Release() {
	for _, it := range m.iters {
		it.Release()
	}
	m.iters, m.open, m.current, m.stale = nil, nil, false, false
}

type mergeSource struct {
	it    Iterator
	key   []byte
	index int
}

// mergeHeap has the source of the smallest key on top, of the smallest index among equal keys.
type mergeHeap []mergeSource

func (h mergeHeap) Len() int { return len(h) }

func (h mergeHeap) Less(i, j int) bool {
	c := bytes.Compare(h[i].key, h[j].key)
	return c < 0 || c == 0 && h[i].index < h[j].index
}

func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *mergeHeap) Push(x any) { *h = append(*h, x.(mergeSource)) }

func (h *mergeHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = mergeSource{}
	*h = (*h)[:last]
	return x
}
