package goka_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func isTable(e *goka.Emission) bool { return e.Topic == "g-table" }

func TestD3_ARowIsSeenByOthersOnceKafkaHasIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		held := &producer{hold: isTable}
		own := int64(-1)
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
				n, _ := ctx.Value().(int64)
				ctx.SetValue(n + 1)
				own = ctx.Value().(int64)
			}),
			goka.Persist(new(codec.Int64))), held.option()).ready()
		w.send("in", "k", "x")
		w.send("in", "k", "x")
		w.until("two rows wait", func() bool { return held.waiting() == 2 })
		if own != 2 {
			t.Errorf("a callback reads %d of its own writes, want 2", own)
		}
		if v, err := p.Get("k"); v != nil || err != nil {
			t.Errorf("Get sees %v, %v before Kafka has it", v, err)
		}
		held.release()
		w.until("the row is there", func() bool { v, err := p.Get("k"); return err == nil && v == int64(2) })
		w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 2 })
	})
}

func TestD3_ARowThatKafkaDidNotTakeIsNotInTheStorage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stores := newMemory()
		held := &producer{hold: isTable}
		gg := counter("g", "in")
		p := w.run(gg, held.option(), goka.WithStorageBuilder(stores.build)).ready()
		w.send("in", "k", "x")
		w.until("the row waits", func() bool { return held.waiting() == 1 })
		held.refuse(errInjected)
		if err := p.wait(); !errors.Is(err, errInjected) {
			t.Fatalf("Run returned %v", err)
		}
		if v, err := stores.of("g-table", 0).Get("k"); v != nil || err != nil {
			t.Fatalf("the storage has %q, %v", v, err)
		}
		// the message comes again, and counts once
		w.run(gg, goka.WithStorageBuilder(stores.build)).ready()
		w.until("it is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		if diff := cmp.Diff(map[string]string{"k": "1"}, w.rows("g-table")); diff != "" {
			t.Errorf("table (-want +got):\n%s", diff)
		}
	})
}

func TestD3_AMessageIsMarkedAfterItsRowIsStored(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stores := newMemory()
		w.run(counter("g", "in"), goka.WithStorageBuilder(stores.build)).ready()
		for i := range 50 {
			w.send("in", fmt.Sprint(i%3), "x")
			w.until("it is committed", func() bool { return int(w.committed("g", "in", 0)) == i+1 })
			offset, err := stores.of("g-table", 0).GetOffset(-3)
			w.check(err)
			if int(offset) != i {
				t.Fatalf("after %d messages the storage has offset %d", i+1, offset)
			}
		}
	})
}

func TestD4_ARowGoesToThePartitionThatIsBeingProcessed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 4)
		gg := counter("g", "in")
		p := w.run(gg).ready()
		other := (w.partition("in", "k") + 1) % 4
		w.sendTo("in", other, "k", "written with another hash")
		w.until("it is committed", func() bool { return w.committed("g", "in", other) == 1 })
		for partition := range int32(4) {
			records, err := w.cluster.Fetch("g-table", partition, 0, 10)
			w.check(err)
			if has := len(records) == 1; has != (partition == other) {
				t.Errorf("partition %d of the table has %d rows", partition, len(records))
			}
		}
		w.check(p.stop())
		w.run(gg).ready()
		w.sendTo("in", other, "k", "again")
		w.until("the row was found again", func() bool { return w.rows("g-table")["k"] == "2" })
	})
}

func TestD13_OffsetZeroAndDeletionsMoveTheStorage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stores := newMemory()
		w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				if msg == "delete" {
					ctx.Delete()
					return
				}
				ctx.SetValue(msg)
			}),
			goka.Persist(new(codec.String))), goka.WithStorageBuilder(stores.build)).ready()
		for i, what := range []string{"set", "delete"} {
			w.send("in", "k", what)
			w.until(what+" is stored", func() bool {
				offset, err := stores.of("g-table", 0).GetOffset(-3)
				return err == nil && int(offset) == i
			})
		}
		if has, err := stores.of("g-table", 0).Has("k"); has || err != nil {
			t.Errorf("the row is there: %v, %v", has, err)
		}
		if rows := w.records("g-table"); len(rows) != 2 || rows[1].Value != nil {
			t.Errorf("the table's topic has %v", rows)
		}
	})
}

func TestAWriteOfTheStorageThatFailsStopsTheProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stores := newMemory()
		gg := counter("g", "in")
		p := w.run(gg, goka.WithStorageBuilder(brokenAfter(stores.build, 1))).ready()
		w.send("in", "a", "x")
		w.until("the first is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		w.send("in", "b", "x")
		w.refused(p.wait(), "error storing value: ", "injected", "rows of g-table/0")
		if got := w.committed("g", "in", 0); got != 1 {
			t.Errorf("committed %d, want 1", got)
		}
		synctest.Wait()
		// the row is in Kafka, so that the message that comes again counts twice: at least once
		w.run(gg, goka.WithStorageBuilder(stores.build)).ready()
		w.until("all is committed", func() bool { return w.committed("g", "in", 0) == 2 })
		if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, w.rows("g-table")); diff != "" {
			t.Errorf("table (-want +got):\n%s", diff)
		}
	})
}
