package saramaclient

import (
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// asyncProducer is a sarama.AsyncProducer on a cluster. One goroutine takes messages from Input, chooses their
// partitions and sends them; another hands out results, so that the cluster never waits for a reader.
type asyncProducer struct {
	sarama.AsyncProducer
	config *sarama.Config
	seam   *seam.Client

	input     chan *sarama.ProducerMessage
	successes chan *sarama.ProducerMessage
	errors    chan *sarama.ProducerError

	closing   chan struct{} // closed by AsyncClose
	closeOnce sync.Once
	topics    map[string]*producerTopic // owned by the input goroutine

	mu       sync.Mutex   // guards results, spare, inFlight and flushed
	results  []*seam.Emit // whose Tag is the message
	spare    []*seam.Emit // to be used again
	inFlight int
	flushed  bool          // no more messages will come
	ready    chan struct{} // capacity 1: results is not empty, or all is done

	doneOne func(e *seam.Emit) // done, for a driven cluster
}

type producerTopic struct {
	partitioner sarama.Partitioner
	partitions  int32
}

// NewAsyncProducer mirrors sarama.NewAsyncProducer. A nil config is sarama's default. Records are sent at once:
// Producer.Flush delays nothing, and there is nothing to retry.
func NewAsyncProducer(c *memkafka.Cluster, config *sarama.Config) (sarama.AsyncProducer, error) {
	return newAsyncProducer(c, config)
}

func newAsyncProducer(c *memkafka.Cluster, config *sarama.Config) (*asyncProducer, error) {
	if config != nil && config.Producer.Transaction.ID != "" {
		return nil, notOffered("Producer.Transaction.ID " + config.Producer.Transaction.ID)
	}
	s, config, err := open(c, config, "producer")
	if err != nil {
		return nil, err
	}
	p := &asyncProducer{
		config:    config,
		seam:      s,
		input:     make(chan *sarama.ProducerMessage),
		successes: make(chan *sarama.ProducerMessage, config.ChannelBufferSize),
		errors:    make(chan *sarama.ProducerError, config.ChannelBufferSize),
		closing:   make(chan struct{}),
		topics:    map[string]*producerTopic{},
		ready:     make(chan struct{}, 1),
	}
	if !s.Engine().OneByOne() {
		p.input = make(chan *sarama.ProducerMessage, config.ChannelBufferSize)
	}
	p.doneOne = func(e *seam.Emit) { p.done(e) }
	go p.send()
	go p.report()
	return p, nil
}

func (p *asyncProducer) Input() chan<- *sarama.ProducerMessage { return p.input }

func (p *asyncProducer) Successes() <-chan *sarama.ProducerMessage { return p.successes }

func (p *asyncProducer) Errors() <-chan *sarama.ProducerError { return p.errors }

func (p *asyncProducer) AsyncClose() { p.closeOnce.Do(func() { close(p.closing) }) }

// Close sends what was put into Input, waits for its results, and returns those that failed.
func (p *asyncProducer) Close() error {
	p.AsyncClose()
	if p.config.Producer.Return.Successes {
		go func() {
			for range p.successes { //nolint:revive // as sarama does, so that errors come through
			}
		}()
	}
	var errs sarama.ProducerErrors
	if p.config.Producer.Return.Errors {
		for e := range p.errors {
			errs = append(errs, e)
		}
	} else {
		for range p.errors { //nolint:revive // closed when all is sent
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// sendAtOnce is how many messages are taken from Input before they are sent.
const sendAtOnce = 512

// send moves messages from Input to the cluster until the producer is closed and Input is empty.
func (p *asyncProducer) send() {
	var emits, refused []*seam.Emit
	closing := p.closing
	for {
		var m *sarama.ProducerMessage
		select {
		case m = <-p.input:
		case <-closing:
			closing = nil
		}
		for n := 0; ; n++ {
			if m != nil {
				if e := p.take(m); e.Err == nil {
					emits = append(emits, e)
				} else {
					refused = append(refused, e)
				}
			}
			if n == sendAtOnce {
				break
			}
			var more bool
			if m, more = p.waiting(); !more {
				break
			}
		}
		p.produce(emits, refused)
		if closing == nil && len(emits)+len(refused) == 0 {
			p.finish()
			return
		}
		if closing == nil {
			closing = p.closing
		}
		emits, refused = emits[:0], refused[:0]
	}
}

// waiting takes a message that waits in Input.
func (p *asyncProducer) waiting() (m *sarama.ProducerMessage, ok bool) {
	select {
	case m = <-p.input:
		return m, true
	default:
		return nil, false
	}
}

// produce sends what was taken from Input, and notes the results that are there at once.
func (p *asyncProducer) produce(emits, refused []*seam.Emit) {
	if len(emits)+len(refused) == 0 {
		return
	}
	p.mu.Lock()
	p.inFlight += len(emits) + len(refused)
	p.mu.Unlock()
	if len(emits) > 0 && p.seam.Produce(emits) {
		p.done(emits...)
	}
	p.done(refused...)
}

// take makes an emit of a message. It has its error already when something is wrong with the message.
func (p *asyncProducer) take(m *sarama.ProducerMessage) *seam.Emit {
	for _, i := range p.config.Producer.Interceptors {
		i.OnSend(m)
	}
	var e *seam.Emit
	p.mu.Lock()
	if n := len(p.spare); n > 0 {
		e = p.spare[n-1]
		p.spare = p.spare[:n-1]
	}
	p.mu.Unlock()
	if e == nil {
		e = new(seam.Emit)
	}
	*e = seam.Emit{Tag: m, Done: p.doneOne}
	e.Err = p.fill(e, m)
	return e
}

func (p *asyncProducer) fill(e *seam.Emit, m *sarama.ProducerMessage) (err error) {
	e.Record.Timestamp = kafka.MillisOf(m.Timestamp)
	if m.Key != nil {
		if e.Record.Key, err = encode(m.Key); err != nil {
			return err
		}
	}
	if m.Value != nil {
		if e.Record.Value, err = encode(m.Value); err != nil {
			return err
		}
	}
	if size := m.ByteSize(2); size > p.config.Producer.MaxMessageBytes {
		return sarama.ConfigurationError(fmt.Sprintf(
			"Attempt to produce message larger than configured Producer.MaxMessageBytes: %d > %d", size, p.config.Producer.MaxMessageBytes))
	}
	for _, h := range m.Headers {
		e.Record.Headers = append(e.Record.Headers, kafka.Header{Key: string(h.Key), Value: h.Value})
	}
	if s, ok := m.Metadata.(kafka.Sourced); ok {
		e.Source = s.KafkaSource()
	}
	if m.Partition, err = p.partition(m); err != nil {
		return err
	}
	e.TP = kafka.TopicPartition{Topic: m.Topic, Partition: m.Partition}
	return nil
}

// encode is the bytes of an encoder. An encoder of nil bytes is an empty value, as a message without one is null.
func encode(e sarama.Encoder) ([]byte, error) {
	b, err := e.Encode()
	if err == nil && b == nil {
		b = []byte{}
	}
	return b, err
}

func (p *asyncProducer) partition(m *sarama.ProducerMessage) (int32, error) {
	t, err := p.topic(m.Topic)
	if err != nil {
		return -1, err
	}
	n, err := t.partitioner.Partition(m, t.partitions)
	switch {
	case err != nil:
		return -1, err
	case n < 0 || n >= t.partitions:
		return -1, sarama.ErrInvalidPartition
	}
	return n, nil
}

func (p *asyncProducer) topic(name string) (*producerTopic, error) {
	t := p.topics[name]
	engine := p.seam.Engine()
	if t != nil && (engine.Driven() || t.partitions == engine.Partitions(name)) {
		return t, nil
	}
	m, err := topicMetadata(p.seam, name, p.config.Metadata.AllowAutoTopicCreation)
	if err != nil {
		return nil, err
	}
	if t == nil {
		t = &producerTopic{partitioner: p.config.Producer.Partitioner(name)}
		p.topics[name] = t
	}
	t.partitions = int32(len(m.partitions))
	return t, nil
}

// done notes results. It never blocks.
func (p *asyncProducer) done(emits ...*seam.Emit) {
	if len(emits) == 0 {
		return
	}
	p.mu.Lock()
	p.inFlight -= len(emits)
	p.results = append(p.results, emits...)
	p.mu.Unlock()
	p.signal()
}

func (p *asyncProducer) signal() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// finish says that no more messages will come.
func (p *asyncProducer) finish() {
	p.mu.Lock()
	p.flushed = true
	p.mu.Unlock()
	p.signal()
}

// report hands out results until the last one, and closes the channels.
func (p *asyncProducer) report() {
	var reported []*seam.Emit
	for range p.ready {
		p.mu.Lock()
		results := p.results
		p.spare = append(p.spare, reported...)
		p.results = reported[:0]
		last := p.flushed && p.inFlight == 0
		p.mu.Unlock()
		for _, e := range results {
			p.handOut(e)
			*e = seam.Emit{}
		}
		reported = results
		if last {
			break
		}
	}
	p.seam.Close()
	close(p.successes)
	close(p.errors)
}

func (p *asyncProducer) handOut(e *seam.Emit) {
	m := e.Tag.(*sarama.ProducerMessage)
	if e.Err == nil {
		m.Offset, m.Timestamp = int64(e.Offset), e.Timestamp.Time()
		if p.config.Producer.Return.Successes {
			p.successes <- m
		}
		return
	}
	err := saramaError(e.Err)
	if !p.config.Producer.Return.Errors {
		sarama.Logger.Println(err)
		return
	}
	p.errors <- &sarama.ProducerError{Msg: m, Err: err}
}

func (p *asyncProducer) IsTransactional() bool { return false }

func (p *asyncProducer) TxnStatus() sarama.ProducerTxnStatusFlag { return sarama.ProducerTxnFlagReady }

func (p *asyncProducer) BeginTxn() error { return sarama.ErrNonTransactedProducer }

func (p *asyncProducer) CommitTxn() error { return sarama.ErrNonTransactedProducer }

func (p *asyncProducer) AbortTxn() error { return sarama.ErrNonTransactedProducer }

func (p *asyncProducer) AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata, string) error {
	return sarama.ErrNonTransactedProducer
}

func (p *asyncProducer) AddOffsetsToTxnWithGroupMetadata(map[string][]*sarama.PartitionOffsetMetadata, *sarama.ConsumerGroupMetadata) error {
	return sarama.ErrNonTransactedProducer
}

func (p *asyncProducer) AddMessageToTxn(*sarama.ConsumerMessage, string, *string) error {
	return sarama.ErrNonTransactedProducer
}

func (p *asyncProducer) AddMessageToTxnWithGroupMetadata(*sarama.ConsumerMessage, *sarama.ConsumerGroupMetadata, *string) error {
	return sarama.ErrNonTransactedProducer
}

// syncProducer is a sarama.SyncProducer on top of an asynchronous one.
type syncProducer struct {
	sarama.SyncProducer
	p *asyncProducer

	mu     sync.RWMutex // held for reading while messages are given to Input, for writing to close
	closed bool
	wg     sync.WaitGroup
}

// NewSyncProducer mirrors sarama.NewSyncProducer: Return.Successes and Return.Errors must be set. A nil config is
// sarama's default with both.
func NewSyncProducer(c *memkafka.Cluster, config *sarama.Config) (sarama.SyncProducer, error) {
	if config == nil {
		config = sarama.NewConfig()
		config.Producer.Return.Successes = true
	}
	if !config.Producer.Return.Errors {
		return nil, sarama.ConfigurationError("Producer.Return.Errors must be true to be used in a SyncProducer")
	}
	if !config.Producer.Return.Successes {
		return nil, sarama.ConfigurationError("Producer.Return.Successes must be true to be used in a SyncProducer")
	}
	p, err := newAsyncProducer(c, config)
	if err != nil {
		return nil, err
	}
	s := &syncProducer{p: p}
	s.wg.Add(2)
	go s.successes()
	go s.errors()
	return s, nil
}

// waiting is the Metadata of a message that somebody waits for; the user's own is put back before they get it.
type waiting struct {
	metadata any
	result   chan error
}

func (w *waiting) KafkaSource() kafka.Source {
	if s, ok := w.metadata.(kafka.Sourced); ok {
		return s.KafkaSource()
	}
	return kafka.Source{}
}

func (s *syncProducer) successes() {
	defer s.wg.Done()
	for m := range s.p.successes {
		m.Metadata.(*waiting).result <- nil
	}
}

func (s *syncProducer) errors() {
	defer s.wg.Done()
	for e := range s.p.errors {
		e.Msg.Metadata.(*waiting).result <- e.Err
	}
}

func (s *syncProducer) give(m *sarama.ProducerMessage) (*waiting, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, sarama.ErrShuttingDown
	}
	w := &waiting{metadata: m.Metadata, result: make(chan error, 1)}
	m.Metadata = w
	s.p.input <- m
	return w, nil
}

func (w *waiting) wait(m *sarama.ProducerMessage) error {
	err := <-w.result
	m.Metadata = w.metadata
	return err
}

func (s *syncProducer) SendMessage(m *sarama.ProducerMessage) (partition int32, offset int64, err error) {
	w, err := s.give(m)
	if err == nil {
		err = w.wait(m)
	}
	if err != nil {
		return -1, -1, err
	}
	return m.Partition, m.Offset, nil
}

func (s *syncProducer) SendMessages(ms []*sarama.ProducerMessage) error {
	ws := make([]*waiting, len(ms))
	var errs sarama.ProducerErrors
	for i, m := range ms {
		var err error
		if ws[i], err = s.give(m); err != nil {
			errs = append(errs, &sarama.ProducerError{Msg: m, Err: err})
		}
	}
	for i, m := range ms {
		if ws[i] == nil {
			continue
		}
		if err := ws[i].wait(m); err != nil {
			errs = append(errs, &sarama.ProducerError{Msg: m, Err: err})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func (s *syncProducer) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.p.AsyncClose()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

func (s *syncProducer) IsTransactional() bool { return false }

func (s *syncProducer) TxnStatus() sarama.ProducerTxnStatusFlag { return s.p.TxnStatus() }

func (s *syncProducer) BeginTxn() error { return sarama.ErrNonTransactedProducer }

func (s *syncProducer) CommitTxn() error { return sarama.ErrNonTransactedProducer }

func (s *syncProducer) AbortTxn() error { return sarama.ErrNonTransactedProducer }

func (s *syncProducer) AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata, string) error {
	return sarama.ErrNonTransactedProducer
}

func (s *syncProducer) AddOffsetsToTxnWithGroupMetadata(map[string][]*sarama.PartitionOffsetMetadata, *sarama.ConsumerGroupMetadata) error {
	return sarama.ErrNonTransactedProducer
}

func (s *syncProducer) AddMessageToTxn(*sarama.ConsumerMessage, string, *string) error {
	return sarama.ErrNonTransactedProducer
}

func (s *syncProducer) AddMessageToTxnWithGroupMetadata(*sarama.ConsumerMessage, *sarama.ConsumerGroupMetadata, *string) error {
	return sarama.ErrNonTransactedProducer
}
