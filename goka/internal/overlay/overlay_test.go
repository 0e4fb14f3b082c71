package overlay

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/storage"
)

func TestARowLeavesTheOverlayWithItsOffset(t *testing.T) {
	var o Overlay
	a := o.Put("a", []byte("1"))
	b := o.Put("b", []byte("2"))
	if rows, offset := o.Take(nil); rows != nil || offset != NoOffset {
		t.Fatalf("took %v at %d without an acknowledgement", rows, offset)
	}
	o.Ack(b, 8)
	if rows, _ := o.Take(nil); rows != nil {
		t.Fatalf("took %v past a write that is not acknowledged", rows)
	}
	o.Ack(a, 7)
	rows, offset := o.Take(nil)
	want := []storage.Row{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}}
	if diff := cmp.Diff(want, rows); diff != "" || offset != 8 {
		t.Fatalf("offset %d, rows (-want +got):\n%s", offset, diff)
	}
	if _, found := o.Get("a"); found {
		t.Fatal("a row that was taken is still in the overlay")
	}
}

func TestADeletedRowIsFoundAsDeleted(t *testing.T) {
	var o Overlay
	o.Put("a", []byte("1"))
	d := o.Put("a", nil)
	if v, found := o.Get("a"); !found || v != nil {
		t.Fatalf("got %q, %v", v, found)
	}
	o.Ack(d, 1)
	o.Take(nil)
	if v, found := o.Get("a"); !found || v != nil {
		t.Fatalf("got %q, %v after a later write was acknowledged before an earlier one", v, found)
	}
}

// The model is a list of writes: a reader sees the last one, the store what a prefix of acknowledged ones leaves.
func TestOverlayAgainstModel(t *testing.T) {
	type entry struct {
		ticket Ticket
		key    string
		value  []byte
		offset int64
		acked  bool
	}
	rapid.Check(t, func(t *rapid.T) {
		var (
			o     Overlay
			all   []*entry
			taken int
			store = map[string]string{}
		)
		keys := rapid.SampledFrom([]string{"a", "b", "c"})
		for i := range rapid.IntRange(1, 150).Draw(t, "rounds") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				e := &entry{key: keys.Draw(t, "key"), offset: int64(len(all))}
				if rapid.Bool().Draw(t, "set") {
					e.value = fmt.Append(nil, i)
				}
				e.ticket = o.Put(e.key, e.value)
				all = append(all, e)
			case 1:
				var open []*entry
				for _, e := range all {
					if !e.acked {
						open = append(open, e)
					}
				}
				if len(open) > 0 {
					e := open[rapid.IntRange(0, len(open)-1).Draw(t, "which")]
					e.acked = true
					o.Ack(e.ticket, e.offset)
				}
			case 2:
				rows, offset := o.Take(nil)
				for _, r := range rows {
					if r.Value == nil {
						delete(store, r.Key)
					} else {
						store[r.Key] = string(r.Value)
					}
				}
				want := NoOffset
				for taken < len(all) && all[taken].acked {
					want = all[taken].offset
					taken++
				}
				if offset != want {
					t.Fatalf("offset is %d, want %d", offset, want)
				}
			}
			whole, applied := map[string]string{}, map[string]string{}
			for i, e := range all {
				put(whole, e.key, e.value)
				if i < taken {
					put(applied, e.key, e.value)
				}
			}
			if diff := cmp.Diff(applied, store); diff != "" {
				t.Fatalf("store (-want +got):\n%s", diff)
			}
			for _, k := range []string{"a", "b", "c"} {
				want, ok := whole[k]
				got, found := o.Get(k)
				seen, has := string(got), got != nil
				if !found {
					seen, has = store[k], store[k] != ""
				}
				if seen != want || has != ok {
					t.Fatalf("%s reads %q (%v), want %q (%v)", k, seen, has, want, ok)
				}
			}
		}
	})
}

func put(m map[string]string, key string, value []byte) {
	if value == nil {
		delete(m, key)
		return
	}
	m[key] = string(value)
}

func BenchmarkPutAckTake(b *testing.B) {
	var o Overlay
	rows := make([]storage.Row, 0, 1)
	value := []byte("1")
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		o.Ack(o.Put("key", value), i)
		rows, _ = o.Take(rows[:0])
	}
}

func TestPassed(t *testing.T) {
	var o Overlay
	if !o.Passed(o.Next()) {
		t.Error("without writes there is nothing to wait for")
	}
	first := o.Put("a", []byte("1"))
	after := o.Next()
	o.Put("a", []byte("2"))
	if o.Passed(after) {
		t.Error("a write that is not acknowledged has passed")
	}
	o.Ack(first, 0)
	o.Take(nil)
	if !o.Passed(after) || o.Passed(o.Next()) {
		t.Error("the first write has passed, the second has not")
	}
}
