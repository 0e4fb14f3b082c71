package goka_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
)

// once runs a callback for one message of a group with edges, and returns what Run does.
func (w *world) once(cb goka.ProcessCallback, edges ...goka.Edge) error {
	w.Helper()
	done := false
	edges = append(edges, goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
		defer func() { done = true }()
		cb(ctx, msg)
	}))
	p := w.run(goka.DefineGroup("g", edges...)).ready()
	w.send("in", "k", "x")
	w.until("the callback ran", func() bool { return done })
	select {
	case <-p.Done():
		return p.wait()
	case <-time.After(time.Second):
		return p.stop()
	}
}

func TestC1_MisuseEndsTheCallback(t *testing.T) {
	c := new(codec.String)
	for _, test := range []struct {
		name  string
		cb    func(ctx goka.Context)
		edges []goka.Edge
		want  string
	}{
		{"C2 empty topic", func(ctx goka.Context) { ctx.Emit("", "k", "v") }, nil, "cannot emit to empty topic"},
		{"C2 loop", func(ctx goka.Context) { ctx.Emit("g-loop", "k", "v") }, nil, "cannot emit to loop topic (use Loopback instead)"},
		{"C2 table", func(ctx goka.Context) { ctx.Emit("g-table", "k", "v") }, nil, "cannot emit to table topic (use SetValue instead)"},
		{
			"C2 no output", func(ctx goka.Context) { ctx.Emit("other", "k", "v") }, nil,
			"topic other is not configured for output. Did you specify goka.Output(..) when defining the processor?",
		},
		{"C2 codec", func(ctx goka.Context) { ctx.Emit("out", "k", 1) }, []goka.Edge{goka.Output("out", c)}, "error encoding message for topic out: String: value"},
		{"C3 no loop", func(ctx goka.Context) { ctx.Loopback("k", "v") }, nil, "no loop topic configured"},
		{"C3 codec", func(ctx goka.Context) { ctx.Loopback("k", nil) }, []goka.Edge{goka.Loop(c, ignore)}, "error encoding message for key k: String: value"},
		{"C5 stateless Value", func(ctx goka.Context) { ctx.Value() }, nil, "Cannot access state in stateless processor"},
		{"C6 stateless SetValue", func(ctx goka.Context) { ctx.SetValue("v") }, nil, "Cannot access state in stateless processor"},
		{"C6 nil", func(ctx goka.Context) { ctx.SetValue(nil) }, []goka.Edge{goka.Persist(c)}, "cannot set nil as value"},
		{"C6 codec", func(ctx goka.Context) { ctx.SetValue(1) }, []goka.Edge{goka.Persist(c)}, "error encoding value: String: value"},
		{"C7 stateless Delete", func(ctx goka.Context) { ctx.Delete() }, nil, "Cannot access state in stateless processor"},
		{"C8 Join", func(ctx goka.Context) { ctx.Join("t") }, nil, "table t not subscribed"},
		{"C8 Lookup", func(ctx goka.Context) { ctx.Lookup("t", "k") }, nil, "topic t not subscribed"},
		{"Fail", func(ctx goka.Context) { ctx.Fail(errInjected) }, nil, "injected"},
		{"Fail without an error", func(ctx goka.Context) { ctx.Fail(nil) }, nil, "Fail was called without an error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				w.topic("out", 1)
				survived := false
				err := w.once(func(ctx goka.Context, _ interface{}) { test.cb(ctx); survived = true }, test.edges...)
				w.refused(err, "error processing message (partition=0): panic in callback: "+test.want)
				if survived {
					t.Error("the callback went on")
				}
			})
		})
	}
}

func TestC5_ValuesThatCannotBeDecoded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.table("joined", 1)
		w.table("looked-up", 1)
		for _, topic := range []string{"g-table", "joined", "looked-up"} {
			w.send(topic, "k", "no number")
		}
		edges := []goka.Edge{goka.Persist(new(codec.Int64)), goka.Join("joined", new(codec.Int64)), goka.Lookup("looked-up", new(codec.Int64))}
		w.refused(w.once(func(ctx goka.Context, _ interface{}) { ctx.Value() }, edges...), "error decoding value", `key "k"`, "table g-table")
	})
	for what, cb := range map[string]goka.ProcessCallback{
		"table joined":    func(ctx goka.Context, _ interface{}) { ctx.Join("joined") },
		"table looked-up": func(ctx goka.Context, _ interface{}) { ctx.Lookup("looked-up", "k") },
	} {
		inWorld(t, func(w *world) {
			w.topic("in", 1)
			w.table("joined", 1)
			w.table("looked-up", 1)
			w.send("joined", "k", "no number")
			w.send("looked-up", "k", "no number")
			w.refused(w.once(cb, goka.Join("joined", new(codec.Int64)), goka.Lookup("looked-up", new(codec.Int64))), what)
		})
	}
}

func TestBytesAreTheCallbacksOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		w.table("g-table", 1)
		w.table("joined", 1)
		w.send("joined", "k", "joined")
		bytes := new(codec.Bytes)
		var got []string
		err := w.once(func(ctx goka.Context, _ interface{}) {
			buffer := []byte("row")
			ctx.SetValue(buffer)
			ctx.Emit("out", "k", buffer)
			copy(buffer, "XXX") // while both are on their way
			for range 2 {
				for _, b := range [][]byte{ctx.Value().([]byte), ctx.Join("joined").([]byte)} {
					got = append(got, string(b))
					copy(b, "YYYYYY")
				}
			}
		}, goka.Persist(bytes), goka.Join("joined", bytes), goka.Output("out", bytes))
		w.check(err)
		if want := []string{"row", "joined", "row", "joined"}; !slices.Equal(got, want) {
			t.Errorf("the callback got %q, want %q", got, want)
		}
		for _, topic := range []string{"g-table", "out"} {
			if r := w.records(topic); len(r) != 1 || string(r[0].Value) != "row" {
				t.Errorf("%s has %v", topic, r)
			}
		}
	})
}

func TestC9_WhatAContextTells(t *testing.T) {
	type secret struct{}
	inWorld(t, func(w *world) {
		w.topic("in", 3)
		at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
		partition := w.partition("in", "k")
		w.sendTo("in", partition, "other", "x")
		_, err := w.cluster.Produce("in", partition, memkafka.Record{
			Key: []byte("k"), Value: []byte("v"), Timestamp: memkafka.Millis(at.UnixMilli()),
			Headers: []memkafka.Header{{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}, {Key: "n"}},
		})
		w.check(err)
		_, err = w.cluster.Produce("in", partition, memkafka.Record{Value: []byte("null key"), Timestamp: memkafka.NoTimestamp})
		w.check(err)
		var got []string
		p := w.make(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
			got = append(got, fmt.Sprintf("%s %s/%d@%d %q=%v %v %q %v", ctx.Group(), ctx.Topic(), ctx.Partition(), ctx.Offset(), ctx.Key(), msg,
				ctx.Timestamp().Equal(at), ctx.Headers()["h"], ctx.Context().Value(secret{})))
			if ctx.Headers() == nil {
				t.Error("no headers are nil")
			}
		})))
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), secret{}, "value"))
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		w.until("all came", func() bool { return len(got) == 3 })
		cancel()
		w.check(<-done)
		want := []string{
			fmt.Sprintf(`g in/%d@0 "other"=x false "" value`, partition),
			fmt.Sprintf(`g in/%d@1 "k"=v true "2" value`, partition),
			fmt.Sprintf(`g in/%d@2 ""=null key false "" value`, partition),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestC4_Headers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		h := func(pairs ...string) goka.ContextOption {
			headers := goka.Headers{}
			for i := 0; i < len(pairs); i += 2 {
				headers[pairs[i]] = []byte(pairs[i+1])
			}
			return goka.WithCtxEmitHeaders(headers)
		}
		c := new(codec.String)
		w.run(goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, _ interface{}) {
				ctx.Emit("out", "default", "v")
				ctx.Emit("out", "more", "v", h("a", "2", "b", "3"), h("b", "4"))
				ctx.Loopback("loop", "v", h("c", "5"))
				ctx.SetValue("v", h("d", "6"))
				ctx.Delete(h("e", "7"))
				ctx.SetValue("v")
				ctx.Emit("out", "tombstone", nil)
			}),
			goka.Loop(c, ignore), goka.Persist(c), goka.Output("out", c)),
			goka.WithProducerDefaultHeaders(goka.Headers{"a": []byte("1")})).ready()
		w.send("in", "k", "x")
		w.until("all is there", func() bool { return w.committed("g", "in", 0) == 1 })
		var got []string
		for _, topic := range []string{"out", "g-loop", "g-table"} {
			for _, r := range w.records(topic) {
				text := string(r.Key)
				for _, h := range r.Headers {
					text += " " + h.Key + string(h.Value)
				}
				got = append(got, text)
			}
		}
		want := []string{"default a1", "more a2 b4", "tombstone a1", "loop a1 c5", "k d6", "k e7", "k"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if v := w.records("out")[2].Value; v != nil {
			t.Errorf("C2: nil became %q", v)
		}
	})
}

// inner has a name of its own, since a field called Context would hide the method.
type inner = goka.Context

// shouting is a context that a user has wrapped.
type shouting struct{ inner }

func (s shouting) Emit(topic goka.Stream, key string, value interface{}, options ...goka.ContextOption) {
	s.inner.Emit(topic, key, strings.ToUpper(value.(string)), options...)
}

func TestC11_WrappedContexts(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		c, wrapped := new(codec.String), 0
		emit := func(ctx goka.Context, msg interface{}) { ctx.Emit("out", ctx.Key(), msg) }
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) {
				ctx.SetValue("v")
				emit(ctx, msg)
			}),
			goka.Visitor("visit", emit), goka.Persist(c), goka.Output("out", c)),
			goka.WithContextWrapper(func(ctx goka.Context) goka.Context { wrapped++; return shouting{ctx} })).ready()
		w.send("in", "k", "x")
		w.until("it is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		w.check(p.VisitAll(context.Background(), "visit", "y"))
		got := ""
		for _, r := range w.records("out") {
			got += string(r.Value)
		}
		if got != "XY" || wrapped != 2 {
			t.Errorf("emitted %s, wrapped %d times", got, wrapped)
		}
	})
}

func TestPP5_MessagesWithoutAValue(t *testing.T) {
	for handling, want := range map[goka.NilHandling][]interface{}{
		goka.NilIgnore:  {"x"},
		goka.NilProcess: {nil, "x"},
		goka.NilDecode:  {"", "x"},
	} {
		inWorld(t, func(w *world) {
			w.topic("in", 1)
			var got []interface{}
			p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(_ goka.Context, msg interface{}) {
				got = append(got, msg)
			})), goka.WithNilHandling(handling)).ready()
			w.tombstone("in", "k")
			w.send("in", "k", "x")
			w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 2 })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("handling %d (-want +got):\n%s", handling, diff)
			}
			if s := p.Stats().Group[0].Input["in"]; s.Count != 2 || s.Bytes != 1 || s.LastOffset != 1 || s.OffsetLag != 0 {
				t.Errorf("D50: stats are %+v", s)
			}
		})
	}
}

func TestC10_ADeferredMessageIsStillToldAbout(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		told, later := make(chan string, 10), make(chan struct{})
		w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			if ctx.Key() == "between" {
				return
			}
			commit := ctx.DeferCommit()
			go func() {
				<-later
				told <- fmt.Sprint(ctx.Key(), " at ", ctx.Offset(), " of ", ctx.Topic(), " ", len(ctx.Headers()), " ", ctx.Context().Err())
				commit(nil)
			}()
		}))).ready()
		for _, key := range []string{"a", "between", "b"} {
			w.send("in", key, "x")
		}
		synctest.Wait()
		close(later)
		got := []string{<-told, <-told}
		slices.Sort(got)
		if want := []string{"a at 0 of in 0 <nil>", "b at 2 of in 0 <nil>"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 3 })
	})
}

func TestC10_DeferredCommitsFromOtherGoroutines(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			for range 3 {
				commit := ctx.DeferCommit()
				go func() { time.Sleep(time.Second); commit(nil); commit(nil) }()
			}
		}))).ready()
		for range 10 {
			w.send("in", "k", "x")
		}
		w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 10 })
	})
}
