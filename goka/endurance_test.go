package goka_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// Three instances share 24 partitions for an hour; each minute one of them leaves, and another one comes. Nothing fails, so
// each message is counted exactly once.
func TestAnHourWithARebalanceAMinute(t *testing.T) {
	inWorld(t, func(w *world) {
		const partitions, keys = 24, 100
		w.topic("in", partitions)
		w.topic("out", partitions)
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g",
				goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
					n, _ := ctx.Value().(int64)
					ctx.SetValue(n + 1)
					ctx.Emit("out", "re-"+ctx.Key(), msg)
				}),
				goka.Output("out", new(codec.String)), goka.Persist(new(codec.Int64)))
		}
		started := 0
		start := func() *instance {
			started++
			return w.run(graph(), goka.WithClientID(fmt.Sprint("c", started)))
		}
		running := []*instance{start(), start(), start()}
		for _, i := range running {
			i.ready()
		}
		want, sent := map[string]string{}, 0
		for minute := range 60 {
			leaver, quiet := minute%3, 20
			for second := range 60 {
				if second == quiet {
					w.check(running[leaver].stop())
				}
				if second == quiet+10 {
					running[leaver] = start()
				}
				for range 3 {
					w.send("in", fmt.Sprint(sent%keys), "x")
					want[fmt.Sprint(sent%keys)] = fmt.Sprint(sent/keys + 1)
					sent++
				}
				time.Sleep(time.Second)
			}
			w.until("all of this minute is committed", func() bool {
				n := 0
				for p := range int32(partitions) {
					n += int(w.committed("g", "in", p))
				}
				return n == sent
			})
		}
		if diff := cmp.Diff(want, w.rows("g-table")); diff != "" {
			t.Errorf("table (-want +got):\n%s", diff)
		}
		if n := len(w.records("out")); n != sent {
			t.Errorf("%d of %d messages were passed on", n, sent)
		}
		v := w.view("g-table", new(codec.Int64))
		<-v.WaitRunning()
		rows := map[string]string{}
		it, err := v.Iterator()
		w.check(err)
		defer it.Release()
		for it.Next() {
			n, err := it.Value()
			w.check(err)
			rows[it.Key()] = fmt.Sprint(n)
		}
		if !maps.Equal(rows, want) {
			t.Errorf("the view has %v", rows)
		}
	})
}
