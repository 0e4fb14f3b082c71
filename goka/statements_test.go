package goka_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
)

func TestC2_EmitsGoToOutputsAndMayFailLater(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 3)
		err := w.once(func(ctx goka.Context, _ interface{}) {
			ctx.Emit("out", "a", "1")
			ctx.Emit("out", "b", nil)
		}, goka.Output("out", new(codec.String)))
		w.check(err)
		if diff := cmp.Diff(map[string]string{"a": "1"}, w.rows("out")); diff != "" || len(w.records("out")) != 2 {
			t.Errorf("emitted (-want +got):\n%s", diff)
		}
	})
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		failing := &producer{fail: func(*goka.Emission) error { return errInjected }}
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
			ctx.Emit("out", "a", "1")
		}), goka.Output("out", new(codec.String))), failing.option()).ready()
		w.send("in", "k", "x")
		w.refused(p.wait(), "error emitting to out: injected")
	})
}

func TestC3_WhatIsLoopedBackIsAlwaysEncoded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		var got []string
		err := w.once(func(ctx goka.Context, _ interface{}) { ctx.Loopback("other", nil) },
			goka.Loop(new(nilCodec), func(ctx goka.Context, msg interface{}) { got = append(got, fmt.Sprint(ctx.Topic(), ctx.Key(), msg)) }))
		w.check(err)
		if fmt.Sprint(got) != "[g-loopotherencoded]" {
			t.Errorf("the loop got %v", got)
		}
	})
}

// nilCodec encodes nil.
type nilCodec struct{ codec.String }

func (*nilCodec) Encode(interface{}) ([]byte, error) { return []byte("encoded"), nil }

func TestC6_ARowIsReadBackAtOnceAndStoredWithItsOffset(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stores := newMemory()
		own := ""
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				ctx.SetValue("first")
				ctx.SetValue(msg)
				own = ctx.Value().(string)
			}), goka.Persist(new(codec.String))), goka.WithStorageBuilder(stores.build)).ready()
		w.send("in", "k", "")
		w.until("it is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		offset, err := stores.of("g-table", 0).GetOffset(-3)
		if own != "" || offset != 1 || err != nil {
			t.Errorf("read %q, stored offset %d, %v", own, offset, err)
		}
		if v, err := p.Get("k"); v != "" || err != nil { // an empty value is a value
			t.Errorf("Get returned %v, %v", v, err)
		}
		if s := p.Stats().Group[0]; s.TableStats.Writes.Count != 2 || s.Output["g-table"].Count != 2 {
			t.Errorf("stats are %+v, %+v", s.TableStats.Writes, s.Output["g-table"])
		}
	})
}

func TestC7_DeletingSendsATombstone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.send("g-table", "k", "v")
		var values []interface{}
		err := w.once(func(ctx goka.Context, _ interface{}) {
			values = append(values, ctx.Value())
			ctx.Delete()
			values = append(values, ctx.Value())
		}, goka.Persist(new(codec.String)))
		w.check(err)
		if fmt.Sprint(values) != "[v <nil>]" || len(w.rows("g-table")) != 0 || len(w.records("g-table")) != 2 {
			t.Errorf("read %v, the table's topic has %v", values, w.records("g-table"))
		}
	})
}

func TestC8_JoinsHaveTheOwnKeyAndLookupsAny(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 4)
		w.table("joined", 4)
		w.table("looked-up", 3)
		w.send("joined", "k", "j")
		w.send("looked-up", "other", "l")
		var got []interface{}
		err := w.once(func(ctx goka.Context, _ interface{}) {
			got = append(got, ctx.Join("joined"), ctx.Lookup("looked-up", "other"), ctx.Lookup("looked-up", "k"))
		}, goka.Join("joined", new(codec.String)), goka.Lookup("looked-up", new(codec.String)))
		w.check(err)
		if fmt.Sprint(got) != "[j l <nil>]" {
			t.Errorf("read %v", got)
		}
	})
}

func TestPP1_NoMessageIsHandledBeforeAllTablesAreRecovered(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("joined", 1)
		w.table("g-table", 1)
		for i := range 10 {
			w.send("g-table", fmt.Sprint(i), "t")
			w.send("joined", fmt.Sprint(i), "j")
		}
		w.send("in", "9", "x")
		got := ""
		slow := &consumers{wrap: true, skip: func(m *sarama.ConsumerMessage) bool { time.Sleep(time.Second); return false }}
		began := time.Now()
		w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) { got = fmt.Sprint(ctx.Value(), ctx.Join("joined")) }),
			goka.Join("joined", new(codec.String)), goka.Persist(new(codec.String))), slow.option()).ready()
		w.until("the message is handled", func() bool { return got != "" })
		if took := time.Since(began); got != "tj" || took > 15*time.Second { // both are read at the same time
			t.Errorf("read %s after %s", got, took)
		}
	})
}

func TestPP10_AVisitorHasAllOfAContext(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		w.table("joined", 1)
		w.send("joined", "0", "j")
		c := new(codec.String)
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
			goka.Persist(c), goka.Output("out", c), goka.Join("joined", c), goka.Loop(c, ignore),
			goka.Visitor("visit", func(ctx goka.Context, meta interface{}) {
				if ctx.Topic() != "visit" || ctx.Offset() != 0 || len(ctx.Headers()) != 0 || time.Since(ctx.Timestamp()) != 0 {
					t.Errorf("the context is of %s@%d, %v, %v", ctx.Topic(), ctx.Offset(), ctx.Headers(), ctx.Timestamp())
				}
				ctx.Emit("out", ctx.Key(), fmt.Sprint(meta, ctx.Value(), ctx.Join("joined")))
				ctx.Loopback(ctx.Key(), "again")
				ctx.DeferCommit()(nil)
				ctx.Delete()
			}))).ready()
		w.fill(1)
		n, err := p.VisitAllWithStats(context.Background(), "visit", "meta")
		if n != 1 || err != nil || w.rows("out")["0"] != "metaoldj" || len(w.rows("g-table")) != 0 || len(w.records("g-loop")) != 1 {
			t.Errorf("visited %d, %v; emitted %v", n, err, w.rows("out"))
		}
	})
}

func TestD24_AVisitThatIsRefusedLocksNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		p := w.run(stateless("g"), goka.WithClientID("a")).ready()
		w.refused(p.VisitAll(context.Background(), "visit", nil), "stateless")
		q := w.run(stateless("g"), goka.WithClientID("b")).ready() // p has to rebalance
		w.until("they share", func() bool { return p.Recovered() && len(p.Stats().Group) == 1 })
		w.check(q.stop())
	})
}

func TestD63_VisitsAreCountedWhileTheyAreAborted(t *testing.T) {
	inWorld(t, func(w *world) { // what is wrong shows with the race detector
		w.topic("in", 8)
		p := w.run(visited(func(goka.Context, interface{}) { time.Sleep(time.Millisecond) })).ready()
		w.fill(200)
		for i := range 20 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Millisecond)
			n, err := p.VisitAllWithStats(ctx, "visit", nil)
			cancel()
			if n > 200 || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("visited %d, %v", n, err)
			}
		}
		go p.Stop()
		if n, err := p.VisitAllWithStats(context.Background(), "visit", nil); n > 200 || !errors.Is(err, goka.ErrVisitAborted) {
			t.Errorf("visited %d, %v", n, err)
		}
		w.check(p.wait())
	})
}

func TestD11_WhatArrivesAtTheEndOfARecoveryIsAppliedOrLeftUnread(t *testing.T) {
	for _, wrap := range []bool{false, true} { // with and without records that wait in a channel
		inWorld(t, func(w *world) {
			w.topic("in", 1)
			w.table("joined", 1)
			w.table("g-table", 1)
			for i := range 10 {
				w.send("g-table", fmt.Sprint(i), "v")
				w.send("joined", fmt.Sprint(i), "v")
			}
			var late atomic.Int64
			reads := &consumers{wrap: wrap, skip: func(m *sarama.ConsumerMessage) bool {
				if m.Offset >= 8 && m.Offset < 13 {
					w.send(m.Topic, fmt.Sprint("late ", late.Add(1)), "v")
				}
				return false
			}}
			stores := newMemory()
			w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), ignore), goka.Join("joined", new(codec.String)), goka.Persist(new(codec.String))),
				reads.option(), goka.WithStorageBuilder(stores.build)).ready()
			synctest.Wait()
			for _, topic := range []string{"g-table", "joined"} {
				offset, err := stores.of(topic, 0).GetOffset(-3)
				w.check(err)
				rows := rowsOf(t, stores.of(topic, 0))
				records := w.records(topic)
				if len(rows) != int(offset)+1 || offset < 9 {
					t.Errorf("%s: the storage has %d rows and offset %d", topic, len(rows), offset)
				}
				if topic == "joined" && len(rows) != len(records) {
					t.Errorf("the join has %d rows of %d", len(rows), len(records))
				}
			}
		})
	}
}

func TestT3_RecoveryIsOverAtTheHighWatermarkOfItsBeginning(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		for i := range 10 {
			w.send("g-table", fmt.Sprint(i), "v")
		}
		sent := 0
		endless := &consumers{wrap: true, skip: func(m *sarama.ConsumerMessage) bool {
			w.send("g-table", fmt.Sprint("more ", sent), "v") // for each that is read comes another one
			sent++
			return false
		}}
		p := w.run(holder("g"), endless.option()).ready()
		s := p.Stats().Group[0].TableStats.Recovery
		if s.Hwm != 10 || s.Offset != 9 || s.StartTime.IsZero() || s.RecoveryTime.IsZero() {
			t.Errorf("the recovery was %+v, with %d records more", s, sent)
		}
	})
}

func TestT6_ReadingWhileATableIsNotThere(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		w.send("t", "k", "v")
		open := make(chan struct{})
		v := w.view("t", new(codec.String), goka.WithViewStorageBuilder(func(string, int32) (storage.Storage, error) {
			return &slowStorage{Storage: storage.NewMemory(), open: func() error { <-open; return nil }}, nil
		}))
		synctest.Wait()
		_, err := v.Get("k")
		w.refused(err, "Partition is not running (but 1) so it's not safe to read values", "t/0")
		if !errors.Is(err, goka.ErrNotRunning) {
			t.Error("the error is not an ErrNotRunning")
		}
		close(open)
		<-v.WaitRunning()
		if got, err := v.Get("k"); got != "v" || err != nil {
			t.Errorf("Get returned %v, %v", got, err)
		}
	})
}

func TestT8_AStorageThatOpensTooLateIsClosedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		open := make(chan struct{})
		m := &marking{Storage: storage.NewMemory()}
		p := w.run(holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) {
			return &slowStorage{Storage: m, open: func() error { <-open; return nil }}, nil
		}))
		synctest.Wait()
		w.check(p.stop())
		if m.closed {
			t.Error("closed before it was open")
		}
		close(open)
		w.until("it is closed", func() bool { return m.closed })
	})
}

// counting counts what is called once.
type counting struct {
	storage.Storage
	opened, closed int
}

func (c *counting) Open() error  { c.opened++; return c.Storage.Open() }
func (c *counting) Close() error { c.closed++; return c.Storage.Close() }

func TestS5_AStorageIsOpenedAndClosedOnceAndGivenToTheUpdateCallback(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.send("g-table", "k", "v")
		c, given := &counting{Storage: storage.NewMemory()}, 0
		p := w.run(holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) { return c, nil }),
			goka.WithContextUpdateCallback(func(_ goka.UpdateContext, s storage.Storage, key string, value []byte) error {
				given++
				return s.Set("seen "+key, value)
			})).ready()
		if v, err := c.Get("seen k"); string(v) != "v" || err != nil || given != 1 {
			t.Errorf("the callback wrote %q, %v; it was called %d times", v, err, given)
		}
		other := w.run(holder("g"), goka.WithClientID("other")).ready()
		w.check(other.stop())
		w.check(p.stop())
		if c.opened != c.closed || c.opened == 0 {
			t.Errorf("opened %d times, closed %d times", c.opened, c.closed)
		}
	})
}
