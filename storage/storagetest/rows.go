package storagetest

import (
	"bytes"
	"errors"
	"math"
	"strings"

	"github.com/gokasim/gokasim/storage"
)

func emptyTable(t *table) {
	t.wantNoRow("a")
	t.wantNoRow("")
	t.wantNoOffset()
	t.delete("a")
	t.wantRows(t.all(), nil)
	t.wantRows(t.between(nil, nil), nil)
	t.wantRows(t.between([]byte("a"), []byte("b")), nil)
	if it := t.all(); it.Seek([]byte("a")) || it.Seek(nil) || it.Next() {
		t.Fatalf("an iterator of an empty table found a row")
	}
}

func rowsComeAndGo(t *table) {
	t.set("a", "1")
	t.set("b", "2")
	t.wantRow("a", "1")
	t.wantRow("b", "2")
	t.wantNoRow("c")
	t.set("a", "3")
	t.wantRow("a", "3")
	t.delete("a")
	t.delete("a")
	t.wantNoRow("a")
	t.wantRow("b", "2")
	t.set("a", "4")
	t.wantRow("a", "4")
	t.wantRows(t.all(), []row{{"a", "4"}, {"b", "2"}})
}

func nilValueIsRefused(t *table) {
	t.set("a", "1")
	for _, key := range []string{"a", "b"} {
		if err := t.Set(key, nil); !errors.Is(err, storage.ErrNilValue) {
			t.Fatalf("Set(%q, nil) = %v, want storage.ErrNilValue", key, err)
		}
	}
	t.wantRows(t.all(), []row{{"a", "1"}})
}

func emptyValueIsARow(t *table) {
	t.set("a", "")
	t.wantRow("a", "")
	t.wantRows(t.all(), []row{{"a", ""}})
	if w, ok := t.Storage.(storage.BatchWriter); ok {
		t.must(w.WriteBatch([]storage.Row{{Key: "b", Value: []byte{}}}, 1))
		t.wantRow("b", "")
	}
	t.delete("a")
	t.wantNoRow("a")
}

// awkwardKeys are in byte order.
var awkwardKeys = []string{
	"",
	"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01",
	"\n", " ", "%", "*", "-", "/", "0", ":", "?", "A", "[ab]", "\\", "__offset", "__offset\x00", "a", "a\x00", "a\x00b", "aa", "b",
	"offset", "{tag}", "\xc0\x80", "ä", "日本", "\xfe", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
}

func keysAreAnyBytes(t *table) {
	t.setOffset(42)
	want := make([]row, 0, len(awkwardKeys)+1)
	for i, key := range awkwardKeys {
		t.set(key, strings.Repeat("v", i))
		want = append(want, row{key, strings.Repeat("v", i)})
	}
	long := strings.Repeat("\xff", 30_000)
	t.set(long, "long")
	want = append(want, row{long, "long"})
	for _, r := range want {
		t.wantRow(r.key, r.value)
	}
	t.wantRows(t.all(), want)
	t.wantOffset(42)
	t.reopen()
	t.wantRows(t.all(), want)
	t.wantOffset(42)
	for _, r := range want {
		t.delete(r.key)
		t.wantNoRow(r.key)
	}
	t.wantRows(t.all(), nil)
	t.wantOffset(42)
}

func valuesOfManySizes(t *table) {
	var want []row
	for i, size := range []int{0, 1, 2, 127, 128, 4095, 4096, 65_537, 1 << 20, 5_000_000} {
		value := strings.Repeat(string(rune('a'+i))+"\x00\xff\n", size/4+1)[:size]
		key := string(rune('a' + i))
		t.set(key, value)
		want = append(want, row{key, value})
	}
	for _, r := range want {
		t.wantRow(r.key, r.value)
	}
	t.wantRows(t.all(), want)
	t.reopen()
	t.wantRows(t.all(), want)
}

func offsetsAreNoRows(t *table) {
	for _, offset := range []int64{0, 1, math.MaxInt64 - 1, -1, math.MinInt64 + 3, 5} {
		t.setOffset(offset)
		t.wantOffset(offset)
		t.reopen()
		t.wantOffset(offset)
	}
	t.wantRows(t.all(), nil)
	if it := t.all(); it.Seek(nil) {
		t.Fatalf("Seek found the offset")
	}
	t.must(t.MarkRecovered())
	t.setOffset(0)
	t.wantOffset(0)
	t.reopen()
	t.wantOffset(0)
}

func batches(t *table) {
	w, ok := t.Storage.(storage.BatchWriter)
	if !ok {
		t.set("a", "1")
		return
	}
	t.must(w.WriteBatch([]storage.Row{
		{Key: "a", Value: []byte("1")},
		{Key: "b", Value: []byte("2")},
		{Key: "a", Value: []byte("3")},
		{Key: "c", Value: []byte("4")},
		{Key: "c"},
		{Key: "d"},
		{Key: "d", Value: []byte("5")},
		{Key: "never there"},
	}, 0))
	want := []row{{"a", "3"}, {"b", "2"}, {"d", "5"}}
	t.wantRows(t.all(), want)
	t.wantOffset(0)
	t.must(w.WriteBatch(nil, 9))
	t.wantRows(t.all(), want)
	t.wantOffset(9)
	t.must(w.WriteBatch([]storage.Row{{Key: "b"}, {Key: "", Value: []byte("x")}}, 10))
	want = []row{{"", "x"}, {"a", "3"}, {"d", "5"}}
	t.wantRows(t.all(), want)
	t.reopen()
	t.wantRows(t.all(), want)
	t.wantOffset(10)
}

func givenSlicesAreNotKept(t *table) {
	value := []byte("value")
	t.must(t.Set("set", value))
	scribble(value)
	t.wantRow("set", "value")

	if w, ok := t.Storage.(storage.BatchWriter); ok {
		value = []byte("value")
		rows := []storage.Row{{Key: "batch", Value: value}}
		t.must(w.WriteBatch(rows, 1))
		scribble(value)
		rows[0] = storage.Row{Key: "other", Value: []byte("other")}
		t.wantRow("batch", "value")
		t.wantNoRow("other")
		t.delete("batch")
	}

	start, limit := []byte("s"), []byte("t")
	it := t.between(start, limit)
	scribble(start)
	scribble(limit)
	t.wantRows(it, []row{{"set", "value"}})
	start, limit, key := []byte("s"), []byte("t"), []byte("set")
	it = t.between(start, limit)
	scribble(start)
	scribble(limit)
	if !it.Seek(key) {
		t.Fatalf("Seek did not find the row")
	}
	scribble(key)
	t.wantRows(it, []row{{"set", "value"}})
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

func returnedSlicesDoNotChange(t *table) {
	for i := range 200 {
		t.set(string(rune('a'+i%26))+string(rune('a'+i/26)), strings.Repeat("1", i))
	}
	t.set("a", "first")
	got, err := t.Get("a")
	t.must(err)
	t.set("a", "other")
	t.wantRow("a", "other")
	t.delete("a")
	if string(got) != "first" {
		t.Fatalf("what Get returned became %q when the row was set, read and deleted", got)
	}

	// Spare capacity would let two callers who append write to one place.
	t.set("a", "first")
	got, err = t.Get("a")
	t.must(err)
	_ = append(got, "clobber"...)
	again, err := t.Get("a")
	t.must(err)
	if string(append(again, '!')) != "first!" {
		t.Fatalf("appending to what Get returned changed what another call got: %q", again)
	}

	it := t.all()
	var keys, values, wantKeys, wantValues [][]byte
	for it.Next() {
		value, err := it.Value()
		t.must(err)
		keys, values = append(keys, it.Key()), append(values, value)
		wantKeys, wantValues = append(wantKeys, bytes.Clone(it.Key())), append(wantValues, bytes.Clone(value))
	}
	t.must(it.Err())
	it.Seek(nil)
	it.Next()
	it.Release()
	for _, key := range wantKeys {
		t.set(string(key), "changed")
	}
	for i := range keys {
		if !bytes.Equal(keys[i], wantKeys[i]) || !bytes.Equal(values[i], wantValues[i]) {
			t.Fatalf("row %d of the iterator was %s = %s, and is %s = %s now that the iterator moved on", i,
				shortBytes(wantKeys[i]), shortBytes(wantValues[i]), shortBytes(keys[i]), shortBytes(values[i]))
		}
	}
}
