package goka_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/storage"
)

// parcel is a value that holds its bytes, as that of a user's codec may.
type parcel struct{ content []byte }

// parcels is a user's codec that never copies. It embeds one that does.
type parcels struct{ codec.String }

func (*parcels) Encode(value interface{}) ([]byte, error)   { return value.(*parcel).content, nil }
func (*parcels) Decode(data []byte) (interface{}, error)    { return &parcel{data}, nil }
func (*parcels) of(content string) (value interface{})      { return &parcel{[]byte(content)} }
func (*parcels) content(value interface{}) (content []byte) { return value.(*parcel).content }

// slicesOf is codec.Bytes for the same tests.
type slicesOf struct{ codec.Bytes }

func (*slicesOf) of(content string) (value interface{})      { return []byte(content) }
func (*slicesOf) content(value interface{}) (content []byte) { return value.([]byte) }

// holdingCodec is a codec whose values hold their bytes.
type holdingCodec interface {
	goka.Codec
	of(content string) (value interface{})
	content(value interface{}) []byte
}

// withHoldingCodecs runs a test with each codec whose values hold their bytes.
func withHoldingCodecs(t *testing.T, f func(w *world, c holdingCodec)) {
	t.Helper()
	for _, c := range []holdingCodec{new(parcels), new(slicesOf)} {
		t.Run(fmt.Sprintf("%T", c), func(t *testing.T) { inWorld(t, func(w *world) { f(w, c) }) })
	}
}

// spoil returns what a value is, and changes its bytes, and those behind them.
func spoil(c holdingCodec, value interface{}) (was string) {
	content := c.content(value)
	was = string(content)
	for i := range content {
		content[i] = '?'
	}
	_ = append(content, "???"...)
	return was
}

func TestRowsDoNotChangeWithWhatIsReadOfThem(t *testing.T) {
	withHoldingCodecs(t, func(w *world, c holdingCodec) {
		w.topic("in", 1)
		w.table("g-table", 1)
		for _, table := range []string{"joined", "looked-up"} {
			w.table(table, 1)
			w.send(table, "k", table)
		}
		w.send("g-table", "k", "row")
		var got []string
		take := func(value interface{}) { got = append(got, spoil(c, value)) }
		first := func(it goka.Iterator, err error) interface{} {
			w.check(err)
			defer it.Release()
			it.Next()
			value, err := it.Value()
			w.check(err)
			return value
		}
		read := func(ctx goka.Context) {
			take(ctx.Value())
			take(ctx.Join("joined"))
			take(ctx.Lookup("looked-up", "k"))
			value, err := goka.TryJoin(ctx, "joined")
			w.check(err)
			take(value)
			value, err = goka.TryLookup(ctx, "looked-up", "k")
			w.check(err)
			take(value)
			take(first(goka.IterateTable(ctx)))
			take(first(goka.IterateJoin(ctx, "joined")))
		}
		p := w.run(goka.DefineGroup("g", goka.Persist(c), goka.Join("joined", c), goka.Lookup("looked-up", c),
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) { read(ctx) }),
			goka.Visitor("visit", func(ctx goka.Context, _ interface{}) { read(ctx) }))).ready()
		v := w.view("looked-up", c)
		<-v.WaitRunning()
		want := []string{"row", "joined", "looked-up", "joined", "looked-up", "row", "joined"}
		for range 2 {
			got = nil
			w.send("in", "k", "message")
			w.until("the message is handled", func() bool { return len(got) == len(want) })
			w.check(p.VisitAll(context.Background(), "visit", nil))
			if diff := cmp.Diff(slices.Concat(want, want), got); diff != "" {
				t.Errorf("callbacks (-want +got):\n%s", diff)
			}
			got = nil
			value, err := p.Get("k")
			w.check(err)
			take(value)
			take(first(p.IteratorWithRange("", "")))
			value, err = v.Get("k")
			w.check(err)
			take(value)
			take(first(v.Iterator()))
			take(first(v.IteratorWithRange("k", "l")))
			if diff := cmp.Diff([]string{"row", "row", "looked-up", "looked-up", "looked-up"}, got); diff != "" {
				t.Errorf("others (-want +got):\n%s", diff)
			}
		}
	})
}

func TestWhatIsOnItsWayDoesNotChangeWithItsValue(t *testing.T) {
	withHoldingCodecs(t, func(w *world, c holdingCodec) {
		topics := []string{"g-table", "out", "g-loop"}
		w.topic("in", 1)
		w.topic("out", 1)
		w.topic("g-loop", 1)
		w.table("g-table", 1)
		w.table("joined", 1)
		w.send("joined", "k", "sent")
		p := &producer{hold: func(e *goka.Emission) bool { return slices.Contains(topics, e.Topic) }}
		var (
			commit func(error)
			kept   []interface{} // what the callback goes on to hold
			looped string
			own    string
		)
		r := w.run(goka.DefineGroup("g", goka.Persist(c), goka.Output("out", c), goka.Join("joined", c),
			goka.Loop(c, func(_ goka.Context, msg interface{}) { looped = spoil(c, msg) }),
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) {
				commit = ctx.DeferCommit()
				value, joined := c.of("sent"), ctx.Join("joined")
				ctx.SetValue(value)
				ctx.Emit("out", "k", value)
				ctx.Emit("out", "k", joined)
				ctx.Emit("out", "k", msg)
				ctx.Loopback("k", value)
				spoil(c, value)
				spoil(c, joined)
				own = string(c.content(ctx.Value()))
				kept = append(kept, value, joined, msg, ctx.Value())
			})), p.option()).ready()
		w.send("in", "k", "sent")
		w.until("all is on its way", func() bool { return p.waiting() == 5 })
		for _, value := range kept {
			spoil(c, value) // the callback has returned, its commit is deferred
		}
		p.release()
		w.until("the loop has come round", func() bool { return looped != "" })
		commit(nil)
		w.until("the message is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		for i, n := range []int{1, 3, 1} {
			var got []string
			for _, r := range w.records(topics[i]) {
				got = append(got, string(r.Value))
			}
			if diff := cmp.Diff(slices.Repeat([]string{"sent"}, n), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", topics[i], diff)
			}
		}
		row, err := r.Get("k")
		w.check(err)
		if row := string(c.content(row)); row != "sent" || looped != "sent" || own != "sent" {
			t.Errorf("the row is %s, the loop brought %s, the callback saw its row as %s", row, looped, own)
		}
	})
}

func TestMessagesInATopicBelongToNoCallback(t *testing.T) {
	withHoldingCodecs(t, func(w *world, c holdingCodec) {
		w.topic("in", 1)
		for i := range 3 {
			w.send("in", fmt.Sprint(i), "message")
		}
		got := map[goka.Group][]string{}
		for _, group := range []goka.Group{"a", "b"} {
			w.run(goka.DefineGroup(group, goka.Input("in", c, func(_ goka.Context, msg interface{}) {
				got[group] = append(got[group], spoil(c, msg))
			}))).ready()
			w.until("all are handled", func() bool { return len(got[group]) == 3 })
		}
		want := []string{"message", "message", "message"}
		if diff := cmp.Diff(map[goka.Group][]string{"a": want, "b": want}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWhatAnEmitterSendsDoesNotChangeWithItsValue(t *testing.T) {
	withHoldingCodecs(t, func(w *world, c holdingCodec) {
		w.topic("out", 1)
		p := &producer{hold: func(*goka.Emission) bool { return true }}
		e, err := goka.NewEmitter(w.brokers, "out", c, goka.WithEmitterLogger(w.log), goka.WithEmitterProducerBuilder(p.builder))
		w.check(err)
		value := c.of("sent")
		_, err = e.Emit("k", value)
		w.check(err)
		_, err = e.EmitKey([]byte("k"), value)
		w.check(err)
		spoil(c, value)
		p.release()
		w.check(e.Finish())
		var got []string
		for _, r := range w.records("out") {
			got = append(got, string(r.Value))
		}
		if diff := cmp.Diff([]string{"sent", "sent"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAnUpdateCallbackMayAppendToWhatItGets(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		_, err := w.cluster.Produce("t", 0, memkafka.Record{Key: []byte("a"), Value: []byte("1")}, memkafka.Record{Key: []byte("b"), Value: []byte("2")})
		w.check(err)
		v := w.view("t", new(codec.String), goka.WithViewCallback(func(s storage.Storage, _ int32, key string, value []byte) error {
			return s.Set(key, append(value, "-and-more"...))
		}))
		<-v.WaitRunning()
		it, err := v.Iterator()
		if diff := cmp.Diff([]string{"a=1-and-more", "b=2-and-more"}, keysOf(t, it, err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
