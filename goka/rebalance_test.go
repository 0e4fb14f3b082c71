package goka_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestD22_RejoiningIsImmediate(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		a := w.run(counter("g", "in"), goka.WithClientID("a")).ready()
		b := w.run(counter("g", "in"), goka.WithClientID("b")).ready()
		w.until("both share", func() bool { return len(a.Stats().Group) == 1 && a.Recovered() && b.Recovered() })
		began := time.Now()
		w.check(b.stop())
		w.until("the first one has both again", func() bool { return len(a.Stats().Group) == 2 && a.Recovered() })
		if took := time.Since(began); took > 4*time.Second { // the heartbeat that tells about it comes every 3 s
			t.Errorf("it took %s", took)
		}
	})
}

func TestD47_ARetainedPartitionKeepsItsStorageAndReadsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 4)
		w.table("joined", 4)
		for i := range 20 {
			w.send("joined", fmt.Sprint(i), "j")
		}
		gg := func() *goka.GroupGraph {
			return goka.DefineGroup("g",
				goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
				goka.Join("joined", new(codec.String)),
				goka.Persist(new(codec.String)))
		}
		stores, reads := newMemory(), new(consumers)
		a := w.run(gg(), goka.WithClientID("a"), goka.WithStorageBuilder(stores.build), reads.option()).ready()
		for i := range 40 {
			w.send("in", fmt.Sprint(i), "x")
		}
		w.until("all is handled", func() bool { return len(w.rows("g-table")) == 40 })
		before := partitionsOf(a)
		b := w.run(gg(), goka.WithClientID("b")).ready()
		w.until("they share", func() bool { return len(partitionsOf(a)) == 2 && a.Recovered() && b.Recovered() })
		kept := partitionsOf(a)
		for _, p := range kept {
			if !slices.Contains(before, p) {
				t.Errorf("partition %d is new", p)
			}
			if n := stores.opened[fmt.Sprintf("g-table/%d", p)]; n != 1 {
				t.Errorf("the table of partition %d was opened %d times", p, n)
			}
			if n := stores.opened[fmt.Sprintf("joined/%d", p)]; n != 1 {
				t.Errorf("the join of partition %d was opened %d times", p, n)
			}
		}
		if got := reads.reads("g-table"); got != nil {
			t.Errorf("the table was read: %v", got)
		}
		if got := reads.reads("joined"); len(got) != 4 {
			t.Errorf("the join was read: %v", got)
		}
		if got := slices.Sorted(slices.Values(slices.Concat(partitionsOf(a), partitionsOf(b)))); !slices.Equal(got, []int32{0, 1, 2, 3}) {
			t.Errorf("the partitions are %v", got)
		}
	})
}

func partitionsOf(i *instance) []int32 {
	var ps []int32
	for p, s := range i.Stats().Group {
		if s.TableStats.RunMode == 0 {
			ps = append(ps, p)
		}
	}
	slices.Sort(ps)
	return ps
}

func TestHotStandbyKeepsAllTablesAtHand(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 4)
		options := func(id string, stores *memory, reads *consumers) []goka.ProcessorOption {
			return []goka.ProcessorOption{goka.WithClientID(id), goka.WithHotStandby(), goka.WithStorageBuilder(stores.build), reads.option()}
		}
		a := w.run(counter("g", "in"), options("a", newMemory(), new(consumers))...).ready()
		stores, reads := newMemory(), new(consumers)
		b := w.run(counter("g", "in"), options("b", stores, reads)...).ready()
		w.until("they share", func() bool {
			return len(partitionsOf(a)) == 2 && len(partitionsOf(b)) == 2 && a.Recovered() && b.Recovered()
		})
		for i := range 40 {
			w.send("in", fmt.Sprint(i), "x")
		}
		w.until("b has all rows", func() bool {
			n := 0
			for p := range int32(4) {
				if st := stores.of("g-table", p); st != nil {
					n += len(rowsOf(t, st))
				}
			}
			return n == 40
		})
		if n := len(b.Stats().Group); n != 4 {
			t.Errorf("b holds %d partitions", n)
		}
		for i := range 40 { // P13: also of partitions that are on standby
			if v, err := b.Get(fmt.Sprint(i)); v != int64(1) || err != nil {
				t.Errorf("key %d is %v, %v", i, v, err)
			}
		}
		before := reads.reads("g-table")
		w.check(a.stop())
		w.until("b has all partitions", func() bool { return len(partitionsOf(b)) == 4 && b.Recovered() })
		if diff := cmp.Diff(before, reads.reads("g-table")); diff != "" {
			t.Errorf("tables that stood by were read again (-before +after):\n%s", diff)
		}
		for i := range 40 {
			w.send("in", fmt.Sprint(i), "x")
		}
		w.until("all is counted", func() bool {
			for i := range 40 {
				if v, err := b.Get(fmt.Sprint(i)); err != nil || v != int64(2) {
					return false
				}
			}
			return true
		})
	})
}

func TestD48_HotStandbyWithoutTables(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		a := w.run(stateless("g"), goka.WithHotStandby(), goka.WithClientID("a")).ready()
		b := w.run(stateless("g"), goka.WithHotStandby(), goka.WithClientID("b")).ready()
		w.until("both run", func() bool { return a.Recovered() && b.Recovered() && len(a.Stats().Group) == 1 })
	})
}

func TestP14_RecoverAheadReadsTablesBeforeJoining(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 4)
		w.table("g-table", 4)
		for i := range 40 {
			w.send("g-table", fmt.Sprint(i), "1")
		}
		reads := new(consumers)
		w.run(counter("g", "in"), goka.WithClientID("a")).ready()
		b := w.run(counter("g", "in"), goka.WithClientID("b"), goka.WithRecoverAhead(), reads.option(),
			goka.WithRebalanceCallback(func(goka.Assignment) {
				if n := len(reads.reads("g-table")); n != 4 {
					t.Errorf("joined after reading %d of 4 partitions", n)
				}
			})).ready()
		if n := len(b.Stats().Group); n != 2 {
			t.Errorf("b holds %d partitions", n)
		}
		if n := len(reads.reads("g-table")); n != 4 {
			t.Errorf("read %d times", n)
		}
	})
}

func TestRebalancesLoseNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 6)
		w.run(counter("g", "in"), goka.WithClientID("stays")).ready()
		sent := 0
		send := func() {
			for range 50 {
				w.send("in", fmt.Sprint(sent%20), "x")
				sent++
			}
		}
		for round := range 5 {
			send()
			other := w.run(counter("g", "in"), goka.WithClientID(fmt.Sprint("comes", round)))
			time.Sleep(time.Duration(round) * 1700 * time.Millisecond)
			send()
			w.check(other.stop())
		}
		w.until("all is committed", func() bool {
			n := 0
			for p := range int32(6) {
				n += int(w.committed("g", "in", p))
			}
			return n == sent
		})
		want := map[string]string{}
		for i := range 20 {
			want[fmt.Sprint(i)] = fmt.Sprint(sent / 20)
		}
		if diff := cmp.Diff(want, w.rows("g-table")); diff != "" {
			t.Errorf("table (-want +got):\n%s", diff)
		}
	})
}

func TestAStandbyThatFailsEndsTheProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		stores := newMemory()
		a := w.run(counter("g", "in"), goka.WithClientID("a")).ready()
		b := w.run(counter("g", "in"), goka.WithClientID("b"), goka.WithHotStandby(), goka.WithStorageBuilder(brokenAfter(stores.build, 0))).ready()
		w.until("they share", func() bool { return len(a.Stats().Group) == 1 && a.Recovered() && b.Recovered() })
		for i := range 20 {
			if w.partition("in", fmt.Sprint(i)) == partitionsOf(a)[0] {
				w.send("in", fmt.Sprint(i), "x")
			}
		}
		err := b.wait()
		w.refused(err, "error on standby", "injected")
	})
}
