package seam

import (
	"slices"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// Producer names the idempotent producer behind the records of a client (KIP-98).
type Producer struct {
	ID              int64
	Epoch           kafka.Epoch
	TransactionalID string // empty outside of transactions
}

// SetProducer says who sends what Produce is given from now on: an idempotent producer, whose records are numbered, from 0 on
// in each partition. Outside of transactions the epoch grows whenever a batch is given up, since nothing fills its gap.
func (c *Client) SetProducer(p Producer) {
	c.e.mu.Lock()
	c.producer = &p
	c.e.unlock()
}

// numbering is where an idempotent producer is in a partition.
type numbering struct {
	producer *Producer // another one begins with 0
	next     int32
}

// Emit is one record on its way from a producer into a partition.
type Emit struct {
	TP     kafka.TopicPartition
	Record kafka.Record
	Source kafka.Source // who sent it, for the order of simultaneous emits
	Tag    any          // the producer's own
	All    bool         // acks=all: refused while fewer replicas are in sync than min.insync.replicas asks for, acknowledged when all have it

	// Done is called once the result is known, unless Produce returned true. It must not block.
	Done func(m *Emit)

	// The result: the offset that the record got, and the timestamp if the broker gave it one (LogAppendTime), or the error.
	Offset    kafka.Offset
	Timestamp kafka.Millis
	Err       error

	client *Client
	seq    uint64
	at     time.Time

	refused bool   // by its own client
	to      string // the topic, then

	goroutine uint64 // that sent it, while a driver detects ambiguity
}

func (m *Emit) fail(err error) {
	m.Offset, m.Timestamp, m.Err = kafka.NoOffset, kafka.NoTimestamp, err
}

// Produce sends batches, the emits of each being for one partition. Free and by hand they are appended before it returns
// true, and have their results, unless something is in the way: a fault, replicas that lag, a batch before them, an error
// that may pass. Then it returns false, as it does driven, and Done is called for each emit, later. Driven, they are appended
// and acknowledged one by one. An emit is its sender's again when it has its result. A client must not call it from two
// goroutines at once.
func (c *Client) Produce(batches ...[]*Emit) (done bool) {
	e := c.e
	e.mu.Lock()
	defer e.unlock()
	if c.closed {
		for _, b := range batches {
			for _, m := range b {
				m.fail(ErrClosed)
			}
		}
		return true
	}
	if e.mode == Driven {
		for _, b := range batches {
			for _, m := range b {
				c.seq++
				m.client, m.seq = c, c.seq
				e.driver.postEmit(m)
			}
		}
		return false
	}
	now := nowMillis()
	if e.faults != nil || len(c.routes) > 0 || e.core.Held() || e.throttles.Load() {
		for _, b := range batches {
			c.line(&shipment{c: c, emits: slices.Clone(b)})
		}
		return false
	}
	for i, b := range batches {
		from, first := c.numbersOf(b)
		a, err := e.appendBatch(now, b, from, first)
		if err != nil && c.sends.Retries > 0 && retriable(err) && !c.sends.Unheard {
			c.retry(batches[:i], batches[i:], err)
			return false
		}
		if err == nil {
			c.takeNumbers(b)
		} else {
			c.giveUp(from)
		}
		settle(b, a, err)
	}
	return true
}

// Refuse gives an emit to a topic its error, since it is not sent, and returns true. Driven, whoever made it goes on
// meanwhile, so that it returns false and Done is called later, by an event of its own.
func (c *Client) Refuse(m *Emit, topic string, err error) (done bool) {
	m.fail(err)
	e := c.e
	if e.mode != Driven {
		return true
	}
	e.mu.Lock()
	defer e.unlock()
	if c.closed {
		return true
	}
	c.seq++
	m.client, m.seq, m.refused, m.to = c, c.seq, true, topic
	e.driver.postEmit(m)
	return false
}

// retry is told that the first of the batches in rest was not appended, for a reason that may pass: that one is sent again
// later, the others now. Those before have their results.
func (c *Client) retry(before, rest [][]*Emit, err error) {
	for _, b := range before {
		c.e.finished = append(c.e.finished, b...)
	}
	failed := &shipment{c: c, emits: slices.Clone(rest[0])}
	failed.from, failed.first = c.numbersOf(rest[0])
	failed.numbered = true
	c.takeNumbers(rest[0])
	c.queue(failed)
	c.e.fail(failed, err)
	for _, b := range rest[1:] {
		c.line(&shipment{c: c, emits: slices.Clone(b)})
	}
}

// numbersOf is who sends a batch, nil for nobody in particular, and the number of its first record. Called with mu held.
func (c *Client) numbersOf(emits []*Emit) (from *Producer, first int32) {
	if c.producer == nil {
		return nil, 0
	}
	tp := emits[0].TP
	n := c.numbered[tp]
	if n == nil {
		n = &numbering{}
		if c.numbered == nil {
			c.numbered = map[kafka.TopicPartition]*numbering{}
		}
		c.numbered[tp] = n
	}
	if n.producer != c.producer {
		*n = numbering{producer: c.producer}
	}
	return c.producer, n.next
}

// takeNumbers uses up the numbers of a batch. Called with mu held, after numbersOf.
func (c *Client) takeNumbers(emits []*Emit) {
	if c.producer != nil {
		n := c.numbered[emits[0].TP]
		n.next = batch.AddSequence(n.next, int32(len(emits)))
	}
}

// giveUp is told that a batch of a producer was not appended and will not be: the next ones come under a new epoch. Called
// with mu held.
func (c *Client) giveUp(from *Producer) {
	if from == nil || from != c.producer || from.TransactionalID != "" {
		return
	}
	next := *from
	if next.Epoch++; next.Epoch < 0 {
		next = Producer{ID: c.e.core.NewProducerID()}
	}
	c.producer = &next
}

// settle notes the result of a batch.
func settle(emits []*Emit, a plog.Appended, err error) {
	for i, m := range emits {
		if err != nil {
			m.fail(err)
			continue
		}
		m.Offset, m.Timestamp, m.Err = a.Base+kafka.Offset(i), a.LogAppendTime, nil
	}
}

// appendBatch appends emits of one partition as one batch. Called with mu held.
func (e *Engine) appendBatch(now kafka.Millis, emits []*Emit, from *Producer, first int32) (plog.Appended, error) {
	tp := emits[0].TP
	p := e.core.Partition(tp.Topic, tp.Partition)
	if p == nil {
		return plog.Appended{}, kafka.UnknownTopicOrPartition
	}
	if emits[0].All {
		if err := e.core.CheckProduce(p, -1); err != nil {
			return plog.Appended{}, err
		}
	}
	records := e.scratch[:0]
	for _, m := range emits {
		r := m.Record
		if r.Timestamp < 0 {
			r.Timestamp = now
		}
		records = append(records, r)
	}
	defer e.release(records)
	if from == nil {
		return e.append(now, tp, e.arena.FromRecords(records))
	}
	producer := batch.WithProducer(from.ID, from.Epoch, first)
	if from.TransactionalID == "" {
		return e.append(now, tp, e.arena.FromRecords(records, producer))
	}
	a, err := e.core.ProduceTransactional(now, p, e.arena.FromRecords(records, producer, batch.Transactional()), from.TransactionalID, false)
	e.afterStep() // the transaction coordinator was asked
	return a, err
}
