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

// mostAhead is how many rows an iterator looks at in one go, when it has gone over as many before. Rows lie all over the
// memory, and a processor fetches many at a time if nothing comes in between.
const mostAhead = 64

// memoryIterator walks over a copy of the order that belongs to it alone, and shows the values of its epoch.
type memoryIterator struct {
	memory       *memory // nil when the iterator is released
	epoch        uint64
	start, limit string // "" for no bound

	entries btree.MapIter[string, *entry]
	begun   bool // entries has been placed
	more    bool // entries is on an entry that ahead lacks

	ahead   []memoryRow
	next    int    // index of the row that Next shows
	present bool   // ahead[next-1] is the row that the user sees
	keys    []byte // room for copies of keys
}

// memoryRow is a row with a copy of its key.
type memoryRow struct{ key, value []byte }

func (it *memoryIterator) Next() bool {
	if it.memory == nil {
		return false
	}
	if !it.begun {
		it.place(it.start)
	}
	if it.next == len(it.ahead) {
		it.look(min(2*len(it.ahead)+1, mostAhead))
	}
	it.present = it.next < len(it.ahead)
	if it.present {
		it.next++
	}
	return it.present
}

func (it *memoryIterator) Seek(key []byte) bool {
	if it.memory == nil {
		return false
	}
	it.place(max(string(key), it.start))
	it.look(1)
	return len(it.ahead) > 0
}

// place begins at the first entry whose key is not smaller.
func (it *memoryIterator) place(key string) {
	it.begun, it.more = true, it.entries.Seek(key)
	it.ahead, it.next, it.present = it.ahead[:0], 0, false
}

// look fills ahead with the next rows, n at most.
func (it *memoryIterator) look(n int) {
	it.ahead, it.next = it.ahead[:0], 0
	it.memory.mu.RLock()
	defer it.memory.mu.RUnlock()
	for it.more && len(it.ahead) < n {
		key := it.entries.Key()
		if it.limit != "" && key >= it.limit {
			it.more = false
			return
		}
		if value := it.entries.Value().at(it.epoch); value != nil {
			it.ahead = append(it.ahead, memoryRow{it.copy(key), value})
		}
		it.more = it.entries.Next()
	}
}

func (it *memoryIterator) Key() []byte {
	if !it.present {
		return nil
	}
	return it.ahead[it.next-1].key
}

// copy copies a key into a block of several. A copy that is kept keeps its block, so blocks are small.
func (it *memoryIterator) copy(key string) []byte {
	if it.keys == nil || cap(it.keys)-len(it.keys) < len(key) {
		it.keys = make([]byte, 0, max(512, len(key)))
	}
	from := len(it.keys)
	it.keys = append(it.keys, key...)
	return it.keys[from:len(it.keys):len(it.keys)]
}

func (it *memoryIterator) Value() ([]byte, error) {
	if !it.present {
		return nil, nil
	}
	return it.ahead[it.next-1].value, nil
}

func (it *memoryIterator) Err() error { return nil }

func (it *memoryIterator) Release() {
	if it.memory == nil {
		return
	}
	it.memory.forget(it.epoch)
	*it = memoryIterator{}
}
