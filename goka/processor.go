package goka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/beginning"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/internal/stack"
)

var processorStates = []State{
	ProcStateIdle, ProcStateStarting, ProcStateSetup, ProcStateRunning, ProcStateStopping, ProcStateStopped,
}

// Processor is one instance of a group. It handles the partitions that the group assigns to it. All methods may be
// called from any goroutine; Setup, ConsumeClaim and Cleanup are for the consumer group.
type Processor struct {
	brokers    []string
	graph      *GroupGraph
	opts       *poptions
	log        Logger
	partitions int32 // of all copartitioned topics
	lookups    map[string]*View
	state      *Signal
	done       chan struct{}

	shared      *shared     // made by Run
	generations int         // calls of Setup; belongs to whoever calls Consume
	healthy     int         // ... that recovered all partitions
	inSession   atomic.Bool // between Setup and the end of Cleanup
	initial     beginning.Initial
	background  sync.WaitGroup

	mu         sync.RWMutex // guards what follows
	began      bool         // Run was called
	stopping   bool         // Stop was called, or the end of Run is near
	cancel     context.CancelFunc
	held       map[int32]*PartitionProcessor
	leaving    map[int32]chan struct{} // closed once a partition that was dropped is closed
	begun      map[claimed]string      // partitions that this instance began to read, and the mark of their topic
	newest     map[claimed]int64       // where their topic ended then, see markBeginning
	failures   []error                 // of partitions, in the order in which their generations ended
	err        error                   // what Run returned
	rebalances []Rebalance             // the last generations, oldest first
}

// NewProcessor makes an instance of a group. It connects to Kafka to check the topics: inputs, joins and lookups have to
// exist (ErrTopicNotFound), inputs and joins with as many partitions (ErrNotCopartitioned); the loop and the table are created,
// and have to have as many where they exist (ErrTopicMismatch). A graph that contradicts itself is an ErrInvalidGraph. Nothing is read
// before Run, and nothing is left open where Run is never called.
func NewProcessor(brokers []string, gg *GroupGraph, options ...ProcessorOption) (*Processor, error) {
	if gg == nil {
		return nil, errors.New("processor needs a group graph: nil was given")
	}
	if err := gg.Validate(); err != nil {
		return nil, err
	}
	opts, err := newProcessorOptions(gg, options)
	if err != nil {
		return nil, fmt.Errorf("error applying options: %w", err)
	}
	if gg.Group() == "" {
		return nil, fmt.Errorf("%w: the group has no name", ErrInvalidGraph)
	}
	g := &Processor{
		brokers: brokers,
		graph:   gg,
		opts:    opts,
		log:     logger.Of(opts.log, "[Processor "+string(gg.Group())+"]", "group", string(gg.Group())),
		state:   newSignal(processorStates),
		done:    make(chan struct{}),
		held:    make(map[int32]*PartitionProcessor),
	}
	if g.partitions, err = g.prepareTopics(); err != nil {
		return nil, err
	}
	if len(gg.lookups) > 0 {
		g.lookups = make(map[string]*View, len(gg.lookups))
	}
	for _, lookup := range gg.lookups {
		view, err := g.newLookup(lookup)
		if err != nil {
			return nil, fmt.Errorf("error creating view for lookup table %s: %w", lookup.name, err)
		}
		g.lookups[lookup.name] = view
	}
	return g, nil
}

// newLookup makes the view behind a lookup table. It connects again after errors, since a callback may well do with
// what it has.
func (g *Processor) newLookup(lookup *lookupTable) (*View, error) {
	o := g.opts
	return NewView(g.brokers, Table(lookup.name), lookup.codec,
		WithViewLogger(o.log),
		WithViewHasher(o.hasher),
		WithViewClientID(o.clientID),
		WithViewTopicManagerBuilder(o.builders.topicManager),
		WithViewStorageBuilder(o.builders.storage),
		WithViewConsumerSaramaBuilder(o.builders.consumer),
		WithViewContextCallback(o.updateCallback),
		WithViewBackoffBuilder(o.builders.backoff),
		WithViewStartOffset(o.tableStart(lookup.name)),
		WithViewBackoffResetTimeout(o.backoffResetTime),
		func(v *voptions, _ Table, _ Codec) {
			v.autoreconnect, v.defaultStorage, v.quickStorage = true, o.defaultStorage, o.quickStorage
		},
	)
}

// prepareTopics checks the inputs and joins, creates loop and table, and returns the number of partitions they share.
func (g *Processor) prepareTopics() (partitions int32, rerr error) {
	topics, err := g.opts.builders.topicManager(g.brokers)
	if err != nil {
		return 0, fmt.Errorf("error creating topic manager: %w", err)
	}
	defer closing(&rerr, "topic manager", topics)

	n, first := 0, ""
	for _, topic := range g.graph.copartitioned() {
		own, err := sequentialPartitions(topics, topic)
		if err != nil {
			return 0, err
		}
		if first == "" {
			n, first = own, topic
		}
		if own != n {
			return 0, fmt.Errorf("%w! Topic '%s' does not have %d partitions like the rest but %d; "+
				"create it with as many as '%s', or use Lookup where a Join does not fit", ErrNotCopartitioned, topic, n, own, first)
		}
	}

	ensureTable, ensureLoop := topics.EnsureTableExists, topics.EnsureStreamExists
	if own, ok := topics.(ownTopics); ok {
		ensureTable, ensureLoop = own.ensureOwnTable, own.ensureOwnLoop
	}
	if loop := g.graph.LoopStream(); loop != nil {
		if err := ensureLoop(loop.Topic(), n); err != nil {
			return 0, fmt.Errorf("error preparing loop of group %s: %w", g.graph.Group(), err)
		}
	}
	if table := g.graph.GroupTable(); table != nil {
		if err := ensureTable(table.Topic(), n); err != nil {
			return 0, fmt.Errorf("error preparing table of group %s: %w", g.graph.Group(), err)
		}
	}
	return int32(n), nil
}

// Graph returns the group graph.
func (g *Processor) Graph() *GroupGraph { return g.graph }

// Errors of a Run that is not the first.
var (
	errRunTwice      = errors.New("error running processor: it is running already")
	errRunTerminated = errors.New("error running processor: it was already run and terminated. Run can only be called once")
)

// Run handles messages until ctx ends, Stop is called, or something fails. It returns what failed, and nil otherwise.
// When it returns, everything it has started has ended, but callbacks and storages that have not returned in their time, see
// WithShutdownTimeout. It can be called once; a second call is an error. What failed because of a
// message is a MessageError.
func (g *Processor) Run(ctx context.Context) (rerr error) {
	stack.Grow8K() // to join a group of a cluster in this process goes deep
	ctx, cancel, err := g.claimRun(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	defer func() { g.end(rerr) }()
	if ctx.Err() != nil {
		return nil // stopped before: Kafka is not asked
	}
	noticeMemory(g.log, g.opts.defaultStorage && !g.graph.isStateless())

	s := &shared{graph: g.graph, opts: g.opts, log: g.log, lookups: g.lookups, holder: g.holder, standbyFailed: g.standbyFailed}
	if s.consumer, err = g.opts.builders.consumer(g.brokers, g.opts.clientID); err != nil {
		return fmt.Errorf("error creating Kafka consumer: %w", err)
	}
	defer closing(&rerr, "consumer", s.consumer)
	if s.topics, err = g.opts.builders.topicManager(g.brokers); err != nil {
		return fmt.Errorf("error creating topic manager: %w", err)
	}
	defer closing(&rerr, "topic manager", s.topics)
	producer, err := g.opts.builders.producer(g.brokers, g.opts.clientID, g.opts.hasher)
	if err != nil {
		return fmt.Errorf("error creating Kafka producer: %w", err)
	}
	defer closing(&rerr, "producer", producer)
	s.producer = emissionsOf(producer)
	g.mu.Lock()
	g.shared = s
	g.mu.Unlock()

	lookups := g.startLookups(ctx, cancel)
	defer func() { rerr = errors.Join(rerr, lookups.stop()) }()
	defer func() { rerr = errors.Join(rerr, g.releasePartitions()) }()
	if !lookups.waitRunning(ctx) {
		return nil // ctx ended, or a lookup failed, which stop returns
	}
	if g.opts.recoverAhead {
		if err := g.recoverAhead(ctx); err != nil {
			return ignoreCancellation(ctx, fmt.Errorf("error recovering ahead: %w", err))
		}
	}
	return g.consume(ctx)
}

// claimRun claims the processor for its only run.
func (g *Processor) claimRun(ctx context.Context) (context.Context, context.CancelFunc, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.began {
		select {
		case <-g.done:
			return nil, nil, errRunTerminated
		default:
			return nil, nil, errRunTwice
		}
	}
	g.began = true
	ctx, cancel := context.WithCancel(ctx)
	g.cancel = cancel
	if g.stopping {
		cancel()
	}
	g.state.SetState(ProcStateStarting)
	return ctx, cancel, nil
}

func (g *Processor) end(err error) {
	g.mu.Lock()
	g.err = err
	g.mu.Unlock()
	g.state.SetState(ProcStateStopped)
	close(g.done)
}

// ignoreCancellation returns nil for an error that only says that ctx ended.
func ignoreCancellation(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// Stop ends Run, and returns at once. It may be called more than once, and before Run, which then returns at once.
func (g *Processor) Stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopping = true
	if g.cancel != nil {
		g.cancel()
	}
}

// Done returns a channel that is closed once Run has done its work. Error tells how it ended.
func (g *Processor) Done() <-chan struct{} { return g.done }

// Error returns what Run returned, nil before.
func (g *Processor) Error() error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.err
}

// lookupRuns are the views behind the lookup tables, while they run.
type lookupRuns struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	views  []*View // sorted by topic
	errs   []error // of each, once wg is done
}

// startLookups runs the views until stop is called: longer than ctx lasts, since callbacks that are under way need
// them. failed is called when one of them fails.
func (g *Processor) startLookups(ctx context.Context, failed func()) *lookupRuns {
	l := &lookupRuns{cancel: func() {}}
	if len(g.lookups) == 0 {
		return l
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, topic := range slices.Sorted(maps.Keys(g.lookups)) {
		l.views = append(l.views, g.lookups[topic])
	}
	l.errs = make([]error, len(l.views))
	for i, view := range l.views {
		l.wg.Go(func() {
			if err := view.Run(ctx); err != nil {
				l.errs[i] = fmt.Errorf("error running lookup table %s: %w", view.Topic(), err)
				failed()
			}
		})
	}
	return l
}

// waitRunning waits until all views are recovered. It reports false when ctx ended before.
func (l *lookupRuns) waitRunning(ctx context.Context) bool {
	for _, view := range l.views {
		select {
		case <-view.WaitRunning():
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

func (l *lookupRuns) stop() error {
	l.cancel()
	l.wg.Wait()
	return errors.Join(l.errs...)
}

// consume takes part in the group, one generation after the other, until ctx ends or something fails.
func (g *Processor) consume(ctx context.Context) (rerr error) {
	group, err := g.opts.builders.consumerGroup(g.brokers, string(g.graph.Group()), g.opts.clientID)
	if err != nil {
		return fmt.Errorf("error creating consumer group: %w", err)
	}
	g.initial = initialOf(group)
	if own, ok := group.(*joinedGroup); ok && !own.commits {
		logger.Warnf(g.log, "Consumer.Offsets.AutoCommit.Enable is false: nothing is ever committed, so that each start begins again where "+
			"Consumer.Offsets.Initial says; set it to true, and hold messages back by DeferCommit")
	}
	backoff, err := g.opts.builders.backoff()
	if err != nil {
		return errors.Join(fmt.Errorf("error building backoff: %w", err), group.Close())
	}
	logged := g.logGroupErrors(group)
	over := g.watchLeaving(ctx, group)
	defer func() {
		err := group.Close()
		if cut := over(); err != nil && !cut {
			rerr = errors.Join(rerr, fmt.Errorf("error closing consumer group: %w", err))
		}
		logged()
	}()

	var troubled time.Time // since when no generation began to handle messages; zero when the last try had one
	for {
		g.state.SetState(ProcStateStarting) // again, where a generation has ended and another one is to come
		before, healthy := g.generations, g.healthy
		err := group.Consume(ctx, g.graph.consumed(), g)
		if failed := g.takeFailures(); failed != nil {
			if err == nil || errors.Is(err, failed) {
				err = failed
			}
			return fmt.Errorf("error consuming from group consumer: %w", err)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case g.healthy != healthy:
			troubled = time.Time{}
		case troubled.IsZero():
			troubled = time.Now()
		}
		switch {
		case err != nil && (!isPassing(err) && !(g.healthy > 0 && isOutage(err)) ||
			time.Since(troubled) > passingPatience && !troubled.IsZero()):
			return fmt.Errorf("error consuming from group consumer: %w", err)
		case err != nil:
			logger.Warnf(g.log, "error joining the group, trying again: %v", err)
		case g.generations != before:
			backoff.Reset()
			continue
		}
		// not even a generation: whatever it is, it should not happen thousands of times a second
		if sleep(ctx, max(backoff.Duration(), 10*time.Millisecond)) != nil {
			return nil
		}
	}
}

// passingPatience is how long errors may last that pass by themselves.
const passingPatience = 2 * time.Minute

// isOutage reports whether an error says only that no broker could be reached. That ends a processor that has not handled
// messages yet, since its addresses may be wrong; later it is waited for.
func isOutage(err error) bool {
	for _, outage := range []error{
		sarama.ErrOutOfBrokers, sarama.ErrNotConnected, sarama.ErrBrokerNotAvailable, io.EOF, io.ErrUnexpectedEOF,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, outage) {
			return true
		}
	}
	var broken net.Error
	return errors.As(err, &broken)
}

// isPassing reports whether an error says only that the group's coordinator is somewhere else, or not ready yet, or has
// forgotten this member. sarama tries again a few times itself.
func isPassing(err error) bool {
	for _, passing := range []sarama.KError{
		sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrOffsetsLoadInProgress,
		sarama.ErrRebalanceInProgress, sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration, sarama.ErrLeaderNotAvailable,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// logGroupErrors logs what a member has to report, until the function that it returns is called.
func (g *Processor) logGroupErrors(group sarama.ConsumerGroup) (end func()) {
	report := func(err error) { logger.Warnf(g.log, "error in consumer group: %v", err) }
	if r, ok := group.(door.Reporting); ok && r.ReportTo(report) {
		return func() {}
	}
	errs, closed, done := group.Errors(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case err, open := <-errs:
				if !open {
					return
				}
				report(err)
			case <-closed:
				return
			}
		}
	}()
	return func() {
		close(closed)
		<-done
	}
}

// takeFailures returns what partitions failed with, nil when none did.
func (g *Processor) takeFailures() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := errors.Join(g.failures...)
	g.failures = nil
	return err
}

// Recovered reports whether all tables are recovered and messages are being handled. It is false between two generations, while the
// partitions are shared out anew.
func (g *Processor) Recovered() bool { return g.state.IsState(ProcStateRunning) }

// StateReader returns the state, one of the ProcState constants.
func (g *Processor) StateReader() StateReader { return g.state }

// WaitForReady waits until all tables are recovered and messages are being handled, also if this generation of the
// group gives no partition to this instance. When the processor ends before, it returns what Run returns: nil, if it was stopped.
func (g *Processor) WaitForReady() error { return g.WaitForReadyContext(context.Background()) }

// WaitForReadyContext is WaitForReady, and returns the error of ctx when that ends.
func (g *Processor) WaitForReadyContext(ctx context.Context) error {
	running := g.state.WaitForState(ProcStateRunning)
	select {
	case <-running:
		return nil
	default:
	}
	select {
	case <-running:
		return nil
	case <-g.done:
		return g.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Get returns the value of key in the group's table, nil without an error when there is none. It fails with
// ErrNotAssigned for keys of partitions that this instance does not have, as before and after Run, and with ErrNotRunning while the
// partition recovers. Partitions on standby (WithHotStandby) are read like any others, and may be a little behind.
// Values appear here once Kafka has them. Each call decodes the row anew: the value is the caller's own. A group without a table
// is an error. Keys are looked for by WithHasher: a row that was written for a message on another partition is not found.
func (g *Processor) Get(key string) (interface{}, error) {
	table := g.graph.GroupTable()
	if table == nil {
		return nil, errors.New("can't get a value from stateless processor")
	}
	p := hashPartition(g.opts.hasher(), []byte(key), g.partitions)
	g.mu.RLock()
	pp := g.held[p]
	g.mu.RUnlock()
	if pp == nil {
		return nil, fmt.Errorf("this processor does not contain partition %v: %w", p, ErrNotAssigned)
	}
	if !pp.table.IsRecovered() {
		return nil, fmt.Errorf("partition %v is not recovered: %w", p, ErrNotRunning)
	}
	data, err := pp.table.Get(key)
	if err != nil {
		return nil, fmt.Errorf("error getting %s: %w", key, err)
	}
	if data == nil {
		return nil, nil
	}
	value, err := decode(pp.tableEdge.codec, data)
	if err != nil {
		return nil, fmt.Errorf("error decoding %s: %w", key, err)
	}
	return value, nil
}

// Stats returns statistics: at hand, at any time, and the caller's own. Before Run and after it there are none of partitions.
func (g *Processor) Stats() *ProcessorStats { return g.StatsWithContext(context.Background()) }

// StatsWithContext returns statistics. They are at hand: ctx is of no consequence.
func (g *Processor) StatsWithContext(ctx context.Context) *ProcessorStats {
	s := &ProcessorStats{Group: make(map[int32]*PartitionProcStats), Lookup: make(map[string]*ViewStats, len(g.lookups))}
	for _, pp := range g.partitionProcessors() {
		s.Group[pp.partition] = pp.stats()
	}
	for _, topic := range slices.Sorted(maps.Keys(g.lookups)) {
		s.Lookup[topic] = g.lookups[topic].Stats(ctx)
	}
	return s
}

// partitionProcessors returns those that are held, sorted by partition.
func (g *Processor) partitionProcessors() []*PartitionProcessor {
	g.mu.RLock()
	defer g.mu.RUnlock()
	pps := make([]*PartitionProcessor, 0, len(g.held))
	for _, pp := range g.held {
		pps = append(pps, pp)
	}
	slices.SortFunc(pps, func(a, b *PartitionProcessor) int { return cmp.Compare(a.partition, b.partition) })
	return pps
}
