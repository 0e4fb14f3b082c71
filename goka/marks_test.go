package goka_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestD1_AMarkNeverPassesAnUnfinishedMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		var commits []func(error)
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			commits = append(commits, ctx.DeferCommit())
		}))).ready()
		for range 3 {
			w.send("in", "k", "x")
		}
		w.until("all callbacks ran", func() bool { return len(commits) == 3 })
		commits[1](nil)
		commits[2](nil)
		synctest.Wait()
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		if got := w.committed("g", "in", 0); got != 0 {
			t.Errorf("committed %d, though the message at offset 0 never finished", got)
		}
	})
}

func TestPP3_AllIsCommittedOnceTheFirstHasFinished(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		var commits []func(error)
		w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			commits = append(commits, ctx.DeferCommit())
		}))).ready()
		for range 3 {
			w.send("in", "k", "x")
		}
		w.until("all callbacks ran", func() bool { return len(commits) == 3 })
		for _, i := range []int{2, 1, 0} {
			commits[i](nil)
			commits[i](errInjected) // a second call does nothing
		}
		w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 3 })
	})
}

func TestD1_EmitsThatAreAcknowledgedOutOfOrder(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		held := &producer{hold: func(e *goka.Emission) bool { return string(e.Key) == "slow" }}
		w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("out", ctx.Key(), msg) }),
			goka.Output("out", new(codec.String))), held.option()).ready()
		w.send("in", "fast", "1")
		w.send("in", "slow", "2")
		w.send("in", "fast", "3")
		w.until("the first is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		w.until("both others are there", func() bool { return len(w.records("out")) == 2 && held.waiting() == 1 })
		held.release()
		w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 3 })
	})
}

func TestD2_FailLeavesTheCallbackEvenAtTheEndOfAGeneration(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		began, survived := false, false
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			began = true
			<-ctx.Context().Done()
			ctx.Fail(ctx.Context().Err())
			survived = true
		}))).ready()
		w.send("in", "k", "x")
		w.until("the callback runs", func() bool { return began })
		if err := p.stop(); err != nil {
			t.Errorf("a callback that fails because of the shutdown is not a failure: %v", err)
		}
		if survived {
			t.Error("the callback went on after Fail")
		}
		if got := w.committed("g", "in", 0); got != 0 {
			t.Errorf("committed %d, though the message failed", got)
		}
	})
}

func TestD2_ACallbackThatRecoversFromFailHasFailed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			defer func() { _ = recover() }()
			ctx.Fail(errInjected)
		}))).ready()
		w.send("in", "k", "x")
		if err := p.wait(); !errors.Is(err, errInjected) {
			t.Errorf("Run returned %v", err)
		}
		if got := w.committed("g", "in", 0); got != 0 {
			t.Errorf("committed %d, though the message failed", got)
		}
	})
}

func TestPP4_AFailedMessageIsDeliveredAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(ctx goka.Context)
	}{
		{"panic", func(goka.Context) { panic("broken") }},
		{"Fail", func(ctx goka.Context) { ctx.Fail(errInjected) }},
		{"deferred commit", func(ctx goka.Context) { ctx.DeferCommit()(errInjected) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				var seen []string
				broken := true
				gg := goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
					seen = append(seen, msg.(string))
					if broken && msg == "2" {
						c.fail(ctx)
					}
				}))
				p := w.run(gg).ready()
				w.send("in", "k", "1")
				w.until("the first is committed", func() bool { return w.committed("g", "in", 0) == 1 })
				w.send("in", "k", "2")
				w.send("in", "k", "3")
				w.refused(p.wait(), "error processing message (partition=0)")
				if got := w.committed("g", "in", 0); got != 1 {
					t.Fatalf("committed %d, want 1", got)
				}
				broken = false
				w.run(gg).ready()
				w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 3 })
				if seen[len(seen)-2] != "2" || seen[len(seen)-1] != "3" {
					t.Errorf("delivered %v", seen)
				}
			})
		})
	}
}

func TestPP4_AnEmitThatFailsStopsTheProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		failing := &producer{fail: func(e *goka.Emission) error { return errInjected }}
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("out", "o", msg) }),
			goka.Output("out", new(codec.String))), failing.option()).ready()
		w.send("in", "the key", "x")
		err := p.wait()
		w.refused(err, "asynchronous error from callback: could not commit message with key 'the key'", "error emitting to out")
		if !errors.Is(err, errInjected) {
			t.Error("the cause is lost")
		}
		if got := w.committed("g", "in", 0); got != 0 {
			t.Errorf("committed %d", got)
		}
	})
}

func TestD19_NoCallbackAfterAFailure(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		n := 0
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
			n++
			ctx.DeferCommit()(errInjected)
		}))).ready()
		for range 20 {
			w.send("in", "k", "x")
		}
		w.refused(p.wait(), "injected")
		if n != 1 {
			t.Errorf("%d callbacks ran, want 1", n)
		}
	})
}
