package replay

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
)

// feed writes the records of the input into their partitions.
type feed struct {
	producer sarama.AsyncProducer
	counts   map[*topic]int64 // what was sent, by topic
	sent     atomic.Int64
	results  sync.WaitGroup // the goroutines that read results

	mu       sync.Mutex // guards all below
	changed  *sync.Cond // when inFlight becomes 0
	inFlight int
	failed   error // the first failure
	spare    []*fedRecord
}

// fedRecord is a record on its way, used again when it has arrived.
type fedRecord struct {
	msg        sarama.ProducerMessage
	key, value content
	file       string
	line       int
}

// content is a sarama.Encoder that costs no allocation, since it points to a field.
type content []byte

func (c *content) Encode() ([]byte, error) { return *c, nil }
func (c *content) Length() int             { return len(*c) }

func newFeed(c *cluster) (*feed, error) {
	config := *c.config
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := c.door.NewAsyncProducer(c.brokers, &config)
	if err != nil {
		return nil, fmt.Errorf("making a producer for %s: %w", c, err)
	}
	f := &feed{producer: producer, counts: map[*topic]int64{}}
	f.changed = sync.NewCond(&f.mu)
	f.results.Go(func() {
		for msg := range producer.Successes() {
			f.settle(msg, nil)
		}
	})
	f.results.Go(func() {
		for e := range producer.Errors() {
			f.settle(e.Msg, e.Err)
		}
	})
	return f, nil
}

// send writes r. It waits while the producer is saturated. Failures are told by flush.
func (f *feed) send(ctx context.Context, r *record) error {
	m := f.take()
	m.file, m.line = r.file, r.line
	m.msg = sarama.ProducerMessage{
		Topic: r.topic.name, Partition: r.partition, Headers: r.headers, Timestamp: r.timestamp(), Metadata: m,
	}
	m.key, m.value = r.key, r.value
	if r.key != nil {
		m.msg.Key = &m.key
	}
	if r.value != nil {
		m.msg.Value = &m.value
	}
	select {
	case f.producer.Input() <- &m.msg:
		f.counts[r.topic]++
		f.sent.Add(1)
		return nil
	case <-ctx.Done():
		f.settle(&m.msg, nil)
		return context.Cause(ctx)
	}
}

func (f *feed) take() *fedRecord {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inFlight++
	last := len(f.spare) - 1
	if last < 0 {
		return new(fedRecord)
	}
	m := f.spare[last]
	f.spare = f.spare[:last]
	return m
}

func (f *feed) settle(msg *sarama.ProducerMessage, err error) {
	m := msg.Metadata.(*fedRecord)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.failed == nil {
		f.failed = fmt.Errorf("%s:%d: the cluster refuses the record for %s/%d: %w", m.file, m.line, msg.Topic, msg.Partition, err)
	}
	f.spare = append(f.spare, m)
	if f.inFlight--; f.inFlight == 0 {
		f.changed.Broadcast()
	}
}

// flush waits until everything sent has arrived, and tells the first failure. The wait ends as every record is
// acknowledged or given up by the producer.
func (f *feed) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.inFlight > 0 {
		f.changed.Wait()
	}
	return f.failed
}

func (f *feed) close() {
	f.producer.AsyncClose()
	f.results.Wait()
}
