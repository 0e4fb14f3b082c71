package replay

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/storage"
)

// histories have the rows of tables as they were at each record of the input that is under way, by topic. So a callback sees exactly
// those that are older than the message it handles, and nobody has to wait until they have arrived.
type histories map[*topic][]*history // of each partition

func newHistories(p *plan, partitions int) histories {
	h := histories{}
	for _, t := range p.sorted(func(t *topic) bool { return t.kept }) {
		for range partitions {
			h[t] = append(h[t], &history{rows: map[string]version{}, older: map[string][]version{}})
		}
	}
	return h
}

// settled tells that all messages before the next record of the input are done with.
func (h histories) settled() {
	for _, partitions := range h {
		for _, rows := range partitions {
			rows.settled()
		}
	}
}

// history is what the rows of a partition are and were.
type history struct {
	mu    sync.RWMutex // guards all below
	rows  map[string]version
	older map[string][]version // what messages under way may still see, in the order of their numbers
	gone  []string             // keys of rows that were deleted since
}

// version is what a record of the input made of a row.
type version struct {
	number int64
	value  []byte // nil for a deletion
}

// put adds the record of that number.
func (h *history) put(r *record, number int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := string(r.key)
	if before, ok := h.rows[key]; ok {
		h.older[key] = append(h.older[key], before)
	}
	if r.value == nil {
		h.gone = append(h.gone, key)
	}
	h.rows[key] = version{number, r.value}
}

// get returns what a record of that number sees, nil for no row.
func (h *history) get(key string, number int64) []byte {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.at(key, number)
}

func (h *history) at(key string, number int64) []byte {
	v := h.rows[key]
	if v.number < number {
		return v.value
	}
	older := h.older[key]
	if i := sort.Search(len(older), func(i int) bool { return older[i].number >= number }); i > 0 {
		return older[i-1].value
	}
	return nil
}

// snapshot returns all rows that a record of that number sees.
func (h *history) snapshot(number int64) (storage.Storage, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	rows := storage.NewMemory()
	for key := range h.rows { // the store puts them in order
		if value := h.at(key, number); value != nil {
			if err := rows.Set(key, value); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

func (h *history) settled() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.older)
	for _, key := range h.gone {
		if h.rows[key].value == nil {
			delete(h.rows, key)
		}
	}
	h.gone = h.gone[:0]
}

// tables are those that an instance has open.
type tables struct {
	mu  sync.Mutex // guards all
	all map[*table]bool
}

func (of *tables) add(t *table) {
	of.mu.Lock()
	defer of.mu.Unlock()
	of.all[t] = true
}

func (of *tables) remove(t *table) {
	of.mu.Lock()
	defer of.mu.Unlock()
	delete(of.all, t)
}

// open returns them in a fixed order.
func (of *tables) open() []*table {
	of.mu.Lock()
	defer of.mu.Unlock()
	return slices.SortedFunc(maps.Keys(of.all), func(a, b *table) int {
		return cmp.Or(strings.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
}

// table is what a processor has of a partition of a table that it joins or looks up. Where there is a history, callbacks read that in its place.
type table struct {
	storage.Storage
	topic     string
	partition int32
	history   *history // nil for none
	order     *order
	of        *tables
}

// Close closes it. Nobody waits for its rows any more.
func (t *table) Close() error {
	t.of.remove(t)
	return t.Storage.Close()
}

// WriteBatch writes rows and their offset at once.
func (t *table) WriteBatch(rows []storage.Row, offset int64) error {
	return t.Storage.(storage.BatchWriter).WriteBatch(rows, offset)
}

// GetAsOf returns the row that a message sees. One whose place in the input is not known, as it was done with before, sees what is there now.
func (t *table) GetAsOf(topic string, partition int32, offset int64, key string) ([]byte, error) {
	if number, ok := t.asOf(topic, partition, offset); ok {
		return t.history.get(key, number), nil
	}
	return t.Get(key)
}

// IteratorAsOf iterates over the rows that a message sees.
func (t *table) IteratorAsOf(topic string, partition int32, offset int64) (storage.Iterator, error) {
	number, ok := t.asOf(topic, partition, offset)
	if !ok {
		return t.Iterator()
	}
	rows, err := t.history.snapshot(number)
	if err != nil {
		return nil, err
	}
	return rows.Iterator()
}

// asOf returns which record of the input a message is, false where what is there now has to do.
func (t *table) asOf(topic string, partition int32, offset int64) (number int64, ok bool) {
	if t.history == nil {
		return 0, false
	}
	return t.order.number(topic, partition, kafka.Offset(offset))
}
