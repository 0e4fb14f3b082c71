package goka_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// collector appends the messages of each key in its table; twice is once.
func collector(group goka.Group) *goka.GroupGraph {
	return goka.DefineGroup(group,
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(add(ctx.Value(), msg.(string))) }),
		goka.Persist(new(codec.String)))
}

// expelled has instance a write rows that wait behind a lost answer while it is expelled from the group, and instance b handle
// their messages again. It returns both, and the storages of a, once a's last row is in the table's topic behind those of b.
func expelled(w *world) (a, b *instance, stores *memory) {
	w.topic("in", 1)
	stores = newMemory()
	a = w.run(collector("g"), goka.WithClientID("a"), goka.WithStorageBuilder(stores.build)).ready()
	w.send("in", "k", "1")
	w.until("the first message is committed", func() bool { return w.committed("g", "in", 0) == 1 })

	w.check(w.cluster.AddFaults("on produce client=a topic=g-table times=1: drop-response\non heartbeat client=a times=20: drop-request"))
	w.send("in", "k", "2") // whose row is in the topic, and a does not know
	w.until("the row is there", func() bool { return w.rows("g-table")["k"] == "1 2" })
	w.send("in", "k", "3") // whose row waits for the answer
	synctest.Wait()
	w.check(w.cluster.AddFaults("on fetch client=a topic=in times=5: drop-request"))
	b = w.run(collector("g"), goka.WithClientID("b")).ready()
	w.send("in", "other", "5")
	w.send("in", "k", "4")
	w.until("b has handled all", func() bool { return w.committed("g", "in", 0) == 5 })
	late := func() bool {
		rows := w.records("g-table")
		for i, r := range rows {
			if i > 2 && string(r.Value) == "1 2 3" && strings.HasPrefix(string(rows[i-1].Value), "1 2 3 4") {
				return true
			}
		}
		return false
	}
	w.until("a's row is behind those of b", late)
	return a, b, stores
}

func TestTheOwnersRowsOutliveThoseOfAMemberThatWasExpelled(t *testing.T) {
	inWorld(t, func(w *world) {
		expelled(w)
		want := map[string]string{"k": "1 2 3 4", "other": "5"}
		w.until("the table's topic has all", func() bool { return cmp.Equal(want, w.rows("g-table")) })
	})
}

func TestAMemberThatComesBackHasWhatOthersWrote(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b, stores := expelled(w)
		w.check(b.stop())
		w.until("a has the partition again", func() bool { return len(partitionsOf(a)) == 1 && a.Recovered() })
		w.send("in", "k", "6")
		w.until("all is handled", func() bool { return w.committed("g", "in", 0) == 6 })
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		want := map[string]string{"k": "1 2 3 4 6", "other": "5"}
		if diff := cmp.Diff(want, w.rows("g-table")); diff != "" {
			t.Errorf("the table's topic (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, rowsOf(t, stores.of("g-table", 0))); diff != "" {
			t.Errorf("the storage (-want +got):\n%s", diff)
		}
	})
}
