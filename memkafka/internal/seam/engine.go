// Package seam carries calls from clients into a simulated cluster and records out of it. It is the shell around the
// cluster's core, in three ways of running:
//
//   - free: calls are applied by the goroutine that makes them, each under one short lock, and a goroutine per
//     subscription pumps records out. Time is package time, so that a testing/synctest bubble makes it virtual.
//   - by hand: as free, but records leave only while somebody calls Settle, one at a time, each handled before the
//     next: what a tester needs who feeds one record and wants everything that it caused.
//   - driven: calls wait in a mailbox, and a Driver that a seed steers applies one event at a time.
//
// The rules S1 to S9 and R2 of the determinism notes hold here: records are handed to parked receivers only, requests
// park on a plain receive, posts never block, and each call names its caller.
package seam

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// ErrClosed reports a call on a client, or a cluster, that was closed.
var ErrClosed = errors.New("memkafka: cluster or client is closed")

// Mode is the way in which an Engine runs.
type Mode int

// The ways of running; see the package comment.
const (
	Free Mode = iota
	ByHand
	Driven
)

// Engine runs one cluster.
type Engine struct {
	mode  Mode
	began time.Time
	shape atomic.Uint64 // of the core, as of the last step

	mu      sync.Mutex // guards all below, and the core
	core    *cluster.Cluster
	timer   *time.Timer // fires the core's next timer; nil until there was one
	timerAt kafka.Millis
	subs    map[*cluster.Partition][]*Subscription
	watches map[*cluster.Partition][]*Watch
	clients map[*Client]struct{}
	number  uint64 // clients ever made
	closed  bool
	scratch []kafka.Record // used again for each batch, which copies what it keeps
	arena   batch.Arena

	faults    *faults   // nil while nothing goes wrong
	delayed   []delayed // by time
	copying   []*copying
	finished  []*Emit // whose Done is to be called without the lock
	shipments int     // on their way

	hand   hand
	driver *Driver

	faulty    atomic.Bool // there are faults
	throttles atomic.Bool // there are quotas
}

// New returns an engine for an empty cluster with the given settings.
func New(settings cluster.Settings, mode Mode) *Engine { return Over(cluster.New(settings), mode) }

// Over returns an engine that runs a cluster which exists.
func Over(core *cluster.Cluster, mode Mode) *Engine {
	e := &Engine{
		mode:    mode,
		core:    core,
		subs:    map[*cluster.Partition][]*Subscription{},
		began:   time.Now(),
		clients: map[*Client]struct{}{},
		hand:    hand{progress: make(chan struct{}, 1)},
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.throttles.Store(core.HasQuotas())
	e.arm()
	return e
}

// Do runs f on the core under the engine's lock, at once in every mode: for tests and tools that look from outside.
// f must not block and must not call the engine.
func (e *Engine) Do(f func(core *cluster.Cluster, now kafka.Millis)) error {
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return ErrClosed
	}
	f(e.core, nowMillis())
	e.throttles.Store(e.core.HasQuotas())
	e.afterStep()
	return nil
}

// Close ends every client and subscription. Waiting calls return ErrClosed. It may be called twice.
func (e *Engine) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	clients := e.bar(e.sortedClients()...)
	if e.timer != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	end(clients)
}

// Client registers a client. Id and kind together name it in traces and errors. Several clients may have one name: a
// simulation then tells them apart by what they ask for, since the order in which goroutines of one program make their
// clients is no order to rely on.
func (e *Engine) Client(id, kind string) (*Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	name := id + "/" + kind
	e.number++
	c := &Client{e: e, id: id, name: name, number: e.number, hash: hashName(name), patience: patience, done: make(chan struct{})}
	e.clients[c] = struct{}{}
	return c, nil
}

// Append writes records to a partition as one batch, outside of any client: at once, in every mode.
func (e *Engine) Append(tp kafka.TopicPartition, records ...kafka.Record) (plog.Appended, error) {
	var b *batch.Batch
	if len(records) > 1 { // while nobody waits: the arena has memory for one alone
		b = batch.FromRecords(records)
	}
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return plog.Appended{}, ErrClosed
	}
	if b == nil {
		b = e.arena.FromRecords(records)
	}
	return e.append(nowMillis(), tp, b)
}

// AppendOne is Append for one record.
func (e *Engine) AppendOne(tp kafka.TopicPartition, r kafka.Record) (plog.Appended, error) {
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return plog.Appended{}, ErrClosed
	}
	records := append(e.scratch[:0], r)
	defer e.release(records)
	return e.append(e.nowMillis(), tp, e.arena.FromRecords(records))
}

// release makes records the scratch of the next batch, without holding on to what they refer to.
func (e *Engine) release(records []kafka.Record) {
	clear(records)
	e.scratch = records[:0]
}

func (e *Engine) append(now kafka.Millis, tp kafka.TopicPartition, b *batch.Batch) (plog.Appended, error) {
	p := e.core.Partition(tp.Topic, tp.Partition)
	if p == nil {
		return plog.Appended{}, kafka.UnknownTopicOrPartition
	}
	a, err := e.core.Produce(now, p, b)
	if err != nil {
		return a, err
	}
	e.tell()
	e.arm()
	return a, nil
}

// afterStep hands out the replies of the core, and sees to its timers. Called with mu held.
func (e *Engine) afterStep() {
	e.core.KeepChanges()
	for replies := e.core.Take(); len(replies) > 0; replies = e.core.Take() {
		if e.faults != nil { // an answer may let a fault happen, and that answer others
			replies = slices.Clone(replies)
		}
		for _, r := range replies {
			r.Tag.(*Call).Resolve(r.Response, nil)
		}
	}
	e.tell()
	e.arm()
}

// arm sets the timer for what the core wants done next. Called with mu held.
func (e *Engine) arm() {
	if e.mode == Driven {
		return // the driver looks at the core's timers itself
	}
	at, ok := e.next()
	if !ok {
		return
	}
	if e.timer != nil && e.timerAt == at {
		return
	}
	e.timerAt = at
	wait := time.Until(time.UnixMilli(int64(at)))
	if e.timer == nil {
		e.timer = time.AfterFunc(wait, e.fire)
		return
	}
	e.timer.Reset(wait)
}

func (e *Engine) fire() {
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return
	}
	e.timerAt = 0
	e.due(nowMillis())
}

// unlock lets go of mu, and then tells producers of what came to an end meanwhile.
func (e *Engine) unlock() {
	finished := e.finished
	e.finished = nil
	e.mu.Unlock()
	for _, m := range finished {
		m.Done(m)
	}
}

// sortedClients lists the clients by name and, within one name, by age. Called with mu held.
func (e *Engine) sortedClients() []*Client {
	return slices.SortedFunc(maps.Keys(e.clients), func(a, b *Client) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.number, b.number))
	})
}

func nowMillis() kafka.Millis { return kafka.Millis(time.Now().UnixMilli()) }

// nowMillis is the function of this name, for what a tester does with each message. By hand, where a cluster lives no longer
// than a test, it asks the monotonic clock alone, which takes half the time.
func (e *Engine) nowMillis() kafka.Millis {
	if e.mode == ByHand {
		return kafka.Millis(e.began.Add(time.Since(e.began)).UnixMilli())
	}
	return nowMillis()
}

// Brokers returns the number of brokers.
func (e *Engine) Brokers() int32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.core.Settings().Brokers
}

// OneByOne reports whether records are handed to waiting receivers only, so that the
// channel to them must have no buffer.
func (e *Engine) OneByOne() bool {
	return e.mode == Driven || e.mode == ByHand
}

// Apart is what a client adds to the period of its timer number n, from 1 on, so that it never fires at one instant with
// another timer of the client that began in the same step and whose period is a multiple of it: the order would be chance
// (determinism rule S6). It is zero unless a Driver decides what happens.
func (e *Engine) Apart(n int) time.Duration {
	if e.mode != Driven {
		return 0
	}
	return time.Duration(n) * 100_003
}

// Driven reports whether a Driver decides what happens.
func (e *Engine) Driven() bool { return e.mode == Driven }

// Shape counts changes of topics, partitions and leaders. It is not a call of a client, and waits for nobody: a producer uses
// it to see that its knowledge of a topic is old.
func (e *Engine) Shape() uint64 { return e.shape.Load() }

// SubscriptionInfo is one subscription as Subscriptions lists it.
type SubscriptionInfo struct {
	ClientID string // as the client's configuration gives it
	TP       kafka.TopicPartition
	Claim    bool         // belongs to a group's member
	Position kafka.Offset // of the next record that it is given
	End      kafka.Offset // where the records end that it may be given
}

// Subscriptions lists the subscriptions that exist, in the engine's fixed order.
func (e *Engine) Subscriptions() []SubscriptionInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	infos := make([]SubscriptionInfo, len(e.hand.subs))
	for i, s := range e.hand.subs {
		infos[i] = SubscriptionInfo{ClientID: s.c.id, TP: s.tp, Claim: s.claim, Position: s.pos, End: s.end}
	}
	return infos
}
