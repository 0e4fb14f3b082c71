package tester

import (
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// DefaultTimeout is how long a tester waits without seeing any progress: see WithTimeout.
const DefaultTimeout = 10 * time.Second

// Option is a setting of New, Run, Simulate or Replay. Each says where it counts; elsewhere it fails the test.
type Option func(*settings)

// SimOption is another name of Option.
type SimOption = Option

// settings are what options set.
type settings struct {
	partitions int
	instances  int
	hasher     func() hash.Hash32
	timeout    time.Duration
	cluster    []memkafka.Option
	compare    []cmp.Option

	simulated bool // WithSimulation
	seeds     []uint64
	chosen    bool // seeds is what the command line says
	runs      int
	procs     []int // GOMAXPROCS of the runs, in turn
	detect    bool  // ambiguous calls
	digest    func(seed uint64, digest string)
	start     time.Time
	small     madeSmall
	test      string // its name
	mistaken  bool   // a script has failed by its own mistake, with any seed

	replay replaySettings
	given  []string // options that do not count everywhere, by kind and name
}

// kind is where an option counts.
type kind int

const (
	simulated kind = iota // in simulations
	replayed              // in Replay
)

// only notes that an option counts in simulations, or in replays, alone.
func (s *settings) only(k kind, option string) {
	s.given = append(s.given, fmt.Sprintf("%d%s", k, option))
}

// refuse returns an error that names the options which do not count here.
func (s *settings) refuse(k kind, where, instead string) error {
	var names []string
	for _, g := range s.given {
		if name, ok := strings.CutPrefix(g, fmt.Sprint(int(k))); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s count nothing here; %s", where, strings.Join(names, ", "), instead)
}

func newSettings(options []Option) (*settings, error) {
	s := &settings{
		partitions: 1,
		instances:  1,
		hasher:     goka.DefaultHasher(),
		timeout:    DefaultTimeout,
		seeds:      []uint64{1},
		runs:       1,
		procs:      []int{1, 8},
	}
	var errs []error
	for i, o := range options {
		if o == nil {
			errs = append(errs, fmt.Errorf("option %d of %d is nil", i+1, len(options)))
			continue
		}
		o(s)
	}
	if s.partitions < 1 {
		errs = append(errs, fmt.Errorf("%d is not a number of partitions; give 1 or more", s.partitions))
	}
	if s.instances < 1 {
		errs = append(errs, fmt.Errorf("%d is not a number of instances; give 1 or more", s.instances))
	}
	if s.hasher == nil {
		errs = append(errs, errors.New("a hasher of nil assigns no partition; leave WithHasher out for goka's own"))
	}
	if s.timeout <= 0 {
		errs = append(errs, fmt.Errorf("a timeout of %v leaves no time; give more than 0", s.timeout))
	}
	if s.runs < 1 {
		errs = append(errs, fmt.Errorf("%d is not a number of runs; give 1 or more", s.runs))
	}
	if !s.start.IsZero() && s.start.Before(earliestStart) {
		errs = append(errs, fmt.Errorf("a simulation cannot begin at %v; %v is the earliest", s.start, earliestStart))
	}
	if len(s.seeds) == 0 {
		errs = append(errs, errors.New("no seed to run; give WithSeeds one or more"))
	}
	return s, errors.Join(errs...)
}

// WithPartitions sets the number of partitions of topics that the tester makes: 1 unless set. Less than 1 fails the test.
func WithPartitions(n int) Option { return func(s *settings) { s.partitions = n } }

// WithInstances sets how many instances of a processor StartProcessor starts: 1 unless set. Less than 1 fails the test.
func WithInstances(n int) Option { return func(s *settings) { s.instances = n } }

// WithHasher sets how keys are assigned to partitions by Consume, SetTableValue and TableValue: goka.DefaultHasher unless
// set. It has to be that of the processors, views and emitters of the test, and counts with several partitions only.
func WithHasher(hasher func() hash.Hash32) Option { return func(s *settings) { s.hasher = hasher } }

// WithTimeout sets how long the tester waits for a processor or view to do something before it fails the test and
// says who is stuck: DefaultTimeout unless set. In a simulation it is virtual time, and 10 minutes unless set; on a real
// cluster, where a rebalance takes seconds, it is a minute at least.
func WithTimeout(d time.Duration) Option { return func(s *settings) { s.timeout = d } }

// WithCluster sets options of the cluster underneath. In a simulation its seed is the simulation's.
func WithCluster(options ...memkafka.Option) Option {
	return func(s *settings) { s.cluster = append(s.cluster, options...) }
}

// WithCompare sets options of go-cmp for all that the tester compares, as for types with an Equal of their own:
// cmp.Comparer(proto.Equal). Unexported fields are compared unless an option says otherwise.
func WithCompare(options ...cmp.Option) Option {
	return func(s *settings) { s.compare = append(s.compare, options...) }
}
