package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/storage"
)

// anyHistory lets random calls run on the storage and on a map, and compares what they answer.
func anyHistory(t *table) {
	outer, ok := t.test.(*testing.T)
	if !ok {
		t.Fatalf("%T is not a *testing.T", t.test)
	}
	rapid.Check(outer, func(rt *rapid.T) {
		h := &history{table: &table{fataler: rt, test: outer, suite: t.suite, place: outer.TempDir()}}
		h.build()
		h.must(h.Storage.Open())
		defer func() {
			h.releaseAll()
			if err := h.Storage.Close(); err != nil {
				rt.Errorf("close: %v", err)
			}
		}()
		h.durable = []state{{}}
		rt.Repeat(h.actions(rt))
		h.close(rt)
		h.compare()
	})
}

// state is a table as a map. It is never changed; each write makes a new one.
type state struct {
	rows      map[string]string
	offset    int64
	hasOffset bool
}

func (s state) with(rows []storage.Row, offset *int64) state {
	next := state{maps.Clone(s.rows), s.offset, s.hasOffset}
	if next.rows == nil {
		next.rows = map[string]string{}
	}
	for _, r := range rows {
		if r.Value == nil {
			delete(next.rows, r.Key)
		} else {
			next.rows[r.Key] = string(r.Value)
		}
	}
	if offset != nil {
		next.offset, next.hasOffset = *offset, true
	}
	return next
}

// between returns the rows with start <= key < limit, empty for no bound, in order.
func (s state) between(start, limit string) []row {
	var rows []row
	for _, key := range slices.Sorted(maps.Keys(s.rows)) {
		if key >= start && (limit == "" || key < limit) {
			rows = append(rows, row{key, s.rows[key]})
		}
	}
	return rows
}

func (s state) String() string {
	var b strings.Builder
	if s.hasOffset {
		fmt.Fprintf(&b, "offset %d", s.offset)
	} else {
		b.WriteString("no offset")
	}
	for _, r := range s.between("", "") {
		fmt.Fprintf(&b, ", %s=%s", short(r.key), short(r.value))
	}
	return b.String()
}

// history is a table, the map it must equal, and the iterators that are open with what they must show.
type history struct {
	*table
	now     state
	durable []state // what a crash may leave, oldest first: a state for each write since the table was opened
	cursors []*cursor
}

type cursor struct {
	it   storage.Iterator
	rows []row // all it can show
	next int   // index of the row that Next shows
}

var (
	anyKey = rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "aa", "ab", "b", "\x00", "\xff", "a\x00", "+", "-", "__offset"}),
		rapid.StringMatching(`[a-c]{1,3}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) string { return string(b) }),
	)
	anyValue = rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 0, 8),
		rapid.Map(rapid.IntRange(0, 20_000), func(n int) []byte { return []byte(strings.Repeat("x", n)) }),
	)
	anyOffset = rapid.Int64()
	anyRow    = rapid.Custom(func(rt *rapid.T) storage.Row {
		r := storage.Row{Key: anyKey.Draw(rt, "key")}
		if rapid.IntRange(0, 3).Draw(rt, "kind") > 0 {
			if r.Value = anyValue.Draw(rt, "value"); r.Value == nil {
				r.Value = []byte{}
			}
		}
		return r
	})
	// Empty is no bound; a start may well be behind its limit.
	anyBound = rapid.OneOf(rapid.Just(""), anyKey)
)

func (h *history) actions(rt *rapid.T) map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"set":       h.setAny,
		"delete":    h.deleteAny,
		"offset":    h.offsetAny,
		"get":       h.getAny,
		"iterator":  h.openAny,
		"next":      h.nextAny,
		"seek":      h.seekAny,
		"release":   h.releaseAny,
		"recovered": func(*rapid.T) { h.must(h.MarkRecovered()) },
		"close":     h.close,
		"":          func(*rapid.T) { h.checkOffset() },
	}
	if _, ok := h.Storage.(storage.BatchWriter); ok {
		actions["batch"] = h.batchAny
	}
	if h.suite.crash != nil {
		actions["crash"] = h.crash
	}
	return actions
}

func (h *history) wrote(rows []storage.Row, offset *int64) {
	h.now = h.now.with(rows, offset)
	h.durable = append(h.durable, h.now)
}

func (h *history) setAny(rt *rapid.T) {
	r := anyRow.Draw(rt, "row")
	if r.Value == nil {
		r.Value = []byte{}
	}
	given := slices.Clone(r.Value)
	h.must(h.Set(r.Key, given))
	scribble(given)
	h.wrote([]storage.Row{r}, nil)
}

func (h *history) deleteAny(rt *rapid.T) {
	key := anyKey.Draw(rt, "key")
	h.delete(key)
	h.wrote([]storage.Row{{Key: key}}, nil)
}

func (h *history) offsetAny(rt *rapid.T) {
	offset := anyOffset.Draw(rt, "offset")
	h.setOffset(offset)
	h.wrote(nil, &offset)
}

func (h *history) batchAny(rt *rapid.T) {
	rows := rapid.SliceOfN(anyRow, 0, 10).Draw(rt, "rows")
	offset := anyOffset.Draw(rt, "offset")
	given := slices.Clone(rows)
	for i := range given {
		given[i].Value = slices.Clone(given[i].Value)
	}
	h.must(h.Storage.(storage.BatchWriter).WriteBatch(given, offset))
	for i := range given {
		scribble(given[i].Value)
	}
	h.wrote(rows, &offset)
}

func (h *history) getAny(rt *rapid.T) {
	key := anyKey.Draw(rt, "key")
	if value, ok := h.now.rows[key]; ok {
		h.wantRow(key, value)
	} else {
		h.wantNoRow(key)
	}
}

func (h *history) checkOffset() {
	h.Helper()
	if h.now.hasOffset {
		h.wantOffset(h.now.offset)
	} else {
		h.wantNoOffset()
	}
}

func (h *history) openAny(rt *rapid.T) {
	start, limit := anyBound.Draw(rt, "start"), anyBound.Draw(rt, "limit")
	it, err := h.IteratorWithRange([]byte(start), []byte(limit))
	h.must(err)
	h.cursors = append(h.cursors, &cursor{it: it, rows: h.now.between(start, limit)})
}

// anyCursor draws one of the open iterators, and skips the action when there is none.
func (h *history) anyCursor(rt *rapid.T) (int, *cursor) {
	if len(h.cursors) == 0 {
		rt.Skip("no iterator is open")
	}
	i := rapid.IntRange(0, len(h.cursors)-1).Draw(rt, "iterator")
	return i, h.cursors[i]
}

func (h *history) nextAny(rt *rapid.T) {
	_, c := h.anyCursor(rt)
	for range rapid.IntRange(1, 5).Draw(rt, "times") {
		want := c.next < len(c.rows)
		if got := c.it.Next(); got != want {
			rt.Fatalf("Next = %v (%v), want %v; the snapshot is %v", got, c.it.Err(), want, c.rows)
		}
		if !want {
			h.wantNoPresentRow(c.it)
			return
		}
		if got := h.present(c.it); got != c.rows[c.next] {
			rt.Fatalf("Next shows %v, want %v", got, c.rows[c.next])
		}
		c.next++
	}
}

func (h *history) seekAny(rt *rapid.T) {
	_, c := h.anyCursor(rt)
	key := anyKey.Draw(rt, "key")
	next := slices.IndexFunc(c.rows, func(r row) bool { return r.key >= key })
	if got := c.it.Seek([]byte(key)); got != (next >= 0) {
		rt.Fatalf("Seek(%q) = %v (%v), want %v; the snapshot is %v", key, got, c.it.Err(), !got, c.rows)
	}
	h.wantNoPresentRow(c.it)
	if c.next = next; next < 0 {
		c.next = len(c.rows)
	}
}

func (h *history) releaseAny(rt *rapid.T) {
	i, c := h.anyCursor(rt)
	c.it.Release()
	h.cursors = slices.Delete(h.cursors, i, i+1)
}

func (h *history) releaseAll() {
	for _, c := range h.cursors {
		c.it.Release()
	}
	h.cursors = nil
}

func (h *history) close(*rapid.T) {
	h.releaseAll()
	h.reopen()
	h.durable = []state{h.now}
	h.compare()
}

// crash opens what is left. It must be one of the states that the table had since it was opened: all of the first
// writes and none of the others.
func (h *history) crash(rt *rapid.T) {
	after, err := h.suite.crash(h.Storage, h.place)
	h.must(err)
	h.releaseAll()
	h.must(h.Storage.Close())
	h.place = after
	h.build()
	h.must(h.Storage.Open())

	found := h.found()
	for i := len(h.durable) - 1; i >= 0; i-- {
		if h.durable[i].String() == found.String() && maps.Equal(h.durable[i].rows, found.rows) {
			h.now, h.durable = h.durable[i], []state{h.durable[i]}
			return
		}
	}
	var states strings.Builder
	for _, s := range h.durable {
		fmt.Fprintf(&states, "\n\t%v", s)
	}
	rt.Fatalf("after a crash the table is\n\t%v\nwhich is none of the states it went through:%s", found, &states)
}

// found reads the whole table.
func (h *history) found() state {
	h.Helper()
	s := state{rows: map[string]string{}}
	it, err := h.Iterator()
	h.must(err)
	defer it.Release()
	for _, r := range h.rest(it) {
		s.rows[r.key] = r.value
	}
	low, err := h.GetOffset(-1)
	h.must(err)
	high, err := h.GetOffset(-2)
	h.must(err)
	if low == high {
		s.offset, s.hasOffset = low, true
	}
	return s
}

func (h *history) compare() {
	h.Helper()
	it, err := h.Iterator()
	h.must(err)
	defer it.Release()
	h.wantRows(it, h.now.between("", ""))
	h.checkOffset()
}
