package goka_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
)

func TestP16_StatsOfAProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		w.table("joined", 1)
		w.table("looked-up", 2)
		w.send("joined", "k", "12")
		w.send("looked-up", "k", "345")
		c := new(codec.String)
		p := w.make(goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) {
				if ctx.Offset() == 0 {
					ctx.Loopback("l", msg)
					return
				}
				ctx.Emit("out", "k", msg)
				ctx.SetValue(msg)
			}),
			goka.Loop(c, ignore), goka.Join("joined", c), goka.Lookup("looked-up", c), goka.Output("out", c), goka.Persist(c)))
		if s := p.Stats(); len(s.Group) != 0 || len(s.Lookup["looked-up"].Partitions) != 0 {
			t.Errorf("before Run the stats are %+v", s)
		}
		w.start(p).ready()
		at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
		for range 2 {
			_, err := w.cluster.Produce("in", 0, memkafka.Record{Key: []byte("k"), Value: []byte("value"), Timestamp: memkafka.Millis(at.UnixMilli())})
			w.check(err)
		}
		w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 2 && w.committed("g", "g-loop", 0) == 1 })
		s := p.StatsWithContext(context.Background())
		part := s.Group[0]
		if in := part.Input["in"]; in.Count != 2 || in.Bytes != 10 || in.LastOffset != 1 || in.OffsetLag != 0 || in.Delay < time.Minute || in.Delay > 2*time.Minute {
			t.Errorf("input is %+v", in)
		}
		if in := part.Input["g-loop"]; in.Count != 1 {
			t.Errorf("loop is %+v", in)
		}
		want := map[string]*goka.OutputStats{"out": {Count: 1, Bytes: 5}, "g-loop": {Count: 1, Bytes: 5}, "g-table": {Count: 1, Bytes: 5}}
		if diff := cmp.Diff(want, part.Output); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
		if table := part.TableStats; table.Status != goka.PartitionRunning || table.Writes.Count != 1 || table.Stalled || table.RunMode != 0 {
			t.Errorf("table is %+v", table)
		}
		if join := part.Joined["joined"]; join.Input.Count != 1 || join.Input.Bytes != 2 || join.Input.OffsetLag != 0 || join.Recovery.Hwm != 1 || join.Recovery.RecoveryTime.IsZero() {
			t.Errorf("join is %+v, %+v, %+v", join, join.Input, join.Recovery)
		}
		if n := len(s.Lookup["looked-up"].Partitions); n != 2 {
			t.Errorf("the lookup has %d partitions", n)
		}
	})
}

func TestD50_TheLagOfAnInput(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { time.Sleep(time.Second) })))
		p.ready()
		for range 100 {
			w.send("in", "k", "x")
		}
		time.Sleep(50500 * time.Millisecond)
		if lag := p.Stats().Group[0].Input["in"].OffsetLag; lag < 48 || lag > 50 {
			t.Errorf("half of 100 messages are handled, and the lag is %d", lag)
		}
	})
}

func TestAMessageWithoutATimestampIsNoAgesLate(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		for range 2 {
			_, err := w.cluster.Append("in", 0, memkafka.Record{Key: []byte("k"), Value: []byte("x"), Timestamp: memkafka.NoTimestamp})
			w.check(err)
		}
		goOn := make(chan struct{})
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { <-goOn }))).ready()
		in := func() *goka.InputStats { return p.Stats().Group[0].Input["in"] }
		w.until("the first message is handled", func() bool { return in().Count == 1 })
		if s := in(); !s.LastRead.IsZero() || s.OffsetLag != 1 || s.LagTime(time.Now()) != 0 {
			t.Errorf("the input is %+v, and %s behind", s, s.LagTime(time.Now()))
		}
		close(goOn)
	})
}

func TestD54_AnUpdateContextForTests(t *testing.T) {
	at := time.Now()
	ctx := goka.NewUpdateContext(&sarama.ConsumerMessage{
		Topic: "t", Partition: 2, Offset: 3, Timestamp: at,
		Headers: []*sarama.RecordHeader{{Key: []byte("h"), Value: []byte("1")}},
	})
	if ctx.Topic() != "t" || ctx.Partition() != 2 || ctx.Offset() != 3 || !ctx.Timestamp().Equal(at) || string(ctx.Headers()["h"]) != "1" {
		t.Errorf("the context is of %s/%d@%d, %v, %v", ctx.Topic(), ctx.Partition(), ctx.Offset(), ctx.Timestamp(), ctx.Headers())
	}
	if n := testing.AllocsPerRun(100, func() { ctx.Headers() }); n != 0 {
		t.Errorf("Headers makes a map at each call: %v allocations", n)
	}
	var _ goka.UpdateContext = ctx
}
