package goka_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// fromNewest makes a processor with goka's own configuration: its inputs begin at the newest offset.
func (w *world) fromNewest(gg *goka.GroupGraph, options ...goka.ProcessorOption) *instance {
	w.Helper()
	p, err := goka.NewProcessor(w.brokers, gg, append([]goka.ProcessorOption{goka.WithLogger(w.log)}, options...)...)
	w.check(err)
	return w.start(p)
}

func TestD2_TheFirstMessageOfAGroupFailsAndComesAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		refuse, got := true, ""
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				if refuse {
					ctx.Fail(errors.New("not yet"))
				}
				got += msg.(string)
			}))
		}
		w.send("in", "k", "old")
		p := w.fromNewest(graph()).ready()
		synctest.Wait() // until the claim has begun
		w.send("in", "k", "new")
		w.refused(p.wait(), "not yet")

		refuse = false
		w.fromNewest(graph()).ready()
		w.until("the message comes again", func() bool { return got == "new" })
	})
}

func TestWhatComesWhileAGroupThatHasReadNothingIsAwayIsRead(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		got := ""
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g", goka.Input("in", new(codec.String), func(_ goka.Context, msg interface{}) { got += msg.(string) }))
		}
		w.send("in", "k", "old")
		p := w.fromNewest(graph()).ready()
		synctest.Wait() // until the claim has begun
		w.check(p.stop())
		w.send("in", "k", "new")
		w.fromNewest(graph()).ready()
		w.until("the message is read", func() bool { return got != "" })
		if got != "new" {
			t.Errorf("got %q", got)
		}
	})
}

func TestALoopBeginsWithItsFirstMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		got := ""
		w.topic("g-loop", 1)
		w.send("g-loop", "k", "from an instance that was quicker")
		w.fromNewest(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), ignore),
			goka.Loop(new(codec.String), func(_ goka.Context, msg interface{}) { got = msg.(string) }),
		)).ready()
		w.until("the message is read", func() bool { return got != "" })
	})
}
