package seam

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// Sink takes the records of a subscription. Its methods are called by one goroutine at a time.
type Sink interface {
	// TrySend hands a record over if a receiver is waiting for it, and reports whether one was.
	TrySend(r *kafka.Record) bool
	// Send hands a record over, and waits for a receiver until stop is closed or giveUp says something; it reports
	// whether it did. A nil giveUp never does.
	Send(r *kafka.Record, stop <-chan struct{}, giveUp <-chan time.Time) bool
	// Barrier waits until the receiver comes back for more, which means that it handled what it got, or stop is closed.
	Barrier(stop <-chan struct{}) bool
	// TryBarrier is Barrier for a receiver who has come back already, and reports whether it has.
	TryBarrier() bool
	// Fail tells why no more records will come. End follows.
	Fail(err error)
	// End says that nothing is sent any more.
	End()
}

// Subscription hands the records of one partition to a sink, in order, from a position on.
type Subscription struct {
	c         *Client
	tp        kafka.TopicPartition
	sink      Sink
	claim     bool // belongs to a group's member, which marks what it handled
	away      bool // of a driven cluster: whether the receiver has come back for more is not known
	committed bool // isolation.level=read_committed
	name      string
	hash      uint64
	stop      chan struct{} // closed by Close
	finished  chan struct{} // closed after sink.End
	wake      chan struct{} // capacity 1: there is something to look at
	high      atomic.Int64  // the high watermark, as of the last step

	// guarded by the engine's mu
	log     *plog.Log
	part    *cluster.Partition
	pos     kafka.Offset // of the next record to hand out
	end     kafka.Offset // where the readable records end
	handled kafka.Offset // all below was handled
	paused  bool
	gone    bool // the partition was deleted
	closed  bool
	ended   bool
	sending bool // by hand: a Send is under way
	waiters []reachedWaiter
	waiting bool   // for the answer to a fetch, or for the time of the next one
	fetched bool   // a fetch was answered whose records were not read yet
	try     uint64 // number of the fetch
	broken  error  // why no more can be fetched
	backoff time.Duration

	// owned by who delivers
	ahead []kafka.Record // read and not handed out yet
	space []kafka.Record // of ahead, to be used again
	next  kafka.Offset   // position after ahead
	room  []byte         // of giveAway
	busy  bool           // driven: the receiver did not wait for a record
}

type reachedWaiter struct {
	offset kafka.Offset
	ch     chan struct{}
}

// SubscribeOptions are what Subscribe can be told beyond the place.
type SubscribeOptions struct {
	Claim         bool // a group's member marks what it handled: see Handled
	ReadCommitted bool // stop at the last stable offset, leave out what was aborted
	Paused        bool
	Backoff       time.Duration // after a fetch that failed: 2 s for 0
}

// Subscribe starts handing out the records of a partition from an offset on, which may be OffsetEarliest or
// OffsetLatest. It fails with kafka.OffsetOutOfRange when the offset lies outside of the log, and with
// kafka.LeaderNotAvailable while the partition has no leader. One that loses its leader later waits for the next.
func (c *Client) Subscribe(ctx context.Context, tp kafka.TopicPartition, from kafka.Offset, sink Sink, o SubscribeOptions) (*Subscription, error) {
	place := tp.String()
	s := &Subscription{
		c: c, tp: tp, sink: sink, claim: o.Claim, committed: o.ReadCommitted, paused: o.Paused,
		name:     c.name + " " + place,
		hash:     hashName("deliver " + c.name + " " + place),
		stop:     make(chan struct{}),
		finished: make(chan struct{}),
		wake:     make(chan struct{}, 1),
		backoff:  cmp.Or(o.Backoff, retryFetch),
	}
	_, err := c.Ask(ctx, "subscribe", place, func(core *cluster.Cluster, _ kafka.Millis, call *Call) {
		call.resolve(nil, c.e.subscribe(core, s, from))
	})
	if err != nil {
		return nil, err
	}
	if c.e.pumps(s) {
		go s.pump()
	}
	return s, nil
}

// pumps reports whether a goroutine of its own hands out the records of s.
func (e *Engine) pumps(s *Subscription) bool {
	return e.mode == Free || e.mode == ByHand && !s.claim
}

func (e *Engine) subscribe(core *cluster.Cluster, s *Subscription, from kafka.Offset) error {
	p := core.Partition(s.tp.Topic, s.tp.Partition)
	if p == nil {
		return kafka.UnknownTopicOrPartition
	}
	if s.c.closed {
		return ErrClosed
	}
	if p.Leader == cluster.NoLeader {
		return &cluster.Error{Code: kafka.LeaderNotAvailable, Detail: s.tp.String() + " has no leader"}
	}
	s.log, s.part = p.Log, p
	s.end = s.readable(p.Log)
	s.high.Store(int64(p.Log.HighWatermark()))
	switch {
	case from == kafka.OffsetEarliest:
		from = p.Log.LogStart()
	case from == kafka.OffsetLatest:
		from = p.Log.HighWatermark() // also for committed records only, as sarama asks for it
	case from < p.Log.LogStart() || from > p.Log.LogEnd():
		return &cluster.Error{Code: kafka.OffsetOutOfRange, Detail: s.tp.String() + " does not have this offset any more, or not yet"}
	}
	s.pos, s.next, s.handled = from, from, from
	e.subs[p] = insertSub(e.subs[p], s)
	s.c.subs = insertSubInPlace(s.c.subs, s)
	e.hand.add(s)
	if e.driver != nil {
		e.driver.add(s)
	}
	return nil
}

// compareSubs is the fixed order of subscriptions: tables and views before claims, then by client, then by partition.
func compareSubs(a, b *Subscription) int {
	switch {
	case a.claim != b.claim && !a.claim:
		return -1
	case a.claim != b.claim:
		return 1
	}
	return cmp.Or(cmp.Compare(a.c.name, b.c.name), a.tp.Compare(b.tp))
}

func insertSub(subs []*Subscription, s *Subscription) []*Subscription {
	return insertSubInPlace(slices.Clone(subs), s)
}

// insertSubInPlace and removeSubInPlace are for lists that are read under the engine's mu only.
func insertSubInPlace(subs []*Subscription, s *Subscription) []*Subscription {
	i, _ := slices.BinarySearchFunc(subs, s, compareSubs)
	return slices.Insert(subs, i, s)
}

func removeSubInPlace(subs []*Subscription, s *Subscription) []*Subscription {
	if i := slices.Index(subs, s); i >= 0 {
		return slices.Delete(subs, i, i+1)
	}
	return subs
}

func removeSub(subs []*Subscription, s *Subscription) []*Subscription {
	if i := slices.Index(subs, s); i >= 0 {
		return slices.Delete(slices.Clone(subs), i, i+1)
	}
	return subs
}

func (s *Subscription) readable(l *plog.Log) kafka.Offset {
	if s.committed {
		return l.LastStable()
	}
	return l.HighWatermark()
}

// available is told, with mu held, that the log grew, or was deleted.
func (s *Subscription) available(l *plog.Log, gone bool) {
	s.end, s.gone = s.readable(l), gone
	s.high.Store(int64(l.HighWatermark()))
	s.signal()
	if gone {
		s.c.e.hand.signal()
	}
}

// deliverable reports, with mu held, whether there is something to tell the receiver: a record, or the end.
func (s *Subscription) deliverable() bool {
	return s.gone || s.broken != nil || s.more() && !s.waiting
}

// more reports, with mu held, whether there is something to read, now or after a wait: records, or that a new leader has
// lost what was read.
func (s *Subscription) more() bool {
	return !s.paused && (s.pos < s.end || s.pos > s.log.LogEnd()) && (len(s.ahead) > 0 || s.part.Leader != cluster.NoLeader)
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// TP returns the partition.
func (s *Subscription) TP() kafka.TopicPartition { return s.tp }

// Name names the subscription in traces and errors.
func (s *Subscription) Name() string { return s.name }

// Client returns whose subscription it is.
func (s *Subscription) Client() *Client { return s.c }

// HighWatermark returns the present high watermark of the partition. It waits for nobody.
func (s *Subscription) HighWatermark() kafka.Offset { return kafka.Offset(s.high.Load()) }

// Position returns the offset of the next record to hand out.
func (s *Subscription) Position() kafka.Offset {
	s.c.e.mu.Lock()
	defer s.c.e.mu.Unlock()
	return s.pos
}

// Pause stops handing out records until Resume; one may still be on its way.
func (s *Subscription) Pause() { s.setPaused(true) }

// Resume ends Pause.
func (s *Subscription) Resume() { s.setPaused(false) }

func (s *Subscription) setPaused(p bool) {
	s.c.e.mu.Lock()
	s.paused = p
	s.signal()
	s.c.e.hand.signal()
	s.c.e.mu.Unlock()
}

// Paused reports whether Pause is in force.
func (s *Subscription) Paused() bool {
	s.c.e.mu.Lock()
	defer s.c.e.mu.Unlock()
	return s.paused
}

// Handled says that every record below next was handled. Members of groups call it as they mark.
func (s *Subscription) Handled(next kafka.Offset) {
	if s.c.e.mode == Free {
		return // where nobody waits for it
	}
	s.c.e.mu.Lock()
	if next > s.handled {
		s.handled = next
		s.c.e.hand.moves++
		s.c.e.hand.signal()
	}
	s.c.e.mu.Unlock()
}

// Reached returns a channel that is closed once every record below offset was handed out and the position is at or
// past offset, or the subscription ended.
func (s *Subscription) Reached(offset kafka.Offset) <-chan struct{} {
	ch := make(chan struct{})
	s.c.e.mu.Lock()
	defer s.c.e.mu.Unlock()
	if s.closed || s.pos >= offset {
		close(ch)
		return ch
	}
	s.waiters = append(s.waiters, reachedWaiter{offset, ch})
	return ch
}

// tellReached closes the channels of those who waited for the position. Called with mu held.
func (s *Subscription) tellReached() {
	if len(s.waiters) == 0 {
		return
	}
	s.waiters = slices.DeleteFunc(s.waiters, func(w reachedWaiter) bool {
		if !s.closed && s.pos < w.offset {
			return false
		}
		close(w.ch)
		return true
	})
}

// Close ends the subscription: no record is handed out any more, and the sink is told so. It does not wait; Finished
// does. It may be called twice.
func (s *Subscription) Close() {
	e := s.c.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.stop)
	if others := removeSub(e.subs[s.part], s); len(others) > 0 {
		e.subs[s.part] = others
	} else {
		delete(e.subs, s.part)
	}
	s.c.subs = removeSubInPlace(s.c.subs, s)
	e.hand.remove(s)
	s.tellReached()
	if e.driver != nil {
		e.driver.remove(s)
	}
	if !e.pumps(s) && !s.sending {
		s.endSink()
	}
}

// Finished is closed when nothing is sent any more.
func (s *Subscription) Finished() <-chan struct{} { return s.finished }

// endSink is called once, by whoever is the last that may send.
func (s *Subscription) endSink() {
	if s.ended {
		return
	}
	s.ended = true
	s.sink.End()
	close(s.finished)
}

// fill reads ahead when nothing is left to hand out. Called with mu held.
func (s *Subscription) fill(maxRecords int) error {
	switch {
	case s.gone:
		return kafka.UnknownTopicOrPartition
	case s.broken != nil:
		return s.broken
	case len(s.ahead) > 0:
		return nil
	case !s.fetches():
		return s.broken
	}
	s.fetched = false
	var err error
	s.ahead, s.next, err = s.log.ReadInto(s.space, s.pos, maxRecords, s.committed)
	s.space = s.ahead[:0]
	if err != nil {
		return err
	}
	s.room = giveAway(s.ahead, s.room)
	s.chargeFetch(s.ahead)
	if len(s.ahead) == 0 && s.next > s.pos {
		s.pos = s.next // only holes were left
		s.tellReached()
	}
	return nil
}

// took notes, with mu held, that the first record of ahead was handed out.
func (s *Subscription) took() {
	if len(s.ahead) > 1 {
		s.pos = s.ahead[1].Offset
		s.ahead = s.ahead[1:]
	} else {
		s.pos = s.next
		s.ahead = s.space
	}
	s.tellReached()
}

// moved notes that every record below pos was handed out.
func (s *Subscription) moved(pos kafka.Offset) {
	e := s.c.e
	e.mu.Lock()
	defer e.mu.Unlock()
	s.pos = pos
	if !s.c.barriers {
		s.handled = pos
	}
	s.tellReached()
	e.hand.moves++
	e.hand.signal()
}

// giveAway makes the bytes of records their receiver's own, who may change them in place as those of a fetch response:
// what the log handed out is its memory. The records share one new piece of it, short ones also with those that follow them:
// room is what is left.
func giveAway(records []kafka.Record, room []byte) []byte {
	n := 0
	for i := range records {
		r := &records[i]
		n += len(r.Key) + len(r.Value)
		for _, h := range r.Headers {
			n += len(h.Value)
		}
	}
	if n == 0 {
		return room
	}
	memory := room[:0]
	switch {
	case n <= cap(room):
	case n <= roomBytes/8:
		memory = make([]byte, 0, roomBytes)
	default:
		memory = make([]byte, 0, n)
	}
	own := func(b []byte) []byte {
		if len(b) == 0 {
			return b // null stays null, and empty empty
		}
		at := len(memory)
		memory = append(memory, b...)
		return memory[at:len(memory):len(memory)]
	}
	for i := range records {
		r := &records[i]
		r.Key, r.Value = own(r.Key), own(r.Value)
		for j := range r.Headers {
			r.Headers[j].Value = own(r.Headers[j].Value)
		}
	}
	return memory[len(memory):]
}

// roomBytes is how much memory is taken for short records at a time.
const roomBytes = 512

const pumpRecords = 512 // read at once by a pump

// pump hands out records until the subscription is closed.
func (s *Subscription) pump() {
	e := s.c.e
	defer func() {
		e.mu.Lock()
		s.endSink()
		e.hand.signal()
		e.mu.Unlock()
	}()
	var buf []kafka.Record
	for {
		var err error
		e.mu.Lock()
		closed, pos := s.closed, s.pos
		buf = buf[:0]
		next := pos
		switch {
		case s.gone:
			err = kafka.UnknownTopicOrPartition
		case s.broken != nil:
			err = s.broken
		case closed, !s.more(), !s.fetches():
		default:
			s.fetched = false
			buf, next, err = s.log.ReadInto(buf, pos, pumpRecords, s.committed)
			s.room = giveAway(buf, s.room)
			s.chargeFetch(buf)
		}
		if len(buf) == 0 && next > pos { // nothing but holes
			s.pos = next
			s.handled = max(s.handled, pos)
			s.tellReached()
			e.hand.moves++
			e.hand.signal()
		}
		barrier := e.mode == ByHand && s.c.barriers && s.handled < pos
		e.unlock()

		switch {
		case closed:
			return
		case err != nil:
			s.sink.Fail(err)
			s.Close()
			return
		case len(buf) > 0:
			for i := range buf {
				if !s.sink.Send(&buf[i], s.stop, nil) {
					return
				}
				if e.mode == ByHand && i+1 < len(buf) { // somebody may wait for a sign of life
					s.moved(buf[i+1].Offset)
				}
			}
			s.moved(next)
		case next > pos:
		case barrier:
			if !s.sink.Barrier(s.stop) {
				return
			}
			s.Handled(pos)
		default:
			select {
			case <-s.wake:
			case <-s.stop:
				return
			}
		}
	}
}
