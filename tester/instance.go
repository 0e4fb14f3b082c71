package tester

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
)

// Instance is one processor, view or other thing that a tester or a simulation runs. Its methods are called by the test's
// goroutine, Kill also from callbacks.
type Instance struct {
	host  host
	name  string // its client id
	what  string // for people
	group string // of a processor
	make  func(i *Instance) (func(ctx context.Context) error, error)
	graph *goka.GroupGraph

	refused error // what the tester had against it
	proc    *goka.Processor
	view    *goka.View

	cancel  context.CancelFunc
	done    chan struct{}
	err     error // valid once done is closed
	crashed bool
	told    bool // somebody asked for err
}

// host is what an instance runs in: a tester or a simulation.
type host interface {
	// marker lets a function that fails the test be left out of where it failed.
	marker() interface{ Helper() }
	fail(format string, args ...any)
	// note is a word about what the test does next. In a simulation that meets everybody at rest.
	note(what string)
	// until waits for a condition that ends with ch.
	until(what string, ch <-chan struct{}) error
	kill(i *Instance) error
}

// Processor returns the processor, nil when the instance is something else. Restart replaces it.
func (i *Instance) Processor() *goka.Processor { return i.proc }

// View returns the view, nil when the instance is something else. Restart replaces it.
func (i *Instance) View() *goka.View { return i.view }

// Name returns the client id.
func (i *Instance) Name() string { return i.name }

func (i *Instance) ended() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

// start makes what is to run and runs it.
func (i *Instance) start() error {
	run, err := i.make(i)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	i.cancel, i.done, i.err, i.crashed, i.told = cancel, make(chan struct{}), nil, false, false
	done := i.done
	go func() {
		defer close(done)
		i.err = run(ctx)
	}()
	return nil
}

// Stop ends the instance in an orderly way, and returns what its Run returned. It may be called twice.
func (i *Instance) Stop() error {
	i.host.marker().Helper()
	i.host.note(i.name + " is stopped")
	i.cancel()
	return i.wait(i.name + " to end")
}

// Wait waits until the instance ends by itself, as when a callback fails, and returns what its Run returned.
func (i *Instance) Wait() error {
	i.host.marker().Helper()
	return i.wait(i.name + " to end by itself")
}

func (i *Instance) wait(what string) error {
	if err := i.host.until(what, i.done); err != nil {
		i.host.marker().Helper()
		i.host.fail("%v", err)
		return err
	}
	i.told = true
	return i.err
}

// Ended reports whether the instance has returned, and with what.
func (i *Instance) Ended() (bool, error) {
	if !i.ended() {
		return false, nil
	}
	i.told = true
	return true, i.err
}

// Kill ends the instance as a crash does: nothing that it had on its way arrives. In a simulation nobody is told, and its
// group learns by the session's time-out; a tester's groups know at once. What a tester's instance had finished before is
// committed, unless HoldCommits is in force. From inside a callback Kill returns at once, and nothing that the callback
// does from then on counts.
func (i *Instance) Kill() {
	i.host.marker().Helper()
	if err := i.host.kill(i); err != nil {
		i.host.fail("%v", err)
	}
}

// Crash is another name of Kill.
func (i *Instance) Crash() {
	i.host.marker().Helper()
	i.Kill()
}

// Restart stops the instance, unless it has ended, and starts it anew: with a new processor or view, which recovers its
// tables and goes on at the committed offsets. What the old one returned is not looked at.
func (i *Instance) Restart() {
	i.host.marker().Helper()
	if i.make == nil {
		i.host.fail("%s was started by a function of the test; start it again there", i.name)
		return
	}
	if !i.ended() {
		_ = i.Stop()
	}
	if err := i.start(); err != nil {
		i.host.fail("restart %s: %v", i.what, err)
	}
}

// bound is a tester that notes the client id of what registers with it.
type bound struct {
	*Tester
	instance *Instance
}

func (b *bound) RegisterGroupGraph(gg *goka.GroupGraph) string {
	b.instance.name, b.instance.refused = b.registerGroupGraph(gg)
	return b.instance.name
}

func (b *bound) RegisterView(table goka.Table, c goka.Codec) string {
	b.instance.name, b.instance.refused = b.registerView(table, c)
	return b.instance.name
}

// StartProcessor makes and runs a processor, as many instances of it as WithInstances says, and returns the first. They are
// stopped when the test ends, which fails if one of them failed and nobody asked. The options come after the tester's own.
func (tt *Tester) StartProcessor(gg *goka.GroupGraph, options ...goka.ProcessorOption) *Instance {
	tt.mark.Helper()
	if gg == nil {
		tt.mistakef("start a processor: there is no group graph")
		return notStarted(&Instance{host: (*testerHost)(tt), what: "processor without a graph"})
	}
	var first *Instance
	for range tt.settings.instances {
		i := tt.startInstance(&Instance{
			what: "processor of group " + string(gg.Group()), group: string(gg.Group()), graph: gg,
			make: func(i *Instance) (func(context.Context) error, error) {
				p, err := goka.NewProcessor(nil, gg, append([]goka.ProcessorOption{goka.WithTester(&bound{tt, i})}, options...)...)
				if err = errors.Join(err, i.refused); err != nil {
					return nil, err
				}
				i.proc = p
				return tt.untilOver(i.name, p.Run), nil
			},
		})
		if first == nil {
			first = i
		}
	}
	return first
}

// untilOver is run, after which nobody waits for the client with an id any more.
func (tt *Tester) untilOver(id string, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		defer func() {
			tt.parties.over(id)
			tt.ground.wake()
		}()
		return run(ctx)
	}
}

// StartView makes and runs a view. It is stopped when the test ends. The options come after the tester's own.
func (tt *Tester) StartView(table goka.Table, codec goka.Codec, options ...goka.ViewOption) *Instance {
	tt.mark.Helper()
	return tt.startInstance(&Instance{
		what: "view of table " + string(table),
		make: func(i *Instance) (func(context.Context) error, error) {
			v, err := goka.NewView(nil, table, codec, append([]goka.ViewOption{goka.WithViewTester(&bound{tt, i})}, options...)...)
			if err = errors.Join(err, i.refused); err != nil {
				return nil, err
			}
			i.view = v
			return tt.untilOver(i.name, v.Run), nil
		},
	})
}

func (tt *Tester) startInstance(i *Instance) *Instance {
	i.host = (*testerHost)(tt)
	if err := i.start(); err != nil {
		tt.mark.Helper()
		if i.refused != nil || errors.Is(err, goka.ErrInvalidGraph) {
			tt.mistaken()
		}
		tt.fatalf("start the %s: %v", i.what, err)
		return notStarted(i)
	}
	tt.instances = append(tt.instances, i)
	return i
}

// notStarted makes an instance one that has ended: for a T whose Fatalf returns.
func notStarted(i *Instance) *Instance {
	i.done, i.cancel = make(chan struct{}), func() {}
	close(i.done)
	return i
}

// Instances returns the instances that run a group, in the order in which they were started.
func (tt *Tester) Instances(group goka.Group) []*Instance {
	var running []*Instance
	for _, i := range tt.instances {
		if i.group == string(group) && !i.ended() {
			running = append(running, i)
		}
	}
	return running
}

// stopInstances ends what the tester started, and reports what failed.
func (tt *Tester) stopInstances() {
	instances := tt.instances
	tt.instances = nil
	tt.mark.Helper()
	for _, i := range instances {
		i.cancel()
	}
	for _, i := range instances {
		if err := i.host.until(i.name+" to end", i.done); err != nil {
			tt.errorf("%v", err)
			continue
		}
		if i.err != nil && !i.crashed && !i.told {
			tt.errorf("the %s (%s) failed: %v", i.what, i.name, i.err)
		}
	}
}

// testerHost is a tester as the host of instances.
type testerHost Tester

func (h *testerHost) marker() interface{ Helper() } { return h.mark }

func (h *testerHost) fail(format string, args ...any) {
	h.mark.Helper()
	h.t.Fatalf("tester: "+format, args...)
}

func (h *testerHost) note(what string) {
	if g, ok := h.ground.(*inSimulation); ok {
		g.sim.note(what)
	}
}

func (h *testerHost) until(what string, ch <-chan struct{}) error {
	if g, ok := h.ground.(*inSimulation); ok {
		return g.sim.until(what, ch)
	}
	timer := time.NewTimer(h.settings.timeout)
	defer timer.Stop()
	select {
	case <-ch:
		return nil
	case <-timer.C:
		return fmt.Errorf("waited %v for %s", h.settings.timeout, what)
	}
}

func (h *testerHost) kill(i *Instance) error {
	tt := (*Tester)(h)
	tt.mark.Helper()
	inCallback := tt.busy()
	if g, ok := tt.ground.(*inSimulation); ok && !inCallback {
		return g.sim.crash(i)
	}
	if !inCallback {
		if err := tt.awaitStart(); err != nil {
			return fmt.Errorf("kill %s: %w", i.name, err)
		}
		tt.commit()
	}
	i.crashed = true
	tt.parties.kill(i.name)
	tt.ground.kill(i.name) // first: who is told to stop commits
	i.cancel()
	if inCallback {
		return nil
	}
	return h.until(i.name+" to end after it was killed", i.done)
}

// Rebalance makes the members of a group share its partitions out anew: one more member joins, and leaves again. From
// inside a callback it returns when the rebalance has begun, since that ends no sooner than the callback; Consume waits
// for it.
func (tt *Tester) Rebalance(group goka.Group) {
	tt.mark.Helper()
	topics, err := tt.inputsOf(group)
	if err != nil {
		tt.mistakef("rebalance: %v", err)
		return
	}
	inCallback := tt.busy()
	if !inCallback {
		err = tt.awaitStart()
	}
	if err != nil {
		tt.fatalf("rebalance: %v", err)
		return
	}
	joined := make(chan struct{})
	left := make(chan error, 1)
	tt.work.Go(func() { left <- tt.visit(group, topics, joined) })
	if inCallback {
		<-joined
		return
	}
	err = tt.outcome("the rebalance of group "+string(group), left)
	if err == nil {
		err = tt.awaitStart()
	}
	if err != nil {
		tt.fatalf("rebalance: %v", err)
	}
}

// outcome waits for a result, as long as the tester waits for anything.
func (tt *Tester) outcome(what string, result <-chan error) error {
	done := make(chan struct{})
	var got error
	go func() { got = <-result; close(done) }()
	if err := (*testerHost)(tt).until(what, done); err != nil {
		return err
	}
	return got
}

func (tt *Tester) inputsOf(group goka.Group) ([]string, error) {
	if g, ok := tt.ground.(*inSimulation); ok {
		if gg := g.sim.groups[string(group)]; gg != nil {
			topics := gg.InputStreams().Topics()
			if l := gg.LoopStream(); l != nil {
				topics = append(topics, l.Topic())
			}
			return topics, nil
		}
	}
	tt.parties.mu.Lock()
	defer tt.parties.mu.Unlock()
	var known []string
	for _, p := range tt.parties.list {
		if p.graph == nil {
			continue
		}
		if p.graph.Group() == group {
			return p.inputs, nil
		}
		if !slices.Contains(known, string(p.graph.Group())) {
			known = append(known, string(p.graph.Group()))
		}
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("no processor of group %s; there is none of any group", group)
	}
	return nil, fmt.Errorf("no processor of group %s; there are %s", group, strings.Join(known, ", "))
}

var errVisited = errors.New("only for a rebalance")

// visit joins a group and leaves it. joined is closed when the rebalance has begun.
func (tt *Tester) visit(group goka.Group, topics []string, joined chan struct{}) error {
	begun := sync.OnceFunc(func() { close(joined) })
	defer begun()
	id := fmt.Sprintf("rebalance-%s-%d", group, tt.parties.visit())
	cg, err := tt.ground.group(string(group), tt.ground.config(id))
	if err != nil {
		return err
	}
	stop := tt.watchGroup(string(group), begun)
	err = cg.Consume(context.Background(), topics, visitor{})
	stop()
	if errors.Is(err, errVisited) {
		err = nil
	}
	return errors.Join(err, cg.Close())
}

// visitor is a member that handles nothing.
type visitor struct{}

func (visitor) Setup(sarama.ConsumerGroupSession) error   { return errVisited }
func (visitor) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (visitor) ConsumeClaim(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
	return errVisited
}
