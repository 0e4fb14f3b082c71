package disk

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gokasim/gokasim/storage"
)

// rowCache keeps rows that were read, of all tables that share it, up to a number of bytes: pebble looks into each level of a table
// anew at each read, which takes twenty times as long. It answers as pebble does, or not at all.
//
// Who has asked pebble may keep the answer if nothing was written to the table since before it asked. Who writes hides what is kept
// of the rows, writes, and shows what it has written: in between, pebble alone answers, for which a batch is one step.
type rowCache struct {
	seed   maphash.Seed
	shards []rowShard // a power of two of them, each with its part of the bytes
}

// rowShard is a clock: rows that were asked for since the hand came by last are passed over once when room is needed.
type rowShard struct {
	mu    sync.Mutex // guards all below
	index map[uint64]int32
	slots []cachedRow
	free  []int32 // empty slots
	hand  int
	bytes int64
	limit int64
	_     [64]byte // the next shard's lock is on another cache line
}

// cachedRow is a row, or that there is none.
type cachedRow struct {
	table  *cachedTable // nil in an empty slot
	key    string
	value  []byte // nil when there is no such row
	hash   uint64
	hidden bool // the row is being written
	used   bool // since the hand came by
}

// cachedRowBytes is about what a row takes up beside its key and its value.
const cachedRowBytes = 128

func (r *cachedRow) bytes() int64 { return int64(cachedRowBytes + len(r.key) + len(r.value)) }

// cachedTable is what the cache knows of a table that is open. A table that is opened again is another one.
type cachedTable struct {
	cache   *rowCache // nil when no rows are kept
	salt    uint64    // makes the hashes of the table's keys its own
	rows    atomic.Int64
	version atomic.Uint64 // odd while rows are being written
	writing sync.Mutex    // held from hide to show
}

// newRowCache makes a cache of about limit bytes, none when limit is not positive.
func newRowCache(limit int64) *rowCache {
	if limit <= 0 {
		return nil
	}
	shards := 1 << bits.Len(uint(min(64, 4*runtime.GOMAXPROCS(0))-1))
	c := &rowCache{seed: maphash.MakeSeed(), shards: make([]rowShard, shards)}
	for i := range c.shards {
		c.shards[i].index, c.shards[i].limit = make(map[uint64]int32), limit/int64(shards)
	}
	return c
}

func newCachedTable(c *rowCache) *cachedTable {
	t := &cachedTable{cache: c}
	if c != nil {
		t.salt = maphash.Comparable(c.seed, t)
	}
	return t
}

func (t *cachedTable) shard(key string) (*rowShard, uint64) {
	hash := maphash.String(t.cache.seed, key) ^ t.salt
	return &t.cache.shards[hash&uint64(len(t.cache.shards)-1)], hash
}

// find returns the row of key, nil when none is kept. Of two rows with one hash, the cache has one.
func (s *rowShard) find(t *cachedTable, hash uint64, key string) *cachedRow {
	i, ok := s.index[hash]
	if !ok {
		return nil
	}
	if r := &s.slots[i]; r.table == t && r.key == key {
		return r
	}
	return nil
}

// get returns the value of key, nil when there is no such row, if that is known.
func (t *cachedTable) get(key string) (value []byte, known bool) {
	if t.rows.Load() == 0 {
		return nil, false
	}
	s, hash := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(t, hash, key)
	if r == nil || r.hidden {
		return nil, false
	}
	r.used = true
	return r.value, true
}

// keep notes what pebble answered when asked for key after the table's version was the given one. The value stays as it is.
func (t *cachedTable) keep(key string, value []byte, version uint64) {
	if t.cache == nil || version%2 != 0 {
		return
	}
	s, hash := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.rows.Add(1) // before the version is looked at: a writer changes that first and looks for rows then
	if t.version.Load() != version || s.find(t, hash, key) != nil {
		t.rows.Add(-1)
		return
	}
	if i, other := s.index[hash]; other {
		s.drop(i)
	}
	r := cachedRow{table: t, key: strings.Clone(key), value: value, hash: hash}
	if !s.makeRoom(r.bytes()) {
		t.rows.Add(-1)
		return
	}
	i := int32(len(s.slots))
	if n := len(s.free); n > 0 {
		i, s.free = s.free[n-1], s.free[:n-1]
		s.slots[i] = r
	} else {
		s.slots = append(s.slots, r)
	}
	s.index[hash] = i
	s.bytes += r.bytes()
}

// makeRoom drops rows until there is room for so many bytes more. Nothing that fills an eighth of the shard is kept.
func (s *rowShard) makeRoom(bytes int64) bool {
	if bytes > s.limit/8 {
		return false
	}
	for s.bytes+bytes > s.limit {
		i := s.hand
		s.hand = (s.hand + 1) % len(s.slots)
		switch r := &s.slots[i]; {
		case r.table == nil:
		case r.used:
			r.used = false
		default:
			s.drop(int32(i))
		}
	}
	return true
}

func (s *rowShard) drop(i int32) {
	r := &s.slots[i]
	r.table.rows.Add(-1)
	s.bytes -= r.bytes()
	delete(s.index, r.hash)
	*r = cachedRow{}
	s.free = append(s.free, i)
}

// hide makes pebble alone answer for rows until show is called, by the same goroutine. It reports whether there is something to show.
func (t *cachedTable) hide(rows []storage.Row) bool {
	if t.cache == nil {
		return false
	}
	t.writing.Lock()
	t.version.Add(1)
	if t.rows.Load() == 0 {
		return false
	}
	for i := range rows {
		key := rows[i].Key
		s, hash := t.shard(key)
		s.mu.Lock()
		if r := s.find(t, hash, key); r != nil {
			r.hidden = true
		}
		s.mu.Unlock()
	}
	return true
}

// show ends what hide began. Rows that were kept have what was written, or are kept no more if that failed.
func (t *cachedTable) show(rows []storage.Row, hidden, written bool) {
	if t.cache == nil {
		return
	}
	for i := len(rows) - 1; hidden && i >= 0; i-- { // of several writes of a row, the last one counts
		t.showRow(rows[i], written)
	}
	t.version.Add(1)
	t.writing.Unlock()
}

func (t *cachedTable) showRow(row storage.Row, written bool) {
	s, hash := t.shard(row.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(t, hash, row.Key)
	if r == nil || !r.hidden {
		return
	}
	bytes := r.bytes() + int64(len(row.Value)-len(r.value))
	if !written || bytes > s.limit/8 || s.bytes-r.bytes()+bytes > s.limit {
		s.drop(s.index[hash])
		return
	}
	s.bytes -= r.bytes()
	r.value, r.hidden = nil, false
	if row.Value != nil {
		r.value = exact(row.Value)
	}
	s.bytes += r.bytes()
}
