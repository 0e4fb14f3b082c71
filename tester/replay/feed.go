package replay

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

// feed writes the records of the input into their partitions: as a producer does, or straight into a simulated cluster.
type feed struct {
	producer sarama.AsyncProducer
	direct   *memkafka.Cluster // nil to be a producer
	loads    map[place]*load
	core     *memkafka.Cluster // the simulated cluster, nil on a real one
	queued   []*load           // those with records, first come first
	loaded   int               // records in them
	bytes    int               // of the records that are put or sent since the last flush
	widest   map[*topic]int    // the largest record so far, of topics that have been told to take such large ones
	order    *order            // nil on a real cluster
	kept     histories         // filled where records go straight in; nil else
	counts   map[*topic]int64  // what was sent, by topic
	sent     atomic.Int64
	results  sync.WaitGroup // the goroutines that read results

	mu       sync.Mutex // guards all below
	changed  *sync.Cond // when inFlight becomes 0
	inFlight int
	failed   error // the first failure
	spare    []*fedRecord
}

// place is a partition.
type place struct {
	topic     *topic
	partition int32
}

// load is what goes into a partition next.
type load struct {
	place
	next    kafka.Offset // which the first of the records gets, unless others write there, too
	records []kafka.Record
	numbers []int64 // of the records, in the input
	lines   []fedLine
}

// fedLine is where a record comes from.
type fedLine struct {
	file string
	line int
}

// atOnce is how many records go into a simulated cluster together, and atOnceBytes how large those are together that go into any cluster: brokers take
// about twice that in a batch (max.message.bytes).
const (
	atOnce      = 256
	atOnceBytes = 512 << 10
)

// fedRecord is a record on its way, used again when it has arrived.
type fedRecord struct {
	msg        sarama.ProducerMessage
	key, value content
	number     int64
	file       string
	line       int
}

// content is a sarama.Encoder that costs no allocation, since it points to a field.
type content []byte

func (c *content) Encode() ([]byte, error) { return *c, nil }
func (c *content) Length() int             { return len(*c) }

// newFeed returns a feed into c. With direct it puts records straight into that cluster, and rows into their histories.
func newFeed(c *cluster, direct *memkafka.Cluster, o *order, kept histories) (*feed, error) {
	f := &feed{counts: map[*topic]int64{}, direct: direct, core: c.core, order: o, kept: kept, loads: map[place]*load{}, widest: map[*topic]int{}}
	f.changed = sync.NewCond(&f.mu)
	if direct != nil {
		return f, nil
	}
	config := *c.config
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.MaxMessageBytes = int(sarama.MaxRequestSize) // the broker's limit decides
	producer, err := c.door.NewAsyncProducer(c.brokers, &config)
	if err != nil {
		return nil, fmt.Errorf("making a producer for %s: %w", c, err)
	}
	f.producer = producer
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

// send writes r, the record of that number. It waits while the producer is saturated. Failures are told by flush.
func (f *feed) send(ctx context.Context, r *record, number int64) error {
	if err := f.makeRoom(r); err != nil {
		return err
	}
	if f.direct != nil {
		return f.put(r, number)
	}
	m := f.take()
	m.number, m.file, m.line = number, r.file, r.line
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

// makeRoom sees to it that the cluster can take r, alone or with what has not arrived yet.
func (f *feed) makeRoom(r *record) error {
	const besides = 32 // at most: lengths, a time, an offset
	size := besides + len(r.key) + len(r.value)
	for _, h := range r.headers {
		size += besides + len(h.Key) + len(h.Value)
	}
	if f.bytes > 0 && f.bytes+size > atOnceBytes {
		if err := f.flush(); err != nil {
			return err
		}
		f.bytes = 0
	}
	f.bytes += size
	if f.core == nil || size <= max(atOnceBytes, f.widest[r.topic]) {
		return nil
	}
	f.widest[r.topic] = size // the topic that it was recorded from took it, too
	for _, name := range []string{"max.message.bytes", "segment.bytes"} {
		if err := f.core.SetTopicConfig(r.topic.name, name, strconv.Itoa(2*size)); err != nil {
			return fmt.Errorf("%s:%d: making room for a record of %d bytes: %w", r.file, r.line, size, err)
		}
	}
	return nil
}

// put keeps r until there are enough to go together.
func (f *feed) put(r *record, number int64) error {
	l, err := f.load(place{r.topic, r.partition})
	if err != nil {
		return err
	}
	f.keep(r, number)
	if len(l.records) == 0 {
		f.queued = append(f.queued, l)
	}
	rec := kafka.Record{Timestamp: r.time, Key: r.key, Value: r.value}
	if rec.Timestamp < 0 {
		rec.Timestamp = kafka.MillisOf(time.Now())
	}
	for _, h := range r.headers {
		rec.Headers = append(rec.Headers, kafka.Header{Key: string(h.Key), Value: h.Value})
	}
	l.records = append(l.records, rec)
	l.numbers = append(l.numbers, number)
	l.lines = append(l.lines, fedLine{r.file, r.line})
	f.counts[r.topic]++
	f.sent.Add(1)
	if f.loaded++; f.loaded < atOnce {
		return nil
	}
	return f.putAll()
}

// keep puts a row into its history.
func (f *feed) keep(r *record, number int64) {
	if partitions := f.kept[r.topic]; partitions != nil {
		partitions[r.partition].put(r, number)
	}
}

// waits returns how many records wait to go into a partition.
func (f *feed) waits(t *topic, partition int32) int64 {
	if l := f.loads[place{t, partition}]; l != nil {
		return int64(len(l.records))
	}
	return 0
}

func (f *feed) load(at place) (*load, error) {
	if l := f.loads[at]; l != nil {
		return l, nil
	}
	_, high, err := f.direct.Offsets(at.topic.name, at.partition)
	if err != nil {
		return nil, err
	}
	l := &load{place: at, next: high}
	f.loads[at] = l
	return l, nil
}

// putAll puts what waits into the cluster: the partition first that waits for the longest.
func (f *feed) putAll() error {
	for i, l := range f.queued {
		f.queued[i] = nil
		if err := f.unload(l); err != nil {
			return err
		}
	}
	f.queued, f.loaded, f.bytes = f.queued[:0], 0, 0
	return nil
}

func (f *feed) unload(l *load) error {
	tp := kafka.TopicPartition{Topic: l.topic.name, Partition: l.partition}
	alone := len(l.topic.writers) == 0
	if alone {
		l.note(f.order) // before anybody can handle them
	}
	appended, err := f.direct.Seam().Append(tp, l.records...)
	if err == nil {
		if !alone || appended.Base != l.next {
			l.next = appended.Base
			l.note(f.order)
		}
		l.next += kafka.Offset(len(l.records))
		clear(l.records) // the cluster has copies
		l.records, l.numbers, l.lines = l.records[:0], l.numbers[:0], l.lines[:0]
		return nil
	}
	for i := range l.records { // which of them is it?
		if _, err := f.direct.Seam().Append(tp, l.records[i]); err != nil {
			return fmt.Errorf("%s:%d: the cluster refuses the record for %s/%d: %w", l.lines[i].file, l.lines[i].line, tp.Topic, tp.Partition, err)
		}
	}
	return fmt.Errorf("%s:%d: the cluster refuses %d records for %s/%d together: %w", l.lines[0].file, l.lines[0].line, len(l.records), tp.Topic, tp.Partition, err)
}

// note tells where in the input the records are from.
func (l *load) note(o *order) {
	for i, number := range l.numbers {
		o.fed(l.topic.name, l.partition, l.next+kafka.Offset(i), number)
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
	if err == nil {
		f.order.fed(msg.Topic, msg.Partition, kafka.Offset(msg.Offset), m.number)
	}
	f.spare = append(f.spare, m)
	if f.inFlight--; f.inFlight == 0 {
		f.changed.Broadcast()
	}
}

// flush waits until everything sent has arrived, and tells the first failure. The wait ends as every record is
// acknowledged or given up by the producer.
func (f *feed) flush() error {
	if f.direct != nil {
		return f.putAll()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.inFlight > 0 {
		f.changed.Wait()
	}
	return f.failed
}

func (f *feed) close() {
	if f.producer == nil {
		return
	}
	f.producer.AsyncClose()
	f.results.Wait()
}
