package goka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/ack"
	"github.com/gokasim/gokasim/goka/internal/overlay"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/storage"
)

// partitionRun is a partition processor during one generation of the group. One goroutine, loop, owns everything here
// but the inbox, the credits and halt; it blocks in one place only, on the inbox.
type partitionRun struct {
	pp      *PartitionProcessor
	ctx     context.Context
	cancel  context.CancelFunc
	session marker // nil when offsets are of no interest
	store   storage.Storage

	inbox    *inbox
	lanes    []*lane // in the order of their topics
	byTopic  map[string]*lane
	halted   chan struct{} // closed once no more messages are handled
	halting  sync.Once
	isHalt   atomic.Bool                            // halted is closed
	handling atomic.Pointer[sarama.ConsumerMessage] // whose callback runs, nil when none does
	deferred deferredCommits
	isGone   atomic.Bool   // nobody waits for the run: the partition may be somebody else's
	done     chan struct{} // closed once the goroutine ended
	visits   *credits

	items       []item // what was taken from the inbox last
	now         time.Time
	overlay     overlay.Overlay
	rows        []storage.Row
	stored      int64 // the offset of the last row in the storage
	outstanding int   // results and deferred commits that are to come
	stopping    bool  // no more messages are handled; the goroutine ends when nothing is outstanding
	abandoned   bool  // ... or at once
	broken      bool  // the storage failed
	errs        []error
	failures    atomic.Pointer[[]error] // errs, for others

	upcoming []upcoming // visits that wait for rows to be stored
	visited  []visited  // finished since the last settle; told of when rows are stored
	cb       *cbContext
	inflight []*inflight // to be used again
	outgoing []*outgoing // to be used again
}

// marker is what a run needs of a sarama.ConsumerGroupSession.
type marker interface {
	MarkOffset(topic string, partition int32, offset int64, metadata string)
}

// lane is an input during one generation: its messages in order, from start to finish.
type lane struct {
	*input
	window  ack.Window
	dirty   bool // a message finished since the last mark
	credits *credits
	taken   int // messages taken from the inbox whose credits are to be given back

	again  bool        // the claim offers again what had no room
	queued atomic.Bool // messages come by the claim's channel, until one of them has got into the inbox
}

// inflight is a message, or a visit of a row, that is not finished.
type inflight struct {
	lane    *lane // nil for a visit
	ticket  ack.Ticket
	visit   *visit // nil for a message
	key     string
	offset  int64 // of a message
	pending int   // the callback itself, and what it waits for
	failed  bool
}

// outgoing is an emit that has no result yet.
type outgoing struct {
	Emission
	run   *partitionRun
	from  *inflight
	row   overlay.Ticket // of a table write
	table bool           // it is a table write
	err   error
	way   atomic.Int32 // one of the states below

	observed func(error) // told how it went; may be nil
}

// Where an outgoing is: with the producer, who has not returned from Produce; on its way; or at its end, which it reached
// before Produce returned, so that the run's goroutine need not be told of it.
const (
	handedOver int32 = iota
	onItsWay
	arrived
)

func newPartitionRun(ctx context.Context, pp *PartitionProcessor, session marker) *partitionRun {
	r := &partitionRun{
		pp:      pp,
		session: session,
		inbox:   newInbox(),
		byTopic: make(map[string]*lane, len(pp.inputs)),
		halted:  make(chan struct{}),
		done:    make(chan struct{}),
		visits:  newCredits(visitWindow),
	}
	r.ctx, r.cancel = context.WithCancel(context.WithValue(ctx, callbackKey{}, r))
	if pp.table != nil {
		r.store = pp.table.storage()
		r.stored = pp.table.input.last.Load()
	}
	for _, in := range pp.inputs {
		l := &lane{input: in, credits: newCredits(max(1, pp.opts.partitionChannelSize))}
		r.lanes = append(r.lanes, l)
		r.byTopic[in.topic] = l
	}
	r.cb = &cbContext{run: r}
	return r
}

// halt makes the callback under way the last one. Claims stop delivering. It may be called from any goroutine.
func (r *partitionRun) halt() {
	r.halting.Do(func() {
		r.isHalt.Store(true)
		close(r.halted)
	})
}

// isHalted reports whether the callback under way is the last one. The end of the context counts at once, before
// anybody has called halt because of it.
func (r *partitionRun) isHalted() bool { return r.isHalt.Load() || r.ctx.Err() != nil }

// stop ends the run once all results are there. It may be called from any goroutine.
func (r *partitionRun) stop() {
	r.halt()
	r.inbox.push(item{kind: itemStop})
}

// abandon ends the run at once. A callback that is still under way writes nothing from now on.
func (r *partitionRun) abandon() {
	r.isGone.Store(true)
	r.halt()
	r.inbox.push(item{kind: itemAbandon})
}

// consume delivers the messages of a claim until there are no more, the run stops taking them, or session ends.
func (r *partitionRun) consume(session context.Context, l *lane, claim sarama.ConsumerGroupClaim) {
	if h, ok := claim.(door.Handing); ok {
		l.again = h.OffersAgain()
		h.HandTo(func(msg *sarama.ConsumerMessage) bool { return r.take(session, l, claim, msg) })
		defer h.HandTo(nil)
	}
	messages := claim.Messages()
	var batch []*sarama.ConsumerMessage
	for !r.isHalted() && session.Err() == nil {
		select {
		case <-r.halted:
			return
		case <-session.Done():
			return
		case msg, open := <-messages:
			if !open || !l.credits.spend(r.halted, session.Done()) {
				return
			}
			batch = append(batch[:0], msg)
			for range l.credits.trySpend(len(messages)) { // what waits behind it comes along
				batch = append(batch, <-messages)
			}
			r.deliver(l, claim, batch...)
			l.queued.Store(false)
		}
	}
}

// take is consume for a message that is offered by a call: it never waits. Once it has refused one that comes by the
// channel then, it refuses all that follow until that one is in the inbox.
func (r *partitionRun) take(session context.Context, l *lane, claim sarama.ConsumerGroupClaim, msg *sarama.ConsumerMessage) bool {
	if l.queued.Load() || r.isHalted() || session.Err() != nil {
		return false
	}
	if l.credits.trySpend(1) == 0 {
		l.queued.Store(!l.again)
		return false
	}
	r.deliver(l, claim, msg)
	return true
}

// deliver takes messages on which credits were spent to the inbox.
func (r *partitionRun) deliver(l *lane, claim sarama.ConsumerGroupClaim, messages ...*sarama.ConsumerMessage) {
	l.counter.highWatermark.Store(claim.HighWaterMarkOffset())
	r.inbox.pushMessages(l, messages)
}

// loop is the goroutine of the run.
func (r *partitionRun) loop() {
	defer close(r.done)
	defer r.cancel()
	ended := false
	defer func() {
		if !ended {
			r.fail(fmt.Errorf("error processing message (partition=%d): the callback ended its goroutine; "+
				"was runtime.Goexit called, or FailNow of a test?", r.pp.partition))
		}
		r.tellVisits()
		r.dropVisits()
	}()
	for !r.abandoned && (!r.stopping || r.outstanding > 0) {
		<-r.inbox.wake
		r.sort()
		r.settle()
		r.tellVisits()
		r.work()
		r.settle()
		r.tellVisits()
	}
	ended = true
}

// sort takes what has arrived: results are noted at once, messages and visits wait for work.
func (r *partitionRun) sort() {
	r.items = r.inbox.take(r.items)
	r.now = time.Time{}
	for i := range r.items {
		it := &r.items[i]
		switch it.kind {
		case itemMessage:
			if it.paid {
				it.lane.taken++
			}
		case itemVisit:
		case itemVisitAll:
			r.upcoming = append(r.upcoming, upcoming{it.visit, r.overlay.Next()})
		case itemResult:
			r.result(it.out)
		case itemDeferred:
			r.outstanding--
			if it.err != nil {
				r.failAsync(it.m, it.err)
			}
			r.release(it.m)
		case itemLate:
			r.storeLate(*it.late)
		case itemFailure:
			r.fail(it.err)
		case itemStop:
			r.stopping = true
		case itemAbandon:
			r.stopping, r.abandoned = true, true
		}
	}
	for _, l := range r.lanes {
		l.credits.giveBack(l.taken)
		l.taken = 0
	}
}

// result notes how an emit went.
func (r *partitionRun) result(o *outgoing) {
	r.outstanding--
	m, err := o.from, o.err
	if err == nil && o.table {
		r.overlay.Ack(o.row, o.Offset)
	}
	if err != nil {
		r.failAsync(m, fmt.Errorf("error emitting to %s: %w", o.Topic, err))
	}
	o.Emission, o.from, o.err = Emission{}, nil, nil
	r.outgoing = append(r.outgoing, o)
	r.release(m)
}

// release lets m go one step further to its end. A failed one never gets there.
func (r *partitionRun) release(m *inflight) {
	m.pending--
	if m.pending > 0 {
		return
	}
	switch {
	case m.visit != nil && r.overlay.Len() > 0:
		r.visited = append(r.visited, visited{m.visit, m.failed})
	case m.visit != nil:
		m.visit.finished(m.failed)
	case !m.failed:
		m.lane.window.Finish(m.ticket)
		m.lane.dirty = true
	}
	*m = inflight{}
	r.inflight = append(r.inflight, m)
}

// settle writes the rows that Kafka has acknowledged to the storage, and marks what finished, in this order. Once the
// storage has failed, or the run was abandoned, nothing is marked any more.
func (r *partitionRun) settle() {
	if r.broken || r.isGone.Load() {
		return
	}
	if r.overlay.Len() > 0 {
		if rows, offset := r.overlay.Take(r.rows[:0]); !r.storeRows(rows, offset) {
			return
		}
	}
	for _, l := range r.lanes {
		if !l.dirty {
			continue
		}
		l.dirty = false
		if offset, moved := l.window.Advance(); moved && r.session != nil {
			r.session.MarkOffset(l.topic, r.pp.partition, offset, "")
		}
	}
}

// storeRows writes rows and their offset to the storage, and reports whether that went well.
func (r *partitionRun) storeRows(rows []storage.Row, offset int64) bool {
	if err := guardedRows(r.store, rows, offset); err != nil {
		r.broken = true
		r.fail(fmt.Errorf("error storing value: %w (rows of %s/%d up to offset %d)", err, r.pp.table.topic, r.pp.partition, offset))
		return false
	}
	r.stored = max(r.stored, offset)
	clear(rows)
	r.rows = rows
	return true
}

func guardedRows(st storage.Storage, rows []storage.Row, offset int64) (err error) {
	defer caught("storage", &err)
	return writeRows(st, rows, offset)
}

// work handles the messages and visits that have come, in order, until the run is halted.
func (r *partitionRun) work() {
	for i := range r.items {
		it := &r.items[i]
		switch {
		case it.kind == itemVisit:
			if r.isHalted() || it.visit.aborted.Load() {
				it.visit.dropped()
			} else {
				r.visit(it.visit, it.key)
			}
			r.visits.giveBack(1)
		case it.kind == itemMessage && it.msg != nil && !r.isHalted(): // nil means nothing
			r.handle(it.lane, it.msg)
		}
	}
}

// dropVisits ends the visits that nobody will handle.
func (r *partitionRun) dropVisits() {
	for _, it := range r.inbox.take(nil) {
		if it.kind == itemVisit {
			it.visit.dropped()
			r.visits.giveBack(1)
		}
	}
}

// fail stops the run because of err.
func (r *partitionRun) fail(err error) {
	r.errs = append(r.errs, err)
	errs := r.errs[:len(r.errs):len(r.errs)]
	r.failures.Store(&errs)
	r.stopping = true
	r.halt()
	r.pp.reportError(err)
}

// failAsync stops the run because of something that m's callback began. m is never finished.
func (r *partitionRun) failAsync(m *inflight, err error) {
	m.failed = true
	if r.ownCancellation(err) {
		r.stopping = true
		r.halt()
		return
	}
	r.fail(r.messageError(m, fmt.Errorf("asynchronous error from callback: could not commit message with key '%s': %w", m.key, err)))
}

// ownCancellation reports whether err only says that the generation or the processor is ending.
func (r *partitionRun) ownCancellation(err error) bool {
	return r.ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// err returns what failed, nil when nothing did. It may be called from any goroutine.
func (r *partitionRun) err() error {
	if errs := r.failures.Load(); errs != nil {
		return errors.Join(*errs...)
	}
	return nil
}

func (r *partitionRun) newInflight() *inflight {
	if n := len(r.inflight); n > 0 {
		m := r.inflight[n-1]
		r.inflight = r.inflight[:n-1]
		return m
	}
	return new(inflight)
}

func (r *partitionRun) newOutgoing() *outgoing {
	if n := len(r.outgoing); n > 0 {
		o := r.outgoing[n-1]
		r.outgoing = r.outgoing[:n-1]
		return o
	}
	return &outgoing{run: r}
}
