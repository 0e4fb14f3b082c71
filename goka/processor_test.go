package goka_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestCountingIntoATable(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 3)
		p := w.run(counter("count", "in")).ready()
		want := map[string]string{}
		for i := range 30 {
			for k := range i + 1 {
				w.send("in", fmt.Sprint(k), "x")
				want[fmt.Sprint(k)] = fmt.Sprint(30 - k)
			}
		}
		w.until("all is counted and committed", func() bool {
			n := 0
			for i := range int32(3) {
				n += int(w.committed("count", "in", i))
			}
			return n == 30*31/2
		})
		if diff := cmp.Diff(want, w.rows("count-table")); diff != "" {
			t.Errorf("the table (-want +got):\n%s", diff)
		}
		for k, v := range want {
			got, err := p.Get(k)
			w.check(err)
			if fmt.Sprint(got) != v {
				t.Errorf("Get(%s) is %v, want %s", k, got, v)
			}
		}
	})
}

func TestTwoInstancesShareThePartitions(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 4)
		a := w.run(counter("count", "in"), goka.WithClientID("a")).ready()
		for i := range 100 {
			w.send("in", fmt.Sprint(i%10), "x")
		}
		b := w.run(counter("count", "in"), goka.WithClientID("b")).ready()
		w.until("each has two partitions", func() bool {
			return len(a.Stats().Group) == 2 && len(b.Stats().Group) == 2 && a.Recovered() && b.Recovered()
		})
		for i := range 100 {
			w.send("in", fmt.Sprint(i%10), "x")
		}
		w.check(a.stop())
		w.until("all is counted by the one that is left", func() bool {
			n := int64(0)
			for i := range 10 {
				if v, err := b.Get(fmt.Sprint(i)); err == nil && v != nil {
					n += v.(int64)
				}
			}
			return n == 200
		})
	})
}

func TestAllKindsOfEdges(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		w.topic("out", 5)
		w.table("names", 2)
		w.table("places", 3)
		w.send("names", "a", "Anna")
		w.send("places", "home", "Ulm")
		gg := goka.DefineGroup("all",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				ctx.Loopback(ctx.Key(), msg)
			}),
			goka.Loop(new(codec.String), func(ctx goka.Context, msg interface{}) {
				before, _ := ctx.Value().(string)
				ctx.SetValue(before + msg.(string))
				ctx.Emit("out", ctx.Key(), fmt.Sprintf("%v %v %v", ctx.Join("names"), ctx.Lookup("places", "home"), ctx.Value()),
					goka.WithCtxEmitHeaders(goka.Headers{"from": []byte(ctx.Topic())}))
			}),
			goka.Join("names", new(codec.String)),
			goka.Lookup("places", new(codec.String)),
			goka.Output("out", new(codec.String)),
			goka.Persist(new(codec.String)),
		)
		w.run(gg).ready()
		w.send("in", "a", "1")
		w.send("in", "a", "2")
		w.send("in", "b", "3")
		w.until("three results", func() bool { return len(w.records("out")) == 3 })
		got := map[string]string{}
		for _, r := range w.records("out") {
			got[string(r.Value)] = r.Headers[0].Key + "=" + string(r.Headers[0].Value)
		}
		want := map[string]string{"Anna Ulm 1": "from=all-loop", "Anna Ulm 12": "from=all-loop", "<nil> Ulm 3": "from=all-loop"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	})
}

func TestAViewFollowsATable(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 3)
		for i := range 100 {
			w.send("t", fmt.Sprint(i), "old")
		}
		v := w.view("t", new(codec.String))
		<-v.WaitRunning()
		for i := range 100 {
			if got, err := v.Get(fmt.Sprint(i)); got != "old" || err != nil {
				t.Fatalf("key %d is %v, %v", i, got, err)
			}
		}
		w.send("t", "7", "new")
		w.tombstone("t", "8")
		w.until("the changes are there", func() bool {
			seven, _ := v.Get("7")
			eight, _ := v.Get("8")
			return seven == "new" && eight == nil
		})
	})
}
