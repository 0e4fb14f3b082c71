package tester

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// WithSimulation makes Run a simulation. WithSeeds, WithRuns and the other options of simulations do so too.
func WithSimulation() Option { return simulation("WithSimulation", func(*settings) {}) }

func simulation(name string, set func(s *settings)) Option {
	return func(s *settings) {
		s.only(simulated, name)
		s.simulated = true
		set(s)
	}
}

// WithSeeds sets the seeds to run: 1 unless set. The command line wins.
func WithSeeds(seeds ...uint64) Option {
	return simulation("WithSeeds", func(s *settings) { s.seeds = seeds })
}

// WithRuns runs each seed so many times, under GOMAXPROCS 1, 2 and 8 in turn, and fails the test when their traces
// differ: 1 unless set.
func WithRuns(n int) Option {
	return simulation("WithRuns", func(s *settings) { s.runs, s.procs = n, []int{1, 2, 8} })
}

// WithAmbiguityDetector fails a run at a step in which two goroutines made the same call, so that only the scheduler decides
// whose comes first: some place where a seed would not give the same run each time. It makes a run about half as fast again;
// -gokasim.check-determinism turns it on.
func WithAmbiguityDetector() Option {
	return simulation("WithAmbiguityDetector", func(s *settings) { s.detect = true })
}

// WithDigest has f called with the digest of each seed's trace.
func WithDigest(f func(seed uint64, digest string)) Option {
	return simulation("WithDigest", func(s *settings) { s.digest = f })
}

// earliestStart is the time at which all bubbles begin.
var earliestStart = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// WithStart sets the virtual time at which a simulation begins: midnight UTC of 2000-01-01 unless set, which is also the
// earliest possible: an earlier one fails the test. Records more than an hour ahead of it are refused, as by Kafka (message.timestamp.after.max.ms).
func WithStart(at time.Time) Option {
	return simulation("WithStart", func(s *settings) { s.start = at })
}

// fromCommandLine takes what flags and variables say of simulations.
func (s *settings) fromCommandLine() error {
	seed, one, err := fromSeed.number()
	if err != nil {
		return err
	}
	seeds, many, err := fromSeeds.number()
	if err != nil {
		return err
	}
	if fromSeeds.given && !fromSeed.given {
		one = false // flags win
	}
	switch {
	case one:
		s.seeds, s.chosen = []uint64{seed}, true
	case many && seeds == 0:
		return fmt.Errorf("%s is 0; set it to 1 or more", fromSeeds.names())
	case many:
		s.seeds = nil
		for n := range seeds {
			s.seeds = append(s.seeds, n+1)
		}
	}
	check, err := fromCheck.boolean()
	if err != nil {
		return err
	}
	if check {
		s.runs, s.detect = max(s.runs, 2), true
	}
	return nil
}

// scriptsOf lists what to run of a test: what failed before goes first.
func (s *settings) scriptsOf() ([]*script, error) {
	if file := fromScript.get(); file != "" {
		one, err := readScript(file)
		return []*script{one}, err
	}
	var scripts []*script
	if !s.chosen {
		var err error
		if scripts, err = keptScripts(s.test); err != nil {
			return nil, err
		}
	}
	for _, seed := range s.seeds {
		if !slices.ContainsFunc(scripts, func(k *script) bool { return k.seed == seed && k.whole() }) {
			scripts = append(scripts, &script{seed: seed})
		}
	}
	return scripts, nil
}

func (s *setting) number() (n uint64, given bool, err error) {
	v := s.get()
	if v == "" {
		return 0, false, nil
	}
	n, err = strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, true, fmt.Errorf("%s is %q; set it to a whole number", s.names(), v)
	}
	return n, true, nil
}

func (s *setting) boolean() (bool, error) {
	v := s.get()
	if v == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("%s is %q; set it to 1 or 0", s.names(), v)
	}
	return on, nil
}
