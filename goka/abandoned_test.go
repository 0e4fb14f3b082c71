package goka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestACallbackThatOutlivesItsGenerationWritesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		var calls atomic.Int32
		left := make(chan struct{})
		graph := goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
				if calls.Add(1) > 1 {
					ctx.SetValue("second")
					return
				}
				defer close(left)
				time.Sleep(time.Minute)
				ctx.SetValue("first")
				ctx.Emit("out", "k", "first")
			}),
			goka.Output("out", new(codec.String)),
			goka.Persist(new(codec.String)))
		w.run(graph, goka.WithShutdownTimeout(time.Second)).ready()
		w.send("in", "k", "x")
		w.until("the callback is under way", func() bool { return calls.Load() == 1 })
		w.run(graph, goka.WithShutdownTimeout(time.Second), goka.WithClientID("other")).ready()
		w.until("the message was handled again", func() bool { return w.rows("g-table")["k"] == "second" })
		<-left
		time.Sleep(time.Second)
		synctest.Wait()
		if row := w.rows("g-table")["k"]; row != "second" {
			t.Errorf("the row is %q", row)
		}
		if n := len(w.records("out")); n != 0 {
			t.Errorf("%d messages were emitted", n)
		}
	})
}

// What a generation wrote may arrive in Kafka after nobody waits for it any more. The next generation of the partition,
// which has looked at the table's end before, has to hear of it.
func TestRowsThatArriveAfterTheirGenerationAreInTheTable(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stores := newMemory()
		held := &producer{}
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g",
				goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
				goka.Persist(new(codec.String)),
				goka.Visitor("visit", func(ctx goka.Context, _ interface{}) { ctx.SetValue("visited") }))
		}
		p := w.run(graph(), goka.WithClientID("a"), goka.WithShutdownTimeout(time.Second), held.option(), goka.WithStorageBuilder(stores.build)).ready()
		for _, key := range []string{"a", "b"} {
			w.send("in", key, "old")
		}
		w.until("the rows are there", func() bool { return len(w.rows("g-table")) == 2 && w.committed("g", "in", 0) == 2 })

		held.mu.Lock()
		held.hold = isTable
		held.mu.Unlock()
		go func() { _ = p.VisitAll(context.Background(), "visit", nil) }()
		w.until("the visitor's rows are under way", func() bool { return held.waiting() == 2 })
		other := w.run(graph(), goka.WithClientID("b")) // a rebalance, which the first instance gives up waiting for
		w.until("the first instance has abandoned its generation", func() bool { return w.log.has("did not shutdown in time") })
		other.ready()
		w.check(other.stop())
		w.until("it has the partition again", func() bool { return len(partitionsOf(p)) == 1 && p.Recovered() })

		held.release()
		w.until("the rows are in Kafka", func() bool { return w.rows("g-table")["b"] == "visited" })
		w.send("in", "c", "new")
		w.until("the message is committed", func() bool { return w.committed("g", "in", 0) == 3 })
		synctest.Wait()
		if diff := cmp.Diff(w.rows("g-table"), rowsOf(t, stores.of("g-table", 0))); diff != "" {
			t.Errorf("the storage is not what the table's topic says (-topic +storage):\n%s", diff)
		}
		if v, err := p.Get("a"); v != "visited" || err != nil {
			t.Errorf("Get returned %v, %v", v, err)
		}
	})
}

// The same where a callback is stuck, so that the partition gets a new processor in the next generation.
func TestRowsThatArriveAfterAStuckCallbackAreInTheTable(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stores, held, left := newMemory(), &producer{}, make(chan struct{})
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g",
				goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
				goka.Persist(new(codec.String)),
				goka.Visitor("visit", func(ctx goka.Context, _ interface{}) {
					if ctx.Key() == "b" {
						defer close(left)
						time.Sleep(10 * time.Minute)
					}
					ctx.SetValue("visited")
				}))
		}
		p := w.run(graph(), goka.WithClientID("a"), goka.WithShutdownTimeout(time.Second), held.option(), goka.WithStorageBuilder(stores.build)).ready()
		for _, key := range []string{"a", "b"} {
			w.send("in", key, "old")
		}
		w.until("the rows are there", func() bool { return len(w.rows("g-table")) == 2 && w.committed("g", "in", 0) == 2 })
		held.mu.Lock()
		held.hold = isTable
		held.mu.Unlock()
		go func() { _ = p.VisitAll(context.Background(), "visit", nil) }()
		w.until("a row is under way", func() bool { return held.waiting() == 1 })
		other := w.run(graph(), goka.WithClientID("b"))
		w.until("the first instance has abandoned its generation", func() bool { return w.log.has("did not shutdown in time") })
		other.ready()
		w.check(other.stop())
		w.until("it has the partition again", func() bool { return len(partitionsOf(p)) == 1 && p.Recovered() })
		if n := stores.opened["g-table/0"]; n < 2 {
			t.Fatalf("the table was opened %d times: this test is about another one", n)
		}
		held.release()
		w.until("the row is in Kafka", func() bool { return w.rows("g-table")["a"] == "visited" })
		w.send("in", "c", "new")
		w.until("the message is committed", func() bool { return w.committed("g", "in", 0) == 3 })
		synctest.Wait()
		if diff := cmp.Diff(w.rows("g-table"), rowsOf(t, stores.of("g-table", 0))); diff != "" {
			t.Errorf("the storage is not what the table's topic says (-topic +storage):\n%s", diff)
		}
		<-left
		time.Sleep(time.Second)
		if row := w.rows("g-table")["b"]; row != "old" {
			t.Errorf("the stuck callback has written %q", row)
		}
	})
}
