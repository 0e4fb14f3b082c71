package replay

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/dump"
)

// echoes passes words on, several times and in two steps, so that each partition of its outputs has records from all others.
func echoes() []Graph {
	return []Graph{
		graph("first", goka.Input("words", text, func(ctx goka.Context, msg any) {
			for i := range 3 {
				ctx.Emit("middle", fmt.Sprint(msg, i), ctx.Key())
			}
			ctx.Emit("all", ctx.Key(), msg)
		}), goka.Output("middle", text), goka.Output("all", text)),
		graph("second", goka.Input("middle", text, func(ctx goka.Context, msg any) {
			ctx.Emit("all", msg.(string), ctx.Key())
		}), goka.Output("all", text)),
		graph("third", goka.Input("words", text, func(ctx goka.Context, msg any) {
			ctx.Loopback(ctx.Key(), "5")
		}), goka.Loop(text, func(ctx goka.Context, msg any) {
			if n := msg.(string); n != "0" {
				ctx.Emit("rounds", "all", ctx.Key()+n)
				ctx.Loopback("x"+ctx.Key(), fmt.Sprint(n[0]-'1'))
			}
		}), goka.Output("rounds", text)),
	}
}

func TestOutputsComeInTheOrderOfWhatTheyComeFrom(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var words []dump.Record
	for at := range underWay + 500 {
		words = append(words, message("words", fmt.Sprint("k", random.IntN(50)), fmt.Sprint("w", at, ":"), at))
	}
	run := setup{graphs: echoes(), dumps: []string{dumpOf(words...)}, partitions: 8, instances: 3}
	first, second := run.run(t), run.run(t)
	for _, name := range []string{"all.jsonl", "middle.jsonl", "rounds.jsonl"} {
		if first.file(t, name) != second.file(t, name) {
			t.Errorf("%s differs from run to run", name)
		}
	}

	run.partitions = 1
	one := run.run(t)
	var all, rounds, wantAll, wantRounds []string
	for _, rec := range one.records(t, "all.jsonl") {
		all = append(all, string(rec.Key)+" "+string(rec.Value))
	}
	for _, rec := range one.records(t, "rounds.jsonl") {
		rounds = append(rounds, string(rec.Value))
	}
	for _, w := range words {
		key, value := string(w.Key), string(w.Value)
		wantAll = append(wantAll, key+" "+value+"0", key+" "+value+"1", key+" "+value+"2", key+" "+value)
		for n, x := 5, ""; n > 0; n, x = n-1, x+"x" {
			wantRounds = append(wantRounds, fmt.Sprint(x, key, n))
		}
	}
	if diff := cmp.Diff(wantAll, all); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
	if diff := cmp.Diff(wantRounds, rounds); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
	for i, rec := range one.records(t, "all.jsonl") {
		if int(rec.Offset) != i {
			t.Fatalf("record %d has offset %d", i, rec.Offset)
		}
	}
}

// latest depends on the order in which its messages come, and says when it had them.
func latest() Graph {
	return graph("latest", goka.Persist(text), goka.Input("all", text, func(ctx goka.Context, msg any) {
		old, _ := ctx.Value().(string)
		ctx.SetValue(fmt.Sprintf("%.40s", fmt.Sprint(msg, " ", ctx.Timestamp().UnixNano(), " ", old)))
		ctx.Emit("seen", ctx.Key(), old)
	}), goka.Output("seen", text))
}

func TestASeedDecidesAll(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	var words []dump.Record
	for at := range 600 {
		words = append(words, message("words", fmt.Sprint("k", random.IntN(20)), fmt.Sprint("w", at, ":"), at))
	}
	run := setup{graphs: append(echoes()[:2], latest()), dumps: []string{dumpOf(words...)}, partitions: 4, instances: 2}
	run.settings.Driven, run.settings.Rebalances, run.settings.Crashes = true, 3, 2
	files := func(seed uint64) (all [3]string) {
		run.settings.Seed = seed
		o := run.run(t)
		for i, name := range []string{"latest-table.jsonl", "seen.jsonl", "all.jsonl"} {
			all[i] = o.file(t, name)
		}
		return all
	}
	first := files(1)
	if diff := cmp.Diff(first, files(1)); diff != "" {
		t.Errorf("two runs with the same seed differ:\n%.3000s", diff)
	}
	if first == files(2) {
		t.Error("two runs with different seeds are the same")
	}
}
