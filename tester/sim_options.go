package tester

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/gokasim/gokasim/memkafka"
)

// The settings of simulations that a command line gives: each one a flag, for one package, and a variable of the same
// meaning, for go test ./..., where a flag that one package knows breaks all others.
var (
	flagSeed  = flag.Uint64("gokasim.seed", 0, "run simulations with this `seed` only (GOKASIM_SEED)")
	flagSeeds = flag.Uint64("gokasim.seeds", 0, "run simulations with `n` seeds, from 1 on (GOKASIM_SEEDS)")
	flagCheck = flag.Bool("gokasim.check-determinism", false, "run each seed twice, under GOMAXPROCS 1 and 8, and compare (GOKASIM_CHECK_DETERMINISM)")
)

type simOptions struct {
	seeds   []uint64
	runs    int
	procs   []int // GOMAXPROCS of the runs, in turn
	digest  func(seed uint64, digest string)
	cluster []memkafka.Option
	start   time.Time
}

// SimOption is a setting of Simulate.
type SimOption func(*simOptions)

// WithSeeds sets the seeds to run: 1 unless set. Flags and variables win.
func WithSeeds(seeds ...uint64) SimOption { return func(o *simOptions) { o.seeds = seeds } }

// WithRuns runs each seed so many times, under GOMAXPROCS 1, 2 and 8 in turn, and fails the test when their traces
// differ: 1 unless set.
func WithRuns(n int) SimOption {
	return func(o *simOptions) { o.runs, o.procs = n, []int{1, 2, 8} }
}

// WithDigest has f called with the digest of each seed's trace.
func WithDigest(f func(seed uint64, digest string)) SimOption {
	return func(o *simOptions) { o.digest = f }
}

// WithCluster sets options of the cluster. Its seed is the simulation's.
func WithCluster(options ...memkafka.Option) SimOption {
	return func(o *simOptions) { o.cluster = append(o.cluster, options...) }
}

// WithStart sets the virtual time at which a simulation begins: midnight UTC of 2000-01-01 unless set, which is also the
// earliest possible. Records more than an hour ahead of it are refused, as by Kafka (message.timestamp.after.max.ms).
func WithStart(at time.Time) SimOption { return func(o *simOptions) { o.start = at } }

func newSimOptions(options []SimOption) (simOptions, error) {
	o := simOptions{seeds: []uint64{1}, runs: 1, procs: []int{1, 8}}
	for _, option := range options {
		option(&o)
	}
	if o.runs < 1 {
		return o, fmt.Errorf("simulate: %d is not a number of runs; give 1 or more", o.runs)
	}
	seed, err := fromEnvironment("GOKASIM_SEED", *flagSeed)
	if err != nil {
		return o, err
	}
	seeds, err := fromEnvironment("GOKASIM_SEEDS", *flagSeeds)
	if err != nil {
		return o, err
	}
	switch {
	case seed != 0:
		o.seeds = []uint64{seed}
	case seeds != 0:
		o.seeds = nil
		for n := range seeds {
			o.seeds = append(o.seeds, n+1)
		}
	}
	check := *flagCheck
	if v := os.Getenv("GOKASIM_CHECK_DETERMINISM"); v != "" {
		if check, err = strconv.ParseBool(v); err != nil {
			return o, fmt.Errorf("simulate: GOKASIM_CHECK_DETERMINISM is %q; set it to 1 or 0", v)
		}
	}
	if check && o.runs < 2 {
		o.runs = 2
	}
	return o, nil
}

// fromEnvironment returns the value of a flag, or of the variable when the flag was not given.
func fromEnvironment(name string, flagged uint64) (uint64, error) {
	v := os.Getenv(name)
	if flagged != 0 || v == "" {
		return flagged, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("simulate: %s is %q; set it to a whole number", name, v)
	}
	return n, nil
}
