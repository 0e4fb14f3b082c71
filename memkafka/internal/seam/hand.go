package seam

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

// ErrStuck reports that Settle waited in vain for records to be handled.
var ErrStuck = errors.New("records were handed out and not handled")

// hand is what the ByHand mode keeps beside the subscriptions. All but version is guarded by the engine's mu.
type hand struct {
	subs     []*Subscription // all of the cluster, in the fixed order
	version  atomic.Uint64   // counts changes of subs
	driving  bool            // a Settle is under way
	idle     chan struct{}   // closed when it has ended; nil unless somebody waits for that
	progress chan struct{}   // capacity 1: something changed since it was last empty; for the Settle under way alone
	moves    uint64          // counts what brings the end of a Settle nearer: records taken, handled, written for good
	others   []*Changes      // who else wants to know of that
	watch    watchdog        // of the Settle under way
	beats    chan struct{}   // closed when members should send a heartbeat; nil unless one waits for that
}

func (h *hand) add(s *Subscription) {
	h.version.Add(1)
	h.subs = insertSubInPlace(h.subs, s)
	h.signal()
}

func (h *hand) remove(s *Subscription) {
	h.version.Add(1)
	h.subs = removeSubInPlace(h.subs, s)
	h.signal()
}

// signal wakes the Settle under way, or the next one, and all who look for changes. Called with mu held.
func (h *hand) signal() {
	select {
	case h.progress <- struct{}{}:
	default:
	}
	for _, c := range h.others {
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
}

// Settle hands out records of claims, one at a time and each handled before the next, until every subscription has
// handled all there is to read. Tables and views go first, so that an input finds every row that was written before
// it. It fails with ErrStuck, naming who did not handle what, when bound passes without any progress, and with ctx. What faults have put
// off by then is waited for once more, with bound beyond it; requests that come to nothing again and again are no progress.
//
// A Settle that begins while another is under way waits for that one first. Only for ByHand.
func (e *Engine) Settle(ctx context.Context, bound time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.hand.driving {
		if e.hand.idle == nil {
			e.hand.idle = make(chan struct{})
		}
		idle := e.hand.idle
		e.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
		}
		e.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return e.settle(ctx, bound)
}

// TrySettle is Settle for goroutines that a Settle under way may wait for, as those of callbacks: it returns at once
// then. The other one will not end before all is handled.
func (e *Engine) TrySettle(ctx context.Context, bound time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hand.driving {
		return nil
	}
	return e.settle(ctx, bound)
}

// settle is called with mu held, and lets go of it while it waits.
func (e *Engine) settle(ctx context.Context, bound time.Duration) error {
	e.hand.driving = true
	e.hand.watch.begin()
	defer func() {
		e.hand.watch.stop()
		e.hand.driving = false
		if e.hand.idle != nil {
			close(e.hand.idle)
			e.hand.idle = nil
		}
	}()
	for {
		if e.closed {
			return ErrClosed
		}
		ready, unhandled := e.hand.look()
		waits := unhandled != nil || ready == nil && (e.shipments > 0 || e.hand.waits())
		if !waits && ready == nil {
			return nil
		}
		if !waits {
			if !e.handOut(ready, bound) {
				return e.hand.stuck(bound)
			}
			continue
		}
		moves := e.hand.moves
		e.unlock()
		err := e.hand.await(ctx, bound, moves)
		e.mu.Lock()
		switch {
		case errors.Is(err, ErrStuck) && e.hand.moves != moves:
		case errors.Is(err, ErrStuck) && (len(e.delayed) > 0 || len(e.hand.progress) > 0) && !e.hand.watch.extended:
			e.hand.watch.extend(e.putOff() + bound)
		case errors.Is(err, ErrStuck):
			return e.hand.stuck(bound)
		case err != nil:
			return err
		}
	}
}

// putOff is how long it takes until all has come that faults have put off, but no longer than clients wait.
func (e *Engine) putOff() time.Duration {
	if len(e.delayed) == 0 {
		return 0
	}
	last := time.UnixMilli(int64(e.delayed[len(e.delayed)-1].at))
	return min(max(time.Until(last), 0), patience)
}

// yields is how often await lets others run before it arms a timer and goes to sleep: handling a record takes two
// goroutines, which mostly have done their part by then.
const yields = 4

// await waits for a change: ErrStuck when nothing has moved for bound. moves is how much has moved so far.
func (h *hand) await(ctx context.Context, bound time.Duration, moves uint64) error {
	for range yields {
		select {
		case <-h.progress:
			return nil
		default:
			runtime.Gosched()
		}
	}
	left := h.watch.left(bound, moves)
	if left <= 0 {
		return ErrStuck
	}
	select {
	case <-h.progress:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-h.watch.after(left):
		return ErrStuck
	}
}

// look finds the first subscription that has not handled what it got, and the first claim with something to hand out.
func (h *hand) look() (ready, unhandled *Subscription) {
	for _, s := range h.subs {
		switch {
		case !s.gone && !s.paused && s.handled < s.pos, !s.claim && s.deliverable():
			return nil, s
		case ready == nil && s.claim && s.deliverable():
			ready = s
		}
	}
	return ready, nil
}

// waits reports whether a subscription waits for the answer to a fetch that a fault keeps back.
func (h *hand) waits() bool {
	return slices.ContainsFunc(h.subs, func(s *Subscription) bool { return s.waiting && s.more() })
}

// watchdog is a timer that is made when first needed and used again, and until when a Settle waits for the next move.
type watchdog struct {
	timer    *time.Timer
	end      time.Time // zero until a Settle has to sleep
	moves    uint64    // so many there were when end was set
	extended bool      // since then
}

// begin forgets how long an earlier Settle has waited.
func (w *watchdog) begin() { w.end, w.extended = time.Time{}, false }

// left is how long the next move may take still: it begins anew with each.
func (w *watchdog) left(bound time.Duration, moves uint64) time.Duration {
	if w.end.IsZero() || w.moves != moves {
		w.end, w.moves, w.extended = time.Now().Add(bound), moves, false
		return bound
	}
	return time.Until(w.end)
}

// extend gives the next move more time, once.
func (w *watchdog) extend(d time.Duration) { w.end, w.extended = time.Now().Add(d), true }

func (w *watchdog) after(d time.Duration) <-chan time.Time {
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	return w.timer.C
}

func (w *watchdog) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// handOut gives the next record of s to its receiver, and reports whether that or the subscription's end came within
// bound. Called with mu held, which it lets go of meanwhile.
func (e *Engine) handOut(s *Subscription, bound time.Duration) bool {
	err := s.fill(64)
	if s.waiting {
		return true
	}
	if err == nil && len(s.ahead) == 0 {
		s.handled = max(s.handled, s.pos) // holes need no handling
		s.end = min(s.end, s.pos)
		return true
	}
	s.sending = true
	e.mu.Unlock()
	sent := false
	switch {
	case err != nil:
		s.sink.Fail(err)
		s.Close()
	case s.sink.TrySend(&s.ahead[0]):
		sent = true
	default:
		sent = s.sink.Send(&s.ahead[0], s.stop, e.hand.watch.after(bound))
	}
	e.mu.Lock()
	s.sending = false
	switch {
	case s.closed:
		s.endSink()
		return true
	case sent:
		s.took()
		e.hand.moves++
	}
	return sent
}

func (h *hand) stuck(bound time.Duration) error {
	var names []string
	for _, s := range h.subs {
		if s.gone {
			names = append(names, fmt.Sprintf("%s does not end, though its topic was deleted", s.name))
		} else if s.handled < s.pos {
			names = append(names, fmt.Sprintf("%s has not finished the record at offset %d", s.name, s.handled))
		} else if s.pos < s.end && !s.paused {
			names = append(names, fmt.Sprintf("%s does not take the record at offset %d", s.name, s.pos))
		}
	}
	return fmt.Errorf("%w within %v: %s", ErrStuck, bound, strings.Join(names, "; "))
}

// Claims lists the partitions that members of groups hold at present, as client names by partition.
func (e *Engine) Claims() map[kafka.TopicPartition][]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	claims := map[kafka.TopicPartition][]string{}
	for p, subs := range e.subs {
		for _, s := range subs {
			if s.claim {
				claims[p.TP] = append(claims[p.TP], s.c.name)
			}
		}
	}
	for _, names := range claims {
		slices.Sort(names)
	}
	return claims
}

// Changes tells one goroutine when subscriptions begin, end or move. Only for ByHand.
type Changes struct {
	e       *Engine
	changed chan struct{} // capacity 1
}

// Changes begins to look for changes. Whoever has it must Stop it.
func (e *Engine) Changes() *Changes {
	c := &Changes{e: e, changed: make(chan struct{}, 1)}
	e.mu.Lock()
	e.hand.others = append(e.hand.others, c)
	e.mu.Unlock()
	return c
}

// Wait waits until there was a change since the last Wait, or since Changes, or until ctx ends.
func (c *Changes) Wait(ctx context.Context) error {
	select {
	case <-c.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends it.
func (c *Changes) Stop() {
	c.e.mu.Lock()
	c.e.hand.others = slices.DeleteFunc(c.e.hand.others, func(o *Changes) bool { return o == c })
	c.e.mu.Unlock()
}

// Settling reports whether a Settle is under way.
func (e *Engine) Settling() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.hand.driving
}

// Wake is a change to all who look for changes.
func (e *Engine) Wake() {
	e.mu.Lock()
	e.hand.signal()
	e.mu.Unlock()
}

// SubscriptionsVersion counts how often a subscription began or ended.
func (e *Engine) SubscriptionsVersion() uint64 {
	return e.hand.version.Load()
}
