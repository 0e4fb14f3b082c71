package goka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/recovery"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/storage"
)

// PartitionStatus is the status of a partition of a table.
type PartitionStatus int

const (
	// PartitionStopped indicates that the partition is not set up.
	PartitionStopped PartitionStatus = iota
	// PartitionInitializing indicates that the storage is being opened.
	PartitionInitializing
	// PartitionConnecting indicates that the partition is about to read its topic, also again after an error.
	PartitionConnecting
	// PartitionRecovering indicates that the partition reads what its storage lacks.
	PartitionRecovering
	// PartitionPreparing indicates that the storage is told that recovery is over, which may take it a while.
	PartitionPreparing
	// PartitionRunning indicates that the partition has all there was when it last looked, and follows its topic.
	PartitionRunning
)

var partitionStates = []State{
	State(PartitionStopped), State(PartitionInitializing), State(PartitionConnecting),
	State(PartitionRecovering), State(PartitionPreparing), State(PartitionRunning),
}

// PartitionTable is one partition of a table: its storage, filled from the table's topic. Reads may come from any
// goroutine; SetupAndRecover, CatchupForever and writes from one at a time. Reads fail with ErrNotRunning while there is no open
// storage to read. Processors and views make theirs; nobody else has to.
type PartitionTable struct {
	tableConfig
	state   *Signal
	input   *inputCounter
	writes  outputCounter
	recover recoveryCounter
	mode    atomic.Int32 // a PPRunMode

	consumer sarama.PartitionConsumer // what is being read from; nil when nothing is
	released chan struct{}            // closed once the consumer before is gone; nil when there was none
	marked   bool                     // the storage knows that recovery is over
	verified bool                     // the topic was compared with the storage, or is being compared
	verify   int64                    // the offset of the record to compare
	begin    *int64                   // what firstStored has found; nil before that

	mu      sync.RWMutex // guards what follows
	st      storage.Storage
	opening *opening
	closed  bool
}

type tableConfig struct {
	topic      string
	partition  int32
	consumers  sarama.Consumer
	topics     TopicManager
	build      storage.Builder
	quick      bool                  // build and what it makes open at once
	update     ContextUpdateCallback // nil for DefaultUpdate
	backoff    Backoff
	resetAfter time.Duration // of health, until the backoff starts anew
	follows    bool          // keeps its consumer after recovery, since CatchupForever comes next
	log        Logger
	changed    func()           // called after each change of state; may be nil
	told       RecoveryCallback // told how far recovery is; may be nil
	start      int64            // where a storage that is new begins to read: an offset, or sarama's oldest or newest
}

// recoveryCounter is what RecoveryStats shows.
type recoveryCounter struct {
	start, end  atomic.Int64 // times in nanoseconds since 1970, 0 for none
	offset, hwm atomic.Int64
	reading     atomic.Int64 // the time of the last record, or of the begin of reading; 0 while nothing is read
}

// opening is a storage on its way, which may take long. Only storages that are a storage.ContextOpener can be interrupted.
type opening struct {
	ctx    context.Context // ends when the table is closed
	cancel context.CancelFunc

	done      chan struct{} // closed once st or err is set
	st        storage.Storage
	err       error
	abandoned chan struct{} // closed when nobody waits: whoever opened the storage closes it. Closed under the table's mu
}

func newPartitionTable(config tableConfig) *PartitionTable {
	return &PartitionTable{tableConfig: config, state: newSignal(partitionStates), input: newInputCounter(), verify: recovery.Never}
}

// permanentError is an error that another attempt would meet again.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func permanent(format string, args ...interface{}) error {
	return permanentError{fmt.Errorf(format, args...)}
}

// CurrentState returns the partition's status.
func (p *PartitionTable) CurrentState() PartitionStatus { return PartitionStatus(p.state.State()) }

// IsRecovered reports whether the partition has all there was when it last looked.
func (p *PartitionTable) IsRecovered() bool { return p.state.IsState(State(PartitionRunning)) }

// WaitRecovered returns a channel that is closed once the partition is recovered.
func (p *PartitionTable) WaitRecovered() <-chan struct{} {
	return p.state.WaitForState(State(PartitionRunning))
}

func (p *PartitionTable) setMode(mode PPRunMode) { p.mode.Store(int32(mode)) }

func (p *PartitionTable) setState(s PartitionStatus) {
	p.state.SetState(State(s))
	if p.changed != nil {
		p.changed()
	}
}

// SetupAndRecover opens the storage, unless it is open, and reads what it lacks of the topic, up to the high watermark
// at the beginning. An error of the consumer is returned, or retried for ever when restartOnError is set; errors of
// the storage and of the update callback are always returned. When ctx ends, its error is.
func (p *PartitionTable) SetupAndRecover(ctx context.Context, restartOnError bool) error {
	if err := p.setup(ctx); err != nil {
		if p.storage() == nil {
			p.setState(PartitionStopped)
		}
		return err
	}
	return p.retrying(ctx, restartOnError, p.load)
}

// CatchupForever applies what comes to the topic until ctx ends, and returns nil then. An error of the consumer is
// returned, or retried for ever when restartOnError is set; errors of the storage and of the update callback are
// always returned.
func (p *PartitionTable) CatchupForever(ctx context.Context, restartOnError bool) error {
	err := p.retrying(ctx, restartOnError, p.follow)
	p.releaseConsumer()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// retrying calls f until it succeeds, or returns its error.
func (p *PartitionTable) retrying(ctx context.Context, restart bool, f func(ctx context.Context) error) error {
	for {
		began := time.Now()
		err := f(ctx)
		if err == nil {
			return nil
		}
		p.releaseConsumer()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !restart || errors.As(err, new(permanentError)) {
			return err
		}
		p.verified = false // somebody may have created the topic again meanwhile
		if time.Since(began) >= p.resetAfter {
			p.backoff.Reset()
		}
		pause := p.backoff.Duration()
		logger.Warnf(p.log, "error reading table %s/%d, trying again in %s: %v", p.topic, p.partition, pause, err)
		p.setState(PartitionConnecting)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// sleep waits for d or until ctx ends, whose error it returns then. For no time at all it makes no timer: one that is due when it is asked runs in
// the goroutine that asks, and in a bubble the race detector breaks when two do at once (golang/go#78156).
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	lockedPause = 50 * time.Millisecond
	lockedTries = 200
)

// setup opens the storage. It gives up when ctx ends; the opening goes on, and the next setup picks it up.
func (p *PartitionTable) setup(ctx context.Context) error {
	p.mu.Lock()
	switch {
	case p.closed:
		p.mu.Unlock()
		return permanent("table %s/%d: %w", p.topic, p.partition, storage.ErrClosed)
	case p.st != nil:
		p.mu.Unlock()
		return nil
	case p.quick:
		p.mu.Unlock()
		return p.openQuickly(ctx)
	}
	o := p.opening
	if o == nil {
		o = &opening{done: make(chan struct{}), abandoned: make(chan struct{})}
		o.ctx, o.cancel = context.WithCancel(context.Background())
		p.opening = o
		go p.open(o)
	}
	p.mu.Unlock()
	p.setState(PartitionInitializing)

	select {
	case <-o.done:
	case <-ctx.Done():
		select {
		case <-o.done: // both are over
		default:
			return ctx.Err()
		}
	}
	p.mu.Lock()
	if p.opening == o {
		p.opening = nil
		p.st = o.st
	}
	p.mu.Unlock()
	if o.err != nil {
		return permanentError{o.err}
	}
	return ctx.Err()
}

// openQuickly opens a storage for which nobody waits.
func (p *PartitionTable) openQuickly(ctx context.Context) error {
	p.setState(PartitionInitializing)
	st, err := p.openOnce(ctx)
	if err != nil {
		return permanentError{err}
	}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.st = st
	}
	p.mu.Unlock()
	if closed {
		return errors.Join(permanent("table %s/%d: %w", p.topic, p.partition, storage.ErrClosed), closeStorage(st))
	}
	return ctx.Err()
}

// open builds and opens the storage. One that is in use is tried again for a while: the instance that held the
// partition before may still be closing it.
func (p *PartitionTable) open(o *opening) {
	defer o.cancel()
	defer p.opened(o)
	o.err = fmt.Errorf("opening storage for %s/%d ended its goroutine; was runtime.Goexit called, or FailNow of a test?", p.topic, p.partition)
	for try := 1; ; try++ {
		o.st, o.err = p.openOnce(o.ctx)
		if !errors.Is(o.err, storage.ErrLocked) || try == lockedTries || sleep(o.ctx, lockedPause) != nil {
			return
		}
	}
}

// opened says that the opening is over, and closes a storage that nobody waits for any more.
func (p *PartitionTable) opened(o *opening) {
	p.mu.Lock()
	close(o.done)
	p.mu.Unlock()
	select {
	case <-o.abandoned:
	default:
		return
	}
	if o.st != nil {
		if err := closeStorage(o.st); err != nil {
			logger.Warnf(p.log, "error closing storage for %s/%d: %v", p.topic, p.partition, err)
		}
	}
}

func (p *PartitionTable) openOnce(ctx context.Context) (_ storage.Storage, err error) {
	defer caught("storage of "+p.topic+"/"+strconv.Itoa(int(p.partition)), &err)
	st, err := p.build(p.topic, p.partition)
	if err != nil {
		return nil, fmt.Errorf("error building storage for %s/%d: %w", p.topic, p.partition, err)
	}
	if opener, ok := st.(storage.ContextOpener); ok {
		err = opener.OpenContext(ctx)
	} else {
		err = st.Open()
	}
	if err != nil {
		return nil, fmt.Errorf("error opening storage for %s/%d: %w", p.topic, p.partition, err)
	}
	return st, nil
}

// closeStorage closes a storage, within closeTimeout where the storage can give up.
func closeStorage(st storage.Storage) error {
	closer, ok := st.(storage.ContextCloser)
	if !ok {
		return st.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return closer.CloseContext(ctx)
}

func (p *PartitionTable) storage() storage.Storage {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.st
}

// plan finds out what there is to read. Where the rows belong to another topic of this name, it drops them.
func (p *PartitionTable) plan(ctx context.Context) (recovery.Plan, error) {
	stored, err := p.GetOffset(recovery.Never)
	if err != nil {
		return recovery.Plan{}, permanent("error reading the offset of %s/%d from the storage: %w", p.topic, p.partition, err)
	}
	oldest, err := p.limit(ctx, sarama.OffsetOldest)
	if err != nil {
		return recovery.Plan{}, fmt.Errorf("error reading the oldest offset of %s/%d: %w", p.topic, p.partition, err)
	}
	hwm, err := p.limit(ctx, sarama.OffsetNewest)
	if err != nil {
		return recovery.Plan{}, fmt.Errorf("error reading the newest offset of %s/%d: %w", p.topic, p.partition, err)
	}
	if stored == recovery.Never {
		p.verified = true // there is nothing to compare
		stored = p.firstStored(oldest, hwm)
	}
	plan := recovery.Decide(stored, oldest, hwm)
	if plan.Kind == recovery.Rebuild {
		logger.Warnf(p.log, "table %s/%d: the storage has offset %d, the topic ends before %d: somebody created it again, "+
			"so the storage is emptied and filled from offset %d", p.topic, p.partition, stored, hwm, plan.Start)
		if err := p.clear(stored, plan.Start-1); err != nil {
			return plan, permanent("error emptying the storage of %s/%d: %w", p.topic, p.partition, err)
		}
		plan = recovery.Decide(plan.Start-1, oldest, hwm)
	}
	return plan, nil
}

// firstStored is what a storage that is new passes for having stored, so that reading begins where the table is to begin. That is
// found out once: what comes to the topic between recovery and catching up is not before the table's begin.
func (p *PartitionTable) firstStored(oldest, hwm int64) int64 {
	if p.begin == nil {
		begin := recovery.Never
		switch {
		case p.start == sarama.OffsetNewest:
			begin = hwm - 1
		case p.start > oldest:
			begin = min(p.start, hwm) - 1
		}
		p.begin = &begin
	}
	return *p.begin
}

const clearBatch = 1000

// clear deletes all rows, and then sets the offset: an interrupted clear begins anew.
func (p *PartitionTable) clear(stored, offset int64) error {
	st := p.storage()
	it, err := st.Iterator()
	if err != nil {
		return err
	}
	defer it.Release()
	rows := make([]storage.Row, 0, clearBatch)
	for it.Next() {
		rows = append(rows, storage.Row{Key: string(it.Key())})
		if len(rows) == cap(rows) {
			if err := writeRows(st, rows, stored); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	if err := writeRows(st, rows, stored); err != nil {
		return err
	}
	return st.SetOffset(offset)
}

// writeRows applies rows and the offset they belong to, in one write where the storage can; the offset stays as it is
// if it is negative.
func writeRows(st storage.Storage, rows []storage.Row, offset int64) error {
	if len(rows) == 0 {
		return nil
	}
	if w, ok := st.(storage.BatchWriter); ok && offset >= 0 {
		return w.WriteBatch(rows, offset)
	}
	for _, r := range rows {
		var err error
		if r.Value == nil {
			err = st.Delete(r.Key)
		} else {
			err = st.Set(r.Key, r.Value)
		}
		if err != nil {
			return err
		}
	}
	if offset < 0 {
		return nil
	}
	return st.SetOffset(offset)
}

// closeTimeout is how long Close waits for what cannot be interrupted.
const closeTimeout = 10 * time.Second

// Close closes the storage. The opening of a storage that is not open yet is interrupted; where the storage cannot do that,
// Close waits for a while, and whoever opens it closes it as soon as it is open. A second call does nothing.
func (p *PartitionTable) Close() error {
	deadline := time.Now().Add(closeTimeout)
	p.releaseConsumer()

	p.mu.Lock()
	o := p.opening
	p.closed = true
	p.mu.Unlock()
	if o != nil {
		o.cancel()
		waitFor(o.done, closeTimeout)
	}

	p.mu.Lock()
	st := p.st
	if o != nil {
		select {
		case <-o.done:
			st = o.st
		default:
			close(o.abandoned)
		}
	}
	p.st, p.opening = nil, nil
	p.mu.Unlock()
	p.setState(PartitionStopped)

	var err error
	if st != nil {
		if err = closeStorage(st); err != nil {
			err = fmt.Errorf("error closing storage for %s/%d: %w", p.topic, p.partition, err)
		}
	}
	if p.released != nil && !waitFor(p.released, time.Until(deadline)) {
		logger.Warnf(p.log, "the consumer of %s/%d did not end within %s", p.topic, p.partition, closeTimeout)
	}
	return err
}

// readable returns the storage, if values may be read.
func (p *PartitionTable) readable() (storage.Storage, error) {
	st := p.storage()
	if s := p.CurrentState(); st == nil || s < PartitionConnecting {
		return nil, fmt.Errorf("Partition is not running (but %v) so it's not safe to read values: table %s/%d: %w", s, p.topic, p.partition, ErrNotRunning)
	}
	return st, nil
}

// readError is the error of a storage that was read: one that was closed after it was looked for is not running either.
func (p *PartitionTable) readError(err error) error {
	if err == nil || !errors.Is(err, storage.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: partition %s/%d was closed meanwhile: %w", ErrNotRunning, p.topic, p.partition, err)
}

// Get returns the value of key, nil when there is none.
func (p *PartitionTable) Get(key string) ([]byte, error) {
	st, err := p.readable()
	if err != nil {
		return nil, err
	}
	value, err := st.Get(key)
	return value, p.readError(err)
}

// asOf is implemented by storages of joined and looked-up tables that know which rows a message is to see, as those of a
// replay, where rows and messages have one order.
type asOf interface {
	// GetAsOf is Get for the callback of the message at an offset of an input.
	GetAsOf(topic string, partition int32, offset int64, key string) ([]byte, error)
	// IteratorAsOf is Iterator for it.
	IteratorAsOf(topic string, partition int32, offset int64) (storage.Iterator, error)
}

// getFor is Get for a callback; nil is none.
func (p *PartitionTable) getFor(c *cbContext, key string) ([]byte, error) {
	st, err := p.readable()
	if err != nil {
		return nil, err
	}
	if s, ok := st.(asOf); ok && c != nil && c.msg != nil {
		return s.GetAsOf(c.topic, c.run.pp.partition, c.msg.Offset, key)
	}
	value, err := st.Get(key)
	return value, p.readError(err)
}

// iteratorFor is Iterator for a callback.
func (p *PartitionTable) iteratorFor(c *cbContext) (storage.Iterator, error) {
	st, err := p.readable()
	if err != nil {
		return nil, err
	}
	if s, ok := st.(asOf); ok && c.msg != nil {
		return s.IteratorAsOf(c.topic, c.run.pp.partition, c.msg.Offset)
	}
	it, err := st.Iterator()
	return it, p.readError(err)
}

// Has reports whether there is a row for key.
func (p *PartitionTable) Has(key string) (bool, error) {
	st, err := p.readable()
	if err != nil {
		return false, err
	}
	has, err := st.Has(key)
	return has, p.readError(err)
}

// Iterator iterates over a snapshot of all rows, in the byte order of their keys.
func (p *PartitionTable) Iterator() (storage.Iterator, error) {
	st, err := p.readable()
	if err != nil {
		return nil, err
	}
	it, err := st.Iterator()
	return it, p.readError(err)
}

// IteratorWithRange iterates over a snapshot of the rows from start to before limit; nil is no limit.
func (p *PartitionTable) IteratorWithRange(start []byte, limit []byte) (storage.Iterator, error) {
	st, err := p.readable()
	if err != nil {
		return nil, err
	}
	it, err := st.IteratorWithRange(start, limit)
	return it, p.readError(err)
}

// Set writes a row to the storage only.
func (p *PartitionTable) Set(key string, value []byte) error {
	st, err := p.readable()
	if err != nil {
		return err
	}
	return p.readError(st.Set(key, value))
}

// Delete deletes a row from the storage only.
func (p *PartitionTable) Delete(key string) error {
	st, err := p.readable()
	if err != nil {
		return err
	}
	return p.readError(st.Delete(key))
}

// GetOffset returns the offset of the last record that the storage has, or defValue when it never had one.
func (p *PartitionTable) GetOffset(defValue int64) (int64, error) {
	st := p.storage()
	if st == nil {
		return 0, fmt.Errorf("%w: partition %s/%d is not set up", ErrNotRunning, p.topic, p.partition)
	}
	return st.GetOffset(defValue)
}

// SetOffset sets the offset of the last record that the storage has.
func (p *PartitionTable) SetOffset(value int64) error {
	st := p.storage()
	if st == nil {
		return fmt.Errorf("%w: partition %s/%d is not set up", ErrNotRunning, p.topic, p.partition)
	}
	return st.SetOffset(value)
}

// TrackMessageWrite counts a row of length bytes that was written to the table.
func (p *PartitionTable) TrackMessageWrite(ctx context.Context, length int) { p.writes.add(length) }

const highWatermarkInterval = time.Minute

// RunStatsLoop keeps the lag in the statistics up to date while nothing is read from the topic, until ctx ends.
func (p *PartitionTable) RunStatsLoop(ctx context.Context) {
	for sleep(ctx, highWatermarkInterval) == nil {
		if hwm, err := p.topics.GetOffset(p.topic, p.partition, sarama.OffsetNewest); err == nil {
			p.input.highWatermark.Store(hwm)
		}
	}
}

const stalledAfter = 2 * time.Minute

func (p *PartitionTable) stats(now time.Time) *TableStats {
	s := &TableStats{
		Status:  p.CurrentState(),
		RunMode: PPRunMode(p.mode.Load()),
		Input:   p.input.stats(),
		Writes:  p.writes.stats(),
		Recovery: &RecoveryStats{
			StartTime:    unixNano(p.recover.start.Load()),
			RecoveryTime: unixNano(p.recover.end.Load()),
			Offset:       p.recover.offset.Load(),
			Hwm:          p.recover.hwm.Load(),
		},
	}
	if last := p.recover.reading.Load(); last != 0 {
		s.Stalled = now.Sub(unixNano(last)) > stalledAfter
	}
	if st, ok := p.storage().(storage.Sizer); ok && s.Status >= PartitionConnecting {
		s.Size = sizeOf(st)
	}
	return s
}

// sizeOf is the size of a storage, 0 when it fails, as where it is closed meanwhile.
func sizeOf(st storage.Sizer) int64 {
	var err error
	defer caught("storage", &err)
	size, err := st.SizeBytes()
	if err != nil {
		return 0
	}
	return size
}

func unixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
