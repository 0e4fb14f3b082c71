package fault

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/kafka"
)

var (
	names   = rapid.OneOf(rapid.SampledFrom([]string{"a", "b"}), rapid.StringN(1, 5, -1))
	few     = rapid.Int32Range(0, 3)
	spans   = rapid.Map(rapid.OneOf(rapid.Int64Range(1, 5_000), rapid.Int64Range(1, 1<<40)), func(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond })
	maybe   = rapid.Map(spans, func(d time.Duration) time.Duration { return d.Truncate(2 * time.Second) }) // often zero
	anyCode = rapid.Map(rapid.Int16().Filter(func(n int16) bool { return n != 0 }), func(n int16) kafka.ErrorCode { return kafka.ErrorCode(n) })
)

func slicesOf[T any](g *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(g, 0, 2), func(s []T) []T {
		if len(s) == 0 {
			return nil
		}
		return s
	})
}

// allSuch draws operations that are about something, perhaps Any.
func allSuch(t *rapid.T, of nouns) []string {
	such := slices.DeleteFunc(Operations(), func(name string) bool {
		about, _ := aboutOf(name)
		return about&of == 0 && of != 0
	})
	if rapid.IntRange(0, 4).Draw(t, "any") == 0 {
		return []string{Any}
	}
	return rapid.SliceOfN(rapid.SampledFrom(such), 1, 3).Draw(t, "operations")
}

var onFault = rapid.Custom(func(t *rapid.T) Fault {
	on := On{Clients: slicesOf(names).Draw(t, "clients"), Brokers: slicesOf(few).Draw(t, "brokers")}
	of := rapid.SampledFrom([]nouns{0, topics, partitions, groups, transactions}).Draw(t, "about")
	on.Operations = allSuch(t, of)
	switch of {
	case topics:
		on.Topics = slicesOf(names).Draw(t, "topics")
	case partitions:
		on.Topics, on.Partitions = slicesOf(names).Draw(t, "topics"), slicesOf(few).Draw(t, "partitions")
	case groups:
		on.Groups = slicesOf(names).Draw(t, "groups")
	case transactions:
		on.TransactionalIDs = slicesOf(names).Draw(t, "transactional ids")
	}
	on.From = maybe.Draw(t, "from")
	if rapid.Bool().Draw(t, "until") {
		on.Until = on.From + spans.Draw(t, "until")
	}
	switch rapid.IntRange(0, 2).Draw(t, "which") {
	case 0:
		on.Nth = slicesOf(rapid.Int32Range(1, 9)).Draw(t, "nth")
	case 1:
		on.Every = rapid.Int32Range(2, 4).Draw(t, "every")
	}
	if rapid.Bool().Draw(t, "chance") {
		on.Probability = rapid.Float64Range(1e-300, 1).Draw(t, "probability")
	}
	on.Times = few.Draw(t, "times")
	return Fault{When: on, Do: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Action { return drawAction(t, true, of) }), 1, 3).Draw(t, "do")}
})

var atFault = rapid.Custom(func(t *rapid.T) Fault {
	at := At{Time: maybe.Draw(t, "time")}
	if rapid.Bool().Draw(t, "every") {
		at.Every, at.Times = spans.Draw(t, "every"), few.Draw(t, "times")
		if rapid.Bool().Draw(t, "until") {
			at.Until = at.Time + spans.Draw(t, "until")
		}
	}
	return Fault{When: at, Do: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Action { return drawAction(t, false, 0) }), 1, 3).Draw(t, "do")}
})

func drawAction(t *rapid.T, request bool, about nouns) Action {
	broker := few.Draw(t, "broker")
	open := rapid.Bool().Draw(t, "left open")
	to := rapid.SampledFrom([]int32{NoBroker, 0, 2}).Draw(t, "to")
	flag := rapid.Bool().Draw(t, "flag")
	kind := rapid.IntRange(0, 13).Draw(t, "kind")
	if !request {
		kind = 8 + kind%6
	}
	switch kind {
	case 0:
		return Fail{Code: anyCode.Draw(t, "code"), AfterEffect: flag}
	case 1:
		return DropRequest{}
	case 2:
		return DropResponse{}
	case 3, 4:
		least := maybe.Draw(t, "for")
		most := time.Duration(0)
		if open {
			most = least + spans.Draw(t, "up to")
		}
		if kind == 3 {
			return DelayRequest{For: least, UpTo: most}
		}
		return DelayResponse{For: least, UpTo: most}
	case 5:
		return Duplicate{Times: few.Draw(t, "times") + 1}
	case 6:
		return HoldResponse{Behind: few.Draw(t, "behind") + 1}
	case 7:
		return Disconnect{AfterEffect: flag}
	case 8:
		m := MoveCoordinator{To: to}
		switch {
		case open && about&(groups|transactions) != 0:
		case flag:
			m.Group = names.Draw(t, "group")
		default:
			m.TransactionalID = names.Draw(t, "transactional id")
		}
		return m
	case 9:
		m := MoveLeader{To: to}
		if !open || about != partitions {
			m.TP = kafka.TopicPartition{Topic: names.Draw(t, "topic"), Partition: few.Draw(t, "partition")}
		}
		return m
	case 10:
		if open && request {
			broker = NoBroker
		}
		return StopBroker{Broker: broker, For: maybe.Draw(t, "for")}
	case 11:
		return StartBroker{Broker: broker}
	case 12:
		if open && request {
			broker = NoBroker
		}
		return SlowBroker{Broker: broker, By: maybe.Draw(t, "by"), For: maybe.Draw(t, "for")}
	default:
		by := spans.Draw(t, "by")
		if flag {
			by = -by
		}
		return JumpClock{By: by, Broker: to}
	}
}

func drawPlan(t *rapid.T) Plan {
	var p Plan
	for _, f := range rapid.SliceOfN(rapid.OneOf(onFault, atFault), 0, 4).Draw(t, "faults") {
		if rapid.Bool().Draw(t, "named") {
			name := names.Draw(t, "name")
			if !slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Name == name }) {
				f.Name = name
			}
		}
		p.Faults = append(p.Faults, f)
	}
	return p
}

func TestPrintedPlansReadTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		got, err := Parse(p.String())
		if err != nil {
			t.Fatalf("%s\n%v", p, err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Fatalf("%s\n%s", p, diff)
		}
	})
}

// FuzzParse reads anything. What can be read is printed as text that reads as the same plan, and can be run.
func FuzzParse(f *testing.F) {
	f.Add("on produce topic=t partition=1 nth=3: drop-response\nat 30s every=1m times=3 name=x: stop-broker broker=2 for=10s")
	f.Add("on any client=\"a b\" probability=1e-3 until=1h: error UNKNOWN_SERVER_ERROR after-effect, jump-clock by=-1ms, move-leader topic=t partition=0")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Fatal(err)
			}
			return
		}
		again, err := Parse(p.String())
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, p, err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("%q is printed as %q\n%s", text, p, diff)
		}
		in := p.Start(1, 0)
		for _, name := range Operations() {
			in.Match(0, Op{Name: name})
		}
		if at, ok := in.Next(); ok && at < 0 {
			t.Fatalf("%q begins at %d", text, at)
		}
	})
}

var drawOp = rapid.Custom(func(t *rapid.T) Op {
	return Op{
		Name:     rapid.SampledFrom([]string{"produce", "fetch", "join-group", "end-txn", "metadata"}).Draw(t, "operation"),
		ClientID: names.Draw(t, "client"), Broker: few.Draw(t, "broker"),
		Partitions: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) kafka.TopicPartition {
			return kafka.TopicPartition{Topic: names.Draw(t, "topic"), Partition: few.Draw(t, "partition")}
		}), 0, 3).Draw(t, "partitions"),
		Groups: slicesOf(names).Draw(t, "groups"), TransactionalIDs: slicesOf(names).Draw(t, "transactional ids"),
	}
})

// TestFaultsAreIndependent plays the same requests against a plan and against each of its faults alone: each is injected
// just as it was among the others, so that a failing plan can be made shorter.
func TestFaultsAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		seed := rapid.Uint64().Draw(t, "seed")
		ops := rapid.SliceOf(drawOp).Draw(t, "ops")
		type told struct {
			step int
			Injection
		}
		play := func(p Plan) (all []told, counts []Count) {
			in := p.Start(seed, 1_000)
			for i, op := range ops {
				now := kafka.Millis(1_000 + 700*i)
				for _, j := range slices.Concat(in.Due(now), in.Match(now, op)) {
					all = append(all, told{i, j})
				}
			}
			return all, in.Counts()
		}
		together, counts := play(p)
		again, _ := play(p)
		if diff := cmp.Diff(together, again, cmp.AllowUnexported(told{})); diff != "" {
			t.Fatalf("the same seed led to something else:\n%s", diff)
		}
		labels := map[string]int{}
		for _, f := range p.Faults {
			labels[f.Label()]++
		}
		for i, f := range p.Faults {
			if labels[f.Label()] > 1 {
				continue // twins share a label
			}
			alone, count := play(Plan{Faults: []Fault{f}})
			mine := slices.DeleteFunc(slices.Clone(together), func(in told) bool { return in.Fault != f.Label() })
			if diff := cmp.Diff(mine, alone, cmp.AllowUnexported(told{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s alone is injected otherwise:\n%s", f, diff)
			}
			if counts[i] != count[0] {
				t.Fatalf("%s is counted as %+v, alone as %+v", f, counts[i], count[0])
			}
		}
	})
}

// TestChosenRequests compares with a slow model: the list of the requests that pass.
func TestChosenRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		on := On{Operations: []string{"produce"}, Topics: []string{"a"}, Times: few.Draw(t, "times")}
		if rapid.Bool().Draw(t, "by number") {
			on.Nth = rapid.SliceOfN(rapid.Int32Range(1, 9), 1, 3).Draw(t, "nth")
		} else if rapid.Bool().Draw(t, "every so many") {
			on.Every = rapid.Int32Range(2, 4).Draw(t, "every")
		}
		in := Plan{Faults: []Fault{{Name: "f", When: on, Do: []Action{DropRequest{}}}}}.Start(0, 0)
		passed, injected := 0, 0
		for range rapid.IntRange(0, 30).Draw(t, "requests") {
			topic := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "topic")
			got := len(in.Match(0, Op{Name: "produce", Partitions: []kafka.TopicPartition{{Topic: topic}}})) > 0
			want := false
			if topic == "a" {
				passed++
				want = (on.Nth == nil || slices.Contains(on.Nth, int32(passed))) && (on.Every == 0 || passed%int(on.Every) == 0)
			}
			if on.Times > 0 && injected == int(on.Times) {
				want = false
			}
			if want {
				injected++
			}
			if got != want {
				t.Fatalf("%s: request %d that passes: injected %t, want %t", say("x").Command, passed, got, want)
			}
		}
		if got := in.Injected("f"); got != injected {
			t.Fatalf("%d injections are counted as %d", injected, got)
		}
		if got := in.Injected("g"); got != 0 {
			t.Fatalf("%d injections of what is not there", got)
		}
	})
}

func TestProbability(t *testing.T) {
	for _, p := range []float64{0.01, 0.5, 0.99, 1} {
		in := Plan{Faults: []Fault{{Name: "f", When: On{Operations: []string{Any}, Probability: p}, Do: []Action{DropRequest{}}}}}.Start(7, 0)
		const requests = 20_000
		for range requests {
			in.Match(0, Op{Name: "fetch"})
		}
		if got, want := float64(in.Injected("f")), p*requests; got < want-300 || got > want+300 {
			t.Errorf("with probability %g, %g of %d requests went wrong", p, got, requests)
		}
	}
}

func TestValidateOfPlansMadeInGo(t *testing.T) {
	for _, of := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"nothing to do", Fault{When: At{}}, "fault 1 of the plan lacks When or Do; give it both"},
		{"no trigger", Fault{Do: []Action{DropRequest{}}}, "fault 1 of the plan lacks When or Do; give it both"},
		{"no operation", Fault{When: On{}, Do: []Action{DropRequest{}}}, `a plan that prints as "on: drop-request\n": line 1, column 1: on lacks the operation that fails, such as produce, or any`},
		{"no duplicates", Fault{When: On{Operations: []string{Any}}, Do: []Action{Duplicate{}}}, `a plan that prints as "on any: duplicate times=0\n": line 1, column 25: times=0; expected a whole number from 1 to 2147483647`},
	} {
		t.Run(of.name, func(t *testing.T) {
			err := Plan{Faults: []Fault{of.fault}}.Validate()
			if err == nil || err.Error() != of.want {
				t.Errorf("got  %v\nwant %s", err, of.want)
			}
		})
	}
	if err := (Plan{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestMustParse(t *testing.T) {
	if got, want := MustParse("on fetch: disconnect").String(), "on fetch: disconnect\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	defer func() {
		const want = "fault plan: line 1, column 1: fetch begins no fault; expected on or at"
		if got := recover(); got != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	}()
	MustParse("fetch: disconnect")
}

func TestOperationOf(t *testing.T) {
	for _, of := range []struct {
		key  int16
		name string
		ok   bool
	}{{0, "produce", true}, {11, "join-group", true}, {92, "delete-share-group-offsets", true}, {4, "", false}, {-1, "", false}, {93, "", false}} {
		if name, ok := OperationOf(of.key); name != of.name || ok != of.ok {
			t.Errorf("key %d is %q, %t", of.key, name, ok)
		}
	}
	if names := Operations(); !slices.IsSortedFunc(operations, func(a, b operation) int { return int(a.key) - int(b.key) }) || len(names) != len(operations) {
		t.Error("operations are not in the order of their keys")
	}
}

func TestDecide(t *testing.T) {
	p := MustParse(`
on produce topic=a: error NOT_LEADER_OR_FOLLOWER, delay-request for=1s, duplicate
on produce partition=1: error CORRUPT_MESSAGE, delay-request for=2s, delay-response for=3s, hold-response behind=2, duplicate times=2
on produce: error REQUEST_TIMED_OUT after-effect, move-leader topic=t partition=1, hold-response
on fetch: drop-response
on metadata: drop-request
on heartbeat: disconnect
on join-group: disconnect after-effect, stop-broker broker=1
`)
	in := p.Start(0, 0)
	a0, a1, b0, b1 := tp("a", 0), tp("a", 1), tp("b", 0), tp("b", 1)
	v := Decide(in.Match(0, Op{Name: "produce", Partitions: []kafka.TopicPartition{a0, a1, b0, b1}}))
	want := Verdict{
		Cluster:       []Action{MoveLeader{TP: tp("t", 1), To: NoBroker}},
		DelayRequest:  3 * time.Second,
		Before:        []Failure{{kafka.NotLeaderOrFollower, []kafka.TopicPartition{a0, a1}}, {kafka.CorruptMessage, []kafka.TopicPartition{a1, b1}}},
		Duplicates:    3,
		After:         []Failure{{Code: kafka.RequestTimedOut}},
		DelayResponse: 3 * time.Second,
		HoldBehind:    3,
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Error(diff)
	}
	for of, want := range map[kafka.TopicPartition]kafka.ErrorCode{
		a0: kafka.NotLeaderOrFollower, a1: kafka.NotLeaderOrFollower, b0: kafka.None, b1: kafka.CorruptMessage, {}: kafka.None,
	} {
		if got := v.ErrorBefore(of); got != want {
			t.Errorf("%s fails with %s, want %s", of, got.Name(), want.Name())
		}
		if got := v.ErrorAfter(of); got != kafka.RequestTimedOut {
			t.Errorf("%s fails with %s after its effect", of, got.Name())
		}
	}
	for _, of := range []struct {
		op                string
		arrives, answered bool
	}{{"produce", true, true}, {"fetch", true, false}, {"metadata", false, false}, {"heartbeat", false, false}, {"join-group", true, false}, {"leave-group", true, true}} {
		v := Decide(in.Match(0, Op{Name: of.op}))
		if v.Arrives() != of.arrives || v.Answered() != of.answered {
			t.Errorf("%s arrives: %t, is answered: %t", of.op, v.Arrives(), v.Answered())
		}
	}
}

func tp(topic string, partition int32) kafka.TopicPartition {
	return kafka.TopicPartition{Topic: topic, Partition: partition}
}

// BenchmarkMatch is what a plan costs a request that nothing happens to.
func BenchmarkMatch(b *testing.B) {
	in := MustParse(strings.Repeat("on produce topic=t partition=1 from=10s: drop-response\n", 8)).Start(1, 0)
	op := Op{Name: "produce", Partitions: []kafka.TopicPartition{tp("t", 0)}}
	b.ReportAllocs()
	for b.Loop() {
		in.Match(0, op)
	}
}
