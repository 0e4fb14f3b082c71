package storagetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gokasim/gokasim/storage"
)

// fataler is the part of testing.TB that *rapid.T has too.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// table is the storage under test. Its methods fail the test where the storage returns an error.
type table struct {
	fataler
	test  testing.TB // of the whole promise, for what outlives one random history
	suite *suite
	place string
	storage.Storage
}

func (s *suite) table(t *testing.T) *table {
	t.Helper()
	tbl := &table{fataler: t, test: t, suite: s, place: t.TempDir()}
	tbl.build()
	tbl.must(tbl.Storage.Open())
	t.Cleanup(func() {
		if err := tbl.Storage.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return tbl
}

// build makes the storage of the place.
func (t *table) build() {
	t.Helper()
	st, err := t.suite.open(t.place)
	if err != nil {
		t.Fatalf("build the storage of %s: %v", t.place, err)
	}
	if st == nil {
		t.Fatalf("build the storage of %s: no storage and no error", t.place)
	}
	t.Storage = st
}

// reopen closes the storage and opens the table again, from a new value unless it is volatile.
func (t *table) reopen() {
	t.Helper()
	t.must(t.Storage.Close())
	if !t.suite.volatile {
		t.build()
	}
	t.must(t.Storage.Open())
}

func (t *table) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func (t *table) set(key, value string) {
	t.Helper()
	if err := t.Set(key, []byte(value)); err != nil {
		t.Fatalf("Set(%q): %v", key, err)
	}
}

func (t *table) delete(key string) {
	t.Helper()
	if err := t.Delete(key); err != nil {
		t.Fatalf("Delete(%q): %v", key, err)
	}
}

func (t *table) setOffset(offset int64) {
	t.Helper()
	if err := t.SetOffset(offset); err != nil {
		t.Fatalf("SetOffset(%d): %v", offset, err)
	}
}

// wantRow checks Get and Has.
func (t *table) wantRow(key, value string) {
	t.Helper()
	got, err := t.Get(key)
	if err != nil || got == nil || string(got) != value {
		t.Fatalf("Get(%s) = %s, %v, want %s", short(key), shortBytes(got), err, short(value))
	}
	if has, err := t.Has(key); err != nil || !has {
		t.Fatalf("Has(%s) = %v, %v, want true", short(key), has, err)
	}
}

func (t *table) wantNoRow(key string) {
	t.Helper()
	if got, err := t.Get(key); err != nil || got != nil {
		t.Fatalf("Get(%s) = %s, %v, want nil without an error", short(key), shortBytes(got), err)
	}
	if has, err := t.Has(key); err != nil || has {
		t.Fatalf("Has(%s) = %v, %v, want false", short(key), has, err)
	}
}

func (t *table) wantOffset(want int64) {
	t.Helper()
	for _, def := range []int64{want + 1, -2, -1, 0} {
		if got, err := t.GetOffset(def); err != nil || got != want {
			t.Fatalf("GetOffset(%d) = %d, %v, want %d", def, got, err, want)
		}
	}
}

func (t *table) wantNoOffset() {
	t.Helper()
	for _, def := range []int64{-2, -1, 0, 7} {
		if got, err := t.GetOffset(def); err != nil || got != def {
			t.Fatalf("GetOffset(%d) = %d, %v, want the default since no offset was stored", def, got, err)
		}
	}
}

// all returns an iterator that is released when the test ends.
func (t *table) all() storage.Iterator {
	t.Helper()
	it, err := t.Iterator()
	if err != nil {
		t.Fatalf("Iterator: %v", err)
	}
	t.test.Cleanup(it.Release)
	return it
}

func (t *table) between(start, limit []byte) storage.Iterator {
	t.Helper()
	it, err := t.IteratorWithRange(start, limit)
	if err != nil {
		t.Fatalf("IteratorWithRange(%q, %q): %v", start, limit, err)
	}
	t.test.Cleanup(it.Release)
	return it
}

// row is what an iterator shows.
type row struct{ key, value string }

// rest reads it to its end.
func (t *table) rest(it storage.Iterator) []row {
	t.Helper()
	var rows []row
	for it.Next() {
		rows = append(rows, t.present(it))
	}
	if err := it.Err(); err != nil {
		t.Fatalf("iterator ended with: %v", err)
	}
	return rows
}

func (t *table) present(it storage.Iterator) row {
	t.Helper()
	value, err := it.Value()
	if err != nil || value == nil || it.Key() == nil {
		t.Fatalf("row of the iterator: key %s, value %s, %v", shortBytes(it.Key()), shortBytes(value), err)
	}
	return row{string(it.Key()), string(value)}
}

func (t *table) wantRows(it storage.Iterator, want []row) {
	t.Helper()
	got := t.rest(it)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("iterator ended after %d rows, want %s = %s next", i, short(want[i].key), short(want[i].value))
		case i >= len(want):
			t.Fatalf("iterator showed %s = %s after the %d rows it should have", short(got[i].key), short(got[i].value), i)
		case got[i] != want[i]:
			t.Fatalf("row %d of the iterator is %s = %s, want %s = %s",
				i, short(got[i].key), short(got[i].value), short(want[i].key), short(want[i].value))
		}
	}
	t.wantNoPresentRow(it)
}

func (t *table) wantKeys(it storage.Iterator, want ...string) {
	t.Helper()
	var got []string
	for _, r := range t.rest(it) {
		got = append(got, r.key)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("keys of the iterator are %q, want %q", got, want)
	}
}

func (t *table) wantNoPresentRow(it storage.Iterator) {
	t.Helper()
	if value, err := it.Value(); it.Key() != nil || value != nil || err != nil {
		t.Fatalf("iterator without a present row: key %s, value %s, %v, want nil each",
			shortBytes(it.Key()), shortBytes(value), err)
	}
}

// short prints s, cut where it would fill the page.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
}

func shortBytes(b []byte) string {
	if b == nil {
		return "nil"
	}
	return short(string(bytes.Clone(b)))
}
