package storage

import "github.com/tidwall/btree"

func (m *memory) Iterator() (Iterator, error) { return m.IteratorWithRange(nil, nil) }

func (m *memory) IteratorWithRange(start, limit []byte) (Iterator, error) {
	epoch, entries := m.snapshot()
	return &memoryIterator{
		memory: m, epoch: epoch, entries: entries.Iter(),
		start: string(start), limit: string(limit),
	}, nil
}

// memoryIterator walks over a copy of the order that belongs to it alone, and shows the values of its epoch.
type memoryIterator struct {
	memory       *memory
	epoch        uint64
	entries      btree.MapIter[string, *entry]
	start, limit string // "" for no bound
	value        []byte // of the entry under the cursor
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
	switch it.at {
	case atStart:
		return it.stop(it.entries.Seek(it.start), onRow)
	case beforeIt:
		it.at = onRow
		return true
	case onRow:
		return it.stop(it.entries.Next(), onRow)
	case atEnd, released:
	}
	return false
}

func (it *memoryIterator) Seek(key []byte) bool {
	if it.at == released {
		return false
	}
	return it.stop(it.entries.Seek(max(string(key), it.start)), beforeIt)
}

// stop moves the cursor, which is on an entry if found is true, on to the first row in range, and notes where it is.
func (it *memoryIterator) stop(found bool, at place) bool {
	for ; found && (it.limit == "" || it.entries.Key() < it.limit); found = it.entries.Next() {
		it.memory.mu.RLock()
		it.value = it.entries.Value().at(it.epoch)
		it.memory.mu.RUnlock()
		if it.value != nil {
			it.at = at
			return true
		}
	}
	it.at = atEnd
	return false
}

func (it *memoryIterator) Key() []byte {
	if it.at != onRow {
		return nil
	}
	return []byte(it.entries.Key())
}

func (it *memoryIterator) Value() ([]byte, error) {
	if it.at != onRow {
		return nil, nil
	}
	return it.value, nil
}

func (it *memoryIterator) Err() error { return nil }

func (it *memoryIterator) Release() {
	if it.at == released {
		return
	}
	it.memory.forget(it.epoch)
	*it = memoryIterator{at: released}
}
