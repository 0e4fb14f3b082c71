package goka_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
