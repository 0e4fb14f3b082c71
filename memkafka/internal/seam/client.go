package seam

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
)

// Client is one party at the seam: a producer, a consumer, a member of a group.
type Client struct {
	e    *Engine
	id   string        // the client id, as its configuration gives it
	name string        // id and kind; other clients may have the same
	hash uint64        // of name
	done chan struct{} // closed when the client is

	number uint64 // in the order of making, which reaches no trace

	// guarded by e.mu
	closed   bool
	barriers bool    // plain subscriptions ask their receivers for word that they handled what they got
	pending  []*Call // asked and not answered
	subs     []*Subscription
	seq      uint64    // calls made
	producer *Producer // nil unless idempotent
	numbered map[kafka.TopicPartition]*numbering

	again    int // of AskAgain
	pause    func(left int) time.Duration
	patience time.Duration // how long it waits for an answer that a fault keeps back
	sends    Sending
	quiet    time.Time // brokers do not listen to it until then
	beyond   bool      // faults find its requests elsewhere
	held     []*held
	routes   map[kafka.TopicPartition]*route // batches that could not be sent at once

	// owned by the driver
	requests []*Call                        // asked and not yet served, in order
	lanes    map[kafka.TopicPartition]*lane // emits on their way
}

// ID returns the client id that the client was registered with.
func (c *Client) ID() string { return c.id }

// Name returns the name of the client in traces and errors.
func (c *Client) Name() string { return c.name }

// Engine returns the engine that the client belongs to.
func (c *Client) Engine() *Engine { return c.e }

// UseBarriers says that the receivers of the client's subscriptions know nil messages as the question whether they
// handled what they got. It counts by hand only, and for subscriptions that begin later.
func (c *Client) UseBarriers() {
	c.e.mu.Lock()
	c.barriers = true
	c.e.mu.Unlock()
}

// Done is closed when the client is closed, also when that happens because the cluster is closed or the client killed.
func (c *Client) Done() <-chan struct{} { return c.done }

// Closed reports whether Done is closed.
func (c *Client) Closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Close ends the client: its waiting calls return ErrClosed, its subscriptions end. It may be called twice. The group
// coordinators are not told.
func (c *Client) Close() {
	c.e.mu.Lock()
	clients := c.e.bar(c)
	c.e.mu.Unlock()
	end(clients)
}

// bar closes clients to further calls, all at once, so that no goroutine of theirs can tell which one was the first, and
// returns those that were not closed yet; end has to follow. Called with mu held.
func (e *Engine) bar(clients ...*Client) []*Client {
	clients = slices.DeleteFunc(clients, func(c *Client) bool { return c.closed })
	for _, c := range clients {
		c.closed = true
		delete(e.clients, c)
	}
	return clients
}

// end tells everybody who waits that clients were closed.
func end(clients []*Client) {
	for _, c := range clients {
		c.e.mu.Lock()
		pending, subs := c.pending, slices.Clone(c.subs)
		c.pending = nil
		close(c.done)
		c.e.abandon(c)
		c.e.unlock()
		for _, call := range pending {
			call.resolve(nil, ErrClosed)
		}
		for _, s := range subs {
			s.Close()
		}
		if d := c.e.driver; d != nil {
			d.forget(c)
		}
	}
}

// Kind says what a call wants; it is part of the order in which a driver takes simultaneous calls.
type Kind string

// Request is what Ask carries to the core: it runs under the engine's lock, and answers by Resolve now, or leaves that
// to the core, which is given the call as the tag of a group command.
type Request func(core *cluster.Cluster, now kafka.Millis, call *Call)

// Call is one request on its way.
type Call struct {
	client *Client
	kind   Kind
	name   string // what it is about, for order and trace
	hash   uint64 // of the event that serves it, once a driver queued it
	seq    uint64
	at     time.Time
	apply  Request

	goroutine uint64 // that made the call, while a driver detects ambiguity

	subject *Op            // what it is about, if it said so, or once faults were asked about it
	verdict *fault.Verdict // nil unless faults were asked about it
	heard   bool           // the broker has answered; guarded by the engine's mu

	answered atomic.Bool
	value    any           // the answer
	err      error         // or why there is none
	reply    chan struct{} // capacity 1: answered since; nil unless somebody waits for that
}

// Resolve answers the call, with the engine's lock held. Only the first answer counts.
func (call *Call) Resolve(value any, err error) {
	if call.answered.Load() {
		return
	}
	if call.verdict != nil {
		call.client.e.respond(call, value, err)
		return
	}
	if len(call.client.held) > 0 {
		call.client.answered()
	}
	call.resolve(value, err)
}

func (call *Call) resolve(value any, err error) {
	if !call.answered.CompareAndSwap(false, true) {
		return
	}
	call.value, call.err = value, err
	if call.reply != nil {
		call.reply <- struct{}{}
	}
}

// Ask makes a request and waits for its answer, for the end of ctx, or for the end of the client. About names the
// object of the request, as a topic or a group, for traces.
func (c *Client) Ask(ctx context.Context, kind Kind, about string, apply Request) (any, error) {
	return c.AskOf(ctx, kind, about, Op{}, apply)
}

// AskOf is Ask for requests of which kind and about do not tell enough for faults: op names the operation and what it is
// about. Its client and its broker are filled in.
func (c *Client) AskOf(ctx context.Context, kind Kind, about string, op Op, apply Request) (any, error) {
	call := &Call{client: c, kind: kind, name: about, apply: apply}
	if op.Name != "" {
		subject := op
		call.subject = &subject
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.e.mu.Lock()
	if c.closed {
		c.e.unlock()
		return nil, ErrClosed
	}
	c.seq++
	call.seq = c.seq
	if c.e.mode != Driven {
		c.e.deliver(call)
		if c.e.mode == ByHand && (kind == "join" || kind == "leave") {
			c.e.hand.beat()
		}
		if call.answered.Load() { // at once, as most are
			c.e.unlock()
			return call.value, call.err
		}
	}
	call.reply = make(chan struct{}, 1)
	c.pending = append(c.pending, call)
	if c.e.mode == Driven {
		c.e.driver.post(call)
	}
	c.e.unlock()

	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { call.resolve(nil, ctx.Err()) })
	}
	<-call.reply
	stop()
	c.e.mu.Lock()
	if i := slices.Index(c.pending, call); i >= 0 {
		c.pending = slices.Delete(c.pending, i, i+1)
	}
	c.e.mu.Unlock()
	return call.value, call.err
}

// deliver gives a call to the cluster. Called with mu held.
func (e *Engine) deliver(call *Call) {
	if e.faults != nil && !call.client.beyond {
		e.judgeCall(call)
	} else {
		call.apply(e.core, nowMillis(), call)
	}
	e.afterStep()
}

// SetPatience says how long the client waits for answers that faults keep back: 30 s unless set, or for 0.
func (c *Client) SetPatience(d time.Duration) {
	if d <= 0 {
		d = patience
	}
	c.e.mu.Lock()
	c.patience = d
	c.e.unlock()
}

// SetAskAgain says how often the client asks for metadata again when it is not answered, and after which pauses (sarama's
// Metadata.Retry): never unless set.
func (c *Client) SetAskAgain(times int, pause func(left int) time.Duration) {
	c.e.mu.Lock()
	c.again, c.pause = times, pause
	c.e.unlock()
}

// AskAgain is Ask, again and again as SetAskAgain says, as long as there is no answer or the answer is that a leader is not
// known yet.
func (c *Client) AskAgain(ctx context.Context, kind Kind, about string, apply Request) (any, error) {
	for left := c.again; ; left-- {
		v, err := c.Ask(ctx, kind, about, apply)
		if left <= 0 || !errors.Is(err, ErrDisconnected) && !errors.Is(err, ErrNoAnswer) && !errors.Is(err, kafka.LeaderNotAvailable) {
			return v, err
		}
		pause := c.pause(left)
		if pause <= 0 {
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-c.done:
			timer.Stop()
			return nil, ErrClosed
		}
	}
}

// FaultsElsewhere says that whoever asks for the client asks about faults too: see Judge.
func (c *Client) FaultsElsewhere() {
	c.e.mu.Lock()
	c.beyond = true
	c.e.unlock()
}

// AskNow is Ask for requests that are served at once in every mode, and that the core answers at once.
func (c *Client) AskNow(ctx context.Context, kind Kind, about string, apply Request) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	call := &Call{client: c, kind: kind, name: about}
	c.e.mu.Lock()
	if c.closed {
		c.e.unlock()
		return nil, ErrClosed
	}
	apply(c.e.core, nowMillis(), call)
	c.e.afterStep()
	c.e.unlock()
	return call.value, call.err
}

func hashName(name string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a, as package hash/fnv has it
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}
