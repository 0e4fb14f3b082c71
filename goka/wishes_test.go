package goka_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestEmittingAnyKeyToAnyPartition(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 4)
		e := w.emitter("out", goka.WithEmitterDefaultHeaders(goka.Headers{"a": []byte("1")}))
		sync := func(key []byte, msg interface{}, options ...goka.EmitOption) (*sarama.ProducerMessage, error) {
			p, err := e.EmitKey(key, msg, options...)
			if err != nil {
				return nil, err
			}
			var sent *sarama.ProducerMessage
			done := make(chan error, 1)
			p.ThenWithMessage(func(m *sarama.ProducerMessage, err error) { sent = m; done <- err })
			return sent, <-done
		}
		m, err := sync([]byte{0xff, 0}, "v", goka.WithEmitPartition(2), goka.WithEmitHeaders(goka.Headers{"b": []byte("2")}))
		if err != nil || m.Partition != 2 {
			t.Errorf("got %+v, %v", m, err)
		}
		_, err = sync(nil, "null key")
		w.check(err)
		_, err = sync([]byte("k"), nil)
		w.check(err)
		if _, err := sync([]byte("k"), "v", goka.WithEmitPartition(4)); !errors.Is(err, sarama.ErrInvalidPartition) {
			t.Errorf("a partition that is not there: %v", err)
		}
		if _, err := sync([]byte("k"), 1); err == nil {
			t.Error("a value that cannot be encoded")
		}
		w.check(e.Finish())
		if _, err := sync([]byte("k"), "late"); !errors.Is(err, goka.ErrEmitterAlreadyClosed) {
			t.Errorf("after Finish: %v", err)
		}
		nulls, tombstones := 0, 0
		for _, r := range w.records("out") {
			if r.Key == nil {
				nulls++
			}
			if r.Value == nil {
				tombstones++
			}
			if string(r.Key) == "\xff\x00" && (len(r.Headers) != 2 || string(r.Value) != "v") {
				t.Errorf("the record is %+v", r)
			}
		}
		if nulls != 1 || tombstones != 1 {
			t.Errorf("%d null keys and %d tombstones", nulls, tombstones)
		}
	})
}

func TestTryingToReadTables(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("joined", 1)
		w.table("looked-up", 1)
		w.send("joined", "k", "12")
		w.send("looked-up", "k", "no number")
		var got []string
		var kept goka.Context
		err := w.once(func(ctx goka.Context, _ interface{}) {
			kept = ctx
			ctx = shouting{ctx}
			for _, topic := range []goka.Table{"joined", "missing"} {
				v, err := goka.TryJoin(ctx, topic)
				got = append(got, fmt.Sprint(v, errors.Is(err, goka.ErrNotSubscribed)))
			}
			for _, topic := range []goka.Table{"looked-up", "missing"} {
				v, err := goka.TryLookup(ctx, topic, "k")
				got = append(got, fmt.Sprint(v, err != nil, errors.Is(err, goka.ErrNotSubscribed)))
			}
		}, goka.Join("joined", new(codec.Int64)), goka.Lookup("looked-up", new(codec.Int64)))
		w.check(err)
		want := []string{"12 false", "<nil> true", "<nil> true false", "<nil> true true"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := goka.TryJoin(kept, "joined"); !errors.Is(err, goka.ErrNoCallback) {
			t.Errorf("after the callback: %v", err)
		}
	})
}

func TestIteratingInCallbacks(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("joined", 1)
		w.table("g-table", 1)
		for _, k := range []string{"b", "a"} {
			w.send("joined", k, "j")
			w.send("g-table", k, "t")
		}
		var own, other []string
		var missing error
		err := w.once(func(ctx goka.Context, _ interface{}) {
			ctx.SetValue("not there yet")
			it, err := goka.IterateTable(ctx)
			own = keysOf(t, it, err)
			it, err = goka.IterateJoin(ctx, "joined")
			other = keysOf(t, it, err)
			_, missing = goka.IterateJoin(ctx, "missing")
		}, goka.Join("joined", new(codec.String)), goka.Persist(new(codec.String)))
		w.check(err)
		if fmt.Sprint(own, other) != "[a=t b=t] [a=j b=j]" || !errors.Is(missing, goka.ErrNotSubscribed) {
			t.Errorf("got %v, %v, %v", own, other, missing)
		}
	})
}

func TestCallbacksThatReturnErrors(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("a", 1)
		w.topic("b", 1)
		c, fail := new(codec.String), true
		cb := func(_ goka.Context, msg interface{}) error {
			if fail && msg == "bad" {
				return errInjected
			}
			return nil
		}
		gg := goka.DefineGroup("g", goka.InputErr("a", c, cb), goka.InputsErr(goka.Streams{"b"}, c, cb),
			goka.LoopErr(c, cb), goka.Persist(c), goka.VisitorErr("v", cb))
		w.check(gg.Validate())
		p := w.run(gg).ready()
		w.send("a", "k", "good")
		w.until("the good one is committed", func() bool { return w.committed("g", "a", 0) == 1 })
		w.send("b", "k", "bad")
		err := p.wait()
		if !errors.Is(err, errInjected) || strings.Contains(err.Error(), "panic") {
			t.Errorf("Run returned %v", err)
		}
		w.refused(err, `error processing message (partition=0): injected (topic b, offset 0, key "k")`)
		if a, b := w.committed("g", "a", 0), w.committed("g", "b", 0); a != 1 || b != 0 {
			t.Errorf("committed %d and %d", a, b)
		}
		fail = false
		w.run(gg).ready()
		w.until("it is committed", func() bool { return w.committed("g", "b", 0) == 1 })
		refused(t, goka.DefineGroup("g", goka.InputErr("a", c, nil)).Validate(), "has no callback")
	})
}

func TestAGroupWithSuffixesOfItsOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		c := new(codec.String)
		gg := goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) { ctx.Loopback(ctx.Key(), msg) }),
			goka.Loop(c, func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
			goka.Persist(c), goka.TableSuffix(".state"), goka.LoopSuffix(".again"))
		again := goka.DefineGroup("g", gg.AllEdges()...)
		if again.GroupTable().Topic() != "g.state" || again.LoopStream().Topic() != "g.again" || again.Validate() != nil {
			t.Errorf("named %s and %s", again.GroupTable().Topic(), again.LoopStream().Topic())
		}
		w.run(gg).ready()
		w.send("in", "k", "v")
		w.until("the row is there", func() bool { return w.rows("g.state")["k"] == "v" })
		if w.cluster.Partitions("g.again") != 1 || w.cluster.Partitions("g-table") != 0 {
			t.Error("other topics were made")
		}
	})
}

func TestOneConfigurationForEverything(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		config := goka.DefaultConfig()
		config.Consumer.Offsets.Initial = sarama.OffsetOldest
		e := w.emitter("in", goka.WithEmitterConfig(config))
		w.check(e.EmitSync("k", "x"))
		w.check(e.Finish())
		w.run(counter("g", "in"), goka.WithConfig(config)).ready()
		v := w.view("g-table", new(codec.Int64), goka.WithViewConfig(config))
		w.until("the view has it", func() bool { got, err := v.Get("k"); return got == int64(1) && err == nil })
	})
}

func TestTheRevokeCallback(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		var calls []string
		note := func(what string) goka.RebalanceCallback {
			return func(a goka.Assignment) { calls = append(calls, fmt.Sprint(what, a)) }
		}
		a := w.run(counter("g", "in"), goka.WithClientID("a"), goka.WithRebalanceCallback(note("gets ")), goka.WithRevokeCallback(note("loses "))).ready()
		b := w.run(counter("g", "in"), goka.WithClientID("b")).ready()
		w.until("they share", func() bool { return len(a.Stats().Group) == 1 && a.Recovered() && b.Recovered() })
		w.check(a.stop())
		own := calls[2][len("gets "):]
		want := []string{"gets map[0:-1 1:-1]", "loses map[0:-1 1:-1]", "gets " + own, "loses " + own}
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWhereAViewBegins(t *testing.T) {
	for start, want := range map[int64]string{sarama.OffsetOldest: "[0 1 2 3 4 new]", sarama.OffsetNewest: "[new]", 3: "[3 4 new]", 99: "[new]"} {
		inWorld(t, func(w *world) {
			w.table("t", 1)
			for i := range 5 {
				w.send("t", fmt.Sprint(i), "v")
			}
			v := w.view("t", new(codec.String), goka.WithViewStartOffset(start))
			<-v.WaitRunning()
			w.send("t", "new", "v")
			w.until("the new one is there", func() bool { has, err := v.Has("new"); return has && err == nil })
			it, err := v.Iterator()
			var keys []string
			for _, kv := range keysOf(t, it, err) {
				keys = append(keys, kv[:len(kv)-2])
			}
			if fmt.Sprint(keys) != want {
				t.Errorf("from %d: %v, want %s", start, keys, want)
			}
		})
	}
	_, err := goka.NewView([]string{"mem://x"}, "t", new(codec.String), goka.WithViewStartOffset(-7))
	refused(t, err, "start offset -7")
}

func TestProgressOfARecovery(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		for i := range 50 {
			w.send("g-table", fmt.Sprint(i), "v")
		}
		var (
			mu   sync.Mutex
			told []goka.RecoveryProgress
		)
		slow := &consumers{wrap: true, skip: func(*sarama.ConsumerMessage) bool { time.Sleep(500 * time.Millisecond); return false }}
		w.run(holder("g"), slow.option(), goka.WithRecoveryCallback(func(p goka.RecoveryProgress) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, p)
		})).ready()
		if len(told) < 20 || len(told) > 30 {
			t.Fatalf("told %d times in 25 seconds", len(told))
		}
		half := told[len(told)/2]
		if half.Topic != "g-table" || half.HighWatermark != 50 || half.Rate < 1.5 || half.Rate > 2.5 || half.Left < 10*time.Second || half.Left > 15*time.Second || half.Done {
			t.Errorf("half way: %+v", half)
		}
		if last := told[len(told)-1]; !last.Done || last.Offset != 50 || last.Left != 0 {
			t.Errorf("at the end: %+v", last)
		}
		if !w.log.has("recovering table g-table/0: at offset") {
			t.Errorf("the log has %q", w.log.lines)
		}
	})
	inWorld(t, func(w *world) {
		w.table("t", 3)
		told := make(chan goka.RecoveryProgress, 10)
		v := w.view("t", new(codec.String), goka.WithViewRecoveryCallback(func(p goka.RecoveryProgress) { told <- p }))
		<-v.WaitRunning()
		time.Sleep(time.Second)
		if len(told) != 3 {
			t.Errorf("three empty partitions, told %d times", len(told))
		}
	})
}
