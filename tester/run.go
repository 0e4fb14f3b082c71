package tester

import "testing"

// Run runs f with a tester: the same test at the cost that its options, or the command line, ask for.
//
//	tester.Run(t, test)                                                        // one record at a time
//	tester.Run(t, test, tester.WithPartitions(8), tester.WithInstances(3))     // several instances
//	tester.Run(t, test, tester.WithInstances(3), tester.WithSeeds(1, 2, 3))    // simulated, as seeds decide
//
// It is simulated with WithSimulation or another option of simulations, and with -gokasim.seed or -gokasim.seeds
// (GOKASIM_SEED, GOKASIM_SEEDS): see Simulate. f starts what it needs with StartProcessor and StartView.
func Run(t *testing.T, f func(tt *Tester), options ...Option) {
	t.Helper()
	s, err := newSettings(options)
	if err == nil {
		err = s.refuse(replayed, "tester.Run", "use tester.Replay")
	}
	asked := fromSeed.get() != "" || fromSeeds.get() != "" || fromScript.get() != ""
	if err == nil && (s.simulated || asked) {
		err = s.fromCommandLine()
	}
	if err != nil {
		t.Fatalf("tester: %v", err)
	}
	if s.simulated || asked {
		simulate(t, func(s *Sim) { f(s.tester) }, s)
		return
	}
	f(New(t, options...))
}
