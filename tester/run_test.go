package tester_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

// TestOneTestAtAllLevels runs the same test by hand, with many instances, and simulated.
func TestOneTestAtAllLevels(t *testing.T) {
	body := func(tt *tester.Tester) {
		first := goka.DefineGroup("first",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				ctx.Emit("words", msg.(string), "1")
				ctx.Loopback(ctx.Key(), msg)
			}),
			goka.Loop(new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("words", msg.(string), "2") }),
			goka.Output("words", new(codec.String)))
		words := tester.Out[string](tt, "words", new(codec.String))
		table := tester.TableOf[int64](tt, "second-table", new(codec.Int64))
		in := tester.In[string](tt, "in", new(codec.String))
		p := tt.StartProcessor(first)
		tt.StartProcessor(counter("second", "words"))
		view := tt.StartView("second-table", new(codec.Int64))
		for i := range int64(6) {
			switch i {
			case 2:
				tt.Rebalance("first")
			case 4:
				p.Restart()
			}
			in.Send(fmt.Sprintf("k%d", i%3), "w")
			words.Expect(tester.P("w", "1"), tester.P("w", "2"))
			table.Expect(map[string]int64{"w": 2 * (i + 1)})
			if got, err := view.View().Get("w"); err != nil || got != 2*(i+1) {
				panic(fmt.Sprintf("the view has %v (%v)", got, err))
			}
		}
		p.Kill()
		p.Restart()
		in.Send("k", "v")
		if n, ok := table.Get("v"); !ok || n < 2 { // a crash may repeat
			panic(fmt.Sprintf("after the crash the table has %v", n))
		}
	}
	for name, options := range map[string][]tester.Option{
		"one partition":  nil,
		"many instances": {tester.WithPartitions(5), tester.WithInstances(3)},
		"simulated":      {tester.WithPartitions(3), tester.WithInstances(2), tester.WithSeeds(1, 2, 3), tester.WithRuns(2)},
	} {
		t.Run(name, func(t *testing.T) { tester.Run(t, body, options...) })
	}
}

func TestOptionsThatCountNothingAreRefused(t *testing.T) {
	f := &failures{}
	tester.New(f, tester.WithSeeds(2), tester.WithPartitions(0), tester.WithTimeout(-1))
	f.has(t, "0 is not a number of partitions", "-1ns")
	f = &failures{}
	tester.New(f, tester.WithSeeds(2), tester.WithSimulation()).Close()
	f.has(t, "WithSeeds, WithSimulation", "tester.Run")
}

func TestAtAndAdvance(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		var calls []string
		s.Tester().StartProcessor(counter("count", "in"))
		table := tester.TableOf[int64](s, "count-table")
		at := func(d time.Duration) {
			s.At(d, func() {
				calls = append(calls, s.Elapsed().Round(time.Minute).String())
				s.Tester().Consume("in", "k", "x")
			})
		}
		at(3 * time.Hour)
		at(time.Hour)
		at(24 * time.Hour)
		s.At(90*time.Minute, func() { s.Tester().Rebalance("count") })
		s.Advance(4 * time.Hour)
		if got := strings.Join(calls, " "); got != "1h0m0s 3h0m0s" {
			s.T().Errorf("planned functions ran at %s", got)
		}
		s.Idle()
		table.Expect(map[string]int64{"k": 2})
		if s.Elapsed() < 4*time.Hour || s.Elapsed() > 4*time.Hour+time.Minute {
			s.T().Errorf("%v have passed", s.Elapsed())
		}
	}, tester.WithSeeds(1, 2, 3), tester.WithRuns(2))
}

func TestStepsAreOneEvent(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		steps := 0
		s.Invariant("counted", func() error { steps++; return nil })
		s.Tester().StartProcessor(counter("count", "in"))
		s.Step()
		s.Step()
		if steps < 2 {
			s.T().Errorf("%d steps were looked at", steps)
		}
	})
}

// TestFaultsInSimulations loses an answer to an emit: with the idempotent producer each word is there once.
func TestFaultsInSimulations(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		gg := goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("out", ctx.Key(), msg) }),
			goka.Output("out", new(codec.String)))
		s.Tester().StartProcessor(gg)
		s.Faults("on produce topic=out nth=2 name=lost: drop-response\non offset-commit every=2 times=3: drop-request")
		var want []tester.Record
		for i := range 10 {
			want = append(want, tester.Msg(fmt.Sprintf("k%d", i), "x"))
		}
		work := s.Workload("in", "in", want...)
		s.Idle()
		s.Tester().ExpectOutput("out", work.Records()...)
		if slices.Contains(s.Cluster().MissedFaults(), "lost") {
			s.T().Error("the answer was not lost")
		}
	}, tester.WithSeeds(1, 2, 3, 4), tester.WithRuns(2))
}

func TestMockTopicManager(t *testing.T) {
	tt := tester.New(t)
	tm := tester.NewMockTopicManager(tt, 1, 1)
	if err := tm.EnsureStreamExists("orders", 1); err != nil {
		t.Error(err)
	}
	if err := tm.EnsureTableExists("rows", 1); err != nil {
		t.Error(err)
	}
	ps, err := tm.Partitions("anything")
	if err != nil || len(ps) != 1 {
		t.Errorf("partitions %v (%v)", ps, err)
	}
	if err := tm.EnsureStreamExists("orders", 2); err == nil {
		t.Error("a topic of one partition passes for one of two")
	}
	if err := errors.Join(tm.Close(), tester.NewMockTopicManager(tt, 3, 1).EnsureStreamExists("wide", 3)); err != nil {
		t.Error(err)
	}
}
