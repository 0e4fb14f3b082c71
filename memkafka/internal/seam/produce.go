package seam

import (
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Emit is one record on its way from a producer into a partition.
type Emit struct {
	TP     kafka.TopicPartition
	Record kafka.Record
	Source kafka.Source // who sent it, for the order of simultaneous emits

	// Done is called once with the offset and the timestamp that the record got, or with the error. It must not block.
	Done func(offset kafka.Offset, timestamp kafka.Millis, err error)

	client *Client
	seq    uint64
	at     time.Time
	offset kafka.Offset // once appended
	stamp  kafka.Millis
	err    error
}

// Produce sends records. Free and by hand they are appended before it returns, neighbours with the same partition as
// one batch, and Done is called by the same goroutine; driven, a driver appends and acknowledges them one by one, later.
func (c *Client) Produce(emits []*Emit) {
	e := c.e
	e.mu.Lock()
	if c.closed {
		e.mu.Unlock()
		for _, m := range emits {
			m.Done(kafka.NoOffset, kafka.NoTimestamp, ErrClosed)
		}
		return
	}
	if e.mode == Driven {
		for _, m := range emits {
			c.seq++
			m.client, m.seq = c, c.seq
			e.driver.postEmit(m)
		}
		e.mu.Unlock()
		return
	}
	now := nowMillis()
	for i := 0; i < len(emits); {
		j := i + 1
		for j < len(emits) && emits[j].TP == emits[i].TP {
			j++
		}
		e.appendEmits(now, emits[i:j])
		i = j
	}
	e.mu.Unlock()
	for _, m := range emits {
		m.Done(m.offset, m.stamp, m.err)
	}
}

// appendEmits appends emits of one partition as one batch. Called with mu held.
func (e *Engine) appendEmits(now kafka.Millis, emits []*Emit) {
	records := make([]kafka.Record, len(emits))
	for i, m := range emits {
		records[i] = m.Record
		if m.Record.Timestamp < 0 {
			records[i].Timestamp = now
		}
		m.stamp = records[i].Timestamp
	}
	a, err := e.append(now, emits[0].TP, batch.FromRecords(records))
	for i, m := range emits {
		if err != nil {
			m.offset, m.stamp, m.err = kafka.NoOffset, kafka.NoTimestamp, err
			continue
		}
		m.offset = a.Base + kafka.Offset(i)
		if a.LogAppendTime >= 0 {
			m.stamp = a.LogAppendTime
		}
	}
}
