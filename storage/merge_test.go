package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/storage"
)

// partition returns an iterator over rows "key=value", opened on a memory storage.
func partition(t *testing.T, rows ...string) storage.Iterator {
	t.Helper()
	st := storage.NewMemory()
	for _, r := range rows {
		key, value, _ := strings.Cut(r, "=")
		if err := st.Set(key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	it, err := st.Iterator()
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func rest(t *testing.T, it storage.Iterator) string {
	t.Helper()
	var rows []string
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("%s=%s", it.Key(), value))
	}
	return strings.Join(rows, " ")
}

func TestMultiIteratorMergesByKey(t *testing.T) {
	for _, c := range []struct {
		name  string
		iters [][]string
		want  string
	}{
		{"none", nil, ""},
		{"one", [][]string{{"a=1", "b=2"}}, "a=1 b=2"},
		{"all empty", [][]string{{}, {}, {}}, ""},
		{"one after the other", [][]string{{"a=1", "b=1"}, {"c=2", "d=2"}}, "a=1 b=1 c=2 d=2"},
		{"interleaved", [][]string{{"b=1", "d=1"}, {}, {"a=3", "c=3", "e=3"}}, "a=3 b=1 c=3 d=1 e=3"},
		{"equal keys in the order of the iterators", [][]string{{"a=1", "b=1"}, {"a=2"}, {"a=3", "b=3"}}, "a=1 a=2 a=3 b=1 b=3"},
		{"byte order", [][]string{{"\xff=1"}, {"=2", "\x00=2"}}, "=2 \x00=2 \xff=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var iters []storage.Iterator
			for _, rows := range c.iters {
				iters = append(iters, partition(t, rows...))
			}
			it := storage.NewMultiIterator(iters)
			if it.Key() != nil {
				t.Errorf("a row before Next: %q", it.Key())
			}
			if got := rest(t, it); got != c.want {
				t.Errorf("rows are %q, want %q", got, c.want)
			}
			if it.Key() != nil || it.Next() || it.Err() != nil {
				t.Errorf("after the end: key %q, err %v", it.Key(), it.Err())
			}
			it.Release()
			it.Release()
			if it.Next() || it.Seek(nil) || it.Key() != nil {
				t.Error("a released iterator finds rows")
			}
		})
	}
}

func TestMultiIteratorSeeksInAllIterators(t *testing.T) {
	it := storage.NewMultiIterator([]storage.Iterator{partition(t, "a=1", "d=1", "e=1"), partition(t, "b=2", "c=2"), partition(t)})
	for _, c := range []struct{ key, want string }{
		{"c", "c=2 d=1 e=1"},
		{"", "a=1 b=2 c=2 d=1 e=1"},
		{"e", "e=1"},
		{"f", ""},
		{"aa", "b=2 c=2 d=1 e=1"},
	} {
		if found := it.Seek([]byte(c.key)); found != (c.want != "") {
			t.Errorf("Seek(%q) = %v", c.key, found)
		}
		if it.Key() != nil {
			t.Errorf("Seek(%q) shows %q before Next", c.key, it.Key())
		}
		if got := rest(t, it); got != c.want {
			t.Errorf("after Seek(%q) the rows are %q, want %q", c.key, got, c.want)
		}
	}
}

// failing ends with an error after its rows, or has one at Seek.
type failing struct {
	storage.Iterator
	failed    bool
	failSeeks bool
}

var errDisk = errors.New("disk on fire")

func (f *failing) Next() bool {
	f.failed = !f.Iterator.Next()
	return !f.failed
}

func (f *failing) Seek(key []byte) bool {
	f.failed = f.failSeeks
	return !f.failed && f.Iterator.Seek(key)
}

func (f *failing) Err() error {
	if f.failed {
		return errDisk
	}
	return nil
}

func TestD45_AMultiIteratorShowsWhatComesBeforeAFailure(t *testing.T) {
	it := storage.NewMultiIterator([]storage.Iterator{
		partition(t, "a=1", "c=1", "e=1"),
		&failing{Iterator: partition(t, "b=2", "d=2")},
	})
	if got, want := rest(t, it), "a=1 b=2 c=1 d=2"; got != want {
		t.Errorf("rows before the failure are %q, want %q", got, want)
	}
	it.Release()
	if !errors.Is(it.Err(), errDisk) || it.Seek(nil) || it.Next() {
		t.Errorf("after Release the error is %v, want the failure", it.Err())
	}
}

func TestMultiIteratorFailsWithItsFirstRow(t *testing.T) {
	it := storage.NewMultiIterator([]storage.Iterator{partition(t, "a=1"), &failing{Iterator: partition(t)}})
	if it.Next() || !errors.Is(it.Err(), errDisk) {
		t.Errorf("Next showed %q, error %v", it.Key(), it.Err())
	}
}

func TestMultiIteratorFailsWithASeek(t *testing.T) {
	it := storage.NewMultiIterator([]storage.Iterator{partition(t, "a=1"), &failing{Iterator: partition(t), failSeeks: true}})
	if it.Seek([]byte("a")) || !errors.Is(it.Err(), errDisk) {
		t.Errorf("Seek found a row, error %v", it.Err())
	}
}

func TestMultiIteratorOfManyEqualsASort(t *testing.T) {
	var iters []storage.Iterator
	var want []string
	for p := range 30 {
		var rows []string
		for i := range 50 {
			rows = append(rows, fmt.Sprintf("%04d=%d", (i*37+p*101)%5000, p))
		}
		iters, want = append(iters, partition(t, rows...)), append(want, rows...)
	}
	slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(a[:4], b[:4]) })
	if got := rest(t, storage.NewMultiIterator(iters)); got != strings.Join(want, " ") {
		t.Errorf("merged rows are %q, want %q", got, want)
	}
}
