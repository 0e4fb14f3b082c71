package tester_test

import (
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/tester"
)

// countsThroughACrash is what would be called TestCountsThroughACrash in a package of tests.
func countsThroughACrash(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		if err := s.Cluster().CreateTopic("clicked", 4); err != nil {
			t.Fatal(err)
		}
		s.StartProcessor("first", clicks())
		_, second := s.StartProcessor("second", clicks())
		var visits []tester.Record
		for range 100 {
			visits = append(visits, tester.Msg("ann", "button"), tester.Msg("bob", "button"))
		}
		s.Workload("visits", "clicked", visits...)
		s.Steps(s.Rand("crash") % 500) // some way into it
		second.Crash()
		second.Restart()
		s.Idle()
		// A message that was handled and not committed is handled again: at least once.
		for _, user := range []string{"ann", "bob"} {
			if n, _ := s.Tester().TableValue(goka.GroupTable("clicks"), user).(int64); n < 100 {
				t.Errorf("%s clicked %d times", user, n)
			}
		}
	}, tester.WithSeeds(1, 2, 3), tester.WithPartitions(4))
}

// Two instances of a group, of which one crashes in the midst of the work. A seed decides when what happens.
func ExampleSimulate() {
	_ = countsThroughACrash // go test runs it
}
