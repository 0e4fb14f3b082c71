package goka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
)

// visited is a group that counts, and calls visit for its rows.
func visited(visit goka.ProcessCallback) *goka.GroupGraph {
	return goka.DefineGroup("g",
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
		goka.Persist(new(codec.String)),
		goka.Output("out", new(codec.String)),
		goka.Visitor("visit", visit))
}

func (w *world) fill(rows int) {
	w.Helper()
	for i := range rows {
		w.send("in", fmt.Sprint(i), "old")
	}
	w.until("all rows are there", func() bool { return len(w.rows("g-table")) == rows })
	synctest.Wait()
}

func TestPP9_VisitAllVisitsEachRowOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 3)
		w.topic("out", 2)
		var mu sync.Mutex
		seen := map[string]string{}
		p := w.run(visited(func(ctx goka.Context, meta interface{}) {
			mu.Lock()
			seen[ctx.Key()] += fmt.Sprint(meta, ctx.Value())
			mu.Unlock()
			if ctx.Topic() != "visit" || ctx.Offset() != 0 || len(ctx.Headers()) != 0 || ctx.Timestamp().IsZero() {
				t.Errorf("PP10: the context is of %s@%d, %v, %v", ctx.Topic(), ctx.Offset(), ctx.Headers(), ctx.Timestamp())
			}
			ctx.SetValue("new")
			ctx.Emit("out", ctx.Key(), "visited")
		})).ready()
		n, err := p.VisitAllWithStats(context.Background(), "visit", "m")
		if n != 0 || err != nil {
			t.Errorf("without rows: %d, %v", n, err)
		}
		w.fill(500)
		n, err = p.VisitAllWithStats(context.Background(), "visit", "m")
		if n != 500 || err != nil {
			t.Errorf("visited %d, %v", n, err)
		}
		if len(w.records("out")) != 500 {
			t.Errorf("VisitAll returned before the emits were there: %d", len(w.records("out")))
		}
		for k, v := range w.rows("g-table") {
			if v != "new" || seen[k] != "mold" {
				t.Errorf("row %s is %s, seen %s", k, v, seen[k])
			}
		}
	})
}

func TestPP9_RowsAreStoredWhenTheVisitReturns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		tardy := func(string, int32) (storage.Storage, error) { return &tardyStorage{Storage: storage.NewMemory()}, nil }
		p := w.run(visited(func(ctx goka.Context, _ interface{}) { ctx.SetValue("new") }), goka.WithStorageBuilder(tardy)).ready()
		w.send("in", "k", "old")
		w.until("the row is there", func() bool { v, err := p.Get("k"); w.check(err); return v == "old" })
		w.check(p.VisitAll(context.Background(), "visit", nil))
		if v, err := p.Get("k"); v != "new" || err != nil {
			t.Errorf("VisitAll returned, and the row is %v, %v", v, err)
		}
	})
}

func TestPP9_RowsOnTheirWayAreVisited(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		held := &producer{}
		var seen []string
		p := w.run(visited(func(ctx goka.Context, _ interface{}) { seen = append(seen, fmt.Sprint(ctx.Key(), ctx.Value())) }), held.option()).ready()
		held.hold = func(*goka.Emission) bool { return true }
		w.send("in", "a", "1")
		w.until("the row is on its way", func() bool { return held.waiting() == 1 })
		visits := make(chan error, 1)
		go func() { visits <- p.VisitAll(context.Background(), "visit", nil) }()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.VisitAll(ctx, "visit", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the row is on its way: %v", err)
		}
		held.release()
		w.check(<-visits)
		if !slices.Equal(seen, []string{"a1"}) {
			t.Errorf("visited %v", seen)
		}
	})
}

func TestPP9_AStopEndsAVisitThatWaits(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		held := &producer{hold: func(*goka.Emission) bool { return true }}
		p := w.run(visited(ignore), held.option(), goka.WithShutdownTimeout(time.Second)).ready()
		w.send("in", "a", "1")
		w.until("the row is on its way", func() bool { return held.waiting() == 1 })
		time.AfterFunc(time.Second, p.Stop)
		if err := p.VisitAll(context.Background(), "visit", nil); !errors.Is(err, goka.ErrVisitAborted) {
			t.Errorf("the visit ended with %v", err)
		}
		w.check(p.wait())
		held.refuse(errInjected)
	})
}

func TestPP9_WhatCannotBeVisited(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.run(stateless("s")).ready()
		w.refused(p.VisitAll(context.Background(), "visit", nil), "cannot visit values in stateless processor")
		q := w.run(visited(ignore), goka.WithClientID("q")).ready()
		w.refused(q.VisitAll(context.Background(), "other", nil), "unconfigured visit callback", "Visit(other")
		// D24: the processor can still rebalance
		r := w.run(stateless("s"), goka.WithClientID("r")).ready()
		w.check(p.stop())
		w.check(r.WaitForReady())
	})
}

func TestPP9_ACancelledVisit(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		p := w.run(visited(func(goka.Context, interface{}) { time.Sleep(time.Second) })).ready()
		w.fill(300)
		ctx, cancel := context.WithTimeout(context.Background(), 10500*time.Millisecond)
		defer cancel()
		n, err := p.VisitAllWithStats(ctx, "visit", nil)
		if n != 20 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("visited %d, %v", n, err)
		}
		w.send("in", "again", "x")
		w.until("messages are handled", func() bool { return w.rows("g-table")["again"] == "x" })
	})
}

func TestPP9_AShutdownAbortsAVisit(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		p := w.run(visited(func(goka.Context, interface{}) { time.Sleep(time.Second) })).ready()
		w.fill(300)
		time.AfterFunc(5500*time.Millisecond, p.Stop)
		n, err := p.VisitAllWithStats(context.Background(), "visit", nil)
		if n < 10 || n > 14 || !errors.Is(err, goka.ErrVisitAborted) {
			t.Errorf("visited %d, %v", n, err)
		}
		w.check(p.wait())
	})
}

func TestD25_AVisitThatPanics(t *testing.T) {
	for _, c := range []struct {
		name string
		rows int
		slow time.Duration
		want error
	}{
		{"single", 1, 0, nil},
		{"with others behind it", 100, time.Second, goka.ErrVisitAborted},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				n := 0
				p := w.run(visited(func(goka.Context, interface{}) {
					time.Sleep(c.slow)
					n++
					panic("broken")
				})).ready()
				w.fill(c.rows)
				visited, err := p.VisitAllWithStats(context.Background(), "visit", nil)
				if visited != 0 || !errors.Is(err, c.want) {
					t.Errorf("visited %d, %v; want %v", visited, err, c.want)
				}
				w.refused(p.wait(), "error processing message (partition=0): panic in callback: broken")
				if n != 1 {
					t.Errorf("%d visits began", n)
				}
			})
		})
	}
}

func TestVisitsAndMessagesTakeTurns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		var order []string
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				ctx.SetValue(msg)
				if msg == "late" {
					order = append(order, "message")
				}
			}),
			goka.Persist(new(codec.String)),
			goka.Visitor("visit", func(goka.Context, interface{}) { time.Sleep(time.Second); order = append(order, "visit") }))).ready()
		w.fill(150)
		time.AfterFunc(5500*time.Millisecond, func() { w.send("in", "0", "late") })
		w.check(p.VisitAll(context.Background(), "visit", nil))
		at := slices.Index(order, "message")
		if at < 0 || at > 110 {
			t.Errorf("the message came as number %d of %d", at, len(order))
		}
	})
}

func TestAVisitSeesASnapshot(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		keys := map[string]int{}
		p := w.run(visited(func(ctx goka.Context, _ interface{}) {
			keys[ctx.Key()]++
			time.Sleep(time.Second)
		})).ready()
		w.fill(5)
		time.AfterFunc(1500*time.Millisecond, func() { w.send("in", "zz", "x") })
		w.check(p.VisitAll(context.Background(), "visit", nil))
		if diff := cmp.Diff(map[string]int{"0": 1, "1": 1, "2": 1, "3": 1, "4": 1}, keys); diff != "" {
			t.Errorf("visited (-want +got):\n%s", diff)
		}
	})
}
