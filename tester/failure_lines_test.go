package tester_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/tester"
)

// failingTests are tests that have to fail, by name, each at a line of this file.
var failingTests = map[string]func(t *testing.T, tt *tester.Tester){
	"ExpectTable":    func(_ *testing.T, tt *tester.Tester) { tt.ExpectTable("count-table", map[string]any{"a": 1}) },
	"no table":       func(_ *testing.T, tt *tester.Tester) { tt.ExpectTable("none", nil) },
	"ExpectOutput":   func(_ *testing.T, tt *tester.Tester) { tt.ExpectOutput("in", tester.Msg("a", "x")) },
	"ExpectNoOutput": func(_ *testing.T, tt *tester.Tester) { consumed(tt); tt.ExpectNoOutput("in") },
	"ExpectGolden":   func(_ *testing.T, tt *tester.Tester) { tt.ExpectGolden("testdata/none.golden", "in") },
	"Consume":        func(_ *testing.T, tt *tester.Tester) { tt.Consume("none", "a", "x") },
	"TableValue":     func(_ *testing.T, tt *tester.Tester) { tt.TableValue("none", "a") },
	"SetTableValue":  func(_ *testing.T, tt *tester.Tester) { tt.SetTableValue("none", "a", 1) },
	"GetTableKeys":   func(_ *testing.T, tt *tester.Tester) { tt.GetTableKeys("none") },
	"Records":        func(_ *testing.T, tt *tester.Tester) { wrong(tt); tt.Records("count-table") },
	"Produce":        func(_ *testing.T, tt *tester.Tester) { tt.Produce("in", tester.Msg("a", 1)) },
	"ProduceRaw":     func(_ *testing.T, tt *tester.Tester) { tt.ProduceRaw("not a topic", "a", nil) },
	"FillTable":      func(_ *testing.T, tt *tester.Tester) { tt.FillTable("count-table", map[string]any{"a": "x"}) },
	"Rebalance":      func(_ *testing.T, tt *tester.Tester) { tt.Rebalance("none") },
	"Faults":         func(_ *testing.T, tt *tester.Tester) { tt.Faults("nonsense") },
	"In":             func(_ *testing.T, tt *tester.Tester) { tester.In[string](tt, "in", new(codec.Int64)) },
	"Send":           func(_ *testing.T, tt *tester.Tester) { tester.In[int](tt, "in").Send("a", 1) },
	"Delete":         func(_ *testing.T, tt *tester.Tester) { tester.In[int](tt, "none").Delete("a") },
	"Input.Produce":  func(_ *testing.T, tt *tester.Tester) { tester.In[int](tt, "in").Produce("a", 1) },
	"Out":            func(_ *testing.T, tt *tester.Tester) { tester.Out[string](tt, "in", new(codec.Int64)) },
	"Output.Expect":  func(_ *testing.T, tt *tester.Tester) { tester.Out[string](tt, "in").Expect(tester.P("a", "x")) },
	"ExpectNone": func(_ *testing.T, tt *tester.Tester) {
		out := tester.Out[string](tt, "in")
		consumed(tt)
		out.ExpectNone()
	},
	"Next":    func(_ *testing.T, tt *tester.Tester) { mistyped(tt).Next() },
	"All":     func(_ *testing.T, tt *tester.Tester) { mistyped(tt).All() },
	"Map":     func(_ *testing.T, tt *tester.Tester) { mistyped(tt).Map() },
	"TableOf": func(_ *testing.T, tt *tester.Tester) { tester.TableOf[string](tt, "in", new(codec.Int64)) },
	"Get": func(_ *testing.T, tt *tester.Tester) {
		consumed(tt)
		tester.TableOf[string](tt, "count-table").Get("a")
	},
	"Table.All": func(_ *testing.T, tt *tester.Tester) { consumed(tt); tester.TableOf[string](tt, "count-table").All() },
	"Keys":      func(_ *testing.T, tt *tester.Tester) { tester.TableOf[string](tt, "none").Keys() },
	"Set":       func(_ *testing.T, tt *tester.Tester) { tester.TableOf[string](tt, "count-table").Set("a", "x") },
	"Fill": func(_ *testing.T, tt *tester.Tester) {
		tester.TableOf[any](tt, "count-table").Fill(map[string]any{"a": "x"})
	},
	"Expect": func(_ *testing.T, tt *tester.Tester) {
		tester.TableOf[int64](tt, "count-table").Expect(map[string]int64{"a": 1})
	},
	"NextRaw":     func(_ *testing.T, tt *tester.Tester) { before(tt).NextRaw() },
	"tracker":     func(_ *testing.T, tt *tester.Tester) { before(tt).Next() },
	"a graph":     func(_ *testing.T, tt *tester.Tester) { tt.StartProcessor(goka.DefineGroup("none")) },
	"a view":      func(_ *testing.T, tt *tester.Tester) { tt.StartView("in", new(codec.Int64)) },
	"Wait":        func(_ *testing.T, tt *tester.Tester) { _ = tt.Instances("count")[0].Wait() },
	"replicas":    func(_ *testing.T, tt *tester.Tester) { tester.NewMockTopicManager(tt, 1, 7) },
	"New":         func(t *testing.T, _ *tester.Tester) { tester.New(t, tester.WithPartitions(-1)) },
	"Run":         func(t *testing.T, _ *tester.Tester) { tester.Run(t, nil, tester.WithInstances(0)) },
	"Replay":      func(t *testing.T, _ *tester.Tester) { tester.Replay(t, "none.jsonl", clicks()) },
	"not a graph": func(t *testing.T, _ *tester.Tester) { tester.Replay(t, "none.jsonl", 1) },
	"nil graph":   func(t *testing.T, _ *tester.Tester) { tester.Replay(t, "none.jsonl", (*goka.GroupGraph)(nil)) },
	"misspelt end": func(t *testing.T, _ *tester.Tester) {
		record(t, "orders.jsonl.gz")
		tester.Replay(t, "orders.jsonl.gz", bill(1), tester.UpToOffset("oders", 0, 1))
	},
	"a processor that failed": func(t *testing.T, _ *tester.Tester) {
		tt := tester.New(t)
		tt.StartProcessor(counter("count", "in"), goka.WithLogger(logger.Discard()))
		wrong(tt)
		tt.ProduceRaw("in", "a", []byte("x"))
		tt.StartProcessor(goka.DefineGroup("numbers", goka.Input("in", new(codec.String), func(ctx goka.Context, _ any) {
			ctx.Fail(context.Canceled)
		})), goka.WithLogger(logger.Discard()))
		tt.Catchup()
	},
	"Simulate": simulates(func(s *tester.Sim) { s.T().Fail() }),
	"simulated table": simulates(func(s *tester.Sim) {
		s.Tester().StartProcessor(counter("count", "in"), goka.WithLogger(logger.Discard()))
		s.Tester().ExpectTable("count-table", map[string]any{"a": 1})
	}),
	"no cluster": func(t *testing.T, _ *tester.Tester) {
		tester.Simulate(t, func(*tester.Sim) {}, tester.WithCluster(memkafka.WithBrokers(-1)))
	},
	"simulated faults":       simulates(func(s *tester.Sim) { s.Faults("nonsense") }),
	"simulated processor":    simulates(func(s *tester.Sim) { s.StartProcessor("p", goka.DefineGroup("none")) }),
	"simulated view":         simulates(func(s *tester.Sim) { s.StartView("v", "table", nil) }),
	"nothing to run":         simulates(func(s *tester.Sim) { s.Start("p", nil) }),
	"a workload":             simulates(func(s *tester.Sim) { s.Workload("in", "in", tester.Msg("a", 1)); s.Idle() }),
	"no progress":            simulates(func(s *tester.Sim) { s.Until("the end", func() bool { return false }) }),
	"an invariant":           simulates(func(s *tester.Sim) { s.Invariant("none", func() error { return context.Canceled }); s.Step() }),
	"a panic":                simulates(func(*tester.Sim) { panic("oh") }),
	"a panic in a plan":      simulates(func(s *tester.Sim) { s.At(time.Second, func() { panic("oh") }); s.Advance(time.Minute) }),
	"a panic in an instance": simulates(func(s *tester.Sim) { s.Start("p", func(context.Context) error { panic("oh") }) }),
	"failing at its end": simulates(func(s *tester.Sim) {
		s.Start("p", func(context.Context) error { return context.DeadlineExceeded })
	}),
	"not deterministic": func(t *testing.T, _ *tester.Tester) {
		runs := 0
		tester.Simulate(t, func(s *tester.Sim) {
			s.Start("p", func(context.Context) error { return nil })
			s.Rand("runs")
			runs++
			s.Workload("in", "in", tester.Msg(strings.Repeat("a", runs), "x"))
			s.Idle()
		}, tester.WithRuns(2))
	},
}

func simulates(script func(s *tester.Sim)) func(t *testing.T, tt *tester.Tester) {
	return func(t *testing.T, _ *tester.Tester) {
		tester.Simulate(t, script, tester.WithTimeout(time.Second))
	}
}

func consumed(tt *tester.Tester) { tt.Consume("in", "a", "x") }

// wrong writes a row that no codec can read.
func wrong(tt *tester.Tester) { tt.ProduceRaw("count-table", "a", []byte("x")) }

// mistyped is a handle for numbers on a topic of strings, and there is one.
func mistyped(tt *tester.Tester) *tester.Output[int64] {
	out := tester.Out[int64](tt, "in")
	consumed(tt)
	return out
}

// before is a tracker at a message that cannot be.
func before(tt *tester.Tester) *tester.QueueTracker {
	q := tt.NewQueueTracker("in")
	q.Seek(-1)
	return q
}

// TestFailuresNameTheLineOfTheTest: who reads that a test failed wants its line, not one of the tester.
func TestFailuresNameTheLineOfTheTest(t *testing.T) {
	if os.Getenv("GOKASIM_TEST_FAILURES") != "" {
		t.Chdir(t.TempDir()) // for traces
		for name, fails := range failingTests {
			t.Run(name, func(t *testing.T) {
				tt := tester.New(t, tester.WithTimeout(50*time.Millisecond))
				tt.StartProcessor(counter("count", "in"), goka.WithLogger(logger.Discard()))
				fails(t, tt)
			})
		}
		return
	}
	t.Setenv("GOKASIM_TEST_FAILURES", "1")
	t.Setenv("GOKASIM_SHRINK", "false")
	out, _ := rerun(t)
	failed := strings.Count(out, "\n    --- FAIL: ")
	var places []string
	for _, m := range regexp.MustCompile(`(?m)^ {8,12}(\S+\.go):\d+: (?:tester|simulate|replay)`).FindAllStringSubmatch(out, -1) {
		places = append(places, m[1])
	}
	slices.Sort(places)
	lines, files := len(places), slices.Compact(places)
	if lines < failed || len(files) != 1 || failed != len(failingTests) {
		t.Errorf("%d of %d tests failed, at %d lines of %v:\n%s", failed, len(failingTests), lines, files, out)
	}
}
