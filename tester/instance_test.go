package tester_test

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/tester"
)

func TestKilledInstancesHaveCommittedWhatTheyFinished(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(3))
	p := tt.StartProcessor(counter("count", "in"))
	for range 5 {
		tt.Consume("in", "k", "x")
	}
	p.Kill()
	p.Restart()
	tt.Consume("in", "k", "x")
	tt.ExpectTable("count-table", map[string]any{"k": int64(6)})
}

func TestKillFromACallback(t *testing.T) {
	tt := tester.New(t)
	var p *tester.Instance
	dies := true
	gg := goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
		ctx.Emit("out", ctx.Key(), msg)
		if dies {
			dies = false
			p.Kill()
		}
	}), goka.Output("out", new(codec.String)))
	p = tt.StartProcessor(gg)
	tt.Consume("in", "k", "x")
	tt.StartProcessor(gg)
	tt.Catchup()
	tt.ExpectOutput("out", tester.Msg("k", "x"), tester.Msg("k", "x"))
}

func TestNothingCountsAfterAKillFromACallback(t *testing.T) {
	tt := tester.New(t)
	var p *tester.Instance
	dies := true
	p = tt.StartProcessor(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) {
		n, _ := ctx.Value().(int64)
		if dies {
			dies = false
			p.Kill()
		}
		ctx.Emit("out", ctx.Key(), msg)
		ctx.SetValue(n + 1)
	}), goka.Output("out", new(codec.String)), goka.Persist(new(codec.Int64))), goka.WithLogger(logger.Discard()))
	tt.Consume("in", "k", "x")
	tt.ExpectNoOutput("out", "g-table")
	p.Restart()
	tt.Catchup()
	tt.ExpectOutput("out", tester.Msg("k", "x"))
	tt.ExpectTable("g-table", map[string]any{"k": int64(1)})
}

func TestFailingEmitsAreSeenWhole(t *testing.T) {
	tt := tester.New(t)
	var seen tester.Record
	tt.FailEmits(func(r tester.Record) error { seen = r; return nil })
	e, err := goka.NewEmitter(nil, "in", new(codec.String), goka.WithEmitterTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.EmitSyncWithHeaders("k", "x", goka.Headers{"a": []byte("1"), "b": []byte("2")}); err != nil {
		t.Fatal(err)
	}
	want := tester.Record{Topic: "in", Key: "k", Value: []byte("x"), Headers: goka.Headers{"a": []byte("1"), "b": []byte("2")}}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("f saw %v, want %v", seen, want)
	}
	if err := e.Finish(); err != nil {
		t.Error(err)
	}
}

func TestFailingEmitsThatPanic(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(counter("count", "in"), goka.WithLogger(logger.Discard()))
	tt.FailEmits(func(tester.Record) error { panic("oh") })
	tt.Consume("in", "k", "x")
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "the function given to FailEmits panics: oh") {
		t.Errorf("the processor ended with %v", err)
	}
}

// TestLostRequestsEndATestInItsTime: what comes to nothing again and again is no progress.
func TestLostRequestsEndATestInItsTime(t *testing.T) {
	for plan, says := range map[string]string{
		"on produce: drop-request":             `client-0/group count in/0 has not finished the record at offset 0`,
		"on fetch: drop-request":               `client-0/group count in/0 does not take the record at offset 0`,
		"on fetch: error UNKNOWN_SERVER_ERROR": `client-0/group count in/0 does not take the record at offset 0`,
	} {
		t.Run(plan, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &failures{}
				tt := tester.New(f)
				tt.StartProcessor(counter("count", "in"), goka.WithLogger(logger.Discard()))
				tt.Faults(plan)
				began := time.Now()
				tt.Consume("in", "k", "x")
				if took := time.Since(began); took > 3*tester.DefaultTimeout {
					t.Errorf("that took %v", took)
				}
				f.has(t, says)
				tt.Cluster().ClearFaults()
				tt.Close()
			})
		})
	}
}

// A request that is lost once costs a part of the time that there is.
func TestLostRequestsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := tester.New(t)
		p := tt.StartProcessor(counter("count", "in"))
		tt.Faults("on produce nth=1: drop-request\non fetch nth=2: drop-response\non offset-commit nth=1: drop-request")
		began := time.Now()
		tt.Consume("in", "k", "x")
		tt.Consume("in", "k", "y")
		tt.Commit()
		p.Restart()
		tt.Catchup()
		tt.ExpectTable("count-table", map[string]any{"k": int64(2)})
		if took := time.Since(began); took > tester.DefaultTimeout {
			t.Errorf("that took %v", took)
		}
		tt.Close()
	})
}

// TestRebalancesOnDemand looks at virtual time: nobody may wait for the next heartbeat of another.
func TestRebalancesOnDemand(t *testing.T) {
	if os.Getenv("GOKASIM_BROKERS") != "" {
		t.Skip("a real cluster has no virtual time")
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		tt := tester.New(t, tester.WithPartitions(4))
		tt.StartProcessor(counter("count", "in"))
		for i := range 6 {
			switch i {
			case 2:
				tt.StartProcessor(counter("count", "in"))
			case 4:
				if err := tt.Instances("count")[0].Stop(); err != nil {
					t.Error(err)
				}
			default:
				tt.Rebalance("count")
			}
			tt.Consume("in", "a", "x")
			tt.Consume("in", "b", "x")
		}
		tt.ExpectTable("count-table", map[string]any{"a": int64(6), "b": int64(6)})
		if took := time.Since(began); took > time.Second {
			t.Errorf("rebalances took %v of virtual time: somebody waited for a heartbeat", took)
		}
	})
}

func TestRecoveryOfACompactedTable(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(counter("count", "in"))
	for range 10 {
		tt.Consume("in", "k", "x")
	}
	tt.Consume("in", "other", "x")
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := tt.Cluster().Compact("count-table"); err != nil {
		t.Fatal(err)
	}
	if n := len(tt.Records("count-table")); n != 2 {
		t.Errorf("%d records are left of two keys", n)
	}
	p.Restart()
	tt.Consume("in", "k", "x")
	tt.ExpectTable("count-table", map[string]any{"k": int64(11), "other": int64(1)})
}

func TestRecoveryOfAFilledTable(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(3))
	table := tester.TableOf[int64](tt, "count-table", new(codec.Int64))
	table.Fill(map[string]int64{"a": 1, "b": 2, "c": 3})
	tt.Produce("in", tester.Msg("a", "waits"), tester.Msg("b", "waits"))
	tt.StartProcessor(counter("count", "in"))
	tt.Catchup()
	table.Expect(map[string]int64{"a": 2, "b": 3, "c": 3})
}

func TestEmitsThatFail(t *testing.T) {
	tt := tester.New(t)
	gg := goka.DefineGroup("g",
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("out", ctx.Key(), msg) }),
		goka.Output("out", new(codec.String)))
	p := tt.StartProcessor(gg)
	broken := errors.New("the disk is full")
	tt.FailEmits(func(r tester.Record) error {
		if r.Topic == "out" {
			return broken
		}
		return nil
	})
	tt.Consume("in", "k", "x")
	if err := p.Wait(); !errors.Is(err, broken) {
		t.Errorf("the processor ended with %v", err)
	}
	tt.ExpectNoOutput()
	tt.FailEmits(nil)
	p.Restart()
	tt.Catchup()
	tt.ExpectOutput("out", tester.Msg("k", "x"))
}

func TestFailedInstancesAreReported(t *testing.T) {
	f := &failures{}
	tt := tester.New(f)
	tt.StartProcessor(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) { ctx.Fail(errors.New("no luck")) })))
	tt.Consume("in", "k", "x")
	tt.Close()
	f.has(t, "group g", "no luck")
}

func TestExpectationsShowDifferences(t *testing.T) {
	f := &failures{}
	tt := tester.New(f)
	defer tt.Close()
	tt.StartProcessor(counter("count", "in"))
	tt.Consume("in", "k", "x")
	tt.ExpectTable("count-table", map[string]any{"k": int64(2), "gone": int64(1)})
	f.has(t, "table count-table (-want +got)", `"gone"`, "-", "+")
	f.texts = nil
	tt.ExpectOutput("in", tester.Msg("k", "y"))
	f.has(t, "output in (-want +got)", `"y"`, `"x"`)
	f.texts = nil
	tt.ExpectNoOutput("in")
	if len(f.texts) > 0 {
		t.Errorf("what was looked at is looked at again: %v", f.texts)
	}
	tt.Consume("in", "k", "z")
	tt.ExpectNoOutput("in")
	f.has(t, "in/0 offset 1", "z")
}

func TestRecordsHavePlaceHeadersAndTime(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(2))
	at := time.Date(2013, 1, 2, 3, 4, 5, 0, time.UTC)
	tt.RegisterEmitter("in", new(codec.String))
	tt.Produce("in", tester.Msg("a", "1").With("h", "v").OnTime(at), tester.Msg("a", nil))
	got := tt.Records("in")
	for i := range got {
		got[i].Time = got[i].Time.UTC()
	}
	p := got[0].Partition
	want := []tester.Record{
		{Key: "a", Value: "1", Headers: goka.Headers{"h": []byte("v")}, Topic: "in", Partition: p, Time: at},
		{Key: "a", Topic: "in", Partition: p, Offset: 1},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(tester.Record{})); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	tt.ExpectOutput("in", tester.Msg("a", "1").With("h", "v").At(p, 0).OnTime(at), tester.Msg("a", nil).At(p, 1))
}

func TestOffsetsAreKeptBetweenRuns(t *testing.T) {
	tt := tester.New(t)
	var seen []string
	gg := goka.DefineGroup("g", goka.Input("in", new(codec.String), func(_ goka.Context, msg interface{}) { seen = append(seen, msg.(string)) }))
	p := tt.StartProcessor(gg)
	tt.Consume("in", "k", "1")
	p.Restart()
	tt.Consume("in", "k", "2")
	if diff := cmp.Diff([]string{"1", "2"}, seen); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if got := tt.Committed("g", "in", 0); got != 2 {
		t.Errorf("offset %d is committed, want 2", got)
	}
}

func TestGoldenFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	f := &failures{}
	tt := tester.New(f)
	defer tt.Close()
	tt.StartProcessor(counter("count", "in"))
	tt.Consume("in", "k", "x")
	tt.ExpectGolden("testdata/count.golden", "in", "count-table")
	f.has(t, "does not exist", "GOKASIM_GOLDEN=1")
	t.Setenv("GOKASIM_GOLDEN", "1")
	f.texts = nil
	tt.ExpectGolden("testdata/count.golden", "in", "count-table")
	f.has(t, "was written")
	t.Setenv("GOKASIM_GOLDEN", "")
	f.texts = nil
	tt.ExpectGolden("testdata/count.golden", "in", "count-table")
	if len(f.texts) > 0 {
		t.Errorf("what was written differs: %v", f.texts)
	}
	tt.Consume("in", "k", "x")
	tt.ExpectGolden("testdata/count.golden", "in", "count-table")
	f.has(t, "differs", `-gokasim.golden`, `"k"`)
	f.texts = nil
	tt.ExpectGolden("testdata/count.golden")
	f.has(t, "there is nothing to compare")
}

// TestGoldenFilesShowWhatDiffers: not what lies between two differences.
func TestGoldenFilesShowWhatDiffers(t *testing.T) {
	t.Chdir(t.TempDir())
	golden := func(changed ...int) string {
		f := &failures{}
		tt := tester.New(f)
		defer tt.Close()
		for i := range 12 {
			value := []byte("old")
			if slices.Contains(changed, i) {
				value = []byte("new")
			}
			tt.ProduceRaw("in", strconv.Itoa(i), value)
		}
		tt.ExpectGolden("in.golden", "in")
		return strings.Join(f.texts, "\n")
	}
	t.Setenv("GOKASIM_GOLDEN", "1")
	golden()
	t.Setenv("GOKASIM_GOLDEN", "")
	got := golden(1, 11)
	var marks string
	for line := range strings.Lines(got) {
		switch {
		case strings.HasPrefix(line, "  ..."):
			marks += "."
		case len(line) > 2 && (line[2] == '{' || line[2] == '%'):
			marks += line[:1]
		}
	}
	if marks != "  -+   .   -+" {
		t.Errorf("the lines are marked %q:\n%s", marks, got)
	}
}

// TestNoOutputOfWhom: an expectation that nothing can fail is a mistake, and the processors of a simulation have outputs, too.
func TestNoOutputOfWhom(t *testing.T) {
	f := &failures{}
	tt := tester.New(f)
	defer tt.Close()
	tt.ExpectNoOutput()
	f.has(t, "there is no processor that has any")
	f.texts = nil
	tt.StartProcessor(counter("count", "in"))
	tt.ExpectNoOutput()
	if len(f.texts) > 0 {
		t.Errorf("a processor without outputs has some: %v", f.texts)
	}
}

// In production a record outlives a broker that is away for half a minute; a test in real time would wait for that.
func TestProducersGiveUpInASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := tester.New(t)
		p := tt.StartProcessor(counter("count", "in"), goka.WithLogger(logger.Discard()))
		tt.Faults("on produce topic=count-table: error NOT_LEADER_OR_FOLLOWER")
		began := time.Now()
		tt.Consume("in", "k", "x")
		if err := p.Wait(); !errors.Is(err, sarama.ErrNotLeaderForPartition) {
			t.Errorf("the processor ended with %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("that took %v", took)
		}
		tt.Close()
	})
}

func TestFaultsOfProducers(t *testing.T) {
	tt := tester.New(t)
	gg := goka.DefineGroup("g",
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("out", ctx.Key(), msg) }),
		goka.Output("out", new(codec.String)))
	p := tt.StartProcessor(gg)
	tt.Faults("on produce topic=out nth=2: error MESSAGE_TOO_LARGE")
	tt.Consume("in", "k", "1")
	tt.Consume("in", "k", "2")
	if err := p.Wait(); !errors.Is(err, sarama.ErrMessageSizeTooLarge) {
		t.Errorf("the processor ended with %v", err)
	}
	tt.ExpectOutput("out", tester.Msg("k", "1"))
	if missed := tt.Cluster().MissedFaults(); len(missed) > 0 {
		t.Errorf("faults that never happened: %v", missed)
	}
}

// TestNobodyWaitsForWhatWasStoppedBeforeItBegan: such a processor has opened no client, by whose end the tester learns of its own.
func TestNobodyWaitsForWhatWasStoppedBeforeItBegan(t *testing.T) {
	tester.Run(t, stoppedEarly)
	tester.Run(t, stoppedEarly, tester.WithSimulation())
}

func stoppedEarly(tt *tester.Tester) {
	p := tt.StartProcessor(counter("count", "in"))
	_ = p.Stop()
	tt.Consume("in", "a", "x")
	for range 3 {
		p.Restart()
	}
	tt.Catchup()
	tt.ExpectTable("count-table", map[string]any{"a": int64(1)})
}

func TestNoGraphToStart(t *testing.T) {
	f := &failures{}
	tt := tester.New(f)
	defer tt.Close()
	_ = tt.StartProcessor(nil).Stop()
	f.has(t, "there is no group graph")
}

func TestNoCodecToRegister(t *testing.T) {
	f := &failures{}
	tt := tester.New(f)
	defer tt.Close()
	tester.In[string](tt, "in", nil)
	f.has(t, "the codec of topic in is nil")
}
