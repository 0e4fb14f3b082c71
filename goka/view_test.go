package goka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func keysOf(t *testing.T, it goka.Iterator, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer it.Release()
	var keys []string
	for it.Next() {
		v, err := it.Value()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, fmt.Sprintf("%s=%v", it.Key(), v))
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestV7_IteratorsMergeAllPartitions(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 4)
		for _, k := range []string{"b", "a", "ab", "b1", "b2", "c", "d\xff"} {
			w.send("t", k, "v")
		}
		v := w.view("t", new(codec.String))
		<-v.WaitRunning()
		list := func(start, limit string) []string {
			it, err := v.IteratorWithRange(start, limit)
			return keysOf(t, it, err)
		}
		it, err := v.Iterator()
		all := []string{"a=v", "ab=v", "b=v", "b1=v", "b2=v", "c=v", "d\xff=v"}
		if diff := cmp.Diff(all, keysOf(t, it, err)); diff != "" {
			t.Errorf("all (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"ab=v", "b=v", "b1=v"}, list("ab", "b2")); diff != "" {
			t.Errorf("half open (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"b=v", "b1=v", "b2=v"}, list("b", "")); diff != "" {
			t.Errorf("prefix (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"d\xff=v"}, list("d\xff", "")); diff != "" {
			t.Errorf("prefix with the last byte (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(all, list("", "")); diff != "" {
			t.Errorf("D37: no range (-want +got):\n%s", diff)
		}
		it, err = v.Iterator()
		w.check(err)
		defer it.Release()
		if !it.Seek("b1") || !it.Next() || it.Key() != "b1" {
			t.Errorf("Seek went to %q", it.Key())
		}
		if it.Seek("z") {
			t.Error("Seek found something behind the end")
		}
	})
}

func TestV4_BeforeAndAfterRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 2)
		w.send("t", "k", "v")
		v, err := goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewLogger(w.log))
		w.check(err)
		unusable := func(when string) {
			_, e1 := v.Get("k")
			_, e2 := v.Has("k")
			_, e3 := v.Iterator()
			for what, err := range map[string]error{"Get": e1, "Has": e2, "Iterator": e3, "Evict": v.Evict("k")} {
				if !errors.Is(err, goka.ErrNotRunning) {
					t.Errorf("D36: %s %s returned %v", what, when, err)
				}
			}
			if v.Recovered() || v.CurrentState() != goka.ViewStateIdle || len(v.Stats(context.Background()).Partitions) != 0 {
				t.Errorf("%s the view is in state %v", when, v.CurrentState())
			}
		}
		unusable("before Run")
		for range 2 { // D36: a view can run again
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- v.Run(ctx) }()
			synctest.Wait()
			<-v.WaitRunning()
			if err := v.Run(ctx); !errors.Is(err, goka.ErrViewRunning) {
				t.Errorf("a second Run at the same time returned %v", err)
			}
			if got, err := v.Get("k"); got != "v" || err != nil {
				t.Errorf("Get returned %v, %v", got, err)
			}
			if got, err := v.Get("missing"); got != nil || err != nil {
				t.Errorf("a missing key is %v, %v", got, err)
			}
			if has, err := v.Has("k"); !has || err != nil {
				t.Errorf("Has returned %v, %v", has, err)
			}
			cancel()
			w.check(<-done)
			unusable("after Run")
		}
	})
}

func TestV6_AnEvictedKeyComesBackWithItsNextUpdate(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		w.send("t", "k", "1")
		v := w.view("t", new(codec.String))
		<-v.WaitRunning()
		w.check(v.Evict("k"))
		if got, err := v.Get("k"); got != nil || err != nil {
			t.Errorf("Get returned %v, %v", got, err)
		}
		w.send("t", "k", "2")
		w.until("it is back", func() bool { got, _ := v.Get("k"); return got == "2" })
	})
}

func TestD35_AViewRunsOnceAllItsPartitionsDo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 3)
		for i := range 30 {
			w.send("t", fmt.Sprint(i), "v")
		}
		slow := &consumers{wrap: true, skip: func(m *sarama.ConsumerMessage) bool {
			time.Sleep(time.Duration(m.Partition) * time.Second)
			return false
		}}
		v, err := goka.NewView(w.brokers, "t", new(codec.String), slow.viewOption(), goka.WithViewLogger(w.log))
		w.check(err)
		o := v.ObserveStateChanges()
		var states []goka.ViewState
		observed := make(chan struct{})
		go func() {
			defer close(observed)
			for s := range o.C() {
				states = append(states, goka.ViewState(s))
				if goka.ViewState(s) == goka.ViewStateRunning {
					for i := range 30 {
						if got, err := v.Get(fmt.Sprint(i)); got != "v" || err != nil {
							t.Errorf("running, but key %d is %v, %v", i, got, err)
						}
					}
				}
			}
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		<-v.WaitRunning()
		time.Sleep(time.Minute)
		cancel()
		w.check(<-done)
		synctest.Wait()
		o.Stop()
		<-observed
		runs := 0
		for _, s := range states {
			if s == goka.ViewStateRunning {
				runs++
			}
		}
		if runs != 1 || states[0] != goka.ViewStateIdle || states[len(states)-1] != goka.ViewStateIdle {
			t.Errorf("the states were %v", states)
		}
	})
}

func TestD33_ConsumersAndTopicManagersOfAViewAreClosed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 2)
		reads, made, closed := new(consumers), 0, 0
		v, err := goka.NewView(w.brokers, "t", new(codec.String), reads.viewOption(), goka.WithViewLogger(w.log),
			goka.WithViewTopicManagerBuilder(func(brokers []string) (goka.TopicManager, error) {
				made++
				m, err := goka.DefaultTopicManagerBuilder(brokers)
				return &countingManager{m, &closed, map[string]int{}}, err
			}))
		w.check(err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		<-v.WaitRunning()
		cancel()
		w.check(<-done)
		if made != closed || reads.closed != 1 {
			t.Errorf("%d topic managers were made and %d closed; %d consumers were closed", made, closed, reads.closed)
		}
	})
}

func TestD36_AViewThatStartsWithoutItsTopic(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := goka.NewView(w.brokers, "t", new(codec.String)); !errors.Is(err, goka.ErrTopicNotFound) {
			t.Errorf("NewView returned %v", err)
		}
		v := w.view("t", new(codec.String), goka.WithViewAutoReconnect())
		time.Sleep(time.Minute)
		w.table("t", 1)
		w.send("t", "k", "v")
		w.until("the view has it", func() bool { got, err := v.Get("k"); return got == "v" && err == nil && v.Recovered() })
	})
}

func TestD32_ALookupSurvivesTroubleWithKafka(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		w.table("looked-up", 1)
		w.send("looked-up", "k", "1")
		reads := &consumers{wrap: true}
		c := new(codec.String)
		w.run(goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, _ interface{}) { ctx.Emit("out", "k", ctx.Lookup("looked-up", "k")) }),
			goka.Lookup("looked-up", c), goka.Output("out", c)), reads.option()).ready()
		reads.last().end()
		w.send("in", "k", "x")
		w.until("the old value serves", func() bool { return len(w.records("out")) == 1 })
		w.send("looked-up", "k", "2")
		w.until("the new value is there", func() bool {
			w.send("in", "k", "x")
			records := w.records("out")
			return string(records[len(records)-1].Value) == "2"
		})
	})
}

func TestD34_ReadingAViewWhileItStops(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 3)
		for i := range 30 {
			w.send("t", fmt.Sprint(i), "v")
		}
		v, err := goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewLogger(w.log))
		w.check(err)
		for range 5 {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- v.Run(ctx) }()
			readers := make(chan struct{})
			for i := range 3 {
				go func() {
					defer func() { readers <- struct{}{} }()
					for range 300 {
						_, _ = v.Get(fmt.Sprint(i))
						if it, err := v.Iterator(); err == nil {
							it.Next()
							it.Release()
						}
						v.Stats(context.Background())
					}
				}()
			}
			<-v.WaitRunning()
			cancel()
			w.check(<-done)
			for range 3 {
				<-readers
			}
		}
	})
}
