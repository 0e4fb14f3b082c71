package seam

import (
	"slices"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

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
}

func (m *Emit) fail(err error) {
	m.Offset, m.Timestamp, m.Err = kafka.NoOffset, kafka.NoTimestamp, err
}

// Produce sends records. Free and by hand they are appended before it returns true, those of one partition as one batch,
// and have their results, unless something is in the way: a fault, replicas that lag, a batch before them. Then it returns
// false, as it does driven, and Done is called for each, later. Driven, they are appended and acknowledged one by one. A
// client must not call it from two goroutines at once.
func (c *Client) Produce(emits []*Emit) (done bool) {
	e := c.e
	e.mu.Lock()
	defer e.unlock()
	if c.closed {
		for _, m := range emits {
			m.fail(ErrClosed)
		}
		return true
	}
	if e.mode == Driven {
		for _, m := range emits {
			c.seq++
			m.client, m.seq = c, c.seq
			e.driver.postEmit(m)
		}
		return false
	}
	now := nowMillis()
	if e.faults != nil || len(c.routes) > 0 || e.core.Held() {
		for _, b := range c.sort(emits) {
			c.line(&shipment{c: c, emits: slices.Clone(b.emits)})
			clear(b.emits)
			b.emits = b.emits[:0]
		}
		return false
	}
	if len(emits) == 1 {
		e.appendEmits(now, emits)
	} else {
		for _, b := range c.sort(emits) {
			e.appendEmits(now, b.emits)
			clear(b.emits)
			b.emits = b.emits[:0]
		}
	}
	return true
}

// bucket collects the emits of one partition.
type bucket struct {
	emits []*Emit
}

// sort puts emits into buckets by partition, in the order in which the partitions occur first.
func (c *Client) sort(emits []*Emit) []*bucket {
	if c.buckets == nil {
		c.buckets = map[kafka.TopicPartition]*bucket{}
	}
	c.filled = c.filled[:0]
	for _, m := range emits {
		b := c.buckets[m.TP]
		if b == nil {
			b = &bucket{}
			c.buckets[m.TP] = b
		}
		if len(b.emits) == 0 {
			c.filled = append(c.filled, b)
		}
		b.emits = append(b.emits, m)
	}
	return c.filled
}

// appendEmits appends emits of one partition as one batch, and tells them what came of it. Called with mu held.
func (e *Engine) appendEmits(now kafka.Millis, emits []*Emit) {
	a, err := e.appendBatch(now, emits)
	settle(emits, a, err)
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
func (e *Engine) appendBatch(now kafka.Millis, emits []*Emit) (plog.Appended, error) {
	tp := emits[0].TP
	if emits[0].All {
		if p := e.core.Partition(tp.Topic, tp.Partition); p != nil {
			if err := e.core.CheckProduce(p, -1); err != nil {
				return plog.Appended{}, err
			}
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
	return e.append(now, tp, batch.FromRecords(records))
}
