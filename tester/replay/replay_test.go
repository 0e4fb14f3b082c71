package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/memkafka"
)

// text is the codec of nearly everything here.
var text = new(codec.String)

func graph(group goka.Group, edges ...goka.Edge) Graph {
	return Graph{Name: "G", New: func() *goka.GroupGraph { return goka.DefineGroup(group, edges...) }}
}

// counts counts messages by key.
func counts() Graph {
	return graph("counts", goka.Persist(new(codec.Int64)), goka.Input("words", text, func(ctx goka.Context, _ any) {
		n, _ := ctx.Value().(int64)
		ctx.SetValue(n + 1)
	}))
}

// dumpOf writes records as a dump.
func dumpOf(records ...dump.Record) string {
	var b bytes.Buffer
	w := dump.NewWriter(&b)
	for i := range records {
		if err := errors.Join(w.Write(&records[i]), w.Flush()); err != nil {
			panic(err)
		}
	}
	return b.String()
}

// word is a message in words.
func word(key string, at int) dump.Record { return message("words", key, "x", at) }

// message is a record at a time in milliseconds; -1 is none.
func message(topic, key, value string, at int) dump.Record {
	return dump.Record{Topic: topic, Partition: dump.NoPartition, Offset: kafka.NoOffset, Timestamp: kafka.Millis(at), Key: []byte(key), Value: []byte(value)}
}

func TestTablesDoNotDependOnPartitionsAndInstances(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var records []dump.Record
	plain := map[string]int{}
	for at := range 3 * underWay / 2 {
		key := fmt.Sprintf("k%03d", random.IntN(500))
		records = append(records, word(key, at))
		plain[key]++
	}
	var want bytes.Buffer
	for i := range 500 {
		key := fmt.Sprintf("k%03d", i)
		if n := plain[key]; n > 0 {
			fmt.Fprintf(&want, "{\"key\":%q,\"payload\":\"%d\"}\n", key, n)
		}
	}
	half := len(records) / 2
	for _, shape := range [][2]int{{1, 1}, {4, 1}, {7, 3}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			o := setup{graphs: []Graph{counts()}, dumps: []string{dumpOf(records[:half]...), dumpOf(records[half:]...)}, partitions: shape[0], instances: shape[1]}.run(t)
			if diff := cmp.Diff(want.String(), o.file(t, "counts-table.jsonl")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantResult := &replaywire.Result{
				Inputs: []replaywire.Topic{{Name: "words", Count: int64(len(records))}},
				Tables: []replaywire.Topic{{Name: "counts-table", Count: int64(len(plain)), File: "counts-table.jsonl"}},
				Nanos:  o.Nanos,
			}
			if diff := cmp.Diff(wantResult, o.Result); diff != "" || o.Nanos == 0 {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMessagesSeeExactlyTheRowsThatAreOlder(t *testing.T) {
	for name, faults := range map[string]string{
		"": "", "late fetches": "on fetch topic=rates: delay-response for=300ms", "failing fetches": "on fetch topic=rates probability=0.3: error NOT_LEADER_OR_FOLLOWER",
		"connections that break": "on fetch topic=rates probability=0.2: disconnect", "fetches that end the reading": "on fetch topic=prices probability=0.3: error CORRUPT_MESSAGE",
	} {
		settings := replaywire.Settings{Seed: 1, Faults: faults}
		t.Run(name, func(t *testing.T) { seeOlderRows(t, settings, selling("sales")) })
		t.Run("in a second group, "+name, func(t *testing.T) {
			seeOlderRows(t, settings, graph("passing", goka.Output("sold", text), goka.Input("sales", text, func(ctx goka.Context, msg any) {
				ctx.Emit("sold", ctx.Key(), msg)
			})), selling("sold"))
		})
	}
	t.Run("as a seed decides", func(t *testing.T) {
		seeOlderRows(t, replaywire.Settings{Seed: 1, Driven: true, Rebalances: 3, Crashes: 2}, selling("sales"))
	})
}

// selling tells what it sees of tables at each sale.
func selling(input goka.Stream) Graph {
	return graph("prices",
		goka.Input(input, text, func(ctx goka.Context, _ any) {
			price := ctx.Join("prices")
			it, err := goka.IterateJoin(ctx, "prices")
			if err != nil {
				ctx.Fail(err)
			}
			defer it.Release()
			var listed any
			for it.Next() {
				if it.Key() == ctx.Key() {
					if listed, err = it.Value(); err != nil {
						ctx.Fail(err)
					}
				}
			}
			if listed != price {
				ctx.Fail(fmt.Errorf("the price is %v, and the list says %v", price, listed))
			}
			rate, err := goka.TryLookup(ctx, "rates", "EUR")
			if looked := ctx.Lookup("rates", "EUR"); err != nil || looked != rate {
				ctx.Fail(fmt.Errorf("the rate is %v, and %v: %w", looked, rate, err))
			}
			ctx.Emit("receipts", ctx.Key(), fmt.Sprintf("%v %v", price, rate))
		}),
		goka.Join("prices", text), goka.Lookup("rates", text), goka.Output("receipts", text))
}

func seeOlderRows(t *testing.T, settings replaywire.Settings, graphs ...Graph) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	keys := []string{"a", "b", "c", "d", "e"}
	price, rate := map[string]any{}, any(nil)
	var sales, rows []dump.Record
	want := map[string][]string{}
	for _, key := range keys[:3] { // these were there before anything happened
		rows = append(rows, message("prices", key, key+"0", -1))
		price[key] = key + "0"
	}
	for at := range 600 {
		switch key := keys[random.IntN(len(keys))]; random.IntN(6) {
		case 0:
			price[key] = fmt.Sprint(key, at)
			rows = append(rows, message("prices", key, price[key].(string), at))
		case 1:
			rate = fmt.Sprint("r", at)
			rows = append(rows, message("rates", "EUR", rate.(string), at))
		case 2:
			price[key] = nil
			gone := message("prices", key, "", at)
			gone.Value = nil
			rows = append(rows, gone)
		default:
			sales = append(sales, message("sales", key, "x", at))
			want[key] = append(want[key], fmt.Sprintf("%v %v", price[key], rate))
		}
	}
	o := setup{graphs: graphs, dumps: []string{dumpOf(sales...), dumpOf(rows...)}, partitions: 3, instances: 2, settings: settings}.run(t)
	got := map[string][]string{}
	for _, rec := range o.records(t, "receipts.jsonl") {
		got[string(rec.Key)] = append(got[string(rec.Key)], string(rec.Value))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("receipts by key (-want +got):\n%s", diff)
	}
}

func TestRowsAreKeptForAsLongAsMessagesMaySeeThem(t *testing.T) {
	h := newHistories(&plan{topics: map[string]*topic{"rates": {name: "rates", table: true, kept: true}}}, 1)
	for _, partitions := range h {
		rows := partitions[0]
		for number := range int64(underWay) {
			value := []byte(fmt.Sprint(number))
			if number%3 == 2 {
				value = nil
			}
			rows.put(&record{key: []byte("EUR"), value: value}, number)
		}
		for number, want := range map[int64]string{0: "", 1: "0", 2: "1", 3: "", 4: "3", 5000: "4999", 5001: "", underWay: "8191"} {
			if got := string(rows.get("EUR", number)); got != want {
				t.Errorf("record %d sees %q, want %q", number, got, want)
			}
		}
		h.settled()
		if len(rows.older) > 0 {
			t.Errorf("%d old versions are kept", len(rows.older))
		}
		rows.put(&record{key: []byte("EUR")}, underWay)
		h.settled()
		if len(rows.rows) > 0 {
			t.Errorf("%d rows are kept, and all are gone", len(rows.rows))
		}
	}
}

// records reads a dump that the replay left.
func (o outcome) records(t *testing.T, name string) []dump.Record {
	t.Helper()
	r, err := dump.NewReader(name, strings.NewReader(o.file(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	var records []dump.Record
	for {
		var rec dump.Record
		if err := r.Next(&rec); err != nil {
			return records
		}
		rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
		records = append(records, rec)
	}
}

func TestRecordsArriveAsTheyWereRecorded(t *testing.T) {
	echo := graph("echo",
		goka.Input("in", new(codec.Bytes), func(ctx goka.Context, msg any) {
			ctx.Emit("out", "all", fmt.Sprintf("%d %q %q %d %v", ctx.Partition(), ctx.Key(), msg, ctx.Timestamp().UnixMilli(), ctx.Headers()))
		}),
		goka.Output("out", text))
	records := []dump.Record{
		{Topic: "in", Partition: 7, Offset: 3, Timestamp: 5, Value: []byte("null key, recorded partition")},
		{Topic: "in", Partition: -1, Offset: -1, Timestamp: 6, Value: []byte("null key, no partition")},
		{Topic: "in", Partition: -1, Offset: -1, Timestamp: 7, Value: []byte("null key, no partition")},
		{Topic: "in", Partition: 1, Offset: 4, Timestamp: 8, Key: []byte("\xff\x00"), Value: []byte("\xfe")},
		{Topic: "in", Partition: 1, Offset: 4, Timestamp: 9, Key: []byte(""), Value: []byte(""), Headers: []kafka.Header{{Key: "h", Value: []byte("v")}}},
		{Topic: "in", Partition: 1, Offset: 5, Timestamp: 10, Key: []byte("tombstone")}, // which goka ignores unless told otherwise
	}
	o := setup{graphs: []Graph{echo}, dumps: []string{dumpOf(records...)}, partitions: 4}.run(t)
	var got []string
	for _, rec := range o.records(t, "out.jsonl") {
		got = append(got, string(rec.Value))
	}
	slices.Sort(got)
	want := []string{
		`0 "" "null key, no partition" 6 map[]`,
		`1 "" "null key, no partition" 7 map[]`,
		`2 "\xff\x00" "\xfe" 8 map[]`,
		`3 "" "" 9 map[h:[118]]`,
		`3 "" "null key, recorded partition" 5 map[]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGroupsFollowEachOther(t *testing.T) {
	first := graph("first", goka.Input("words", text, func(ctx goka.Context, _ any) {
		ctx.Emit("initials", ctx.Key()[:1], ctx.Key())
	}), goka.Output("initials", text))
	second := graph("second", goka.Persist(text), goka.Input("initials", text, func(ctx goka.Context, msg any) {
		if old, _ := ctx.Value().(string); msg.(string) > old {
			ctx.SetValue(msg)
		}
	}))
	third := graph("third", goka.Lookup("second-table", text), goka.Input("questions", text, func(ctx goka.Context, msg any) {
		ctx.Emit("answers", ctx.Key(), fmt.Sprint(ctx.Lookup("second-table", msg.(string))))
	}), goka.Output("answers", text))
	o := setup{graphs: []Graph{third, second, first}, partitions: 3, instances: 2, dumps: []string{dumpOf(
		message("second-table", "p", "plum", -1),
		word("apple", 1), word("avocado", 2), word("banana", 3), word("pear", 4),
		message("questions", "q", "b", 5),
	)}}.run(t)
	const want = `{"key":"a","payload":"avocado"}
{"key":"b","payload":"banana"}
{"key":"p","payload":"plum"}
`
	if diff := cmp.Diff(want, o.file(t, "second-table.jsonl")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(o.records(t, "initials.jsonl")); got != 4 {
		t.Errorf("%d initials, want 4", got)
	}
	if got := len(o.records(t, "answers.jsonl")); got != 1 {
		t.Errorf("%d answers, want 1", got)
	}
}

// TestRecordsOfAnySizeAreReplayed has records that a broker takes one by one and not together, and one that the topic it is from had a setting for.
func TestRecordsOfAnySizeAreReplayed(t *testing.T) {
	var records []dump.Record
	for at := range 2 * atOnce {
		records = append(records, message("words", "k", strings.Repeat("x", 10_000), at))
	}
	records = append(records, message("words", "large", strings.Repeat("x", 3<<20), len(records)))
	echo := graph("echo", goka.Output("echoed", text), goka.Input("words", text, func(ctx goka.Context, msg any) {
		if ctx.Key() == "k" {
			ctx.Emit("echoed", ctx.Key(), msg)
		}
	}))
	for name, settings := range map[string]replaywire.Settings{
		"in any order": {}, "as a seed decides": {Driven: true, Seed: 1}, "as a producer": {Faults: "on produce topic=none: disconnect"},
	} {
		t.Run(name, func(t *testing.T) {
			o := setup{graphs: []Graph{counts(), echo}, dumps: []string{dumpOf(records...)}, settings: settings}.run(t)
			if o.failure != "" {
				t.Fatal(o.failure)
			}
			want := fmt.Sprintf("{\"key\":\"k\",\"payload\":\"%d\"}\n{\"key\":\"large\",\"payload\":\"1\"}\n", 2*atOnce)
			if diff := cmp.Diff(want, o.file(t, "counts-table.jsonl")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := len(o.records(t, "echoed.jsonl")); got != 2*atOnce {
				t.Errorf("%d records came out, want %d", got, 2*atOnce)
			}
		})
	}
}

func TestHandledInputIsForgotten(t *testing.T) {
	var records []dump.Record
	for at := range trimEvery + 2*underWay {
		records = append(records, word("k", at))
	}
	var start kafka.Offset
	last := graph("last", goka.Input("words", text, func(ctx goka.Context, _ any) {
		if int(ctx.Offset()) == len(records)-1 {
			start, _, _ = memkafka.Named(simulatedName).Offsets("words", 0)
		}
	}))
	o := setup{graphs: []Graph{last}, dumps: []string{dumpOf(records...)}}.run(t)
	if o.failure != "" || start < trimEvery-underWay {
		t.Errorf("the log starts at offset %d, want %d or more; %s", start, trimEvery-underWay, o.failure)
	}
}

// TestEnoughMessagesAreWaitedForBehindRows has as many rows before the messages as may be under way, and a loop, so that rows are waited for.
func TestEnoughMessagesAreWaitedForBehindRows(t *testing.T) {
	records := []dump.Record{word("k", 0)}
	for i := range underWay {
		records = append(records, message("initials", fmt.Sprint(i), "x", 1))
	}
	words := 1
	for ; words <= trimEvery+underWay; words++ {
		records = append(records, word("k", 2))
	}
	var start kafka.Offset
	last := graph("last", goka.Lookup("initials", text), goka.Loop(text, func(goka.Context, any) {}), goka.Input("words", text, func(ctx goka.Context, _ any) {
		if int(ctx.Offset()) == words-1 {
			start, _, _ = memkafka.Named(simulatedName).Offsets("words", 0)
		}
	}))
	o := setup{graphs: []Graph{last}, dumps: []string{dumpOf(records...)}}.run(t)
	if o.failure != "" || start < trimEvery/2 {
		t.Errorf("the log starts at offset %d, want %d or more; %s", start, trimEvery/2, o.failure)
	}
}

// TestTablesThatAreReadAsMessagesLoseNone has a topic that is looked up, so that it is compacted, and is an output and an input, too. Callbacks
// take their time, in which brokers would compact it.
func TestTablesThatAreReadAsMessagesLoseNone(t *testing.T) {
	const messages = 3000
	sometimes := func(ctx goka.Context) {
		if ctx.Offset()%1000 == 999 {
			<-time.After(10 * time.Minute)
		}
	}
	first := graph("first", goka.Output("rates", text), goka.Input("words", text, func(ctx goka.Context, _ any) {
		ctx.Emit("rates", ctx.Key(), strings.Repeat("x", 2000))
		sometimes(ctx)
	}))
	second := graph("second", goka.Persist(new(codec.Int64)), goka.Lookup("rates", text), goka.Input("rates", text, func(ctx goka.Context, _ any) {
		sometimes(ctx)
		n, _ := ctx.Value().(int64)
		ctx.SetValue(n + 1)
	}))
	var records []dump.Record
	for at := range messages {
		records = append(records, word("k", at))
	}
	o := setup{graphs: []Graph{first, second}, dumps: []string{dumpOf(records...)}}.run(t)
	if got := len(o.records(t, "rates.jsonl")); got != messages {
		t.Errorf("there are %d records of output, want %d", got, messages)
	}
	if got, want := o.file(t, "second-table.jsonl"), fmt.Sprintf("{\"key\":\"k\",\"payload\":\"%d\"}\n", messages); got != want {
		t.Errorf("the table is %s, want %s", got, want)
	}
}

func TestBadInput(t *testing.T) {
	tombstone := message("prices", "a", "", 1)
	tombstone.Key = nil
	ok := graph("ok", goka.Input("words", new(codec.Int64), func(goka.Context, any) {}), goka.Persist(text), goka.Lookup("prices", text),
		goka.Output("out", text), goka.Loop(text, func(goka.Context, any) {}))
	for name, tc := range map[string]struct {
		graphs []Graph
		dumps  []string
		want   string
	}{
		"unknown topic": {
			[]Graph{ok},
			[]string{dumpOf(message("wrods", "a", "1", 1))},
			`0.jsonl:1: unknown topic: no group of this run (ok) reads "wrods"; they read prices, words`,
		},
		"no topic": {
			[]Graph{ok},
			[]string{`{"key":"a"}`},
			`0.jsonl:1: unknown topic: the record names no topic; --topic NAME gives one`,
		},
		"an output that nobody reads": {
			[]Graph{ok},
			[]string{dumpOf(message("out", "a", "1", 1))},
			`0.jsonl:1: unknown topic: "out" is written by group ok itself; leave it out of the input`,
		},
		"a loop": {
			[]Graph{ok},
			[]string{dumpOf(message("ok-loop", "a", "1", 1))},
			`0.jsonl:1: unknown topic: "ok-loop" is written by group ok itself; leave it out of the input`,
		},
		"the log of a table": {
			[]Graph{ok},
			[]string{dumpOf(message("ok-table", "a", "1", 1))},
			`0.jsonl:1: unknown topic: "ok-table" is written by group ok itself; leave it out of the input`,
		},
		"rows of a table behind messages": {
			[]Graph{ok},
			[]string{dumpOf(message("words", "a", "1", 1)) + `{"topic":"ok-table","key":"a","payload":"1"}`},
			`0.jsonl:2: a row of ok-table, the table of group ok, comes after a message (0.jsonl:1): rows without a time are what a table begins with; ` +
				`put them before all messages, or into a file of their own`,
		},
		"a row without a key": {[]Graph{ok}, []string{dumpOf(tombstone)}, `0.jsonl:1: the cluster refuses the record for prices/0: `},
		"a value that the codec refuses": {
			[]Graph{ok},
			[]string{dumpOf(message("words", "a", "one", 1))},
			`group ok, instance 0: `,
		},
		"a graph without inputs": {[]Graph{graph("none")}, nil, `G returned a graph of group none that is wrong: `},
		"no graph":               {[]Graph{{Name: "Nil", New: func() *goka.GroupGraph { return nil }}}, nil, `Nil returned no graph`},
		"a group without a name": {[]Graph{graph("")}, nil, `G returned a graph of a group without a name`},
		"two graphs of one group": {
			[]Graph{counts(), counts()},
			nil,
			`G makes a graph of group counts, and so does another function; choose one by --graph`,
		},
		"a graph that panics": {[]Graph{{Name: "P", New: func() *goka.GroupGraph { panic("no") }}}, nil, `P panicked: no`},
	} {
		t.Run(name, func(t *testing.T) {
			o := setup{graphs: tc.graphs, dumps: tc.dumps}.run(t)
			if !strings.HasPrefix(o.failure, tc.want) || o.Result != nil {
				t.Errorf("failure %q\nwant %q", o.failure, tc.want)
			}
		})
	}
}

func TestMalformedLinesAreToldAndTheRestCounts(t *testing.T) {
	lines := dumpOf(word("a", 1)) + "broken\n% note\n" + dumpOf(word("a", 3), word("a", 2)) + strings.Repeat("x\n", maxBadLines+5)
	o := setup{graphs: []Graph{counts()}, dumps: []string{lines}}.run(t)
	if diff := cmp.Diff("{\"key\":\"a\",\"payload\":\"3\"}\n", o.file(t, "counts-table.jsonl")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if o.BadLines != maxBadLines+6 || o.Skipped != 1 || o.Late != 1 {
		t.Errorf("%d bad lines, %d skipped, %d late", o.BadLines, o.Skipped, o.Late)
	}
	if len(o.badLines) != maxBadLines || o.badLines[0] != `0.jsonl:2:1: found "broken": a record begins with {` {
		t.Errorf("%d lines told, first %q", len(o.badLines), o.badLines[0])
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(dir, "counts-table.jsonl")); err != nil {
		t.Fatal(err)
	}
	o := setup{graphs: []Graph{counts()}, dumps: []string{dumpOf(word("a", 1))}, dir: dir}.run(t)
	if !strings.HasPrefix(o.failure, "writing table counts-table: ") || !strings.Contains(o.failure, "no space left on device") {
		t.Errorf("failure %q", o.failure)
	}
}

func TestARunThatStandsStillNamesWhatIsMissing(t *testing.T) {
	never := graph("never", goka.Input("words", text, func(ctx goka.Context, _ any) { ctx.DeferCommit() }))
	o := setup{graphs: []Graph{never}, dumps: []string{dumpOf(word("a", 1), word("b", 2))}}.run(t)
	if want := "the run stands still for 1h0m0s: group never has done 0 of 2 records of words/0"; !strings.HasPrefix(o.failure, want) {
		t.Errorf("failure %q\nwant %q", o.failure, want)
	}
}

func TestCallbacksMaySleep(t *testing.T) {
	slow := graph("slow", goka.Persist(new(codec.Int64)), goka.Input("words", text, func(ctx goka.Context, _ any) {
		begin := time.Now()
		<-time.After(10 * time.Minute)
		ctx.SetValue(int64(time.Since(begin).Minutes()))
	}))
	o := setup{graphs: []Graph{slow}, dumps: []string{dumpOf(word("a", 1), word("b", 2))}}.run(t)
	if diff := cmp.Diff("{\"key\":\"a\",\"payload\":\"10\"}\n{\"key\":\"b\",\"payload\":\"10\"}\n", o.file(t, "slow-table.jsonl")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCallbacksThatTakeLongAreCalledOnce has instances leave, come back and die while callbacks take longer than members of a group may by default.
func TestCallbacksThatTakeLongAreCalledOnce(t *testing.T) {
	slow := graph("slow", goka.Persist(new(codec.Int64)), goka.Input("words", text, func(ctx goka.Context, _ any) {
		if ctx.Offset()%20 == 19 {
			<-time.After(5 * time.Minute)
		}
		n, _ := ctx.Value().(int64)
		ctx.SetValue(n + 1)
	}))
	var records []dump.Record
	var want strings.Builder
	for at := range 900 {
		records = append(records, word(fmt.Sprint("k", at%9), at))
	}
	for i := range 9 {
		fmt.Fprintf(&want, "{\"key\":\"k%d\",\"payload\":\"100\"}\n", i)
	}
	for seed := range uint64(3) {
		o := setup{
			graphs: []Graph{slow}, dumps: []string{dumpOf(records...)}, partitions: 3, instances: 2,
			settings: replaywire.Settings{Seed: seed, Rebalances: 5, Crashes: 2},
		}.run(t)
		if diff := cmp.Diff(want.String(), o.file(t, "slow-table.jsonl")); diff != "" {
			t.Errorf("with seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func TestMessagesThatLieNowhereAreReplayedAndCounted(t *testing.T) {
	timed, timeless := word("a", 1000), word("a", -1)
	atOffset := timed
	atOffset.Offset = 3
	for name, tc := range map[string]struct {
		from, to *replaywire.Position
		want     string
		unplaced int64
	}{
		"a time":   {&replaywire.Position{Time: 1001, Offset: -1}, nil, "1", 1},
		"offsets":  {&replaywire.Position{Time: -1, Offset: 4}, &replaywire.Position{Time: -1, Offset: 9}, "2", 2},
		"anything": {nil, nil, "3", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := setup{
				graphs: []Graph{counts()}, dumps: []string{dumpOf(timeless, timed, atOffset)},
				settings: replaywire.Settings{From: tc.from, To: tc.to},
			}.run(t)
			if got := o.file(t, "counts-table.jsonl"); o.failure != "" || !strings.Contains(got, `"payload":"`+tc.want+`"`) || o.Unplaced != tc.unplaced {
				t.Errorf("%s: %s, %d unplaced, want %d", o.failure, got, o.Unplaced, tc.unplaced)
			}
		})
	}
}

func TestIncidentsHappenAmongMessagesWithoutATime(t *testing.T) {
	var records []dump.Record
	for i := range 300 {
		records = append(records, word(fmt.Sprint("k", i%3), -1))
	}
	o := setup{
		graphs: []Graph{counts()}, dumps: []string{dumpOf(records...)}, instances: 2, partitions: 2,
		settings: replaywire.Settings{Rebalances: 2, Crashes: 2},
	}.run(t)
	if o.failure != "" || len(o.Incidents) != 4 || o.Incidents[3].Record < 100 {
		t.Fatalf("%s: %+v, want 4 incidents all over 300 records", o.failure, o.Result)
	}
	if got := o.file(t, "counts-table.jsonl"); strings.Count(got, `"100"`) != 3 {
		t.Errorf("the table is %s", got)
	}
}

func TestACheckpointIsOfTheSameGraphs(t *testing.T) {
	var words []dump.Record
	for i := range 20 {
		words = append(words, word("k", i))
	}
	file := filepath.Join(t.TempDir(), "words.jsonl")
	if err := os.WriteFile(file, []byte(dumpOf(words...)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(g ...Graph) outcome {
		return setup{graphs: g, settings: replaywire.Settings{Inputs: []string{file}, Checkpoint: filepath.Dir(file), CheckpointEvery: 5, Resume: true}}.run(t)
	}
	shout := func(to goka.Stream) Graph {
		return graph("shout", goka.Output(to, text), goka.Input("words", text, func(ctx goka.Context, msg any) { ctx.Emit(to, ctx.Key(), msg) }))
	}
	if o := run(shout("loud")); o.failure != "" {
		t.Fatal(o.failure)
	}
	for _, other := range [][]Graph{{shout("louder")}, {shout("loud"), counts()}, {counts()}} {
		if o := run(other...); !strings.Contains(o.failure, "the checkpoint is not of this run: its group graphs were") || !strings.Contains(o.failure, "leave --resume out") {
			t.Errorf("it went on with other graphs: %q", o.failure)
		}
	}
	if o := run(shout("loud")); o.failure != "" || !slices.Contains(o.notes, "going on behind the first 15 records") {
		t.Errorf("it did not go on with the same graphs: %q %q", o.notes, o.failure)
	}
}

func TestAnInterruptedRunHasNoResult(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stops := graph("stops", goka.Input("words", text, func(goka.Context, any) { cancel() }))
	var records []dump.Record
	for at := range 4 * underWay {
		records = append(records, word("k", at))
	}
	o := setup{graphs: []Graph{stops}, dumps: []string{dumpOf(records...)}, ctx: ctx}.run(t)
	if o.failure != "interrupted" || o.Result != nil {
		t.Errorf("failure %q, result %v", o.failure, o.Result)
	}
}

// TestAtAPaceMessagesAreHandledWhenTheyCome has a message an hour behind the other.
func TestAtAPaceMessagesAreHandledWhenTheyCome(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	handled := false
	slow := graph("slow", goka.Input("words", text, func(goka.Context, any) {
		<-time.After(10 * time.Minute)
		handled = true
		cancel()
	}))
	s := setup{graphs: []Graph{slow}, dumps: []string{dumpOf(word("a", 0), word("b", int(time.Hour/time.Millisecond)))}, ctx: ctx}
	s.settings.Speed = 1
	if o := s.run(t); o.failure != "interrupted" || !handled {
		t.Errorf("failure %q, handled: %v", o.failure, handled)
	}
}

func TestGoroutinesOfThePackageThatStayAreNoFailure(t *testing.T) {
	leaky := graph("leaky", goka.Persist(text), goka.Input("words", text, func(ctx goka.Context, _ any) {
		go leak(make(chan int))
		ctx.SetValue("x")
	}))
	o := setup{graphs: []Graph{leaky}, dumps: []string{dumpOf(word("a", 1))}}.run(t)
	if diff := cmp.Diff("{\"key\":\"a\",\"payload\":\"x\"}\n", o.file(t, "leaky-table.jsonl")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(o.notes) != 1 || !strings.Contains(o.notes[0], "still running") {
		t.Errorf("notes %q", o.notes)
	}
}

func leak(forever chan int) { <-forever }

// TestARealClusterGivesTheSameTables needs GOKASIM_BROKERS, the addresses of a cluster on which it may make topics.
func TestARealClusterGivesTheSameTables(t *testing.T) {
	brokers := os.Getenv("GOKASIM_BROKERS")
	if brokers == "" {
		t.Skip("GOKASIM_BROKERS names no cluster")
	}
	run := fmt.Sprint(time.Now().UnixNano()) // topics of their own for each run
	words, initials := goka.Stream("words-"+run), goka.Stream("initials-"+run)
	first := graph(goka.Group("first-"+run), goka.Output(initials, text), goka.Loop(text, func(ctx goka.Context, msg any) {
		ctx.Emit(initials, ctx.Key(), msg)
	}), goka.Input(words, text, func(ctx goka.Context, _ any) {
		ctx.Loopback(ctx.Key()[:2], ctx.Key())
	}))
	second := graph(goka.Group("second-"+run), goka.Persist(new(codec.Int64)), goka.Input(initials, text, func(ctx goka.Context, _ any) {
		n, _ := ctx.Value().(int64)
		ctx.SetValue(n + 1)
	}))
	var records []dump.Record
	for at := range 5000 {
		records = append(records, message(string(words), fmt.Sprintf("%d%d", at%97, at), "x", at))
	}
	s := setup{graphs: []Graph{first, second}, dumps: []string{dumpOf(records...)}, partitions: 3, instances: 2}
	want := s.run(t)
	s.brokers = strings.Split(brokers, ",")
	got := s.run(t)
	table := "second-" + run + "-table.jsonl"
	if diff := cmp.Diff(want.file(t, table), got.file(t, table)); diff != "" {
		t.Errorf("table (-simulated +real):\n%s", diff)
	}
	if want, got := len(want.records(t, string(initials)+".jsonl")), len(got.records(t, string(initials)+".jsonl")); want != got {
		t.Errorf("%d records of output on the simulated cluster and %d on the real one", want, got)
	}
	if again := s.run(t); !strings.Contains(again.failure, "was used before") {
		t.Errorf("once more on the same topics: %q", again.failure)
	}
}
