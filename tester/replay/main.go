// Package replay replays recorded topics through group graphs. It is what gokasim replay compiles into a test binary
// together with the user's package, whose functions it calls; it has no use elsewhere.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/memkafka"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient" // for mem:// brokers
)

// Main replays into graphs what the settings in the environment name, and tells about it through a pipe that it
// inherited. It is called by the test that gokasim replay generates. Without settings it skips t.
func Main(t *testing.T, graphs ...Graph) {
	settings, ok, err := replaywire.SettingsFromEnvironment()
	if !ok {
		t.Skip("only gokasim replay runs this test")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pipe := &reporter{to: os.NewFile(replaywire.PipeDescriptor, "events"), gone: cancel}
	if err != nil {
		pipe.tell(replaywire.Event{Failure: &replaywire.Failure{Reason: err.Error()}})
		return
	}
	if settings.Describe {
		describe(graphs, pipe)
		return
	}
	if os.Getenv("GOGC") == "" { // a replay makes much garbage and keeps little
		const percent = 400
		defer debug.SetGCPercent(debug.SetGCPercent(percent))
	}
	execute(ctx, t, settings, graphs, pipe)
}

// execute runs a replay and tells its result or its failure.
func execute(ctx context.Context, t *testing.T, settings replaywire.Settings, graphs []Graph, pipe *reporter) {
	result, err := replay(ctx, t, settings, graphs, pipe)
	switch {
	case ctx.Err() != nil:
		pipe.tell(replaywire.Event{Failure: &replaywire.Failure{Reason: errInterrupted.Error()}})
	case err != nil:
		f := &replaywire.Failure{Reason: err.Error()}
		f.Slowest, f.Failures = pipe.observer.Load().told()
		pipe.tell(replaywire.Event{Failure: f})
	default:
		pipe.tell(replaywire.Event{Result: result})
	}
}

// batchSize is how many records of the input are handed over at once.
const batchSize = 1024

// replay runs a replay: in a bubble on a simulated cluster, or on real brokers.
func replay(ctx context.Context, t *testing.T, settings replaywire.Settings, graphs []Graph, pipe *reporter) (result *replaywire.Result, err error) {
	var records recordCount
	if settings.Rebalances+settings.Crashes > 0 {
		if records, err = countRecords(ctx, settings); err != nil {
			return nil, err
		}
	}
	in, err := openInput(settings)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	reading, stopReading := context.WithCancel(ctx)
	var outside sync.WaitGroup
	defer outside.Wait()
	defer stopReading()
	plans := make(chan *plan, 1)
	kept, err := newCheckpoints(settings)
	if err != nil {
		return nil, err
	}
	r := &run{checkpoints: kept, settings: settings, graphs: graphs, in: in, plans: plans, tell: pipe.tell, outer: ctx, records: records}
	outside.Go(func() {
		defer close(in.batches)
		select {
		case p := <-plans:
			in.read(reading, p, int32(settings.Partitions), batchSize)
		case <-reading.Done():
		}
	})
	outside.Go(func() { r.watch(reading, pipe) })

	if settings.Report {
		r.observer = &observer{}
		pipe.observer.Store(r.observer)
	}
	start := time.Now()
	if len(settings.Brokers) > 0 {
		result, err = r.replay(ctx, settings.Brokers, nil)
	} else {
		result, err = r.simulate(t)
	}
	if result != nil {
		result.Nanos = time.Since(start).Nanoseconds()
	}
	return result, err
}

// simulatedName is the name of the simulated cluster, as in mem://NAME.
const simulatedName = "gokasim-replay"

// simulate replays on a simulated cluster in a bubble, where time is virtual.
func (r *run) simulate(t *testing.T) (*replaywire.Result, error) {
	var (
		result *replaywire.Result
		err    = errors.New("the simulation ended early")
		done   = make(chan struct{}) // closed when result and err are there
		end    = make(chan any, 1)   // takes what the bubble panicked with, nil for nothing
	)
	go func() {
		defer func() { end <- recover() }()
		synctest.Test(t, func(*testing.T) {
			r.inBubble(func(res *replaywire.Result, e error) { result, err = res, e; close(done) })
		})
	}()
	const farewell = 2 * time.Second
	select {
	case <-done:
		select {
		case left := <-end:
			if left == nil {
				return result, err
			}
		case <-time.After(farewell):
		}
		r.tell(replaywire.Event{Note: "goroutines that the package started were still running at the end"})
		return result, err
	case broken := <-end:
		if broken != nil {
			err = fmt.Errorf("the simulation broke down: %v", broken)
		}
		return nil, err
	case <-r.outer.Done():
		select {
		case <-end:
		case <-time.After(farewell): // something in the bubble waits for the world outside
		}
		return nil, errInterrupted
	}
}

// inBubble replays on a cluster that begins in the bubble, as its timers belong there, and hands over what came of it.
func (r *run) inBubble(hand func(*replaywire.Result, error)) {
	options := []memkafka.Option{memkafka.WithAutoCreateTopics(false), memkafka.WithSeed(r.settings.Seed)}
	var (
		cluster *memkafka.Cluster
		driver  *memkafka.Driver
		err     error
	)
	if r.settings.Resume {
		r.resumed, err = r.checkpoints.read(func(in io.Reader) (err error) {
			if r.settings.Driven {
				cluster, driver, err = memkafka.RestoreDriven(in, r.settings.Seed, synctest.Wait, options...)
			} else {
				cluster, err = memkafka.Restore(in, options...)
			}
			return err
		})
	}
	switch {
	case err != nil:
	case cluster != nil:
	case r.settings.Driven:
		cluster, driver, err = memkafka.NewDriven(r.settings.Seed, synctest.Wait, options...)
	default:
		cluster, err = memkafka.Open(options...)
	}
	if err != nil {
		hand(nil, errors.Join(err, r.resumed.close()))
		return
	}
	idle := synctest.Wait
	if driver != nil {
		r.drive = newDrive(driver)
		idle = r.drive.idle
		go r.drive.run()
	}
	r.simulated = cluster
	release, err := memkafka.SetNamed(simulatedName, cluster)
	if err != nil { // which a cluster of this process alone does not give
		hand(nil, errors.Join(err, r.resumed.close()))
		return
	}
	ctx, cancel := context.WithCancel(context.Background()) // its channel belongs to the bubble
	result, err := r.replay(ctx, []string{"mem://" + simulatedName}, idle)
	cancel()
	release()
	if r.drive != nil {
		err = errors.Join(err, r.drive.stop())
	}
	cluster.Close()
	hand(result, errors.Join(err, r.resumed.close()))
	const farewell = 2 * time.Minute // for timers of libraries that end by themselves
	<-time.After(farewell)
}

const (
	reportEvery = 200 * time.Millisecond
	// stuckAfter is for how long a run may show no progress in real time before it is ended by force: something waits
	// for what is outside of the simulation.
	stuckAfter = 10 * time.Minute
)

// watch tells about the progress of a run until ctx ends. It stands outside of a bubble, where time passes.
func (r *run) watch(ctx context.Context, pipe *reporter) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	var before replaywire.Progress
	moved := time.Now()
	warned := false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			at := r.progress()
			cur := r.feeding.Load()
			if at != before || cur != nil && cur.waiting.Load() { // at a pace, or through a pipe, nothing may come for long
				before, moved, warned = at, now, false
			}
			pipe.tell(replaywire.Event{Progress: &at})
			switch still := now.Sub(moved); {
			case still > stuckAfter:
				r.abort(pipe, still)
			case still > time.Minute && !warned:
				warned = true
				pipe.tell(replaywire.Event{Note: fmt.Sprintf("no progress for %v: a callback takes long, or waits for something", still.Round(time.Second))})
			}
		}
	}
}

// abort ends a program in which nothing goes on and that cannot be stopped otherwise.
func (r *run) abort(pipe *reporter, still time.Duration) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	_, _ = os.Stderr.Write(stacks) // there is nobody left to tell
	pipe.tell(replaywire.Event{Failure: &replaywire.Failure{Reason: fmt.Sprintf(
		"the run stands still for %v; the goroutines above say what it waits for", still.Round(time.Second))}})
	os.Exit(1)
}

func (r *run) progress() replaywire.Progress {
	p := replaywire.Progress{Bytes: r.in.bytesRead()}
	if f := r.fed.Load(); f != nil {
		p.Records = f.sent.Load()
	}
	if g := r.running.Load(); g != nil {
		p.Processed = g.processed()
	}
	return p
}

// reporter writes events, one at a time.
type reporter struct {
	gone func() // called when nobody reads any more

	observer atomic.Pointer[observer] // nil unless there is to be a report

	mu sync.Mutex // guards to
	to io.Writer
}

func (p *reporter) tell(e replaywire.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := e.Write(p.to); err != nil {
		p.gone()
	}
}
