package goka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/logger"
)

var partitionProcessorStates = []State{PPStateIdle, PPStateRecovering, PPStateRunning, PPStateStopping, PPStateStopped}

// PartitionProcessor handles the messages of one partition: of all inputs, and of the loop. It outlives the
// generations of the group as long as each gives it to this instance, and keeps its tables open in between. Processors make theirs;
// nobody else has to.
type PartitionProcessor struct {
	partition int32
	graph     *GroupGraph
	opts      *poptions
	log       Logger

	inputs    []*input // sorted by topic
	outputs   map[string]*output
	loopEdge  *output // nil without a loop
	tableEdge *output // nil without a table

	table       *PartitionTable // nil without a table
	joins       []*joined       // sorted by topic
	joinByTopic map[string]*joined
	lookups     map[string]*View

	producer       EmissionProducer
	defaultHeaders []sarama.RecordHeader
	standbyFailed  func(error)
	heir           func(partition int32) *PartitionProcessor // who has the partition once this one is stopped; may be nil
	runs           *openRuns                                 // of all partitions

	state  *Signal
	errors chan error // the last failure that nobody has read

	mu        sync.Mutex // guards what follows
	mode      PPRunMode
	run       *partitionRun // the present generation's, nil when there is none
	followers map[*PartitionTable]*follower
	failed    error // what a follower failed with while no run could be told
	lateRows  []lateRow
	stopped   bool
}

// input is a topic that messages come from.
type input struct {
	topic   string
	codec   Codec
	cb      ProcessCallback
	counter *inputCounter
}

// output is a topic that callbacks write to.
type output struct {
	topic   string
	codec   Codec
	counter *outputCounter
}

// joined is a joined table.
type joined struct {
	topic string
	codec Codec
	table *PartitionTable
}

// follower applies what comes to a table's topic, in the background.
type follower struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// shared is what all partition processors of a processor have in common.
type shared struct {
	graph    *GroupGraph
	opts     *poptions
	log      Logger
	lookups  map[string]*View
	consumer sarama.Consumer
	topics   TopicManager
	producer EmissionProducer

	holder        func(partition int32) *PartitionProcessor // who has a partition now; may be nil
	standbyFailed func(error)                               // called when a table fails whose partition handles no messages; may be nil

	runs openRuns
}

func newPartitionProcessor(s *shared, partition int32) (*PartitionProcessor, error) {
	pp := &PartitionProcessor{
		partition:      partition,
		graph:          s.graph,
		opts:           s.opts,
		log:            logger.Of(s.log, "> PartitionProcessor ("+strconv.Itoa(int(partition))+")", "partition", partition),
		lookups:        s.lookups,
		producer:       s.producer,
		standbyFailed:  s.standbyFailed,
		heir:           s.holder,
		runs:           &s.runs,
		defaultHeaders: s.opts.producerDefaultHeaders.ToSarama(),
		state:          newSignal(partitionProcessorStates),
		errors:         make(chan error, 1),
	}
	for _, in := range s.graph.inputs {
		pp.inputs = append(pp.inputs, &input{in.name, in.codec, in.cb, newInputCounter()})
	}
	for _, l := range s.graph.loops {
		pp.inputs = append(pp.inputs, &input{l.name, l.codec, l.cb, newInputCounter()})
		pp.loopEdge = &output{l.name, apart(l.codec), new(outputCounter)}
	}
	slices.SortFunc(pp.inputs, func(a, b *input) int { return strings.Compare(a.topic, b.topic) })
	if len(s.graph.outputs) > 0 {
		pp.outputs = make(map[string]*output, len(s.graph.outputs))
	}
	for _, out := range s.graph.outputs {
		pp.outputs[out.name] = &output{out.name, apart(out.codec), new(outputCounter)}
	}
	for _, t := range s.graph.tables {
		table, err := pp.newTable(s, t.name, false)
		if err != nil {
			return nil, err
		}
		pp.table, pp.tableEdge = table, &output{t.name, apart(t.codec), new(outputCounter)}
	}
	if len(s.graph.joins) > 0 {
		pp.joinByTopic = make(map[string]*joined, len(s.graph.joins))
	}
	for _, join := range s.graph.joins {
		table, err := pp.newTable(s, join.name, true)
		if err != nil {
			return nil, err
		}
		pp.joins = append(pp.joins, &joined{join.name, apart(join.codec), table})
		pp.joinByTopic[join.name] = pp.joins[len(pp.joins)-1]
	}
	slices.SortFunc(pp.joins, func(a, b *joined) int { return strings.Compare(a.topic, b.topic) })
	return pp, nil
}

func (pp *PartitionProcessor) newTable(s *shared, topic string, follows bool) (*PartitionTable, error) {
	backoff, err := s.opts.builders.backoff()
	if err != nil {
		return nil, fmt.Errorf("error building backoff: %w", err)
	}
	return newPartitionTable(tableConfig{
		topic:      topic,
		partition:  pp.partition,
		consumers:  s.consumer,
		topics:     s.topics,
		build:      s.opts.builders.storage,
		quick:      s.opts.quickStorage,
		update:     s.opts.updateCallback,
		backoff:    backoff,
		resetAfter: s.opts.backoffResetTime,
		follows:    follows,
		log:        pp.log,
		told:       s.opts.recoveryCallback,
		start:      s.opts.tableStart(topic),
	}), nil
}

// tables returns the group's table, if there is one, and the joined ones.
func (pp *PartitionProcessor) tables() []*PartitionTable {
	var tables []*PartitionTable
	if pp.table != nil {
		tables = append(tables, pp.table)
	}
	for _, j := range pp.joins {
		tables = append(tables, j.table)
	}
	return tables
}

// Recovered reports whether the tables are recovered and messages are being handled.
func (pp *PartitionProcessor) Recovered() bool { return pp.state.IsState(PPStateRunning) }

// Errors returns a channel of what failed; errors that nobody reads are dropped. Processors learn about them anyway.
func (pp *PartitionProcessor) Errors() <-chan error { return pp.errors }

func (pp *PartitionProcessor) reportError(err error) {
	select {
	case pp.errors <- err:
	default:
	}
}

// Setup is Start with one context.
func (pp *PartitionProcessor) Setup(ctx context.Context) error { return pp.Start(ctx, ctx) }

// Start recovers the tables, as long as setupCtx lasts, and begins to handle messages, as long as ctx lasts. It
// returns once the tables are recovered.
func (pp *PartitionProcessor) Start(setupCtx, ctx context.Context) error {
	return pp.start(setupCtx, ctx, nil)
}

func (pp *PartitionProcessor) start(setupCtx, ctx context.Context, session marker) error {
	if err := pp.begin(runModeActive); err != nil {
		return err
	}
	if pp.table != nil {
		pp.unfollow(pp.table)
	}
	if err := pp.recover(setupCtx); err != nil {
		pp.state.SetState(PPStateIdle)
		return err
	}
	for _, j := range pp.joins {
		pp.follow(j.table)
	}

	r := newPartitionRun(ctx, pp, session)
	pp.mu.Lock()
	defer pp.mu.Unlock()
	if pp.failed != nil || pp.stopped {
		r.cancel()
		return errors.Join(pp.failed, pp.errStopped())
	}
	pp.run = r
	for _, row := range pp.lateRows {
		r.inbox.push(item{kind: itemLate, late: &row})
	}
	pp.lateRows = nil
	pp.runs.add(r)
	go func() {
		if session == nil { // else Cleanup follows the end of ctx
			defer context.AfterFunc(ctx, r.stop)()
		}
		defer pp.runs.remove(r)
		r.loop()
	}()
	pp.state.SetState(PPStateRunning)
	return nil
}

// standBy keeps the tables up to date in the background, unless it already does.
func (pp *PartitionProcessor) standBy() error {
	if err := pp.begin(runModePassive); err != nil {
		return err
	}
	for _, t := range pp.tables() {
		pp.follow(t)
	}
	pp.state.SetState(PPStateRunning)
	return nil
}

// recoverAhead recovers the tables, and leaves them open.
func (pp *PartitionProcessor) recoverAhead(ctx context.Context) error {
	if err := pp.begin(runModeRecoverOnly); err != nil {
		return err
	}
	err := pp.recover(ctx)
	pp.state.SetState(PPStateIdle)
	return err
}

// begin claims the processor for a generation.
func (pp *PartitionProcessor) begin(mode PPRunMode) error {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	switch {
	case pp.stopped:
		return pp.errStopped()
	case pp.run != nil:
		return fmt.Errorf("partition processor %d is running already", pp.partition)
	case pp.failed != nil:
		return pp.failed
	}
	pp.mode = mode
	for _, t := range pp.tables() {
		t.setMode(mode)
	}
	pp.state.SetState(PPStateRecovering)
	return nil
}

func (pp *PartitionProcessor) errStopped() error {
	if !pp.stopped {
		return nil
	}
	return fmt.Errorf("partition processor %d is stopped", pp.partition)
}

// recover brings all tables up to date, at the same time.
func (pp *PartitionProcessor) recover(ctx context.Context) error {
	tables := pp.tables()
	return together(ctx, len(tables), func(ctx context.Context, i int) error { return pp.recoverTable(ctx, tables[i]) })
}

func (pp *PartitionProcessor) recoverTable(ctx context.Context, t *PartitionTable) error {
	pp.mu.Lock()
	f := pp.followers[t]
	pp.mu.Unlock()
	if f == nil {
		return t.SetupAndRecover(ctx, false)
	}
	select {
	case <-t.WaitRecovered():
	case <-f.done:
	case <-ctx.Done():
	}
	switch { // in this order, where several are so
	case ctx.Err() != nil:
		return ctx.Err()
	case t.IsRecovered():
		return nil
	}
	return fmt.Errorf("table %s/%d ended", t.topic, t.partition)
}

// follow keeps a table up to date in the background, unless it already is.
func (pp *PartitionProcessor) follow(t *PartitionTable) {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	if pp.stopped || pp.followers[t] != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{cancel, make(chan struct{})}
	if pp.followers == nil {
		pp.followers = make(map[*PartitionTable]*follower)
	}
	pp.followers[t] = f
	go func() {
		defer close(f.done)
		var err error
		if !t.IsRecovered() {
			err = t.SetupAndRecover(ctx, true)
		}
		if err == nil {
			err = t.CatchupForever(ctx, true)
		}
		if err != nil && ctx.Err() == nil {
			pp.followerFailed(fmt.Errorf("error catching up table %s/%d: %w", t.topic, t.partition, err))
		}
	}()
}

func (pp *PartitionProcessor) followerFailed(err error) {
	pp.mu.Lock()
	r := pp.run
	pp.failed = err
	pp.mu.Unlock()
	switch {
	case r != nil:
		r.halt()
		r.inbox.push(item{kind: itemFailure, err: err})
	case pp.standbyFailed != nil:
		pp.standbyFailed(fmt.Errorf("error on standby (partition=%d): %w", pp.partition, err))
	}
}

// unfollow ends the follower of a table, if there is one.
func (pp *PartitionProcessor) unfollow(t *PartitionTable) {
	pp.mu.Lock()
	f := pp.followers[t]
	delete(pp.followers, t)
	pp.mu.Unlock()
	if f != nil {
		f.cancel()
		<-f.done
	}
}

// current returns the run, nil when there is none.
func (pp *PartitionProcessor) current() *partitionRun {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	return pp.run
}

// EnqueueMessage has a message handled, after those that wait already. Without a generation it is dropped.
func (pp *PartitionProcessor) EnqueueMessage(msg *sarama.ConsumerMessage) {
	r := pp.current()
	if r == nil || msg == nil {
		return
	}
	if l := r.byTopic[msg.Topic]; l != nil {
		r.inbox.push(item{kind: itemMessage, lane: l, msg: msg})
		return
	}
	r.inbox.push(item{kind: itemFailure, err: fmt.Errorf("cannot handle topic %s", msg.Topic)})
}

// endRun ends the generation: no message is handled from now on, and what was begun has until timeout to finish. It
// returns what failed. The tables stay open. alive reports whether the partition can be used again: not while a
// callback keeps running.
func (pp *PartitionProcessor) endRun(timeout time.Duration) (alive bool, err error) {
	r := pp.current()
	if r == nil {
		return true, nil
	}
	pp.state.SetState(PPStateStopping)
	r.stop()
	if !waitFor(r.done, timeout) {
		logger.Warnf(pp.log, "partition processor did not shutdown in time. Will stop waiting: "+
			"%s passed since the generation ended, and a callback, a result or a deferred commit is outstanding", timeout)
		r.abandon()
		alive = waitFor(r.done, abandonTimeout)
	} else {
		alive = true
	}
	pp.mu.Lock()
	pp.run = nil
	pp.mu.Unlock()
	pp.state.SetState(PPStateIdle)
	return alive, r.err()
}

// abandonTimeout is how long a run has to notice that it is abandoned. Only a callback can keep it from that.
const abandonTimeout = 100 * time.Millisecond

func waitFor(done <-chan struct{}, timeout time.Duration) bool {
	select {
	case <-done:
		return true
	default:
	}
	if timeout <= 0 {
		return false
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// Stop ends the generation, if there is one, and closes the tables. It returns what failed. A second call does nothing.
func (pp *PartitionProcessor) Stop() error {
	_, err := pp.endRun(pp.opts.shutdownTimeout)
	pp.mu.Lock()
	again := pp.stopped
	pp.stopped, pp.lateRows = true, nil
	for _, t := range pp.tables() {
		if f := pp.followers[t]; f != nil {
			f.cancel()
		}
	}
	pp.mu.Unlock()
	if again {
		return err
	}
	pp.state.SetState(PPStateStopping)
	errs := []error{err}
	for _, t := range pp.tables() {
		pp.unfollow(t)
		errs = append(errs, t.Close())
	}
	pp.state.SetState(PPStateStopped)
	return errors.Join(errs...)
}

func (pp *PartitionProcessor) runMode() PPRunMode {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	return pp.mode
}

func (pp *PartitionProcessor) stats() *PartitionProcStats {
	now := time.Now()
	s := &PartitionProcStats{
		Now:     now,
		State:   pp.state.State(),
		RunMode: pp.runMode(),
		Joined:  make(map[string]*TableStats, len(pp.joins)),
		Input:   make(map[string]*InputStats, len(pp.inputs)),
		Output:  make(map[string]*OutputStats, len(pp.outputs)),
	}
	if pp.table != nil {
		s.TableStats = pp.table.stats(now)
	}
	for _, j := range pp.joins {
		s.Joined[j.topic] = j.table.stats(now)
	}
	for _, in := range pp.inputs {
		s.Input[in.topic] = in.counter.stats()
	}
	for _, topic := range slices.Sorted(maps.Keys(pp.outputs)) {
		s.Output[topic] = pp.outputs[topic].counter.stats()
	}
	for _, out := range []*output{pp.loopEdge, pp.tableEdge} {
		if out != nil {
			s.Output[out.topic] = out.counter.stats()
		}
	}
	return s
}
