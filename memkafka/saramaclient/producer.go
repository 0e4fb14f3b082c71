package saramaclient

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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

	topics  map[string]*producerTopic // owned by the input goroutine, as are the next two
	emits   []*seam.Emit
	refused []*seam.Emit

	mu       sync.Mutex   // guards results, spare, inFlight and flushed
	results  []*seam.Emit // whose Tag is the message
	spare    []*seam.Emit // to be used again
	inFlight int
	flushed  bool          // no more messages will come
	ready    chan struct{} // capacity 1: results is not empty, or all is done

	doneOne func(e *seam.Emit) // done, for a driven cluster
	stale   atomic.Bool        // what is known of topics is wrong
}

type producerTopic struct {
	partitioner sarama.Partitioner
	partitions  int32
	asked       time.Time // when partitions was true
}

// NewAsyncProducer mirrors sarama.NewAsyncProducer. A nil config is sarama's default. Records are sent at once:
// Producer.Flush delays nothing. What faults of the cluster take from a batch, its way there or its answer, is retried as
// Producer.Retry says, and written twice then unless Producer.Idempotent is set. No record carries a producer id.
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
	s.SetSending(sending(config))
	go p.send()
	go p.report()
	return p, nil
}

// sending is how a producer with a configuration goes on when a batch fails.
func sending(config *sarama.Config) seam.Sending {
	retry := config.Producer.Retry
	s := seam.Sending{
		Retries:    retry.Max,
		Backoff:    func(int) time.Duration { return retry.Backoff },
		Idempotent: config.Producer.Idempotent,
		Unheard:    config.Producer.RequiredAcks == sarama.NoResponse,
		Timeout:    config.Producer.Timeout,
	}
	if retry.BackoffFunc != nil {
		s.Backoff = func(tries int) time.Duration { return retry.BackoffFunc(tries, retry.Max) }
	}
	return s
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
	closing := p.closing
	for {
		var m *sarama.ProducerMessage
		select {
		case m = <-p.input:
		case <-closing:
			closing = nil
		}
		if taken := p.sendWaiting(m); taken == 0 && closing == nil {
			p.finish()
			return
		}
		if closing == nil {
			closing = p.closing
		}
	}
}

// sendWaiting sends m, unless it is nil, and what waits in Input, and returns how many messages that were. What is sent at
// once stays below Producer.MaxMessageBytes, as sarama's batches do.
func (p *asyncProducer) sendWaiting(m *sarama.ProducerMessage) (taken int) {
	emits, refused := p.emits[:0], p.refused[:0]
	bytes := 0
	for n := 0; n <= sendAtOnce; n++ {
		if m != nil {
			taken++
			e, size := p.take(m)
			switch {
			case e.Err != nil:
				refused = append(refused, e)
			case bytes+size > p.config.Producer.MaxMessageBytes && len(emits) > 0:
				p.produce(emits, nil)
				emits, bytes = append(emits[:0], e), size
			default:
				emits, bytes = append(emits, e), bytes+size
			}
		}
		var more bool
		if n == sendAtOnce {
			break
		}
		if m, more = p.waiting(); !more {
			break
		}
	}
	p.produce(emits, refused)
	p.emits, p.refused = emits, refused
	return taken
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

// take makes an emit of a message, and tells its size. It has its error already when something is wrong with the message.
func (p *asyncProducer) take(m *sarama.ProducerMessage) (e *seam.Emit, size int) {
	p.mu.Lock()
	if n := len(p.spare); n > 0 {
		e = p.spare[n-1]
		p.spare = p.spare[:n-1]
	}
	p.mu.Unlock()
	if e == nil {
		e = new(seam.Emit)
	}
	*e = seam.Emit{Tag: m, Done: p.doneOne, All: p.config.Producer.RequiredAcks == sarama.WaitForAll}
	if w, ok := m.Metadata.(*waiting); ok {
		e.Tag, m.Metadata = w, w.metadata // interceptors and partitioners see the user's own
	}
	for _, i := range p.config.Producer.Interceptors {
		intercept(i.OnSend, m)
	}
	size = m.ByteSize(2)
	e.Err = p.fill(e, m, size)
	return e, size
}

// intercept shows a message to an interceptor, whose panics are not the client's.
func intercept[M any](interceptor func(M), m M) {
	defer func() {
		if r := recover(); r != nil {
			sarama.Logger.Printf("an interceptor panicked: %v\n", r)
		}
	}()
	interceptor(m)
}

func (p *asyncProducer) fill(e *seam.Emit, m *sarama.ProducerMessage, size int) (err error) {
	if size > p.config.Producer.MaxMessageBytes {
		return sarama.ConfigurationError(fmt.Sprintf(
			"Attempt to produce message larger than configured Producer.MaxMessageBytes: %d > %d", size, p.config.Producer.MaxMessageBytes))
	}
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

// topic returns what the producer knows of a topic, and asks again when that is old: where calls are free, when the
// number of partitions changed, and otherwise after Metadata.RefreshFrequency, or once the topic was not found.
func (p *asyncProducer) topic(name string) (*producerTopic, error) {
	t := p.topics[name]
	engine := p.seam.Engine()
	if t != nil {
		if !engine.Driven() && t.partitions == engine.Partitions(name) {
			return t, nil
		}
		every := p.config.Metadata.RefreshFrequency
		if engine.Driven() && !p.stale.Load() && (every == 0 || time.Since(t.asked) < every) {
			return t, nil
		}
	}
	p.stale.Store(false)
	m, err := topicMetadata(p.seam, name, p.config.Metadata.AllowAutoTopicCreation)
	if err != nil {
		return nil, err
	}
	if t == nil {
		t = &producerTopic{partitioner: p.config.Producer.Partitioner(name)}
		p.topics[name] = t
	}
	t.partitions, t.asked = int32(len(m.partitions)), time.Now()
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
	close(p.input) // as sarama does: who sends now would wait for ever otherwise
	close(p.successes)
	close(p.errors)
}

func (p *asyncProducer) handOut(e *seam.Emit) {
	if errors.Is(e.Err, kafka.UnknownTopicOrPartition) {
		p.stale.Store(true)
	}
	w, awaited := e.Tag.(*waiting)
	var m *sarama.ProducerMessage
	if awaited {
		m = w.message
	} else {
		m = e.Tag.(*sarama.ProducerMessage)
	}
	err := p.outcome(e, m)
	switch {
	case awaited:
		w.result <- err
	case err == nil && p.config.Producer.Return.Successes:
		p.successes <- m
	case err == nil:
	case p.config.Producer.Return.Errors:
		p.errors <- &sarama.ProducerError{Msg: m, Err: err}
	default:
		sarama.Logger.Println(err)
	}
}

// outcome tells the message where it went, or says why it went nowhere. Without acknowledgements, nobody knows.
func (p *asyncProducer) outcome(e *seam.Emit, m *sarama.ProducerMessage) error {
	switch {
	case e.Err == nil && p.config.Producer.RequiredAcks == sarama.NoResponse:
	case e.Err == nil:
		m.Offset = int64(e.Offset)
		if e.Timestamp >= 0 {
			m.Timestamp = e.Timestamp.Time()
		}
	case p.config.Producer.RequiredAcks == sarama.NoResponse && isKafkas(e.Err) && e.TP.Topic != "": // it was sent
	default:
		return saramaError(e.Err)
	}
	return nil
}

// isKafkas reports whether the broker refused something, in contrast to the client.
func isKafkas(err error) bool {
	var code kafka.ErrorCode
	return errors.As(err, &code)
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
	return &syncProducer{p: p}, nil
}

// waiting is the Metadata of a message that somebody waits for, until the producer takes it and puts the user's own back.
type waiting struct {
	message  *sarama.ProducerMessage
	metadata any
	result   chan error // of capacity 1, so that the result never waits
}

func (s *syncProducer) give(m *sarama.ProducerMessage) (*waiting, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, sarama.ErrShuttingDown
	}
	w := &waiting{message: m, metadata: m.Metadata, result: make(chan error, 1)}
	m.Metadata = w
	s.p.input <- m
	return w, nil
}

func (s *syncProducer) SendMessage(m *sarama.ProducerMessage) (partition int32, offset int64, err error) {
	w, err := s.give(m)
	if err == nil {
		err = <-w.result
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
		if err := <-ws[i].result; err != nil {
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
	s.closed = true
	s.mu.Unlock()
	return s.p.Close()
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
