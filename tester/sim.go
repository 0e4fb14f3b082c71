package tester

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient" // brokers written as mem://name
	"github.com/gokasim/gokasim/storage"
)

// Bounds of a simulated run. A run that exceeds one fails instead of going on for ever.
const (
	simIdle = 10 * time.Minute // of virtual time in which nothing happens while the script waits
	simStop = 10 * time.Minute // of virtual time until an instance that was stopped has returned
	simAway = 24 * time.Hour   // of virtual time in which the script waits for something that is not the simulation's
)

// ErrNoProgress reports that a simulation waits for something, and nothing can happen any more.
var ErrNoProgress = errors.New("no progress")

// Sim is one simulated run: a cluster in virtual time, and instances of processors and views on it, of which a seed
// decides who does what next. Its methods are called by the function given to Simulate, in its own goroutine.
type Sim struct {
	t       *testing.T
	seed    uint64
	cluster *memkafka.Cluster
	driver  *memkafka.Driver
	broker  string
	text    bytes.Buffer

	requests  chan simRequest
	driving   chan struct{} // closed when the driver's goroutine has ended
	instances []*Instance
	groups    map[string]*goka.GroupGraph
	failed    error
	away      string // why the script was abandoned
	progress  *atomic.Uint64
}

// simRequest asks the driver to go on until a condition holds.
type simRequest struct {
	what  string
	cond  func() bool
	reply chan error
	last  bool // the driver shall end
}

// Simulate runs f once for each seed, in a testing/synctest bubble: time is virtual, Kafka's own waits cost nothing, and
// the seed decides the order of all that happens at the cluster. The same seed gives the same run, byte for byte of its
// trace, as long as f and the callbacks draw no chance or time from elsewhere.
//
// Without options or flags it runs seed 1. -gokasim.seed=N (GOKASIM_SEED) runs that one, -gokasim.seeds=N
// (GOKASIM_SEEDS) as many from 1 on, -gokasim.check-determinism (GOKASIM_CHECK_DETERMINISM=1) each one twice, under
// GOMAXPROCS 1 and 8, and compares. A failing run says its seed and how to run it again, and leaves its trace in a file.
func Simulate(t *testing.T, f func(s *Sim), options ...SimOption) {
	t.Helper()
	o, err := newSimOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range o.seeds {
		if len(o.seeds) == 1 {
			simulateSeed(t, seed, f, o)
			continue
		}
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { simulateSeed(t, seed, f, o) })
	}
}

// simulateSeed runs one seed as often as asked for, and compares the traces.
func simulateSeed(t *testing.T, seed uint64, f func(s *Sim), o simOptions) {
	t.Helper()
	first := simRun{}
	for run := range o.runs {
		restore := func() {}
		if o.runs > 1 {
			before := runtime.GOMAXPROCS(o.procs[run%len(o.procs)])
			restore = func() { runtime.GOMAXPROCS(before) }
		}
		r := simulateOnce(t, seed, f, o)
		restore()
		if t.Failed() {
			return
		}
		if run == 0 {
			first = r
			if o.digest != nil {
				o.digest(seed, r.digest)
			}
			continue
		}
		if r.digest != first.digest {
			t.Fatalf("seed %d: run %d, under GOMAXPROCS %d, differs from the first one, under %d:\n%s", seed, run+1,
				o.procs[run%len(o.procs)], o.procs[0], firstDifference(first.text, r.text))
		}
	}
}

type simRun struct {
	digest string
	text   []byte
}

var simNumber atomic.Uint64 // makes names of clusters unique; it reaches no trace

func simulateOnce(t *testing.T, seed uint64, f func(s *Sim), o simOptions) (r simRun) {
	t.Helper()
	progress := new(atomic.Uint64)
	stop := watch(progress)
	defer stop()
	var s *Sim
	defer func() {
		if p := recover(); p != nil { // the bubble's own panic: goroutines are left, and none of them can go on
			t.Errorf("simulate: seed %d: %v; is something not closed, or does the script wait for what cannot come?%s", seed, p, s.leftovers())
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		s = newSim(t, seed, o)
		s.progress = progress
		go s.drive()
		defer func() {
			s.finish()
			r = simRun{s.driver.Trace().Digest(), s.text.Bytes()}
			if t.Failed() {
				s.report()
			}
		}()
		f(s)
	})
	return r
}

func newSim(t *testing.T, seed uint64, o simOptions) *Sim {
	time.Sleep(time.Until(o.start))
	cluster, driver, err := memkafka.NewDriven(seed, synctest.Wait, o.cluster...)
	if err != nil {
		t.Fatalf("simulate: %v", err)
	}
	s := &Sim{
		t: t, seed: seed, cluster: cluster, driver: driver,
		requests: make(chan simRequest, 1),
		driving:  make(chan struct{}),
		groups:   map[string]*goka.GroupGraph{},
	}
	driver.Trace().Text = &s.text
	name := fmt.Sprintf("simulation-%d", simNumber.Add(1))
	s.broker = "mem://" + name
	release, err := memkafka.SetNamed(name, cluster)
	if err != nil {
		t.Fatalf("simulate: %v", err)
	}
	t.Cleanup(release)
	return s
}

// drive is the driver's goroutine: it lets events happen while the script waits for something.
func (s *Sim) drive() {
	defer close(s.driving)
	var req *simRequest
	idleSince, awaySince := time.Now(), time.Now()
	for {
		s.driver.Settle()
		s.progress.Add(1)
		if req == nil {
			select {
			case r := <-s.requests:
				req = &r
				idleSince = time.Now()
			default:
			}
		}
		if req != nil && req.cond() {
			if req.last {
				return
			}
			req.reply <- nil
			req, awaySince = nil, time.Now()
			continue
		}
		happened, err := s.driver.Step()
		if happened || req == nil {
			idleSince = time.Now()
		}
		if err == nil && time.Since(idleSince) > simIdle {
			err = fmt.Errorf("%w: waiting for %s, nothing happened for %v of virtual time\n%s", ErrNoProgress, req.what, simIdle, s.state())
		}
		if req == nil && time.Since(awaySince) > simAway {
			s.abandon()
			return
		}
		switch {
		case err == nil:
		case req != nil:
			req.reply <- err
			req, awaySince = nil, time.Now()
		default:
			s.failed = errors.Join(s.failed, err)
		}
	}
}

// abandon ends all that runs, since the script does not come back: what is left then is what it waits for.
func (s *Sim) abandon() {
	s.away = fmt.Sprintf("\nthe script has waited for something outside of the simulation for %v of virtual time\n%s", simAway, s.state())
	for _, i := range s.instances {
		i.cancel()
	}
	s.cluster.Close()
	s.driver.Settle()
}

// leftovers says more of a simulation in which nobody can go on. It is called outside of the bubble, whose channels must
// not be touched there.
func (s *Sim) leftovers() string {
	if s == nil {
		return ""
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return fmt.Sprintf("%s\n%s", s.away, stacks)
}

// state says what everybody has not finished, for errors.
func (s *Sim) state() string {
	var b strings.Builder
	for _, i := range s.instances {
		switch {
		case !i.ended():
			fmt.Fprintf(&b, "  %s runs\n", i.name)
		case i.err != nil:
			fmt.Fprintf(&b, "  %s failed: %v\n", i.name, i.err)
		}
	}
	if m := s.unclaimed(); m != "" {
		fmt.Fprintf(&b, "  nobody reads %s\n", m)
	}
	b.WriteString(s.driver.Pending())
	return b.String()
}

// wait lets events happen until cond holds. cond is asked while nothing else runs.
func (s *Sim) wait(what string, cond func() bool) error {
	r := simRequest{what: what, cond: cond, reply: make(chan error, 1)}
	s.requests <- r
	return <-r.reply
}

// Until lets events happen until cond holds, and fails the test when that cannot be. cond is asked after each event,
// while nothing else runs; it must not call methods of s.
func (s *Sim) Until(what string, cond func() bool) {
	s.t.Helper()
	if err := s.wait(what, cond); err != nil {
		s.t.Fatalf("simulate: %v", err)
	}
}

// Steps lets n events happen.
func (s *Sim) Steps(n uint64) {
	s.t.Helper()
	end := s.driver.Steps() + n
	s.Until(fmt.Sprintf("%d events", n), func() bool { return s.driver.Steps() >= end })
}

// Advance lets virtual time pass, and all happen that is due meanwhile.
func (s *Sim) Advance(d time.Duration) {
	s.t.Helper()
	end := time.Now().Add(d)
	s.Until(fmt.Sprintf("%v to pass", d), func() bool {
		s.driver.Limit = end
		if time.Now().Before(end) {
			return false
		}
		s.driver.Limit = time.Time{}
		return true
	})
}

// Idle lets events happen until there is nothing left to do: all input is fed, every partition that running processors
// are to read is read to its end and everything was handled, acknowledged and passed on.
func (s *Sim) Idle() {
	s.t.Helper()
	s.Until("everything to be handled", func() bool { return s.driver.Quiet() && s.unclaimed() == "" })
}

// unclaimed names a partition that a running processor's group should read and nobody does, "" when there is none.
func (s *Sim) unclaimed() string {
	running := map[string]bool{}
	for _, i := range s.instances {
		if i.group != "" && !i.ended() && !i.crashed {
			running[i.group] = true
		}
	}
	var groups []string
	for g := range running {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	for _, g := range groups {
		gg := s.groups[g]
		topics := gg.InputStreams().Topics()
		if l := gg.LoopStream(); l != nil {
			topics = append(topics, l.Topic())
		}
		claims := s.cluster.Claims()
		for _, topic := range topics {
			for p := range s.cluster.Partitions(topic) {
				tp := memkafka.TopicPartition{Topic: topic, Partition: p}
				if !slices.ContainsFunc(claims[tp], func(name string) bool {
					return strings.HasSuffix(name, "/group "+g) || strings.Contains(name, "/group "+g+"#")
				}) {
					return tp.String() + " for group " + g
				}
			}
		}
	}
	return ""
}

// T returns the test of this run.
func (s *Sim) T() *testing.T { return s.t }

// Seed returns the seed of this run.
func (s *Sim) Seed() uint64 { return s.seed }

// Rand returns a number that the seed, the present step and name decide.
func (s *Sim) Rand(name string) uint64 { return s.driver.Rand(name) }

// Cluster returns the cluster underneath.
func (s *Sim) Cluster() *memkafka.Cluster { return s.cluster }

// Brokers is the broker list that leads to the cluster.
func (s *Sim) Brokers() []string { return []string{s.broker} }

// Feed adds input: each record that next returns is appended by an event of its own, in an order with all else that the
// seed decides. It ends when next returns false.
func (s *Sim) Feed(name string, next func() (memkafka.TopicPartition, memkafka.Record, bool)) {
	s.driver.AddFeed(&memkafka.Feed{Name: name, Next: next})
}

// Instance is one processor, view or other thing that runs in a simulation.
type Instance struct {
	s       *Sim
	name    string // its client id
	group   string
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // valid once done is closed
	crashed bool
}

// Start runs run in a goroutine of its own until it returns, is stopped or crashes. The name is that of its clients: they
// have to use it as their client id.
func (s *Sim) Start(name string, run func(ctx context.Context) error) *Instance {
	ctx, cancel := context.WithCancel(context.Background())
	i := &Instance{s: s, name: name, cancel: cancel, done: make(chan struct{})}
	s.instances = append(s.instances, i)
	go func() {
		defer close(i.done)
		i.err = run(ctx)
	}()
	return i
}

// StartProcessor makes and runs a processor with tables in memory; its group reads inputs from their first record on.
// The options come after the simulation's own, so that they win.
func (s *Sim) StartProcessor(clientID string, gg *goka.GroupGraph, options ...goka.ProcessorOption) (*goka.Processor, *Instance) {
	s.t.Helper()
	c := s.configFor(clientID)
	all := append([]goka.ProcessorOption{
		goka.WithClientID(clientID),
		goka.WithStorageBuilder(storage.MemoryBuilder()),
		goka.WithConsumerGroupBuilder(goka.ConsumerGroupBuilderWithConfig(c)),
		goka.WithConsumerSaramaBuilder(goka.SaramaConsumerBuilderWithConfig(c)),
		goka.WithProducerBuilder(goka.ProducerBuilderWithConfig(c)),
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(c, TopicManagerConfig())),
	}, options...)
	p, err := goka.NewProcessor(s.Brokers(), gg, all...)
	if err != nil {
		s.t.Fatalf("simulate: processor %s: %v", clientID, err)
	}
	s.groups[string(gg.Group())] = gg
	i := s.Start(clientID, p.Run)
	i.group = string(gg.Group())
	return p, i
}

// StartView makes and runs a view in memory. The options come after the simulation's own, so that they win.
func (s *Sim) StartView(clientID string, table goka.Table, codec goka.Codec, options ...goka.ViewOption) (*goka.View, *Instance) {
	s.t.Helper()
	c := s.configFor(clientID)
	all := append([]goka.ViewOption{
		goka.WithViewClientID(clientID),
		goka.WithViewStorageBuilder(storage.MemoryBuilder()),
		goka.WithViewConsumerSaramaBuilder(goka.SaramaConsumerBuilderWithConfig(c)),
		goka.WithViewTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(c, TopicManagerConfig())),
	}, options...)
	v, err := goka.NewView(s.Brokers(), table, codec, all...)
	if err != nil {
		s.t.Fatalf("simulate: view %s: %v", clientID, err)
	}
	return v, s.Start(clientID, v.Run)
}

// Config returns a new configuration for clients in the simulation: goka's own, reading inputs from the first record.
func (s *Sim) Config() *sarama.Config {
	c := goka.DefaultConfig()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}

// configFor is Config for the clients of one instance, so that they all end with it when it crashes, its topic managers
// included.
func (s *Sim) configFor(clientID string) *sarama.Config {
	c := s.Config()
	c.ClientID = clientID
	return c
}

// TopicManagerConfig returns a new configuration for topic managers on a cluster of one broker: goka's own, with a
// replication of one.
func TopicManagerConfig() *goka.TopicManagerConfig {
	c := goka.NewTopicManagerConfig()
	c.Table.Replication, c.Stream.Replication = 1, 1
	return c
}

func (i *Instance) ended() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

// Stop ends the instance in an orderly way, and returns what its Run returned.
func (i *Instance) Stop() error {
	i.s.t.Helper()
	i.s.driver.Note(i.name + " is stopped")
	i.cancel()
	i.s.Until(i.name+" to end", i.ended)
	return i.err
}

// Crash ends the instance as a crash does: nothing that it had on its way arrives, and nobody is told.
func (i *Instance) Crash() {
	i.s.t.Helper()
	crashed := false
	i.s.Until(i.name+" to crash", func() bool {
		if !crashed {
			crashed, i.crashed = true, true
			i.cancel() // first: whoever learns of the crash finds it already so, whichever goroutine comes first
			i.s.driver.Kill(i.name)
		}
		return i.ended()
	})
}

// Ended reports whether the instance has returned, and with what.
func (i *Instance) Ended() (bool, error) {
	if !i.ended() {
		return false, nil
	}
	return true, i.err
}

// finish stops what still runs, and the driver.
func (s *Sim) finish() {
	var errs []error
	for _, i := range s.instances {
		i.cancel()
	}
	end := time.Now().Add(simStop)
	err := s.wait("all instances to end", func() bool {
		return time.Now().After(end) || !slices.ContainsFunc(s.instances, func(i *Instance) bool { return !i.ended() })
	})
	errs = append(errs, err)
	for _, i := range s.instances {
		switch {
		case !i.ended():
			errs = append(errs, fmt.Errorf("%s did not end within %v of virtual time after it was stopped", i.name, simStop))
		case i.err != nil && !i.crashed:
			errs = append(errs, fmt.Errorf("%s failed: %w", i.name, i.err))
		}
	}
	s.requests <- simRequest{cond: func() bool { return true }, last: true}
	<-s.driving
	s.cluster.Close()
	s.driver.Settle() // so that nobody waits for what was on its way
	errs = append(errs, s.failed)
	if err := errors.Join(errs...); err != nil {
		s.t.Errorf("simulate: %v", err)
	}
}

// report says how a failing run can be seen again.
func (s *Sim) report() {
	s.t.Helper()
	root, _, _ := strings.Cut(s.t.Name(), "/seed=")
	file := "not kept"
	dir := filepath.Join("testdata", "gokasim", strings.NewReplacer("/", "_", " ", "_").Replace(root))
	if err := os.MkdirAll(dir, 0o755); err == nil {
		path := filepath.Join(dir, fmt.Sprintf("seed-%d.trace", s.seed))
		if err := os.WriteFile(path, s.text.Bytes(), 0o644); err == nil {
			file = path
		}
	}
	s.t.Errorf("simulate: seed %d failed at step %d; its trace is in %s\nrun it again: go test -run '^%s$' -gokasim.seed=%d",
		s.seed, s.driver.Steps(), file, root, s.seed)
}

// firstDifference shows where two traces part, with some lines before.
func firstDifference(a, b []byte) string {
	as, bs := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(as), len(bs)) {
		if !bytes.Equal(as[i], bs[i]) {
			from := max(i-30, 0)
			return fmt.Sprintf("%s\n-%s\n+%s", bytes.Join(as[from:i], []byte("\n")), as[i], bs[i])
		}
	}
	return fmt.Sprintf("the first has %d lines, the other %d", len(as), len(bs))
}

// watchLimit is how long, in real time, a simulation may show no progress before it is given up.
const watchLimit = 30 * time.Second

// watch sees from outside of the bubble that a simulation goes on: a goroutine that waits for a mutex, a socket or a
// channel from outside stops virtual time, which nobody inside can notice. It then shows all goroutines.
func watch(progress *atomic.Uint64) (stop func()) {
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticker := time.NewTicker(watchLimit)
		defer ticker.Stop()
		last := progress.Load()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			now := progress.Load()
			if now == last {
				stacks := make([]byte, 1<<20)
				stacks = stacks[:runtime.Stack(stacks, true)]
				panic(fmt.Sprintf("simulate: virtual time has stood still for %v: a goroutine of the simulation waits for something "+
					"outside of it. Look for one marked \"synctest bubble\" and not \"durable\":\n%s", watchLimit, stacks))
			}
			last = now
		}
	})
	return func() { close(done); ended.Wait() }
}
