package seam

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// tick is the virtual time that each step takes. The nanosecond keeps timers that were started in different steps from
// ever being due at one instant (determinism rule S6).
const tick = time.Millisecond + time.Nanosecond

// How far time moves at once when nothing else can happen: any call ends it earlier, and so does a timer of the cluster.
// Receivers that were not ready for a record are asked again soon.
const (
	idleTick = time.Second
	busyTick = 10 * time.Millisecond
)

// Driver decides, by its seed, what happens next in a driven cluster: one event, then all goroutines run until none can
// go on, then the calls that they made are taken in a canonical order. It must live in the testing/synctest bubble of
// the cluster, and its methods are called by one goroutine.
type Driver struct {
	e    *Engine
	wait func() // returns when every other goroutine of the bubble is durably blocked
	seed uint64

	posted chan struct{} // capacity 1: the mailbox is not empty

	// guarded by the engine's mu
	calls []*Call
	emits []*Emit
	gone  []*Client

	// used again, by the driver's goroutine alone
	noCalls []*Call     // for calls
	noEmits []*Emit     // for emits
	spent   *shipment   // that nobody knows any more; may be nil
	timer   *time.Timer // of pass; nil until there was one

	// owned by the driver's goroutine, changed by others only under mu while they are settled
	subs  []*Subscription
	lanes []*lane
	asked []*Client // clients with requests
	feeds []*Feed

	appended uint64

	step  uint64
	start time.Time
	trace Trace

	// Limit bounds how far time moves at once when nothing else can happen; the zero time does not.
	Limit time.Time

	// NoLapses keeps time from passing while something else can happen.
	NoLapses bool

	// Detect has Step fail for calls that two goroutines made in one step and nothing tells apart but their arrival. It
	// costs some microseconds for each call.
	Detect    bool
	ambiguous error // what was detected and not returned yet

	// Check is called after each step, when it is set; an error ends Step with it.
	Check func() error
}

// noPartition is where emits go that a client refuses to send: their senders learn of it as of any other result.
const noPartition = -1

// lane is the way of one producer into one partition: emits that wait to be appended, then for their acknowledgement.
type lane struct {
	client     *Client
	tp         kafka.TopicPartition
	name       string
	appendHash uint64
	ackHash    uint64
	queue      []*Emit
	shipment   *shipment // the one on its way, if there is one
	unacked    []*Emit
}

// onTheirWay counts the emits without an acknowledgement.
func (l *lane) onTheirWay() int {
	n := len(l.queue) + len(l.unacked)
	if l.shipment != nil {
		n += len(l.shipment.emits)
	}
	return n
}

// Feed is input from outside: each event of it appends one record. While the partition of the next record has no leader,
// the feed waits, as a producer with patience would.
type Feed struct {
	Name string
	// Next returns the next record, false when there is none any more.
	Next func() (kafka.TopicPartition, kafka.Record, bool)

	hash  uint64
	ended bool
	held  *feedRecord // of a partition that had no leader when its turn came
}

type feedRecord struct {
	tp kafka.TopicPartition
	r  kafka.Record
}

// next is what the feed appends next.
func (f *Feed) next() (kafka.TopicPartition, kafka.Record, bool) {
	if h := f.held; h != nil {
		f.held = nil
		return h.tp, h.r, true
	}
	return f.Next()
}

// Drive makes e a driven engine. wait is testing/synctest.Wait. It must be called before any client exists.
func (e *Engine) Drive(seed uint64, wait func()) *Driver {
	d := &Driver{e: e, wait: wait, seed: seed, posted: make(chan struct{}, 1), start: time.Now()}
	d.trace.sum, d.trace.buf = sha256.New(), make([]byte, 0, hashedAtOnce+1024)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.clients) > 0 {
		panic("memkafka: a cluster with clients cannot become driven")
	}
	if e.timer != nil { // of a cluster that was restored
		e.timer.Stop()
		e.timer = nil
	}
	e.mode, e.driver = Driven, d
	return d
}

func (d *Driver) post(call *Call) {
	call.at = time.Now()
	if d.Detect {
		call.goroutine = goroutine()
	}
	d.calls = append(d.calls, call)
	d.notify()
}

func (d *Driver) postEmit(m *Emit) {
	m.at = time.Now()
	if d.Detect {
		m.goroutine = goroutine()
	}
	d.emits = append(d.emits, m)
	d.notify()
}

func (d *Driver) notify() {
	select {
	case d.posted <- struct{}{}:
	default:
	}
}

// forgetPosted takes back word of calls that were taken since.
func (d *Driver) forgetPosted() {
	select {
	case <-d.posted:
	default:
	}
}

func (d *Driver) add(s *Subscription) { d.subs = insertSub(d.subs, s) }

func (d *Driver) remove(s *Subscription) { d.subs = removeSub(d.subs, s); d.notify() }

// forget is called when a client was closed: what it still had on its way is lost.
func (d *Driver) forget(c *Client) {
	d.e.mu.Lock()
	d.gone = append(d.gone, c)
	d.notify()
	d.e.mu.Unlock()
}

// AddFeed adds input. Feeds are drawn from like any other event.
func (d *Driver) AddFeed(f *Feed) {
	f.hash = hashName("input " + f.Name)
	d.feeds = append(d.feeds, f)
}

// Steps returns how many events happened.
func (d *Driver) Steps() uint64 { return d.step }

// Seed returns the seed.
func (d *Driver) Seed() uint64 { return d.seed }

// Trace returns what happened, as a digest and as text if that was asked for.
func (d *Driver) Trace() *Trace { return &d.trace }

// Rand returns a number that the seed, the present step and a name decide.
func (d *Driver) Rand(name string) uint64 { return mix(d.seed, d.step, hashName(name)) }

// Settle lets every goroutine run until none can go on, and takes the calls that they made, until they make none.
func (d *Driver) Settle() {
	for {
		d.wait()
		d.e.mu.Lock()
		woke := false // somebody who can go on now
		if now := nowMillis(); d.e.isDue(now) {
			d.e.due(now)
			woke = true
		}
		calls, emits, gone := d.calls, d.emits, d.gone
		d.calls, d.emits, d.gone = d.noCalls[:0], d.noEmits[:0], nil
		d.e.mu.Unlock()
		woke = d.takeGone(gone) || woke
		d.takeCalls(calls)
		woke = d.takeEmits(emits) || woke
		clear(calls)
		clear(emits)
		d.noCalls, d.noEmits = calls, emits
		if !woke {
			d.forgetPosted()
			return
		}
	}
}

// isDue reports whether something is to be done at now. Called with mu held.
func (e *Engine) isDue(now kafka.Millis) bool {
	at, ok := e.next()
	return ok && at <= now
}

// takeGone gives up what closed clients had on their way, and reports whether there were any.
func (d *Driver) takeGone(gone []*Client) bool {
	for _, c := range gone {
		c.requests = nil
		d.asked = slices.DeleteFunc(d.asked, func(o *Client) bool { return o == c })
		var lost []*Emit
		d.lanes = slices.DeleteFunc(d.lanes, func(l *lane) bool {
			if l.client != c {
				return false
			}
			lost = append(lost, l.unacked...)
			if l.shipment != nil {
				l.shipment.over = true
				lost = append(lost, l.shipment.emits...)
			}
			lost = append(lost, l.queue...)
			return true
		})
		c.lanes = nil
		for _, m := range lost {
			m.fail(ErrClosed)
			m.Done(m)
		}
	}
	return len(gone) > 0
}

// takeCalls queues requests at their clients: in the order of their making where one goroutine made them, and where
// several of one client did within a step, in an order that the seed draws by name.
func (d *Driver) takeCalls(calls []*Call) {
	calls = slices.DeleteFunc(calls, func(c *Call) bool { return c.client.Closed() })
	slices.SortFunc(calls, func(a, b *Call) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.client.name, b.client.name),
			cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.seq, b.seq))
	})
	d.detectCalls(calls)
	slices.SortStableFunc(calls, func(a, b *Call) int {
		return cmp.Or(a.at.Compare(b.at),
			cmp.Compare(mix(d.seed, d.step, a.client.hash^hashName(string(a.kind))), mix(d.seed, d.step, b.client.hash^hashName(string(b.kind)))))
	})
	for _, call := range calls {
		d.line(call.client.name, "asks "+string(call.kind), call.name)
		call.hash = hashName("serve " + call.client.name + " " + string(call.kind) + " " + call.name)
		c := call.client
		if len(c.requests) == 0 {
			d.asked = append(d.asked, c)
		}
		c.requests = append(c.requests, call)
	}
}

// takeEmits queues emits on the lanes of their producers, each caller's in its order, callers in an order drawn by name. A
// caller is a client and a partition of its input: one goroutine handles all topics of a partition, in one order. It reports
// whether somebody was told of an emit's end.
func (d *Driver) takeEmits(emits []*Emit) (told bool) {
	if len(emits) > 1 {
		slices.SortFunc(emits, func(a, b *Emit) int {
			return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.client.name, b.client.name),
				cmp.Compare(a.Source.Partition, b.Source.Partition), cmp.Compare(a.seq, b.seq))
		})
		d.detectEmits(emits)
		slices.SortStableFunc(emits, func(a, b *Emit) int {
			return cmp.Or(a.at.Compare(b.at), cmp.Compare(d.callerHash(a), d.callerHash(b)))
		})
	}
	for _, m := range emits {
		if m.client.Closed() {
			m.fail(ErrClosed)
			m.Done(m)
			told = true
			continue
		}
		if m.refused {
			l := d.lane(m.client, kafka.TopicPartition{Topic: m.to, Partition: noPartition})
			l.unacked = append(l.unacked, m)
			continue
		}
		l := d.lane(m.client, m.TP)
		l.queue = append(l.queue, m)
	}
	return told
}

func (d *Driver) callerHash(m *Emit) uint64 {
	return mix(d.seed, d.step, m.client.hash^uint64(m.Source.Partition))
}

func (d *Driver) lane(c *Client, tp kafka.TopicPartition) *lane {
	if l := c.lanes[tp]; l != nil {
		return l
	}
	name := c.name + " " + tp.String()
	l := &lane{client: c, tp: tp, name: name, appendHash: hashName("append " + name), ackHash: hashName("ack " + name)}
	if c.lanes == nil {
		c.lanes = map[kafka.TopicPartition]*lane{}
	}
	c.lanes[tp] = l
	i, _ := slices.BinarySearchFunc(d.lanes, l, func(a, b *lane) int { return cmp.Compare(a.name, b.name) })
	d.lanes = slices.Insert(d.lanes, i, l)
	return l
}

// choice is the event that the present step takes: of all that can happen the one whose name the seed ranks first, so
// that an event which is taken away does not move the choice among the others.
type choice struct {
	rank uint64
	sub  *Subscription
	lane *lane
	ack  bool
	ask  *Client
	feed *Feed
}

func (d *Driver) choose() (choice, bool) {
	best, found := choice{}, false
	offer := func(h uint64, c choice) {
		c.rank = mix(d.seed, d.step, h)
		if !found || c.rank < best.rank {
			best, found = c, true
		}
	}
	for _, s := range d.subs {
		if !s.busy && s.deliverable() {
			offer(s.hash, choice{sub: s})
		}
	}
	for _, l := range d.lanes {
		if len(l.queue) > 0 && l.shipment == nil {
			offer(l.appendHash, choice{lane: l})
		}
		if len(l.unacked) > 0 {
			offer(l.ackHash, choice{lane: l, ack: true})
		}
	}
	for _, c := range d.asked {
		offer(c.requests[0].hash, choice{ask: c})
	}
	for _, f := range d.feeds {
		if !f.ended && (f.held == nil || d.hasLeader(f.held.tp)) {
			offer(f.hash, choice{feed: f})
		}
	}
	return best, found
}

// Step lets one event happen, or time pass when there is none, and settles. It reports whether there was an event.
func (d *Driver) Step() (bool, error) {
	d.Settle()
	return d.StepOn()
}

// StepOn is Step for a caller who knows that nobody has run since the driver settled last.
func (d *Driver) StepOn() (bool, error) {
	if !d.NoLapses && d.Rand("lapse")%40 == 0 {
		d.lapse()
		return true, d.check()
	}
	c, ok := d.choose()
	if !ok {
		d.idle()
		return false, d.check()
	}
	d.step++
	if c.sub != nil && !d.deliver(c.sub) {
		d.Settle()
		return true, d.check()
	}
	d.forgetBusy()
	switch {
	case c.sub != nil:
	case c.lane != nil && c.ack:
		d.ack(c.lane)
	case c.lane != nil:
		d.append(c.lane)
	case c.ask != nil:
		d.serve(c.ask)
	default:
		if err := d.input(c.feed); err != nil {
			return true, err
		}
	}
	time.Sleep(tick)
	d.Settle()
	return true, d.check()
}

func (d *Driver) check() error {
	if err := d.ambiguous; err != nil {
		d.ambiguous = nil
		return err
	}
	if d.Check == nil {
		return nil
	}
	return d.Check()
}

// forgetBusy makes receivers that did not wait for a record worth another try.
func (d *Driver) forgetBusy() {
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	for _, s := range d.subs {
		s.busy = false
	}
}

// lapse lets time pass, from a nanosecond to fifteen seconds, small spans as likely as large ones.
func (d *Driver) lapse() {
	d.step++
	const steps = 34 // 2^34 ns are 17 s
	span := time.Duration(1) << (d.Rand("lapse length") % steps)
	span += time.Duration(d.Rand("lapse rest") % uint64(span))
	span = min(span, 15*time.Second)
	d.line("", "lapse", span.String())
	d.pass(span)
}

// idle lets time pass while nothing else can happen.
func (d *Driver) idle() {
	span := idleTick
	for _, s := range d.subs {
		if s.busy {
			span = busyTick
		}
	}
	d.pass(span)
}

// pass lets time pass, but no further than to Limit, the next call and the next timer of the cluster.
func (d *Driver) pass(span time.Duration) {
	if !d.Limit.IsZero() {
		if left := time.Until(d.Limit); left > 0 {
			span = min(span, left)
		}
	}
	d.e.mu.Lock()
	if at, ok := d.e.next(); ok {
		span = min(span, max(time.Until(time.UnixMilli(int64(at))), 0))
	}
	d.e.mu.Unlock()
	if d.timer == nil {
		d.timer = time.NewTimer(span)
	} else {
		d.timer.Reset(span)
	}
	select {
	case <-d.timer.C:
	case <-d.posted:
	}
	d.timer.Stop()
	d.forgetBusy()
	d.Settle()
}

// deliver hands the next record over and reports whether the receiver waited for it.
func (d *Driver) deliver(s *Subscription) bool {
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	if err := s.fill(64); err != nil {
		d.line(s.c.name, "fails", s.tp.String()+" "+err.Error())
		s.sending = true
		d.e.mu.Unlock()
		s.sink.Fail(err)
		s.Close()
		d.e.mu.Lock()
		s.sending = false
		s.endSink()
		return true
	}
	if s.waiting {
		return true
	}
	if len(s.ahead) == 0 {
		s.end = min(s.end, s.pos)
		s.handled = max(s.handled, s.pos)
		return true
	}
	r := s.ahead[0]
	if !s.sink.TrySend(&s.ahead[0]) {
		s.busy = true
		d.line(s.c.name, "is busy", s.tp.String())
		return false
	}
	s.took()
	if !s.claim {
		s.handled, s.away = s.pos, s.c.barriers
	}
	d.record(s.c.name, "takes", s.tp, r.Offset, &r)
	return true
}

// Appended counts the records that producers have sent.
func (d *Driver) Appended() uint64 { return d.appended }

func (d *Driver) append(l *lane) {
	d.appended++
	m := l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	b := d.spent
	if d.spent = nil; b == nil {
		b = new(shipment)
	}
	*b = shipment{c: l.client, one: [1]*Emit{m}, lane: l}
	b.emits = b.one[:]
	l.shipment = b
	d.e.mu.Lock()
	direct := d.e.direct(b)
	d.e.ship(b)
	if direct && b.over { // at once, so that nobody remembers it
		d.spent = b
	}
	d.e.unlock()
}

func (d *Driver) ack(l *lane) {
	m := l.unacked[0]
	l.unacked = slices.Delete(l.unacked, 0, 1)
	if m.refused {
		d.line(l.client.name, "has refused", m.to)
	} else {
		d.line(l.client.name, "is acknowledged", l.tp.String()+" "+strconv.FormatInt(int64(m.Offset), 10))
	}
	m.Done(m)
}

func (d *Driver) serve(c *Client) {
	call := c.requests[0]
	c.requests = slices.Delete(c.requests, 0, 1)
	if len(c.requests) == 0 {
		d.asked = slices.DeleteFunc(d.asked, func(o *Client) bool { return o == c })
	}
	d.line(c.name, "is served "+string(call.kind), call.name)
	d.e.mu.Lock()
	if !call.answered.Load() {
		d.e.deliver(call)
	}
	d.e.mu.Unlock()
}

// hasLeader reports whether a record for a partition can be appended, or is refused for good.
func (d *Driver) hasLeader(tp kafka.TopicPartition) bool {
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	p := d.e.core.Partition(tp.Topic, tp.Partition)
	return p == nil || p.Leader != cluster.NoLeader
}

// input appends the next record of a feed. One that Kafka refuses for good ends the feed.
func (d *Driver) input(f *Feed) error {
	tp, r, ok := f.next()
	if !ok {
		f.ended = true
		d.line("", "input ends", f.Name)
		return nil
	}
	a, err := d.e.AppendOne(tp, r)
	if errors.Is(err, kafka.NotLeaderOrFollower) {
		f.held = &feedRecord{tp, r}
		d.line("", "input waits", tp.String()+" "+err.Error())
		return nil
	}
	if err != nil {
		f.ended = true
		d.line("", "input fails", tp.String()+" "+err.Error())
		return fmt.Errorf("input %s: record for %s: %w", f.Name, tp, err)
	}
	d.record("", "input "+f.Name, tp, a.Base, &r)
	return nil
}

// Input appends a record from outside as a step of its own.
func (d *Driver) Input(tp kafka.TopicPartition, r kafka.Record) (kafka.Offset, error) {
	a, err := d.e.AppendOne(tp, r)
	if err != nil {
		return kafka.NoOffset, fmt.Errorf("append to %s: %w", tp, err)
	}
	d.step++
	d.record("", "input", tp, a.Base, &r)
	return a.Base, nil
}

// Quiet reports whether nothing is on its way: no emit, no request, no input, and every subscription has handed out and
// every claim has handled all there is to read, as has every receiver of a client that UseBarriers.
func (d *Driver) Quiet() bool { return d.handedOut() && d.cameBack() }

// cameBack reports whether receivers have come back for more, which those of tables do once a row is stored. Those that it asked wait
// again when it returns.
func (d *Driver) cameBack() bool {
	asked, all := d.askReceivers()
	if asked {
		d.Settle()
	}
	return all
}

// askReceivers asks receivers whether they have come back, up to the first that has not.
func (d *Driver) askReceivers() (asked, all bool) {
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	for _, s := range d.subs {
		if !s.away || s.closed {
			continue
		}
		if s.away = !s.sink.TryBarrier(); s.away {
			return asked, false
		}
		asked = true
	}
	return asked, true
}

// handedOut is Quiet but for what receivers do with what they got.
func (d *Driver) handedOut() bool {
	for _, f := range d.feeds {
		if !f.ended {
			return false
		}
	}
	for _, l := range d.lanes {
		if l.onTheirWay() > 0 {
			return false
		}
	}
	if len(d.asked) > 0 {
		return false
	}
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	for _, s := range d.subs {
		if s.gone || s.pos < s.end || s.handled < s.pos {
			return false
		}
	}
	for c := range d.e.clients {
		if len(c.pending) > 0 {
			return false
		}
	}
	return len(d.calls)+len(d.emits)+len(d.gone) == 0
}

// Handled returns how far the groups' members have handled each partition, and readers have read it. It does not
// move while the same records are handed out again and again.
func (d *Driver) Handled() map[string]kafka.Offset {
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	handled := map[string]kafka.Offset{}
	for _, s := range d.subs {
		handled[s.name] = s.handled
	}
	return handled
}

// Kill ends all clients with a client id as a crash does: nobody is told, and what they had on their way is lost. The
// coordinators learn by the session's time-out.
func (d *Driver) Kill(id string) int {
	d.e.mu.Lock()
	victims := d.e.bar(slices.DeleteFunc(d.e.sortedClients(), func(c *Client) bool { return c.id != id })...)
	d.e.mu.Unlock()
	d.line(id, "crashes", "")
	end(victims)
	return len(victims)
}

// Note writes a line of the caller's into the trace.
func (d *Driver) Note(what string) { d.line("", "note", what) }

// Trace is what happened in a run: a digest of its lines, and the lines themselves while Text is set.
type Trace struct {
	Text io.Writer // gets each line, when it is set

	sum   hash.Hash
	buf   []byte // lines that sum does not have yet, and the one that is being written
	begun int    // where that one begins
	n     uint64
}

// hashedAtOnce is how many bytes a trace's digest is given at a time: a line alone is short for that.
const hashedAtOnce = 4096

// Digest returns the SHA-256 of all lines so far, in hex.
func (t *Trace) Digest() string {
	t.digest()
	return hex.EncodeToString(t.sum.Sum(nil))
}

func (t *Trace) digest() {
	t.sum.Write(t.buf)
	t.buf = t.buf[:0]
}

// Lines returns how many lines there were.
func (t *Trace) Lines() uint64 { return t.n }

func (t *Trace) end() {
	t.buf = append(t.buf, '\n')
	t.n++
	if t.Text != nil {
		t.Text.Write(t.buf[t.begun:]) //nolint:errcheck // a trace that cannot be kept shows as a short file
	}
	if len(t.buf) >= hashedAtOnce {
		t.digest()
	}
}

func (d *Driver) begin(client, what string) {
	b := d.trace.buf
	d.trace.begun = len(b)
	b = strconv.AppendUint(b, d.step, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(time.Since(d.start)), 10)
	if client != "" {
		b = append(b, ' ')
		b = append(b, client...)
	}
	b = append(b, ' ')
	d.trace.buf = append(b, what...)
}

func (d *Driver) line(client, what, detail string) {
	d.begin(client, what)
	if detail != "" {
		d.trace.buf = append(append(d.trace.buf, ' '), detail...)
	}
	d.trace.end()
}

func (d *Driver) record(client, what string, tp kafka.TopicPartition, at kafka.Offset, r *kafka.Record) {
	d.begin(client, what)
	b := append(d.trace.buf, ' ')
	b = append(b, tp.Topic...)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(tp.Partition), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(at), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(r.Timestamp), 10)
	b = append(b, ' ')
	b = appendBytes(b, r.Key)
	b = append(b, ' ')
	d.trace.buf = appendBytes(b, r.Value)
	d.trace.end()
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	if slices.ContainsFunc(v, func(c byte) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		return strconv.AppendQuote(b, string(v))
	}
	return append(append(append(b, '"'), v...), '"')
}

// mix draws a number from a seed, a step and a name (splitmix64's finalizer).
func mix(seed, step, name uint64) uint64 {
	x := seed*0x9e3779b97f4a7c15 + step*0xd1b54a32d192ed03 ^ name
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Pending describes what has not been finished, a line each, for people.
func (d *Driver) Pending() string {
	var b []byte
	for _, f := range d.feeds {
		switch {
		case f.held != nil:
			b = append(b, "  input "+f.Name+" waits for a leader of "+f.held.tp.String()+"\n"...)
		case !f.ended:
			b = append(b, "  input "+f.Name+" has more\n"...)
		}
	}
	for _, l := range d.lanes {
		if n := l.onTheirWay(); n > 0 {
			b = append(b, "  "+l.name+" has "+strconv.Itoa(n)+" records on their way\n"...)
		}
	}
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	for _, s := range d.subs {
		if s.pos < s.end || s.handled < s.pos {
			b = append(b, "  "+s.name+" was handed offsets up to "+strconv.FormatInt(int64(s.pos), 10)+
				" of "+strconv.FormatInt(int64(s.end), 10)+" and has finished up to "+strconv.FormatInt(int64(s.handled), 10)+"\n"...)
		}
	}
	for _, c := range d.e.sortedClients() {
		for _, call := range c.pending {
			b = append(b, "  "+c.name+" waits for the answer to "+string(call.kind)+" "+call.name+"\n"...)
		}
	}
	return string(b)
}
