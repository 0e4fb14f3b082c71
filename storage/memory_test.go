package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestMemoryForgetsWhatNoIteratorShows(t *testing.T) {
	m := NewMemory().(*memory)
	set := func(from, to int, value string) {
		for i := from; i < to; i++ {
			if err := m.Set(fmt.Sprint(i), []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(0, 100, "old")
	it, err := m.Iterator()
	if err != nil {
		t.Fatal(err)
	}
	set(0, 50, "new")
	set(0, 50, "newer")
	if len(m.kept) != 50 {
		t.Errorf("%d old values are kept for the iterator, want 50", len(m.kept))
	}
	it.Release()
	it.Release()
	if len(m.kept) != 0 || len(m.snapshots) != 0 {
		t.Errorf("%d old values and %d snapshots are left after Release", len(m.kept), len(m.snapshots))
	}
	for _, e := range m.rows {
		if e.older != nil {
			t.Fatalf("row %s has an older value still", e.key)
		}
	}
}

func TestMemoryStaysSmallBesideIteratorsThatOverlap(t *testing.T) {
	m := NewMemory().(*memory)
	last, err := m.Iterator()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		key := fmt.Sprint(i)
		if err := m.Set(key, []byte("v")); err != nil {
			t.Fatal(err)
		}
		next, err := m.Iterator()
		if err != nil {
			t.Fatal(err)
		}
		last.Release()
		last = next
		if err := m.Delete(key); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.kept) > 1000 || len(m.arrivals.gone) > 1 || m.order.entries.Len() > 1 {
		t.Errorf("an empty table keeps %d old values, %d deleted entries and %d entries in order",
			len(m.kept), len(m.arrivals.gone), m.order.entries.Len())
	}
}

func TestMemoryStaysSmallWithoutIterators(t *testing.T) {
	m := NewMemory().(*memory)
	for i := range 100_000 {
		key := fmt.Sprint(i % 7)
		if err := m.Set(key, []byte("v")); err != nil {
			t.Fatal(err)
		}
		if err := m.Delete(key); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.arrivals.fresh) > 5000 {
		t.Errorf("a table that was never walked over keeps %d entries in wait for that", len(m.arrivals.fresh))
	}
}

func TestKeysAreSortedByBytes(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for _, prefix := range []string{"", "user-", "\xff\x00"} {
		var entries []*entry
		var want []string
		for range 500 {
			key := prefix + strings.Repeat("k", chance.IntN(3)) + string([]byte{byte(chance.Uint32()), 0}[:chance.IntN(3)]) + fmt.Sprint(chance.IntN(1e9))[:chance.IntN(2)]
			entries, want = append(entries, &entry{key: key}), append(want, key)
		}
		slices.Sort(want)
		for i, e := range sorted(entries) {
			if !bytes.Equal([]byte(e.key), []byte(want[i])) {
				t.Fatalf("prefix %q: key %d is %q, want %q", prefix, i, e.key, want[i])
			}
		}
	}
}

func TestReadingARowCostsNoAllocation(t *testing.T) {
	m := NewMemory()
	if err := m.Set("key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = m.Get("key") }); n != 0 {
		t.Errorf("Get makes %v allocations", n)
	}
	value := []byte("other")
	if n := testing.AllocsPerRun(100, func() { _ = m.Set("key", value) }); n > 1 {
		t.Errorf("Set makes %v allocations, want the copy of the value only", n)
	}
}

func TestTheSizeOfATableInMemory(t *testing.T) {
	s := NewMemory()
	for _, step := range []struct {
		what string
		do   func() error
		want int64
	}{
		{"nothing", func() error { return nil }, 0},
		{"a row", func() error { return s.Set("key", []byte("value")) }, 8},
		{"a shorter value", func() error { return s.Set("key", []byte("v")) }, 4},
		{"a batch", func() error {
			return s.(BatchWriter).WriteBatch([]Row{{Key: "key"}, {Key: "a", Value: []byte{}}, {Key: "nobody"}}, 1)
		}, 1},
		{"no row", func() error { return s.Delete("a") }, 0},
		{"no row again", func() error { return s.Delete("a") }, 0},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.(Sizer).SizeBytes(); err != nil || got != step.want {
			t.Errorf("after %s the size is %d, %v, want %d", step.what, got, err, step.want)
		}
	}
}
