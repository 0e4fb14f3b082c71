package goka_test

import (
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// What slow callbacks have done is stored and committed a few messages later, ten by default (WithPartitionChannelSize), not when all that
// waited is handled.
func TestSlowCallbacksDoNotHoldUpWhatIsFinished(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		for range 100 {
			w.send("in", "k", "x")
		}
		p := w.run(goka.DefineGroup("g", goka.Persist(new(codec.Int64)), goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			n, _ := ctx.Value().(int64)
			time.Sleep(time.Second)
			ctx.SetValue(n + 1)
		}))).ready()
		time.Sleep(50500 * time.Millisecond)
		n, err := p.Get("k")
		w.check(err)
		if n, _ := n.(int64); n < 30 {
			t.Errorf("about 50 messages are handled, and the row is %d", n)
		}
		if committed := w.committed("g", "in", 0); committed < 30 {
			t.Errorf("about 50 messages are handled, and %d are committed", committed)
		}
	})
}
