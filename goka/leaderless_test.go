package goka_test

import (
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// A topic that was just made, or whose broker went down, has partitions without a leader for a while. sarama asks twice at
// once, and gives up; a processor that gave up as well would end because of what is over a moment later.
func TestATableWithoutALeaderIsWaitedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.sendTo("g-table", 0, "k", "1")
		w.check(w.cluster.SetFaults("on list-offsets topic=g-table times=10: error NOT_LEADER_OR_FOLLOWER"))
		p := w.run(holder("g"))
		p.ready()
		if v, err := p.Get("k"); v != "1" || err != nil {
			t.Errorf("got %v, %v", v, err)
		}
		if !w.log.has("no leader") {
			t.Errorf("nobody is told what is waited for: %q", w.log.lines)
		}
	})
}

func TestATableThatStaysWithoutALeaderFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.check(w.cluster.SetFaults("on list-offsets topic=g-table: error NOT_LEADER_OR_FOLLOWER"))
		began := time.Now()
		p := w.make(holder("g"), goka.WithLogger(w.log))
		i := w.start(p)
		w.refused(i.wait(), "g-table/0", "leader")
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("it took %s to fail", took)
		}
	})
}

func TestTheEndOfAProcessorEndsTheWaitForALeader(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.check(w.cluster.SetFaults("on list-offsets topic=g-table: error NOT_LEADER_OR_FOLLOWER"))
		p := w.run(holder("g"))
		w.until("the leader is waited for", func() bool { return w.log.has("no leader") })
		began := time.Now()
		w.check(p.stop())
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s to end", took)
		}
	})
}

func TestAViewWaitsForALeader(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		w.sendTo("t", 0, "k", "1")
		w.check(w.cluster.SetFaults("on list-offsets topic=t times=6: error LEADER_NOT_AVAILABLE"))
		v := w.view("t", new(codec.String))
		<-v.WaitRunning()
	})
}
