package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/tester"
)

const (
	partitions = 2
	visitors   = 4
	visits     = 6 // of each visitor
	seeds      = 12
)

// simulate runs each of the three groups by the same seeds and prints how they fared.
func simulate(t *testing.T, a *app.App) {
	for _, g := range []struct {
		name  string
		graph func() *goka.GroupGraph
	}{{"in a map", InMap}, {"in the table", InTable}, {"in the table, with the offset", Once}} {
		wrong := 0
		tester.Simulate(t, func(s *tester.Sim) {
			if !run(s, g.graph) {
				wrong++
			}
		}, tester.WithPartitions(partitions), tester.WithSeeds(someSeeds()...))
		verdict := "right with every seed"
		if wrong > 0 {
			verdict = "wrong with some seeds"
		}
		a.Printf("counted %s: %s", g.name, verdict)
	}
}

func someSeeds() []uint64 {
	all := make([]uint64, seeds)
	for i := range all {
		all[i] = uint64(i + 1)
	}
	return all
}

// run is one run: two instances, of which one crashes and comes back in the midst of the visits. It returns whether every
// visit was counted, and counted once.
func run(s *tester.Sim, graph func() *goka.GroupGraph) bool {
	t := s.T()
	if err := s.Cluster().CreateTopic("visitor-arrivals", partitions); err != nil {
		t.Fatal(err)
	}
	var arrivals []tester.Record
	for i := range visits * visitors {
		arrivals = append(arrivals, tester.Msg(fmt.Sprintf("visitor-%d", i%visitors), ""))
	}
	s.StartProcessor("first", graph(), goka.WithLogger(logger.Discard()))
	_, second := s.StartProcessor("second", graph(), goka.WithLogger(logger.Discard()))
	s.Until("both instances to have a partition", func() bool {
		has := map[string]bool{}
		for _, clients := range s.Cluster().Claims() {
			for _, client := range clients {
				has[client] = true
			}
		}
		return len(has) == 2
	})
	half := len(arrivals) / 2
	s.Workload("visits", "visitor-arrivals", arrivals[:half]...)
	s.Until("half of the visits to be counted", func() bool { return written(s, "visitors-table") >= half })
	s.Advance(time.Duration(s.Rand("pause")%2000) * time.Millisecond) // offsets are committed each second: before the crash, or not
	second.Crash()
	s.Workload("later visits", "visitor-arrivals", arrivals[half:]...)
	s.Advance(time.Minute) // Kafka notices, and the first instance takes over
	second.Restart()
	s.Idle()
	for i := range visitors {
		got, _ := s.Tester().TableValue(goka.GroupTable("visitors"), fmt.Sprintf("visitor-%d", i)).(row)
		if testing.Verbose() {
			t.Logf("seed %d: visitor-%d %d", s.Seed(), i, got.Visits)
		}
		if got.Visits != visits {
			return false
		}
	}
	return true
}

// written is how many records are in a topic.
func written(s *tester.Sim, topic string) int {
	n := 0
	for p := range int32(partitions) {
		_, high, err := s.Cluster().Offsets(topic, p)
		if err != nil {
			s.T().Fatal(err)
		}
		n += int(high)
	}
	return n
}
