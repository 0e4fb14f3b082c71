package seam

import (
	"slices"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// Sending is how a producer goes on when a batch is not acknowledged.
type Sending struct {
	Retries    int                           // of a batch (Producer.Retry.Max)
	Backoff    func(tries int) time.Duration // before a retry, counted from 1; nil for none
	Idempotent bool                          // a batch that arrives twice is appended once
	Unheard    bool                          // acks=0: the broker does not answer
	Timeout    time.Duration                 // how long the broker waits for replicas (Producer.Timeout)
	Create     bool                          // a topic that is gone is made again before a retry, if the cluster lets clients do that
}

// SetSending says how the client's Produce goes on after failures: not at all unless set.
func (c *Client) SetSending(s Sending) {
	c.e.mu.Lock()
	c.sends = s
	c.e.unlock()
}

// shipment is a batch on its way into a partition, from its first request until its result is known.
type shipment struct {
	c     *Client
	emits []*Emit
	one   [1]*Emit // driven: where emits is
	lane  *lane    // driven: where it comes from
	tries int
	over  bool

	numbered bool // it has these two
	from     *Producer
	first    int32

	late []*Emit // copies of emits, for a request that may arrive when they are somebody else's again

	appended bool // once at least
	result   plog.Appended
	epoch    kafka.Epoch
}

// route is the batches of a producer for one partition, in order. The first is on its way, the others wait behind it.
type route struct{ queue []*shipment }

// line puts a batch behind those of its partition. Called with mu held.
func (c *Client) line(b *shipment) {
	if c.queue(b) == 1 {
		c.e.ship(b)
	}
}

// queue puts a batch behind those of its partition, and tells how many there are then. Called with mu held.
func (c *Client) queue(b *shipment) int {
	tp := b.emits[0].TP
	if c.routes == nil {
		c.routes = map[kafka.TopicPartition]*route{}
	}
	r := c.routes[tp]
	if r == nil {
		r = &route{}
		c.routes[tp] = r
	}
	r.queue = append(r.queue, b)
	c.e.shipments++
	return len(r.queue)
}

// ship sends a batch, for the first time or again. Called with mu held.
func (e *Engine) ship(b *shipment) {
	if pause := b.c.muted(); pause > 0 {
		e.after(pause, func(kafka.Millis) {
			if !b.over {
				e.ship(b)
			}
		})
		return
	}
	if !b.numbered {
		b.numbered = true
		b.from, b.first = b.c.numbersOf(b.emits)
		b.c.takeNumbers(b.emits)
	}
	if e.direct(b) { // as most are
		e.land(b)
		return
	}
	v := &fault.Verdict{}
	if e.faults != nil {
		op := Op{Name: "produce", ClientID: b.c.id, Partitions: []kafka.TopicPartition{b.emits[0].TP}}
		if b.from != nil && b.from.TransactionalID != "" {
			op.TransactionalIDs = []string{b.from.TransactionalID}
		}
		op.Broker = e.brokerOf(op)
		judged := e.judge(op)
		v = &judged
	}
	try := b.tries
	lose := func(err error) {
		if b.tries == try {
			e.fail(b, err)
		}
	}
	arrive := func(now kafka.Millis) { e.arrive(now, b, v, try, lose) }
	if b.c.sends.Unheard && !v.Arrives() { // nobody waits for an answer, so nobody knows
		e.finish(b)
		return
	}
	if v.DelayRequest >= b.c.patience && b.late == nil {
		for _, m := range b.emits {
			late := *m
			b.late = append(b.late, &late)
		}
	}
	e.travel(v, b.c.patience, arrive, lose)
}

// direct reports whether nothing can be in the way of a batch. Called with mu held.
func (e *Engine) direct(b *shipment) bool { return e.faults == nil && len(b.c.held) == 0 }

// land lets a batch have its effect that no fault is to meet, and answers it.
func (e *Engine) land(b *shipment) {
	err := e.effect(nowMillis(), b, b.emits)
	switch {
	case b.c.sends.Unheard:
		settle(b.emits, b.result, nil)
		e.finish(b)
		return
	case err == nil && b.emits[0].All:
		if p := e.core.Partition(b.emits[0].TP.Topic, b.emits[0].TP.Partition); p != nil {
			done, refused := e.core.Replicated(p, b.result.Last, b.epoch)
			if !done && refused == nil {
				try := b.tries
				e.copy(b, b.emits[0].TP, func(err error) {
					if b.tries == try {
						e.heard(b, err)
					}
				})
				return
			}
			err = refused
		}
	}
	e.heard(b, err)
}

// copy has an appended batch wait for its replicas.
func (e *Engine) copy(b *shipment, tp kafka.TopicPartition, reply func(err error)) {
	c := &copying{tp, b, reply}
	p := e.core.Partition(c.tp.Topic, c.tp.Partition)
	if p == nil {
		reply(nil)
		return
	}
	if c.look(e.core, p) {
		return
	}
	e.copying = append(e.copying, c)
	e.after(b.c.sends.Timeout, func(kafka.Millis) {
		if c.reply != nil {
			e.copied(c, kafka.RequestTimedOut)
		}
	})
}

// arrive lets a batch have its effect, and sees to the answer.
func (e *Engine) arrive(now kafka.Millis, b *shipment, v *fault.Verdict, try int, lose func(err error)) {
	emits := b.emits
	if b.over {
		if emits = b.late; emits == nil || b.c.closed && e.driver != nil {
			return // a dead client's request has no step
		}
	}
	op := Op{Partitions: []kafka.TopicPartition{emits[0].TP}}
	reply := func(err error) {
		if code, _ := whole(v.After, &op); code != kafka.None && err == nil {
			err = code
		}
		e.answer(v, b.c, func() {
			if b.tries == try {
				e.heard(b, err)
			}
		}, lose)
	}
	if code, _ := whole(v.Before, &op); code != kafka.None {
		reply(code)
		return
	}
	err := e.effect(now, b, emits)
	for range v.Duplicates {
		if err == nil {
			_ = e.effect(now, b, emits) // the first answer counts
		}
	}
	if b.c.sends.Unheard {
		settle(b.emits, b.result, nil)
		e.finish(b)
		return
	}
	if err == nil && emits[0].All {
		e.copy(b, emits[0].TP, reply)
		return
	}
	reply(err)
}

// effect appends a batch, once only for an idempotent producer.
func (e *Engine) effect(now kafka.Millis, b *shipment, emits []*Emit) error {
	if b.appended && b.c.sends.Idempotent {
		return nil
	}
	a, err := e.appendBatch(now, emits, b.from, b.first)
	if e.throttles.Load() {
		e.chargeBatch(now, b.c, emits)
	}
	if err == nil && !b.appended {
		b.appended, b.result = true, a
		b.epoch = e.core.Partition(emits[0].TP.Topic, emits[0].TP.Partition).LeaderEpoch
	}
	if d := e.driver; d != nil {
		if m := emits[0]; err != nil {
			d.line(b.c.name, "append fails", m.TP.String()+" "+err.Error())
		} else {
			d.record(b.c.name, "appends", m.TP, a.Base, &m.Record)
		}
	}
	return err
}

// copying is a batch that waits for the replicas.
type copying struct {
	tp    kafka.TopicPartition
	b     *shipment
	reply func(err error) // nil once it was called
}

// look answers if all in-sync replicas have the batch, or none will, and reports whether it did.
func (c *copying) look(core *cluster.Cluster, p *cluster.Partition) bool {
	done, err := core.Replicated(p, c.b.result.Last, c.b.epoch)
	if !done && err == nil {
		return false
	}
	reply := c.reply
	c.reply = nil
	reply(err)
	return true
}

// copied ends the wait of a batch for the replicas.
func (e *Engine) copied(c *copying, err error) {
	e.copying = slices.DeleteFunc(e.copying, func(o *copying) bool { return o == c })
	reply := c.reply
	c.reply = nil
	reply(err)
}

// lookAtCopies answers batches that waited for the replicas of a partition. Called with mu held.
func (e *Engine) lookAtCopies(p *cluster.Partition, gone bool) {
	for _, c := range slices.Clone(e.copying) {
		switch {
		case c.tp != p.TP || c.reply == nil:
		case gone:
			e.copied(c, kafka.UnknownTopicOrPartition)
		case c.look(e.core, p):
			e.copying = slices.DeleteFunc(e.copying, func(o *copying) bool { return o == c })
		}
	}
}

// heard is told what the broker answered.
func (e *Engine) heard(b *shipment, err error) {
	if err != nil {
		e.fail(b, err)
		return
	}
	settle(b.emits, b.result, nil)
	e.finish(b)
}

// retried are the errors after which sarama's producer sends a batch again.
var retried = []kafka.ErrorCode{
	kafka.CorruptMessage, kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderOrFollower, kafka.RequestTimedOut,
	kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend, kafka.KafkaStorageError,
}

// retriable reports whether sarama's producer sends a batch again after an error: one of those, no answer, or a connection
// that was closed.
func retriable(err error) bool {
	code := codeOf(err)
	return code == kafka.None || slices.Contains(retried, code)
}

// fail is told that a batch failed; it is sent again if there is sense in that.
func (e *Engine) fail(b *shipment, err error) {
	if b.over {
		return
	}
	if codeOf(err) == kafka.DuplicateSequenceNumber { // as sarama has it: an earlier try was appended
		settle(b.emits, b.result, nil)
		e.finish(b)
		return
	}
	b.tries++
	if !retriable(err) || b.tries > b.c.sends.Retries {
		b.c.giveUp(b.from)
		settle(b.emits, plog.Appended{}, err)
		e.finish(b)
		return
	}
	pause := time.Duration(0)
	if b.c.sends.Backoff != nil {
		pause = b.c.sends.Backoff(b.tries)
	}
	try := b.tries
	e.after(pause, func(kafka.Millis) {
		if !b.over && b.tries == try {
			e.revive(b)
			e.ship(b)
		}
	})
}

// revive makes the topic of a batch again if it is gone, as the metadata request does that comes before a retry.
func (e *Engine) revive(b *shipment) {
	tp := b.emits[0].TP
	if b.c.sends.Create && e.core.Topic(tp.Topic) == nil {
		_, _ = e.core.AutoCreate(tp.Topic) // or else the retry fails
	}
}

// finish hands the results of a batch out, and sends what waited behind it.
func (e *Engine) finish(b *shipment) {
	if b.over {
		return
	}
	b.over = true
	if b.lane != nil {
		b.lane.shipment = nil
		b.lane.unacked = append(b.lane.unacked, b.emits...)
		return
	}
	e.shipments--
	e.finished = append(e.finished, b.emits...)
	e.hand.moves++
	e.hand.signal()
	tp := b.emits[0].TP
	r := b.c.routes[tp]
	if r == nil {
		return
	}
	r.queue = slices.Delete(r.queue, 0, 1)
	if len(r.queue) == 0 {
		delete(b.c.routes, tp)
		return
	}
	e.ship(r.queue[0])
}

// abandon gives up what a client that was closed has on its way. Called with mu held.
func (e *Engine) abandon(c *Client) {
	for tp, r := range c.routes {
		delete(c.routes, tp)
		for _, b := range r.queue {
			b.over = true
			e.shipments--
			settle(b.emits, plog.Appended{}, ErrClosed)
			e.finished = append(e.finished, b.emits...)
		}
	}
}
