package tester_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

// What docs/testing.md shows, as tests: TestGuide holds the page to them, snippet by snippet.

// snippet: graph
// clicks counts how often each user clicked, and says so at every tenth click.
func clicks() *goka.GroupGraph {
	return goka.DefineGroup("clicks",
		goka.Input("clicked", new(codec.String), func(ctx goka.Context, _ any) {
			n, _ := ctx.Value().(int64)
			n++
			ctx.SetValue(n)
			if n%10 == 0 {
				ctx.Emit("milestones", ctx.Key(), n)
			}
		}),
		goka.Output("milestones", new(codec.Int64)),
		goka.Persist(new(codec.Int64)),
	)
}

// end

// snippet: first
func TestTenthClick(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(clicks())
	for range 10 {
		tt.Consume("clicked", "ann", "button")
	}
	tt.ExpectOutput("milestones", tester.Msg("ann", int64(10)))
	tt.ExpectTable("clicks-table", map[string]any{"ann": int64(10)})
}

// end

// snippet: goka
func TestAsWithGoka(t *testing.T) {
	tt := tester.New(t)
	p, err := goka.NewProcessor(nil, clicks(), goka.WithTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	tt.SetTableValue("clicks-table", "ann", int64(9))
	milestones := tt.NewQueueTracker("milestones")
	tt.Consume("clicked", "ann", "button")
	if key, n, ok := milestones.Next(); !ok || key != "ann" || n != int64(10) {
		t.Errorf("milestone %q %v (%v)", key, n, ok)
	}
}

// end

// snippet: typed
func TestTyped(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(clicks())
	clicked := tester.In[string](tt, "clicked")
	milestones := tester.Out[int64](tt, "milestones")
	table := tester.TableOf[int64](tt, "clicks-table")

	table.Set("ann", 8)
	clicked.Send("ann", "button")
	milestones.ExpectNone()
	clicked.Send("ann", "button", tester.WithTime(time.Unix(1_700_000_000, 0)))
	milestones.Expect(tester.P("ann", int64(10)))
	if n, _ := table.Get("ann"); n != 10 {
		t.Errorf("ann has clicked %d times", n)
	}
}

// end

// snippet: partitions
func TestManyInstances(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(8), tester.WithInstances(3))
	p := tt.StartProcessor(clicks())
	for i := range 40 {
		switch i {
		case 10:
			tt.Rebalance("clicks") // the partitions are shared out anew
		case 20:
			p.Restart() // recovers its tables, goes on at the committed offsets
		case 30:
			p.Kill() // as a crash; the others take over
		}
		tt.Consume("clicked", fmt.Sprint("user-", i%4), "button")
	}
	tt.ExpectOutput("milestones", tester.Msg("user-0", int64(10)), tester.Msg("user-1", int64(10)),
		tester.Msg("user-2", int64(10)), tester.Msg("user-3", int64(10)))
}

// end

// snippet: crash
func TestCrashBeforeTheCommit(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(clicks())
	tt.HoldCommits()
	tt.Consume("clicked", "ann", "button") // done and acknowledged, but not committed
	p.Kill()
	tt.ReleaseCommits()
	p.Restart()
	tt.Catchup() // handles the click once more
	tt.ExpectTable("clicks-table", map[string]any{"ann": int64(2)})
}

// end

// snippet: recovery
func TestRecovery(t *testing.T) {
	tt := tester.New(t)
	table := tester.TableOf[int64](tt, "clicks-table", new(codec.Int64))
	table.Fill(map[string]int64{"ann": 1, "bob": 9})
	if err := tt.Cluster().Compact("clicks-table"); err != nil {
		t.Fatal(err)
	}
	tt.StartProcessor(clicks()) // reads the table from its topic
	tt.Consume("clicked", "bob", "button")
	table.Expect(map[string]int64{"ann": 1, "bob": 10})
}

// end

// snippet: poison
func TestPoison(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(goka.DefineGroup("sizes",
		goka.Input("sizes", new(codec.Int64), func(goka.Context, any) {})))
	tt.ProduceRaw("sizes", "k", []byte("not a number"))
	tt.Catchup()
	if err := p.Wait(); err == nil {
		t.Error("the processor went on")
	}
	if at := tt.Committed("sizes", "sizes", 0); at != -1 {
		t.Errorf("the message is committed: %d", at)
	}
}

// end

// snippet: failures
func TestFailures(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(clicks())
	full := errors.New("the disk is full")
	tt.FailEmits(func(r tester.Record) error {
		if r.Topic == "clicks-table" {
			return full
		}
		return nil
	})
	tt.Consume("clicked", "ann", "button")
	if err := p.Wait(); !errors.Is(err, full) {
		t.Errorf("the processor ended with %v", err)
	}
	tt.FailEmits(nil)
	p.Restart()
	tt.Catchup() // the click was not lost
	tt.ExpectTable("clicks-table", map[string]any{"ann": int64(1)})
}

// end

// snippet: simulate
func TestSimulatedClicks(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		_, first := s.StartProcessor("clicks-1", clicks())
		s.StartProcessor("clicks-2", clicks())
		s.Faults("on offset-commit probability=0.2: drop-request")

		var records []tester.Record
		for i := range 60 {
			records = append(records, tester.Msg(fmt.Sprint("user-", i%7), "button"))
		}
		work := s.Workload("clicks", "clicked", records...)
		s.At(20*time.Second, func() { s.Tester().Rebalance("clicks") })
		s.Steps(100 + s.Rand("crash")%300)
		first.Crash()
		s.Idle()

		want := map[string]int64{}
		for _, r := range work.Records() {
			want[r.Key]++
		}
		for key, n := range want { // at least once
			if got, _ := tester.TableOf[int64](s, "clicks-table").Get(key); got < n {
				s.T().Errorf("%s has %d clicks, want %d", key, got, n)
			}
		}
	}, tester.WithPartitions(4), tester.WithSeeds(1, 2, 3))
}

// end

// snippet: time
func TestADay(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		s.StartProcessor("clicks", clicks())
		s.At(18*time.Hour, func() { s.Tester().Consume("clicked", "ann", "button") })
		s.Advance(24 * time.Hour)
		tester.TableOf[int64](s, "clicks-table").Expect(map[string]int64{"ann": 1})
	}, tester.WithPartitions(1))
}

// end

// snippet: levels
func TestAtThreeCosts(t *testing.T) {
	test := func(tt *tester.Tester) {
		tt.StartProcessor(clicks())
		for range 10 {
			tt.Consume("clicked", "ann", "button")
		}
		tt.ExpectOutput("milestones", tester.Msg("ann", int64(10)))
	}
	t.Run("by hand", func(t *testing.T) { tester.Run(t, test) })
	t.Run("instances", func(t *testing.T) { tester.Run(t, test, tester.WithPartitions(8), tester.WithInstances(3)) })
	t.Run("simulated", func(t *testing.T) { tester.Run(t, test, tester.WithPartitions(8), tester.WithSeeds(1, 2, 3)) })
}

// end
