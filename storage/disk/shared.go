package disk

import (
	"runtime"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Shared is what the storages of a process have in common: caches of rows and blocks that were read, files that are kept
// open, and the number of compactions that run at a time. It holds resources only while a storage that uses it is
// open. The fields must not change once it is used; the zero value has their defaults.
type Shared struct {
	// CacheBytes is the size of the block cache: 128 MiB unless positive.
	CacheBytes int64
	// RowBytes is how much of the rows that were read last is kept as they are, so that reading one again is as fast as in
	// memory: 32 MiB unless set, nothing when negative. It is memory of Go's heap.
	RowBytes int64
	// OpenFiles is how many table files are kept open at most: 1000 unless positive.
	OpenFiles int
	// Compactions is how many compactions run at most at a time: half of GOMAXPROCS, but one at least, unless positive.
	Compactions int

	mu      sync.Mutex // guards all below
	users   int
	rows    *rowCache // nil when nothing is kept
	blocks  *pebble.Cache
	files   *pebble.FileCache
	slots   int            // compactions that may start
	waiting []*compactions // want a slot, in the order in which they asked
}

var defaultShared = new(Shared)

// acquire makes the caches when the first storage opens. Each acquire needs a release.
func (s *Shared) acquire() (*rowCache, *pebble.Cache, *pebble.FileCache) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		rows := s.RowBytes
		if rows == 0 {
			rows = 32 << 20
		}
		s.rows = newRowCache(rows)
		s.blocks = pebble.NewCache(orDefault(s.CacheBytes, 128<<20))
		s.files = pebble.NewFileCache(runtime.GOMAXPROCS(0), orDefault(s.OpenFiles, 1000))
		s.slots = orDefault(s.Compactions, max(1, runtime.GOMAXPROCS(0)/2))
	}
	s.users++
	return s.rows, s.blocks, s.files
}

func orDefault[N int | int64](n, def N) N {
	if n > 0 {
		return n
	}
	return def
}

func (s *Shared) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	s.files.Unref()
	s.blocks.Unref()
	s.rows, s.files, s.blocks, s.waiting = nil, nil, nil, nil
}

// takeSlot gives c the right to run one compaction, or remembers to poke it when there is a free slot again.
func (s *Shared) takeSlot(c *compactions) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots > 0 {
		s.slots--
		return true
	}
	if !slices.Contains(s.waiting, c) {
		s.waiting = append(s.waiting, c)
	}
	return false
}

func (s *Shared) giveSlot() {
	s.mu.Lock()
	s.slots++
	var next *compactions
	if len(s.waiting) > 0 {
		next = s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
	}
	s.mu.Unlock()
	if next != nil {
		next.poke()
	}
}

// forget drops c from those that wait, and hands a slot that c was poked for to the next one.
func (s *Shared) forget(c *compactions) {
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(w *compactions) bool { return w == c })
	var next *compactions
	if s.slots > 0 && len(s.waiting) > 0 {
		next = s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
	}
	s.mu.Unlock()
	if next != nil {
		next.poke()
	}
}
