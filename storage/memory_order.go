package storage

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// arrivals are the entries that were set or deleted since the last snapshot.
type arrivals struct {
	fresh []*entry // set; some may be deleted again
	gone  []*entry // deleted, and set before the last snapshot
}

func (a *arrivals) set(e *entry, rows int) {
	if len(a.fresh) == cap(a.fresh) && len(a.fresh) > 2*rows+1024 {
		a.fresh = slices.DeleteFunc(a.fresh, func(e *entry) bool { return e.value == nil })
	}
	a.fresh = append(a.fresh, e)
}

func (a *arrivals) deleted(e *entry, epoch uint64) {
	if e.born < epoch {
		a.gone = append(a.gone, e)
	}
}

// order has the entries in the order of their keys, as of the last snapshot.
type order struct {
	mu      sync.Mutex // guards entries
	entries btree.Map[string, *entry]
}

// snapshot begins a new epoch and returns the one that ended, with all rows that it had, in order, and maybe some
// entries that it had not. The writer waits for it no longer than it takes to look at a few thousand entries.
func (m *memory) snapshot() (epoch uint64, entries *btree.Map[string, *entry]) {
	m.order.mu.Lock()
	defer m.order.mu.Unlock()

	m.mu.Lock()
	epoch = m.epoch
	m.epoch++
	m.snapshots = append(m.snapshots, epoch)
	arrivals := m.arrivals
	m.arrivals.fresh, m.arrivals.gone = nil, nil
	m.mu.Unlock()

	for _, e := range arrivals.gone {
		if now, _ := m.order.entries.Get(e.key); now == e {
			m.order.entries.Delete(e.key)
		}
	}
	for _, e := range sorted(m.visible(arrivals.fresh, epoch)) {
		m.order.entries.Load(e.key, e)
	}
	return epoch, m.order.entries.Copy()
}

// visible drops the entries that have no value in epoch.
func (m *memory) visible(entries []*entry, epoch uint64) []*entry {
	kept := entries[:0]
	for chunk := range slices.Chunk(entries, 4096) {
		m.mu.RLock()
		for _, e := range chunk {
			if e.at(epoch) != nil {
				kept = append(kept, e)
			}
		}
		m.mu.RUnlock()
	}
	return kept
}

// at returns the value that was there at the end of epoch.
func (e *entry) at(epoch uint64) []byte {
	v := &e.version
	for v != nil && v.since > epoch {
		v = v.older
	}
	if v == nil {
		return nil
	}
	return v.value
}

// sorted sorts entries by their keys. What most comparisons need, the first bytes after the prefix that all keys have
// in common, is brought together, since the keys themselves lie all over the memory.
func sorted(entries []*entry) []*entry {
	if len(entries) < 64 {
		slices.SortFunc(entries, func(a, b *entry) int { return strings.Compare(a.key, b.key) })
		return entries
	}
	common := entries[0].key
	for _, e := range entries[1:] {
		n := 0
		for n < len(common) && n < len(e.key) && common[n] == e.key[n] {
			n++
		}
		common = common[:n]
	}
	type item struct {
		first uint64
		entry *entry
	}
	items := make([]item, len(entries))
	for i, e := range entries {
		var first [8]byte
		copy(first[:], e.key[len(common):])
		items[i] = item{binary.BigEndian.Uint64(first[:]), e}
	}
	slices.SortFunc(items, func(a, b item) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		return strings.Compare(a.entry.key, b.entry.key)
	})
	for i, it := range items {
		entries[i] = it.entry
	}
	return entries
}

// forget ends the snapshot of epoch. With the last one go the old values that were kept.
func (m *memory) forget(epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, ok := slices.BinarySearch(m.snapshots, epoch); ok {
		m.snapshots = slices.Delete(m.snapshots, i, i+1)
	}
	if len(m.snapshots) == 0 {
		for _, e := range m.kept {
			e.older = nil
		}
		m.kept = nil
	}
}
