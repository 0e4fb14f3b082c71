package storagetest

import (
	"fmt"

	"github.com/gokasim/gokasim/storage"
)

func iteratorsAreInByteOrder(t *table) {
	// Set in an order that is neither theirs nor its reverse.
	for half := range 2 {
		for i := half; i < len(awkwardKeys); i += 2 {
			t.set(awkwardKeys[i], "v")
		}
	}
	want := make([]row, len(awkwardKeys))
	for i, key := range awkwardKeys {
		want[i] = row{key, "v"}
	}
	t.wantRows(t.all(), want)
	t.wantRows(t.between(nil, nil), want)
	t.wantRows(t.between([]byte{}, []byte{}), want)
}

func rangesAreHalfOpen(t *table) {
	for _, key := range []string{"", "a", "a\x00", "ab", "b", "b\xff", "c", "\xff"} {
		t.set(key, "v")
	}
	for _, c := range []struct {
		start, limit string
		want         []string
	}{
		{"", "", []string{"", "a", "a\x00", "ab", "b", "b\xff", "c", "\xff"}},
		{"a", "", []string{"a", "a\x00", "ab", "b", "b\xff", "c", "\xff"}},
		{"", "b", []string{"", "a", "a\x00", "ab"}},
		{"a", "b", []string{"a", "a\x00", "ab"}},
		{"a\x00", "ab", []string{"a\x00"}},
		{"a\x01", "b\x00", []string{"ab", "b"}},
		{"b", "c", []string{"b", "b\xff"}},
		{"c", "\xff", []string{"c"}},
		{"\xff", "", []string{"\xff"}},
		{"d", "e", nil},
		{"b", "b", nil},
		{"c", "a", nil},
		{"\xff\xff", "", nil},
		{"", "\x00", []string{""}},
	} {
		t.wantKeys(t.between([]byte(c.start), []byte(c.limit)), c.want...)
	}
	t.wantKeys(t.between(nil, []byte("ab")), "", "a", "a\x00")
	t.wantKeys(t.between([]byte("c"), nil), "c", "\xff")
}

// seekCase is one Seek and what the iterator shows afterwards.
type seekCase struct {
	key  string
	want []string
}

func (t *table) seekAll(it func() storage.Iterator, cases []seekCase) {
	t.Helper()
	moving := it()
	for _, c := range cases {
		for _, it := range []storage.Iterator{it(), moving} {
			if found := it.Seek([]byte(c.key)); found != (len(c.want) > 0) {
				t.Fatalf("Seek(%q) = %v, want %v: the keys from there on are %q", c.key, found, !found, c.want)
			}
			t.wantNoPresentRow(it)
			t.wantKeys(it, c.want...)
		}
	}
}

func seekFindsTheFirstKeyNotSmaller(t *table) {
	for _, key := range []string{"b", "d", "d\x00", "f", "\xff"} {
		t.set(key, "v")
	}
	t.setOffset(3)
	t.seekAll(t.all, []seekCase{
		{"d", []string{"d", "d\x00", "f", "\xff"}},
		{"", []string{"b", "d", "d\x00", "f", "\xff"}},
		{"a", []string{"b", "d", "d\x00", "f", "\xff"}},
		{"c", []string{"d", "d\x00", "f", "\xff"}},
		{"d\x00", []string{"d\x00", "f", "\xff"}},
		{"d\x01", []string{"f", "\xff"}},
		{"__offset", []string{"b", "d", "d\x00", "f", "\xff"}},
		{"\xff\x00", nil},
		{"b", []string{"b", "d", "d\x00", "f", "\xff"}},
		{"\xff", []string{"\xff"}},
	})
	it := t.all()
	if !it.Next() || !it.Seek([]byte("f")) || !it.Seek([]byte("c")) || !it.Next() {
		t.Fatalf("two Seeks in a row lost the row")
	}
	if key := string(it.Key()); key != "d" {
		t.Fatalf("Next after Seek(%q) shows %q, want %q", "c", key, "d")
	}
	if !it.Seek([]byte("d")) || !it.Next() || string(it.Key()) != "d" {
		t.Fatalf("Seek to the present row and Next shows %q, want %q again", it.Key(), "d")
	}
}

func seekStaysInTheRange(t *table) {
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		t.set(key, "v")
	}
	t.seekAll(func() storage.Iterator { return t.between([]byte("b"), []byte("d")) }, []seekCase{
		{"", []string{"b", "c"}},
		{"a", []string{"b", "c"}},
		{"b", []string{"b", "c"}},
		{"c", []string{"c"}},
		{"c\x00", nil},
		{"d", nil},
		{"e", nil},
		{"z", nil},
		{"b\x00", []string{"c"}},
	})
	t.seekAll(func() storage.Iterator { return t.between([]byte("x"), nil) }, []seekCase{{"", nil}, {"z", nil}})
	t.seekAll(func() storage.Iterator { return t.between([]byte("d"), []byte("b")) }, []seekCase{{"", nil}, {"c", nil}})
}

func rowAfterNextOnly(t *table) {
	t.set("a", "1")
	t.set("b", "2")
	it := t.all()
	t.wantNoPresentRow(it)
	if !it.Next() {
		t.Fatalf("no first row")
	}
	for range 2 { // Key and Value do not move the iterator
		if got := t.present(it); got != (row{"a", "1"}) {
			t.Fatalf("first row is %q = %q", got.key, got.value)
		}
	}
	t.wantRows(it, []row{{"b", "2"}})
	if it.Next() || it.Next() {
		t.Fatalf("Next found a row after the last one")
	}
	t.wantNoPresentRow(it)
	if !it.Seek([]byte("b")) {
		t.Fatalf("Seek after the end did not go back")
	}
	t.wantNoPresentRow(it)
	t.wantRows(it, []row{{"b", "2"}})
}

func iteratorIsASnapshot(t *table) {
	const rows = 500
	want := make([]row, rows)
	for i := range rows {
		want[i] = row{fmt.Sprintf("key-%03d", i), fmt.Sprint("old ", i)}
		t.set(want[i].key, want[i].value)
	}
	fresh, begun, seeking := t.all(), t.all(), t.between([]byte("key-1"), []byte("key-3"))
	if !begun.Next() {
		t.Fatalf("no first row")
	}
	for i := range rows {
		switch i % 3 {
		case 0:
			t.set(want[i].key, "new")
		case 1:
			t.delete(want[i].key)
		case 2:
			t.set(want[i].key+"+", "new")
		}
		if w, ok := t.Storage.(storage.BatchWriter); ok && i%50 == 0 {
			t.must(w.WriteBatch([]storage.Row{{Key: want[i].key}, {Key: "batch", Value: []byte("new")}}, int64(i)))
		}
	}
	t.must(t.MarkRecovered())
	t.wantRows(fresh, want)
	t.wantRows(begun, want[1:])
	t.wantRows(seeking, want[100:300])
	if !fresh.Seek([]byte("key-250")) || !seeking.Seek([]byte("key-250")) {
		t.Fatalf("Seek lost the snapshot")
	}
	t.wantRows(fresh, want[250:])
	t.wantRows(seeking, want[250:300])
}

func releasedIteratorIsEmpty(t *table) {
	t.set("a", "1")
	t.set("b", "2")
	for name, prepare := range map[string]func(storage.Iterator){
		"at its start":    func(storage.Iterator) {},
		"on a row":        func(it storage.Iterator) { it.Next() },
		"after Seek":      func(it storage.Iterator) { it.Seek([]byte("b")) },
		"after the end":   func(it storage.Iterator) { t.rest(it) },
		"released before": func(it storage.Iterator) { it.Release() },
	} {
		it := t.all()
		prepare(it)
		it.Release()
		it.Release()
		if err := it.Err(); err != nil {
			t.Fatalf("iterator released %s has the error %v", name, err)
		}
		t.wantNoPresentRow(it)
		if it.Next() || it.Seek(nil) || it.Seek([]byte("a")) {
			t.Fatalf("iterator released %s still finds rows", name)
		}
		t.wantNoPresentRow(it)
	}
	t.wantRows(t.all(), []row{{"a", "1"}, {"b", "2"}})
}
