package storage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/storage"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keys are what an iterator has from where it is.
func keys(t *testing.T, it storage.Iterator, err error) []string {
	t.Helper()
	must(t, err)
	defer it.Release()
	var all []string
	for it.Next() {
		all = append(all, string(it.Key()))
	}
	must(t, it.Err())
	return all
}

func memoryWith(t *testing.T, rows ...string) storage.Storage {
	t.Helper()
	st := storage.NewMemory()
	must(t, st.Open())
	t.Cleanup(func() { must(t, st.Close()) })
	for _, key := range rows {
		must(t, st.Set(key, []byte("v")))
	}
	return st
}

func TestS1_ReadersSeeASnapshotAndOffsetsAreBesideTheRows(t *testing.T) {
	st := memoryWith(t, "a", "b")
	if v, err := st.Get("missing"); v != nil || err != nil {
		t.Errorf("a missing key is %q, %v", v, err)
	}
	it, err := st.Iterator()
	must(t, st.Set("c", []byte("v")))
	must(t, st.Delete("a"))
	if got := keys(t, it, err); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("an iterator from before has %q", got)
	}
	if o, err := st.GetOffset(-3); o != -3 || err != nil {
		t.Errorf("without an offset it is %d, %v", o, err)
	}
	must(t, st.SetOffset(0))
	if o, err := st.GetOffset(-3); o != 0 || err != nil {
		t.Errorf("the offset is %d, %v", o, err)
	}
}

func TestS3_MemoryRefusesNilAndSurvivesClose(t *testing.T) {
	st := memoryWith(t, "a")
	if err := st.Set("b", nil); err == nil || !strings.Contains(err.Error(), "nil value") {
		t.Errorf("a nil value: %v", err)
	}
	must(t, st.Close())
	must(t, st.Open())
	if has, err := st.Has("a"); !has || err != nil {
		t.Errorf("after Close and Open the row is there: %v, %v", has, err)
	}
	one, err := storage.MemoryBuilder()("t", 0)
	must(t, err)
	other, err := storage.MemoryBuilder()("t", 0)
	must(t, err)
	if one == other {
		t.Error("two calls of a builder share rows")
	}
}

func TestS4_NullKeepsNothing(t *testing.T) {
	st := storage.NewNull()
	must(t, st.Set("a", []byte("v")))
	has, err := st.Has("a")
	it, iterErr := st.Iterator()
	if got := keys(t, it, iterErr); has || err != nil || got != nil {
		t.Errorf("has %v, %v, %q", has, err, got)
	}
}

func TestD42_NoKeyOfAUserIsTheOffset(t *testing.T) {
	st := memoryWith(t, "__offset", "a")
	must(t, st.SetOffset(7))
	if v, err := st.Get("__offset"); string(v) != "v" || err != nil {
		t.Errorf("the row is %q, %v", v, err)
	}
	must(t, st.Delete("__offset"))
	if o, err := st.GetOffset(-3); o != 7 || err != nil {
		t.Errorf("the offset is %d, %v", o, err)
	}
	it, err := st.Iterator()
	must(t, err)
	defer it.Release()
	if !it.Seek([]byte("__offset")) || !it.Next() || string(it.Key()) != "a" {
		t.Errorf("Seek went to %q", it.Key())
	}
}

func TestD43_MemoryIteratesAsTheContractSays(t *testing.T) {
	st := memoryWith(t, "c", "a", "b", "d")
	for _, c := range []struct{ start, limit, want string }{
		{"", "", "[a b c d]"}, {"b", "", "[b c d]"}, {"", "c", "[a b]"}, {"b", "d", "[b c]"}, {"b", "b", "[]"}, {"x", "", "[]"},
	} {
		bytes := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		it, err := st.IteratorWithRange(bytes(c.start), bytes(c.limit))
		if got := fmt.Sprint(keys(t, it, err)); got != c.want {
			t.Errorf("from %q to before %q there is %s, want %s", c.start, c.limit, got, c.want)
		}
	}
	it, err := st.Iterator()
	must(t, err)
	defer it.Release()
	if it.Key() != nil {
		t.Errorf("before Next the key is %q", it.Key())
	}
	if !it.Seek([]byte("bb")) || !it.Next() || string(it.Key()) != "c" || !it.Seek([]byte("a")) || !it.Next() || string(it.Key()) != "a" {
		t.Errorf("Seek went to %q", it.Key())
	}
	value := []byte("mine")
	must(t, st.Set("k", value))
	value[0] = 'X'
	got, err := st.Get("k")
	if string(got) != "mine" || err != nil {
		t.Errorf("the caller's slice is in the storage: %q, %v", got, err)
	}
}

func TestD46_RowsAndOffsetAreOneWriteAndCloseMayComeTwice(t *testing.T) {
	st := memoryWith(t, "a", "b")
	must(t, st.(storage.BatchWriter).WriteBatch([]storage.Row{{Key: "a"}, {Key: "c", Value: []byte("v")}}, 9))
	it, err := st.Iterator()
	o, offsetErr := st.GetOffset(-3)
	if got := keys(t, it, err); !slices.Equal(got, []string{"b", "c"}) || o != 9 || offsetErr != nil {
		t.Errorf("there are %q at offset %d, %v", got, o, offsetErr)
	}
	must(t, st.Close())
	must(t, st.Close())
}
