package redis

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/btree"

	"github.com/gokasim/gokasim/storage"
)

// Pages begin small, for those who look at a few rows, and grow.
const (
	firstPage = 16
	mostRows  = 512
)

func (s *store) Iterator() (storage.Iterator, error) { return s.IteratorWithRange(nil, nil) }

func (s *store) IteratorWithRange(start, limit []byte) (storage.Iterator, error) {
	if _, err := s.use(); err != nil {
		return nil, err
	}
	it := &iterator{store: s, start: string(start), limit: string(limit)}
	if it.limit != "" && it.start >= it.limit {
		return new(storage.NullIter), nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.snapshots == nil {
		s.snapshots = map[*iterator]struct{}{}
	}
	s.snapshots[it] = struct{}{}
	return it, nil
}

// iterator shows the table as it was when the iterator was made: what the server has now, page by page, with the rows
// that were overwritten since put back.
type iterator struct {
	store        *store
	start, limit string // "" for no bound

	mu          sync.Mutex // guards overwritten, which the writer fills
	overwritten btree.Map[string, []byte]

	page     []storage.Row // rows that were read and not passed yet
	present  bool          // page[0] is the row that the user sees
	next     string        // where the page after this one begins
	after    bool          // next itself is not part of it
	begun    bool          // page is valid
	last     bool          // there is no page after this one
	pageRows int
	released bool
	err      error
}

// lacks reports whether key is in range and its old value is unknown.
func (it *iterator) lacks(key string) bool {
	if key < it.start || it.limit != "" && key >= it.limit {
		return false
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	_, known := it.overwritten.Get(key)
	return !known
}

// keep remembers what key had, nil for no row, unless an earlier value is known.
func (it *iterator) keep(key string, value []byte) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if _, known := it.overwritten.Get(key); !known {
		it.overwritten.Set(key, value)
	}
}

func (it *iterator) Next() bool {
	if it.released || it.err != nil {
		return false
	}
	if !it.begun {
		it.begin(it.start)
	}
	if it.present {
		it.page = it.page[1:]
	}
	it.present = it.fill()
	return it.present
}

func (it *iterator) Seek(key []byte) bool {
	if it.released || it.err != nil {
		return false
	}
	it.begin(max(string(key), it.start))
	return it.fill()
}

// begin makes the page at key the next one.
func (it *iterator) begin(key string) {
	it.page, it.present, it.begun, it.last = nil, false, true, false
	it.next, it.after, it.pageRows = key, false, firstPage
}

// fill reads pages until there is a row, and reports whether there is one.
func (it *iterator) fill() bool {
	for len(it.page) == 0 && !it.last && it.err == nil {
		if err := it.read(); err != nil {
			it.page, it.err = nil, it.store.explain("read", err)
		}
	}
	return len(it.page) > 0
}

// read reads one page. The overwritten rows are looked at last: a row that changes while the page is read was
// put there before it changed.
func (it *iterator) read() error {
	ctx, err := it.store.use()
	if err != nil {
		return err
	}
	keys, err := it.readKeys(ctx)
	if err != nil {
		return err
	}
	var values []any
	if len(keys) > 0 {
		if values, err = it.store.client.HMGet(ctx, it.store.rows, keys...).Result(); err != nil {
			return err
		}
	}

	it.last = len(keys) < it.pageRows
	end := it.limit
	if !it.last {
		end = keys[len(keys)-1] + "\x00" // the smallest key behind the page
	}
	rows, changed := it.putBack(end)
	for i, key := range keys {
		value, ok := values[i].(string)
		if _, overwritten := changed[key]; ok && !overwritten {
			rows = append(rows, storage.Row{Key: key, Value: []byte(value)})
		}
	}
	slices.SortFunc(rows, func(a, b storage.Row) int { return strings.Compare(a.Key, b.Key) })
	it.page = rows
	if !it.last {
		it.next, it.after = keys[len(keys)-1], true
	}
	it.pageRows = min(2*it.pageRows, mostRows)
	return nil
}

func (it *iterator) readKeys(ctx context.Context) ([]string, error) {
	bounds := &redis.ZRangeBy{Min: "[" + it.next, Max: "+", Count: int64(it.pageRows)}
	if it.after {
		bounds.Min = "(" + it.next
	}
	if it.limit != "" {
		bounds.Max = "(" + it.limit
	}
	if it.limit != "" && it.next >= it.limit {
		return nil, nil
	}
	return it.store.client.ZRangeByLex(ctx, it.store.order, bounds).Result() //nolint:staticcheck // servers before 6.2 know no other way
}

// putBack returns the overwritten rows of the page that ends before end, "" for the last one, and the keys that changed.
func (it *iterator) putBack(end string) (rows []storage.Row, changed map[string]struct{}) {
	it.mu.Lock()
	defer it.mu.Unlock()
	changed = map[string]struct{}{}
	it.overwritten.Ascend(it.next, func(key string, value []byte) bool {
		if end != "" && key >= end {
			return false
		}
		if it.after && key == it.next {
			return true
		}
		changed[key] = struct{}{}
		if value != nil {
			rows = append(rows, storage.Row{Key: key, Value: value})
		}
		return true
	})
	return rows, changed
}

func (it *iterator) Key() []byte {
	if !it.present {
		return nil
	}
	return []byte(it.page[0].Key)
}

func (it *iterator) Value() ([]byte, error) {
	if !it.present {
		return nil, it.err
	}
	return it.page[0].Value, nil
}

func (it *iterator) Err() error { return it.err }

func (it *iterator) Release() {
	if it.released {
		return
	}
	it.released, it.present, it.page = true, false, nil
	it.store.writing.Lock()
	delete(it.store.snapshots, it)
	it.store.writing.Unlock()
	it.mu.Lock()
	it.overwritten.Clear()
	it.mu.Unlock()
}
