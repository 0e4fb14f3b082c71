package tester

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
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
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// Bounds of a simulated run. A run that exceeds one fails instead of going on for ever.
const (
	simIdle  = 10 * time.Minute // of virtual time in which nothing happens while the script waits
	simStuck = 2 * time.Hour    // of virtual time in which nobody handles or writes anything, while heartbeats and rebalances go on
	simStop  = 10 * time.Minute // of virtual time until an instance that was stopped has returned
	simAway  = 24 * time.Hour   // of virtual time in which the script waits for something that is not the simulation's
)

// ErrNoProgress reports that a simulation waits for something, and nothing can happen any more.
var ErrNoProgress = errors.New("no progress")

// Sim is one simulated run: a cluster in virtual time, and instances of processors and views on it, of which a seed
// decides who does what next. Its methods are called by the function given to Simulate, in its own goroutine, and by
// functions given to At.
type Sim struct {
	t        *testing.T
	seed     uint64
	script   *script
	shape    shape // owned by the script
	mistaken bool  // the script's own mistake has failed it, with any seed
	settings *settings
	cluster  *memkafka.Cluster
	driver   *memkafka.Driver
	broker   string
	text     *bytes.Buffer
	began    time.Time
	tester   *Tester

	requests chan *simRequest
	asking   atomic.Int64  // requests that have no reply yet
	driving  chan struct{} // closed when the driver's goroutine has ended
	progress *atomic.Uint64

	// owned by the driver's goroutine, and by others while it waits for them
	waiting    []*simRequest
	planned    []planned
	invariants []invariant
	looking    string // which function of the script looks at things while nothing else runs, "" for none
	ats        int    // functions of At that run
	groups     map[string]*goka.GroupGraph
	failed     error
	broken     error  // what one of the script's functions has done to the driver's goroutine, for who waits
	away       string // why the script was abandoned
}

// simRequest asks the driver to go on until a condition holds.
type simRequest struct {
	what  string
	cond  func() bool
	limit time.Time // cond holds then, and time moves no further at once; zero for no limit
	since time.Time // when the driver has got it
	looks bool      // cond changes nothing: nobody can go on because it was asked
	reply chan error
	last  bool // the driver shall end
}

// planned is a function of At.
type planned struct {
	at time.Time
	f  func()
}

// invariant is what has to hold after each step.
type invariant struct {
	what string // as errors name it
	test func() error
}

// Simulate runs f once for each seed, in a testing/synctest bubble: time is virtual, Kafka's own waits cost nothing, and
// the seed decides the order of all that happens at the cluster. The same seed gives the same run, byte for byte of its
// trace, as long as f and the callbacks draw no chance or time from elsewhere.
//
// Without options it runs seed 1. The command line decides by flags, for one package, or by variables, which also suit
// go test ./...:
//
//	-gokasim.seed=N               GOKASIM_SEED                runs that seed
//	-gokasim.seeds=N              GOKASIM_SEEDS               runs N seeds, from 1 on
//	-gokasim.script=FILE          GOKASIM_SCRIPT              runs what an earlier failure left
//	-gokasim.check-determinism    GOKASIM_CHECK_DETERMINISM   runs each seed twice, under GOMAXPROCS 1 and 8, and compares
//	-gokasim.shrink=1m            GOKASIM_SHRINK              makes the failing runs of a test small for so long: 20s unless set; false does not
//
// A run that fails says its seed and step, leaves its trace in a file and prints the command that runs it again. What of its
// workload (Workload) and faults (Faults) it does not need is left out, as far as a few seconds of tries in processes of
// their own can tell, and the rest kept as testdata/gokasim/TestName/seed-N.fail: that runs before all other seeds from then
// on. Commit the file to keep it as a test.
func Simulate(t *testing.T, f func(s *Sim), options ...Option) {
	t.Helper()
	o, err := newSettings(options)
	if err == nil {
		err = o.refuse(replayed, "tester.Simulate", "use tester.Replay")
	}
	if err == nil {
		err = o.fromCommandLine()
	}
	if err != nil {
		t.Fatalf("simulate: %v", err)
	}
	simulate(t, f, o)
}

// simulate runs all seeds.
func simulate(t *testing.T, f func(s *Sim), o *settings) {
	t.Helper()
	o.test = t.Name()
	scripts, err := o.scriptsOf()
	if err != nil {
		t.Fatalf("simulate: %v", err)
	}
	for _, sc := range scripts {
		switch {
		case o.mistaken:
			return // all others would say the same
		case len(scripts) == 1:
			simulateSeed(t, sc, f, o)
		case sc.file != "":
			t.Run(fmt.Sprintf("seed=%d,kept", sc.seed), func(t *testing.T) { t.Helper(); simulateSeed(t, sc, f, o) })
		default:
			t.Run(fmt.Sprintf("seed=%d", sc.seed), func(t *testing.T) { t.Helper(); simulateSeed(t, sc, f, o) })
		}
	}
}

// simulateSeed runs one seed as often as asked for, and compares the traces.
func simulateSeed(t *testing.T, sc *script, f func(s *Sim), o *settings) {
	t.Helper()
	first := simRun{}
	defer func() { first.forget() }()
	for run := range o.runs {
		r, failed := simulateWith(t, sc, f, o, run)
		if failed {
			return
		}
		if run == 0 {
			first = r
			if o.digest != nil && sc.whole() {
				o.digest(sc.seed, r.digest)
			}
			continue
		}
		if r.digest != first.digest {
			t.Fatalf("simulate: seed %d: run %d, under GOMAXPROCS %d, differs from the first one, under %d: something draws chance "+
				"or time from elsewhere, ranges over a map, or starts goroutines of its own\n%s\nrun it again: %s",
				sc.seed, run+1, o.procs[run%len(o.procs)], o.procs[0], firstDifference(first.text.Bytes(), r.text.Bytes()),
				sc.again(o.test, "-gokasim.check-determinism"))
		}
		r.forget()
	}
}

// procs is held while a run sets GOMAXPROCS: parallel tests would set it for each other, and back to what it never was.
var procs sync.Mutex

// simulateWith runs one seed once, under the GOMAXPROCS of the run, and keeps it if it fails.
func simulateWith(t *testing.T, sc *script, f func(s *Sim), o *settings, run int) (r simRun, failed bool) {
	t.Helper()
	failedBefore := t.Failed()
	if o.runs > 1 {
		procs.Lock()
		defer procs.Unlock()
		before := runtime.GOMAXPROCS(o.procs[run%len(o.procs)])
		defer runtime.GOMAXPROCS(before)
	}
	r, ended, err := simulateOnce(t, sc, f, o)
	if err != nil {
		t.Errorf("simulate: %v", err)
	}
	o.mistaken = r.mistaken
	if failed = t.Failed(); failed && !failedBefore && !r.mistaken {
		keepFailure(t, sc, r, o)
	}
	if ended {
		t.FailNow()
	}
	return r, failed
}

// keepFailure keeps what failed, as small as it can be made, and says how to see it again.
func keepFailure(t *testing.T, sc *script, r simRun, o *settings) {
	t.Helper()
	if os.Getenv(shrinking) != "" {
		return
	}
	trace := "not kept"
	if err := os.MkdirAll(keptDir(o.test), 0o755); err == nil && r.text != nil {
		path := filepath.Join(keptDir(o.test), sc.traceName())
		if err := os.WriteFile(path, r.text.Bytes(), 0o644); err == nil {
			trace = path
		}
	}
	t.Errorf("simulate: seed %d failed at step %d; its trace is in %s\nrun it again: %s",
		sc.seed, r.steps, trace, sc.again(o.test, ""))
	if sc.file != "" {
		if o.small.known == nil {
			o.small.known = map[uint64]bool{}
		}
		o.small.known[sc.seed] = true
		return
	}
	if o.small.known[sc.seed] {
		return // it is kept, and may be small
	}
	remark := "it was not made small"
	switch limit, err := shrinkLimit(); {
	case err != nil:
		remark = err.Error()
	case limit > 0 && o.small.spent >= limit:
		remark = fmt.Sprintf("it was not made small: other seeds took the %v of %s", limit, fromShrink.names())
	case limit > 0:
		began := time.Now()
		sc, remark = shrink(t, o.test, sc, r.shape, limit-o.small.spent)
		o.small.spent += time.Since(began)
	}
	file, err := sc.keep(o.test, remark)
	if err != nil {
		t.Logf("simulate: the failing seed is not kept: %v", err)
		return
	}
	t.Logf("simulate: seed %d is kept in %s and runs first from now on; %s\nrun that: %s",
		sc.seed, file, remark, (&script{file: file}).again(o.test, ""))
}

type simRun struct {
	digest string
	text   *bytes.Buffer
	steps  uint64
	shape  shape

	mistaken bool
}

// texts are what traces were written to: many seeds write as much each, and none is read where nothing fails.
var texts = sync.Pool{New: func() any {
	b := new(bytes.Buffer)
	b.Grow(1 << 16) // a thousand events
	return b
}}

// forget gives the room of a trace to the next run.
func (r *simRun) forget() {
	if r.text != nil {
		r.text.Reset()
		texts.Put(r.text)
		r.text = nil
	}
}

var simNumber atomic.Uint64 // makes names of clusters unique; it reaches no trace

// simulateOnce runs one seed in a bubble. ended reports that the script has failed the test, which it has said itself; err
// is what else was wrong.
func simulateOnce(t *testing.T, sc *script, f func(s *Sim), o *settings) (r simRun, ended bool, err error) {
	progress := new(atomic.Uint64)
	stop := watch(progress)
	defer stop()
	var s *Sim
	ended, stuck := bubble(t, func(t *testing.T) {
		if s, err = newSim(t, sc, o, progress); err != nil {
			return
		}
		t.Cleanup(func() { err = errors.Join(err, s.finish()) }) // the last one: cleanups of the script still have the simulation
		go s.drive()
		err = recovered("the script", func() error { f(s); return nil })
	})
	r.mistaken = s == nil // there is no such cluster, whatever the seed
	if s != nil {
		r = simRun{s.driver.Trace().Digest(), s.text, s.driver.Steps(), s.shape, s.mistaken}
	}
	if stuck != nil {
		err = errors.Join(err, fmt.Errorf("seed %d: %v; is something not closed, or does the script wait for what cannot come?%s",
			sc.seed, stuck, s.leftovers()))
	}
	return r, ended && stuck == nil, err
}

func newSim(t *testing.T, sc *script, o *settings, progress *atomic.Uint64) (*Sim, error) {
	if !o.start.IsZero() {
		time.Sleep(time.Until(o.start))
	}
	cluster, driver, err := memkafka.NewDriven(sc.seed, synctest.Wait, append([]memkafka.Option{memkafka.WithDefaultPartitions(int32(o.partitions))}, o.cluster...)...)
	if err != nil {
		return nil, err
	}
	s := &Sim{
		t: t, seed: sc.seed, script: sc, shape: shape{inputs: map[string]int{}}, settings: o, cluster: cluster, driver: driver, began: time.Now(), progress: progress,
		requests: make(chan *simRequest, 16),
		driving:  make(chan struct{}),
		groups:   map[string]*goka.GroupGraph{},
	}
	s.tester = newTester(t, o)
	s.tester.cluster = cluster
	s.tester.ground = &inSimulation{byHand: byHand{cluster: cluster}, sim: s}
	s.text = texts.Get().(*bytes.Buffer)
	driver.Trace().Text = s.text
	driver.Check = s.check
	driver.NoLapses = sc.noLapses
	driver.Detect = o.detect
	name := fmt.Sprintf("simulation-%d", simNumber.Add(1))
	s.broker = "mem://" + name
	release, err := memkafka.SetNamed(name, cluster)
	if err != nil {
		return nil, err
	}
	t.Cleanup(release)
	return s, nil
}

// drive is the driver's goroutine. When a function of the script panics in it or ends it, as FailNow does, another one goes on.
func (s *Sim) drive() {
	defer func() {
		if s.looking == "" {
			close(s.driving)
			return
		}
		s.broken = fmt.Errorf("%s has ended its goroutine, as FailNow does", s.looking)
		if p := recover(); p != nil {
			s.broken = panicked(s.looking, p)
		}
		s.looking = ""
		go s.drive()
	}()
	s.driveOn()
}

// driveOn lets events happen while somebody waits for something.
func (s *Sim) driveOn() {
	idleSince, awaySince := time.Now(), time.Now()
	settled := false
	for {
		if !settled {
			s.driver.Settle()
		}
		settled = false
		s.progress.Add(1)
		alone := len(s.requests) < cap(s.requests) && len(s.invariants) == 0 // nobody runs until the next step
		for more := true; more; {
			select {
			case r := <-s.requests:
				if len(s.waiting) == 0 {
					idleSince = time.Now()
				}
				r.since = time.Now()
				s.waiting = append(s.waiting, r)
			default:
				more = false
			}
		}
		if done := slices.IndexFunc(s.waiting, func(r *simRequest) bool { return r.cond() }); done >= 0 {
			r := s.waiting[done]
			s.waiting = slices.Delete(s.waiting, done, done+1)
			if r.last {
				return
			}
			r.reply <- nil
			awaySince = time.Now()
			continue
		}
		if s.broken != nil && len(s.waiting) > 0 {
			s.waiting[0].reply <- s.broken
			s.waiting, s.broken = s.waiting[1:], nil
			continue
		}
		if s.runPlanned() {
			continue
		}
		s.driver.Limit = s.limit()
		step := s.driver.Step
		if alone && !slices.ContainsFunc(s.waiting, func(r *simRequest) bool { return !r.looks }) {
			step = s.driver.StepOn
		}
		happened, err := step()
		settled = err == nil
		if happened || len(s.waiting) == 0 || len(s.planned) > 0 {
			idleSince = time.Now()
		}
		first := 0
		if stuck := s.stuck(idleSince); err == nil && stuck >= 0 {
			first = stuck
			err = fmt.Errorf("%w: waiting for %s, nothing happened for %v of virtual time\n%s", ErrNoProgress, s.waiting[first].what, s.patience(), s.state())
		}
		if len(s.waiting) == 0 && time.Since(awaySince) > simAway {
			s.abandon()
			return
		}
		switch {
		case err == nil:
		case len(s.waiting) > 0:
			s.waiting[first].reply <- err
			s.waiting = slices.Delete(s.waiting, first, first+1)
			awaySince, idleSince = time.Now(), time.Now()
		default:
			s.failed = errors.Join(s.failed, err)
		}
	}
}

// stuck returns the first request that has waited too long while nothing happened, -1 when there is none. Those that wait for
// time to pass get what they wait for.
func (s *Sim) stuck(idleSince time.Time) int {
	patience := s.patience()
	return slices.IndexFunc(s.waiting, func(r *simRequest) bool {
		return r.limit.IsZero() && time.Since(idleSince) > patience && time.Since(r.since) > patience
	})
}

// patience is how much virtual time may pass in which nothing happens while somebody waits.
func (s *Sim) patience() time.Duration {
	if s.settings.timeout != DefaultTimeout {
		return s.settings.timeout
	}
	return simIdle
}

// limit returns how far time may move at once, zero for no limit.
func (s *Sim) limit() time.Time {
	var first time.Time
	earliest := func(at time.Time) {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, r := range s.waiting {
		earliest(r.limit)
	}
	for _, p := range s.planned {
		earliest(p.at)
	}
	return first
}

// runPlanned starts the first function of At that is due.
func (s *Sim) runPlanned() bool {
	now := time.Now()
	due := slices.IndexFunc(s.planned, func(p planned) bool { return !p.at.After(now) })
	if due < 0 {
		return false
	}
	p := s.planned[due]
	s.planned = slices.Delete(s.planned, due, due+1)
	s.driver.Note("what was planned for " + p.at.Sub(s.began).String())
	s.ats++
	go func() {
		var failed error
		defer func() {
			_ = s.wait("the end of what was planned", func() bool {
				s.failed = errors.Join(s.failed, failed)
				s.ats--
				return true
			})
		}()
		failed = recovered("what was planned for "+p.at.Sub(s.began).String(), func() error { p.f(); return nil })
	}()
	return true
}

// recovered calls f, and returns its panic as an error with the stack. A panic that ends the process would take along which seed led to it.
func recovered(what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(what, p)
		}
	}()
	return f()
}

// panicked is the error of a panic, while it is under way.
func panicked(what string, p any) error {
	return fmt.Errorf("%s panics: %v\n%s", what, p, debug.Stack())
}

// check tests the invariants.
func (s *Sim) check() error {
	all := s.invariants
	s.invariants = nil // once is enough, and instances have to end
	failed := len(all) > 0 && s.t.Failed()
	for _, i := range all {
		s.looking = i.what
		err := i.test()
		s.looking = ""
		switch {
		case err != nil:
			return fmt.Errorf("%s does not hold after step %d: %w", i.what, s.driver.Steps(), err)
		case !failed && s.t.Failed():
			return fmt.Errorf("%s has failed the test after step %d", i.what, s.driver.Steps())
		}
	}
	s.invariants = all
	return nil
}

// abandon ends all that runs, since the script does not come back: what is left then is what it waits for.
func (s *Sim) abandon() {
	s.away = fmt.Sprintf("\nthe script has waited for something outside of the simulation for %v of virtual time\n%s", simAway, s.state())
	for _, i := range s.tester.instances {
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
	for _, i := range s.tester.instances {
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
	for _, line := range s.tester.sessions.unfinished() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString(s.driver.Pending())
	return b.String()
}

// wait lets events happen until cond holds. cond is asked while nothing else runs.
func (s *Sim) wait(what string, cond func() bool) error {
	return s.request(&simRequest{what: what, cond: cond})
}

// look is wait for a cond that changes nothing. Time does not move past limit at once.
func (s *Sim) look(what string, limit time.Time, cond func() bool) error {
	return s.request(&simRequest{what: what, cond: cond, limit: limit, looks: true})
}

func (s *Sim) request(r *simRequest) error {
	if s.looking != "" {
		return fmt.Errorf("%s may only look: it is asked while nothing can happen, and cannot wait for %s", s.looking, r.what)
	}
	r.reply = make(chan error, 1)
	s.asking.Add(1)
	defer s.asking.Add(-1)
	s.requests <- r
	return <-r.reply
}

// rest waits until nobody can go on before the next event. How far those have come who were just started is chance before that.
func (s *Sim) rest() error {
	return s.look("everybody to rest", time.Time{}, func() bool { return true })
}

// note tells the trace what the script does next, to everybody at rest.
func (s *Sim) note(what string) {
	_ = s.rest() // what cannot wait for that cannot wait for what comes next either
	s.driver.Note(what)
}

// until lets events happen until ch is closed.
func (s *Sim) until(what string, ch <-chan struct{}) error {
	return s.look(what, time.Time{}, func() bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	})
}

// Until lets events happen until cond holds, and fails the test when that cannot be. cond is asked after each event,
// while nothing else runs. It may look at tables, records and the cluster; methods that let events happen fail the test.
func (s *Sim) Until(what string, cond func() bool) {
	s.t.Helper()
	if cond == nil {
		s.mistake(fmt.Errorf("Until %q has no condition", what))
	}
	ended, looking := false, fmt.Sprintf("the condition of Until %q", what)
	s.must(s.wait(what, func() bool {
		if ended {
			return true
		}
		ended, s.looking = true, looking
		done := cond()
		ended, s.looking = false, ""
		return done
	}))
	if ended {
		s.t.FailNow()
	}
}

// mistake fails the test by what the script does wrong with any seed: none is kept for it.
func (s *Sim) mistake(err error) {
	if err != nil {
		s.t.Helper()
		s.mistaken = true
		s.t.Fatalf("simulate: %v", err)
	}
}

func (s *Sim) must(err error) {
	if err != nil {
		s.t.Helper()
		s.t.Fatalf("simulate: %v", err)
	}
}

// Step lets one event happen, however much time passes until there is one.
func (s *Sim) Step() {
	s.t.Helper()
	s.Steps(1)
}

// Steps lets n events happen. When there is nothing more that could happen, and nothing is planned, it fails the test (ErrNoProgress).
func (s *Sim) Steps(n uint64) {
	s.t.Helper()
	end := s.driver.Steps() + n
	s.Until(fmt.Sprintf("%d events", n), func() bool { return s.driver.Steps() >= end })
}

// Advance lets virtual time pass, and all happen that is due meanwhile.
func (s *Sim) Advance(d time.Duration) {
	s.t.Helper()
	end := time.Now().Add(d)
	s.must(s.look(fmt.Sprintf("%v to pass", d), end, func() bool { return !time.Now().Before(end) }))
}

// At has f called once d of virtual time has passed since the beginning of the simulation, while the script waits for
// something. f runs in a goroutine of its own, may call methods of s, and is waited for at the end. A d that has passed is
// due at once; what is planned for later than the end of the script is not called.
func (s *Sim) At(d time.Duration, f func()) {
	if f == nil {
		s.t.Helper()
		s.mistake(fmt.Errorf("there is no function to call at %v", d))
	}
	at := s.began.Add(d)
	i, _ := slices.BinarySearchFunc(s.planned, at, func(p planned, at time.Time) int {
		if p.at.After(at) {
			return 1
		}
		return -1
	})
	s.planned = slices.Insert(s.planned, i, planned{at, f})
}

// Invariant has test called after each event, from now on, while nothing else runs; an error, or what else fails the test,
// ends the simulation at that step. test may look at tables, records and the cluster.
func (s *Sim) Invariant(what string, test func() error) {
	if test == nil {
		s.t.Helper()
		s.mistake(fmt.Errorf("invariant %q has no test", what))
	}
	s.invariants = append(s.invariants, invariant{fmt.Sprintf("invariant %q", what), test})
}

// Elapsed returns how much virtual time has passed since the beginning of the simulation.
func (s *Sim) Elapsed() time.Duration { return time.Since(s.began) }

// Tester returns the tester that stands on the simulation's cluster. Its Consume lets events happen until all that it
// caused has finished.
func (s *Sim) Tester() *Tester { return s.tester }

// Idle lets events happen until there is nothing left to do: all input is fed, every partition that running processors
// are to read is read to its end and everything was handled, acknowledged and passed on.
func (s *Sim) Idle() {
	s.t.Helper()
	s.must(s.idle())
}

func (s *Sim) idle() error {
	var stuck error
	since, best, appended := time.Now(), map[string]memkafka.Offset{}, uint64(0)
	advanced := func() (moved bool) { // somebody has handled what nobody had, or written something
		for name, offset := range s.driver.Handled() {
			if had, known := best[name]; !known || offset > had {
				best[name], moved = offset, true
			}
		}
		if n := s.driver.Appended(); n != appended {
			appended, moved = n, true
		}
		return moved
	}
	err := s.look("everything to be handled", time.Time{}, func() bool {
		if time.Since(since) > simStuck {
			if since = time.Now(); !advanced() { // heartbeats and rebalances alone go on for ever
				stuck = fmt.Errorf("%w: waiting for everything to be handled, nothing was for %v of virtual time\n%s",
					ErrNoProgress, simStuck, s.state())
				return true
			}
		}
		return s.driver.Quiet() && s.unclaimed() == "" && s.tester.parties.missing(s.cluster.Subscriptions(), s.tester.toRead) == ""
	})
	return errors.Join(err, stuck)
}

// unclaimed names a partition that a running processor's group should read and nobody does, "" when there is none.
func (s *Sim) unclaimed() string {
	running := map[string]bool{}
	for _, i := range s.tester.instances {
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
		if gg == nil {
			continue // the tester's own
		}
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

// Events returns how many events have happened so far.
func (s *Sim) Events() uint64 { return s.driver.Steps() }

// Rand returns a number that the seed, the present step and name decide.
func (s *Sim) Rand(name string) uint64 { return s.driver.Rand(name) }

// Cluster returns the cluster underneath.
func (s *Sim) Cluster() *memkafka.Cluster { return s.cluster }

// Brokers is the broker list that leads to the cluster.
func (s *Sim) Brokers() []string { return []string{s.broker} }

// Feed adds input: each record that next returns is appended by an event of its own, in an order with all else that the
// seed decides. It ends when next returns false.
func (s *Sim) Feed(name string, next func() (memkafka.TopicPartition, memkafka.Record, bool)) {
	if next == nil {
		s.t.Helper()
		s.mistake(fmt.Errorf("feed %s has no function to take records from", name))
	}
	ended, looking := false, "feed "+name
	s.driver.AddFeed(&memkafka.Feed{Name: name, Next: func() (tp memkafka.TopicPartition, r memkafka.Record, ok bool) {
		if ended {
			return tp, r, false
		}
		ended, s.looking = true, looking
		tp, r, ok = next()
		ended, s.looking = !ok, ""
		return tp, r, ok
	}})
}

// Start runs run in a goroutine of its own until it returns, is stopped or crashes. The name is that of its clients: they
// have to use it as their client id.
func (s *Sim) Start(name string, run func(ctx context.Context) error) *Instance {
	s.t.Helper()
	if run == nil {
		s.mistake(fmt.Errorf("instance %s has no function to run", name))
	}
	return s.start(&Instance{
		name: name, what: "instance " + name,
		make: func(*Instance) (func(context.Context) error, error) {
			return func(ctx context.Context) error { return recovered(name, func() error { return run(ctx) }) }, nil
		},
	})
}

func (s *Sim) start(i *Instance) *Instance {
	s.t.Helper()
	i.host = (*simHost)(s)
	if err := i.start(); err != nil {
		s.mistaken = s.mistaken || errors.Is(err, goka.ErrInvalidGraph)
		s.t.Fatalf("simulate: %s: %v", i.what, err)
	}
	s.tester.instances = append(s.tester.instances, i)
	return i
}

// StartProcessor makes and runs a processor with tables in memory; its group reads inputs from their first record on. Topics
// that it reads and that are not there are made, with as many partitions as WithPartitions says. The options come after the simulation's own, so that they win.
func (s *Sim) StartProcessor(clientID string, gg *goka.GroupGraph, options ...goka.ProcessorOption) (*goka.Processor, *Instance) {
	s.t.Helper()
	if gg == nil {
		s.mistake(fmt.Errorf("processor %s has no group graph", clientID))
	}
	c := s.configFor(clientID)
	all := append([]goka.ProcessorOption{
		goka.WithClientID(clientID),
		goka.WithStorageBuilder(s.tester.StorageBuilder()),
		goka.WithConsumerGroupBuilder(s.tester.watching(goka.ConsumerGroupBuilderWithConfig(c))),
		goka.WithConsumerSaramaBuilder(s.tables(c)),
		goka.WithProducerBuilder(goka.ProducerBuilderWithConfig(c)),
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(c, TopicManagerConfig())),
	}, options...)
	s.mistake(s.tester.registerCodecs(gg))
	s.must(s.makeInputs(gg))
	s.groups[string(gg.Group())] = gg
	i := s.start(&Instance{
		name: clientID, what: "processor " + clientID, group: string(gg.Group()),
		make: func(i *Instance) (func(context.Context) error, error) {
			var err error
			if i.proc, err = goka.NewProcessor(s.Brokers(), gg, all...); err != nil {
				return nil, err
			}
			return i.proc.Run, nil
		},
	})
	return i.proc, i
}

// makeInputs makes what a graph reads, as far as it is not there.
func (s *Sim) makeInputs(gg *goka.GroupGraph) error {
	tables := slices.Concat(gg.JointTables().Topics(), gg.LookupTables().Topics())
	for _, topic := range slices.Concat(gg.InputStreams().Topics(), tables) {
		if s.cluster.Partitions(topic) > 0 {
			continue
		}
		if err := s.tester.ensure(topic, s.settings.partitions, slices.Contains(tables, topic)); err != nil {
			return fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	return nil
}

// StartView makes and runs a view in memory. The options come after the simulation's own, so that they win.
func (s *Sim) StartView(clientID string, table goka.Table, codec goka.Codec, options ...goka.ViewOption) (*goka.View, *Instance) {
	s.t.Helper()
	c := s.configFor(clientID)
	all := append([]goka.ViewOption{
		goka.WithViewClientID(clientID),
		goka.WithViewStorageBuilder(s.tester.StorageBuilder()),
		goka.WithViewConsumerSaramaBuilder(s.tables(c)),
		goka.WithViewTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(c, TopicManagerConfig())),
	}, options...)
	s.mistake(s.tester.codecs.register(string(table), codec))
	i := s.start(&Instance{
		name: clientID, what: "view " + clientID,
		make: func(i *Instance) (func(context.Context) error, error) {
			var err error
			if i.view, err = goka.NewView(s.Brokers(), table, codec, all...); err != nil {
				return nil, err
			}
			return i.view.Run, nil
		},
	})
	return i.view, i
}

// Config returns a new configuration for clients in the simulation: goka's own, reading inputs from the first record.
func (s *Sim) Config() *sarama.Config {
	c := goka.DefaultConfig()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}

// tables builds consumers of tables, of which Idle knows when they have stored what they read.
func (s *Sim) tables(c *sarama.Config) goka.SaramaConsumerBuilder {
	build := goka.SaramaConsumerBuilderWithConfig(c)
	return func(brokers []string, clientID string) (sarama.Consumer, error) {
		consumer, err := build(brokers, clientID)
		if err == nil {
			saramaclient.SendBarriers(consumer)
		}
		return consumer, err
	}
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

// simHost is a simulation as the host of instances.
type simHost Sim

func (h *simHost) marker() interface{ Helper() } { return h.t }

func (h *simHost) fail(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("simulate: "+format, args...)
}

func (h *simHost) note(what string) { (*Sim)(h).note(what) }

func (h *simHost) until(what string, ch <-chan struct{}) error { return (*Sim)(h).until(what, ch) }

func (h *simHost) kill(i *Instance) error { return (*Sim)(h).crash(i) }

// simCrash is how long in virtual time a crash is waited for: not longer, since who asks for it may be a callback of the
// instance itself.
const simCrash = time.Second

// crash ends an instance as a crash does.
func (s *Sim) crash(i *Instance) error {
	if i.ended() {
		return nil
	}
	i.crashed = true
	crashed := false
	var end time.Time
	return s.wait(i.name+" to crash", func() bool {
		if !crashed {
			crashed, end = true, time.Now().Add(simCrash)
			i.cancel() // first: whoever learns of the crash finds it already so, whichever goroutine comes first
			s.driver.Kill(i.name)
			return false // whether it has ended by now is chance
		}
		return i.ended() || time.Now().After(end)
	})
}

// finish stops what still runs, and the driver. It returns what was wrong with them.
func (s *Sim) finish() error {
	errs := []error{s.rest()}
	instances := s.tester.instances
	for _, i := range instances {
		i.cancel()
	}
	end := time.Now().Add(simStop)
	err := s.wait("all instances to end", func() bool {
		s.planned = nil
		return time.Now().After(end) || s.ats == 0 && !slices.ContainsFunc(instances, func(i *Instance) bool { return !i.ended() })
	})
	errs = append(errs, err)
	for _, i := range instances {
		switch {
		case !i.ended():
			errs = append(errs, fmt.Errorf("%s did not end within %v of virtual time after it was stopped", i.name, simStop))
		case i.err != nil && !i.crashed && !i.told:
			errs = append(errs, fmt.Errorf("%s failed: %w", i.name, i.err))
		}
	}
	s.requests <- &simRequest{cond: func() bool { return true }, last: true}
	<-s.driving
	s.cluster.Close()
	s.driver.Settle() // so that nobody waits for what was on its way
	s.tester.work.Wait()
	return errors.Join(append(errs, s.failed, s.broken)...)
}

// firstDifference shows where two traces part, with some lines before.
func firstDifference(a, b []byte) string {
	as, bs := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(as), len(bs)) {
		if !bytes.Equal(as[i], bs[i]) {
			from := max(i-30, 0)
			var b strings.Builder
			fmt.Fprintf(&b, "%s\n", bytes.Join(as[from:i], []byte("\n")))
			for _, line := range as[i:min(i+5, len(as))] {
				fmt.Fprintf(&b, "-%s\n", line)
			}
			for _, line := range bs[i:min(i+5, len(bs))] {
				fmt.Fprintf(&b, "+%s\n", line)
			}
			return b.String()
		}
	}
	return fmt.Sprintf("the first has %d lines, the other %d", len(as), len(bs))
}
