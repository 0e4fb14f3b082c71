package ack

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTheFirstUnfinishedMessageHoldsTheMark(t *testing.T) {
	var w Window
	a, b, c := w.Start(10), w.Start(11), w.Start(15)
	w.Finish(b)
	if mark, moved := w.Advance(); moved {
		t.Fatalf("marked %d while offset 10 is unfinished", mark)
	}
	w.Finish(a)
	if mark, moved := w.Advance(); !moved || mark != 12 {
		t.Fatalf("mark is %d, %v; want 12 after offsets 10 and 11", mark, moved)
	}
	w.Finish(c)
	if mark, _ := w.Advance(); mark != 16 {
		t.Fatalf("mark is %d; want 16 past the gap", mark)
	}
	if _, moved := w.Advance(); moved || w.Len() != 0 {
		t.Fatal("an empty window moved")
	}
}

// The model is a list of all messages, searched from its start each time.
func TestWindowAgainstModel(t *testing.T) {
	type message struct {
		offset   int64
		ticket   Ticket
		finished bool
	}
	rapid.Check(t, func(t *rapid.T) {
		var (
			w      Window
			all    []*message
			marked int64 = -1
			offset int64
		)
		rounds := rapid.IntRange(1, 200).Draw(t, "rounds")
		for range rounds {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				offset += rapid.Int64Range(1, 3).Draw(t, "gap")
				all = append(all, &message{offset: offset, ticket: w.Start(offset)})
			case 1:
				var open []*message
				for _, m := range all {
					if !m.finished {
						open = append(open, m)
					}
				}
				if len(open) == 0 {
					continue
				}
				m := open[rapid.IntRange(0, len(open)-1).Draw(t, "which")]
				m.finished = true
				w.Finish(m.ticket)
			case 2:
				want := marked
				for _, m := range all {
					if !m.finished {
						break
					}
					want = m.offset + 1
				}
				got, moved := w.Advance()
				if moved != (want != marked) || moved && got != want {
					t.Fatalf("mark is %d (moved %v), want %d after %d", got, moved, want, marked)
				}
				marked = want
			}
		}
	})
}

func BenchmarkStartFinishAdvance(b *testing.B) {
	var w Window
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		w.Finish(w.Start(i))
		w.Advance()
	}
}
