package goka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// witness notes what an Observer is told.
type witness struct {
	name string
	mu   *sync.Mutex
	told *[]string
}

type witnessKey struct{}

func (o witness) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	*o.told = append(*o.told, o.name+" "+fmt.Sprintf(format, args...))
}

func (o witness) Callback(ctx goka.Context) (context.Context, func(error)) {
	o.note("begins %s/%d@%d", ctx.Topic(), ctx.Partition(), ctx.Offset())
	before, _ := ctx.Context().Value(witnessKey{}).(string)
	return context.WithValue(ctx.Context(), witnessKey{}, before+o.name), func(err error) { o.note("ends failed=%v", err != nil) }
}

func (o witness) Emit(ctx context.Context, e *goka.Emission) func(error) {
	who, _ := ctx.Value(witnessKey{}).(string)
	o.note("emits to %s from %q", e.Topic, who)
	e.AddHeader("by", []byte(o.name))
	return func(err error) { o.note("has %s failed=%v", e.Topic, err != nil) }
}

func TestObserversSeeCallbacksAndWhatTheySend(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		var told []string
		a := witness{"a", new(sync.Mutex), &told}
		b := witness{"b", a.mu, &told}
		inside := ""
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				inside, _ = ctx.Context().Value(witnessKey{}).(string)
				ctx.Emit("out", ctx.Key(), msg)
				if msg == "bad" {
					ctx.Fail(errors.New("bad"))
				}
			}),
			goka.Output("out", new(codec.String))),
			goka.WithObserver(a), goka.WithObserver(b), goka.WithProducerDefaultHeaders(goka.Headers{"x": nil})).ready()
		w.send("in", "k", "good")
		w.until("it is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		want := []string{
			"a begins in/0@0", "b begins in/0@0", `a emits to out from "ab"`, `b emits to out from "ab"`,
			"b ends failed=false", "a ends failed=false", "b has out failed=false", "a has out failed=false",
		}
		a.mu.Lock()
		got := slices.Clone(told)
		a.mu.Unlock()
		slices.Sort(got) // the result may come before the end
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || inside != "ab" {
			t.Errorf("inside %q, told (-want +got):\n%s", inside, diff)
		}
		if h := w.records("out")[0].Headers; len(h) != 2 || h[1].Key != "by" || string(h[1].Value) != "a" {
			t.Errorf("headers are %v, want x and the first observer's by", h)
		}
		w.send("in", "k", "bad")
		w.refused(p.wait(), "bad")
		if text := strings.Join(told, "\n"); strings.Count(text, "ends failed=true") != 2 {
			t.Errorf("nobody was told that the callback failed:\n%s", text)
		}
	})
}

func TestObserversOfEmittersAddHeaders(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		var told []string
		o := witness{"o", new(sync.Mutex), &told}
		e := w.emitter("out", goka.WithEmitterObserver(o))
		w.check(e.EmitSync("k", "v"))
		promise, err := e.EmitKey(nil, "v", goka.WithEmitContext(context.WithValue(context.Background(), witnessKey{}, "outside")))
		w.check(err)
		done := make(chan error, 1)
		promise.Then(func(err error) { done <- err })
		w.check(<-done)
		w.check(e.Finish())
		want := []string{`o emits to out from ""`, "o has out failed=false", `o emits to out from "outside"`, "o has out failed=false"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		for _, r := range w.records("out") {
			if len(r.Headers) != 1 || string(r.Headers[0].Value) != "o" {
				t.Errorf("headers of %q are %v", r.Key, r.Headers)
			}
		}
	})
}

func TestRebalancesAreRemembered(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		p := w.run(holder("g")).ready()
		other := w.run(holder("g"), goka.WithClientID("other")).ready()
		w.check(other.stop())
		w.until("it has both again", func() bool { return len(partitionsOf(p)) == 2 && p.Recovered() })
		var had [][]int32
		for i, r := range p.Rebalances() {
			had = append(had, r.Partitions)
			if r.Number != i+1 || r.Generation < 1 || r.Began.IsZero() || r.Ready.IsZero() || r.Err != nil {
				t.Errorf("rebalance %d is %+v", i, r)
			}
		}
		if len(had) < 3 || len(had[0]) != 2 || len(had[1]) != 1 || len(had[len(had)-1]) != 2 {
			t.Errorf("partitions were %v, want two, one and two again", had)
		}
		w.check(p.stop())
		if r := p.Rebalances(); r[len(r)-1].Ended.IsZero() {
			t.Errorf("the last generation did not end: %+v", r[len(r)-1])
		}
	})
}
