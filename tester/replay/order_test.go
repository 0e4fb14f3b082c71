package replay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
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

// loops makes the origins of a record of the input, and of rounds that follow from it in a loop: the first few are noted last, as where what they
// cause overtakes the word that they have arrived.
func loops(rounds, late int) *order {
	o := newOrder(&plan{topics: map[string]*topic{"loop": {name: "loop", input: true}}}, 1)
	o.fed("loop", 0, 0, 7)
	note := func(round int) {
		o.emitted("loop", 0, kafka.Offset(round), kafka.Source{Topic: "loop", Offset: kafka.Offset(round - 1), N: int32(round)}, 3)
	}
	for round := late + 1; round <= rounds; round++ {
		note(round)
	}
	for round := late; round > 0; round-- {
		note(round)
	}
	return o
}

func TestARecordIsOrderedByItsWay(t *testing.T) {
	for _, late := range []int{0, 1, 2, 5, maxHops + 10} {
		const rounds = maxHops + 20
		o := loops(rounds, late)
		want := binary.BigEndian.AppendUint64(nil, 8)
		for round := range rounds + 1 {
			if round > 0 {
				want = binary.BigEndian.AppendUint32(append(want, 0, 3), uint32(round))
			}
			if round > maxHops {
				want = append(want[:8:8], 0xff, 0xff, 0, 0, 0, byte(round))
			}
			if got := o.key(nil, "loop", 0, kafka.Offset(round)); !bytes.Equal(got, want) {
				t.Errorf("with %d noted late: round %d is ordered by %x, want %x", late, round, got, want)
			}
		}
		o.emitted("loop", 0, rounds+1, kafka.Source{Topic: "loop", Offset: 1_000_000, N: 5}, 3)
		want = append(make([]byte, 8), 0, 3, 0, 0, 0, 5)
		if got := o.key(nil, "loop", 0, rounds+1); !bytes.Equal(got, want) {
			t.Errorf("what comes from nowhere is ordered by %x, want %x", got, want)
		}
	}
}

// BenchmarkWayOfALoop orders all rounds of a loop: twice as many take twice as long.
func BenchmarkWayOfALoop(b *testing.B) {
	for _, rounds := range []int{10_000, 20_000, 40_000} {
		b.Run(fmt.Sprint("rounds=", rounds), func(b *testing.B) {
			var key []byte
			for b.Loop() {
				o := loops(rounds, 0)
				for round := range rounds {
					key = o.key(key[:0], "loop", 0, kafka.Offset(round))
				}
			}
		})
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
