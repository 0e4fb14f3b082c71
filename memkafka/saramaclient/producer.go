package saramaclient

import (
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// asyncProducer is a sarama.AsyncProducer on a cluster. One goroutine takes messages from Input, chooses their partitions,
// sends them in batches and tries again what failed for a while; another hands out results, so that nothing waits for a
// reader. As a door.Telling it takes messages from whoever calls Send, and tells results: on a cluster that is driven, all without a
// goroutine between.
type asyncProducer struct {
	sarama.AsyncProducer
	config  *sarama.Config
	seam    *seam.Client
	txn     *transaction // nil unless transactional
	driven  bool
	awaited bool // a SyncProducer waits for each message
	asap    bool // no setting of Producer.Flush asks to wait for more messages
	once    int  // how many messages are sent at once

	input     chan *sarama.ProducerMessage
	successes chan *sarama.ProducerMessage
	errors    chan *sarama.ProducerError

	closing   chan struct{} // closed by AsyncClose
	closeOnce sync.Once
	ended     chan struct{}  // closed when the goroutine that sends has ended
	reported  chan struct{}  // closed when the goroutine that hands out results has ended
	endings   chan *endOfTxn // of transactions
	queue     *queue
	answered  chan struct{} // capacity 1: answers, learned or queue is not empty
	ready     chan struct{} // capacity 1: results is not empty, or all is done

	doneOne func(e *seam.Emit) // answer
	tellTo  func(*sarama.ProducerMessage, error)

	turn sync.Mutex // guards sending; taken before mu
	sending

	mu       sync.Mutex // guards all below
	answers  []*seam.Emit
	learned  []learned
	results  []*outbound
	spare    []*outbound // to be used again
	finished bool        // no more results will come

	reporting bool // there are results, or some are being handed out
}

// outbound is one message on its way.
type outbound struct {
	emit    seam.Emit
	message *sarama.ProducerMessage
	awaited chan<- error // of capacity 1: somebody waits for the result
	batch   *outBatch
	size    int
}

// NewAsyncProducer mirrors sarama.NewAsyncProducer. A nil config is sarama's default.
func NewAsyncProducer(c *memkafka.Cluster, config *sarama.Config) (sarama.AsyncProducer, error) {
	p, err := newAsyncProducer(c, config, false)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// NewAsyncProducerFromClient mirrors sarama.NewAsyncProducerFromClient: closing the producer does not close the client. A
// client of another make gets sarama's own producer.
func NewAsyncProducerFromClient(c sarama.Client) (sarama.AsyncProducer, error) {
	own, ok := c.(*client)
	if !ok {
		return sarama.NewAsyncProducerFromClient(c)
	}
	p, err := newAsyncProducerFrom(own, false)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func newAsyncProducerFrom(c *client, awaited bool) (*asyncProducer, error) {
	s, err := c.share("producer")
	if err != nil {
		return nil, err
	}
	return makeAsyncProducer(s, c.config, awaited)
}

func newAsyncProducer(c *memkafka.Cluster, config *sarama.Config, awaited bool) (*asyncProducer, error) {
	s, config, err := open(c, config, "producer")
	if err != nil {
		return nil, err
	}
	return makeAsyncProducer(s, config, awaited)
}

// sendAtOnce is how many messages are taken from Input before they are sent.
const sendAtOnce = 512

func makeAsyncProducer(s *seam.Client, config *sarama.Config, awaited bool) (*asyncProducer, error) {
	flush := config.Producer.Flush
	p := &asyncProducer{
		config:    config,
		seam:      s,
		awaited:   awaited,
		driven:    s.Engine().Driven(),
		input:     make(chan *sarama.ProducerMessage),
		successes: make(chan *sarama.ProducerMessage, config.ChannelBufferSize),
		errors:    make(chan *sarama.ProducerError, config.ChannelBufferSize),
		closing:   make(chan struct{}),
		ended:     make(chan struct{}),
		reported:  make(chan struct{}),
		endings:   make(chan *endOfTxn),
		queue:     newQueue(),
		answered:  make(chan struct{}, 1),
		ready:     make(chan struct{}, 1),
		asap:      flush.Frequency == 0 && flush.Bytes == 0 && flush.Messages == 0,
		once:      sendAtOnce,
	}
	if flush.MaxMessages > 0 {
		p.once = min(p.once, flush.MaxMessages)
	}
	if !s.Engine().OneByOne() {
		p.input = make(chan *sarama.ProducerMessage, config.ChannelBufferSize)
	}
	p.topics = map[string]*producerTopic{}
	p.doneOne = p.answer
	s.SetSending(retrying(config))
	if err := p.identify(); err != nil {
		s.Close()
		return nil, err
	}
	go p.send()
	return p, nil
}

// retrying is how a producer with a configuration goes on when a batch fails.
func retrying(config *sarama.Config) seam.Sending {
	retry := config.Producer.Retry
	s := seam.Sending{
		Retries:    retry.Max,
		Backoff:    func(int) time.Duration { return retry.Backoff },
		Idempotent: config.Producer.Idempotent,
		Unheard:    config.Producer.RequiredAcks == sarama.NoResponse,
		Timeout:    config.Producer.Timeout,
		Create:     config.Metadata.AllowAutoTopicCreation,
	}
	if retry.BackoffFunc != nil {
		s.Backoff = func(tries int) time.Duration { return retry.BackoffFunc(tries, retry.Max) }
	}
	return s
}

// identify asks for a producer id, if the configuration wants one.
func (p *asyncProducer) identify() error {
	switch {
	case p.config.Producer.Transaction.ID != "":
		p.txn = newTransaction(p.config, p.seam)
		if err := p.txn.initialize(); err != nil {
			return err
		}
	case p.config.Producer.Idempotent:
		id, err := newProducerID(p.seam)
		if err != nil {
			return saramaError(err)
		}
		p.seam.SetProducer(seam.Producer{ID: id})
	}
	return nil
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

// answer notes the result of an emit. It never blocks.
func (p *asyncProducer) answer(e *seam.Emit) {
	p.mu.Lock()
	p.answers = append(p.answers, e)
	p.mu.Unlock()
	signal(p.answered)
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// handOver hands a result out that comes alone, if nobody has to wait for that. Others it gives to the goroutine that hands
// them out, or tells them, and takes back what that is done with.
func (p *asyncProducer) handOver(results []*outbound) {
	if o := results[0]; len(results) == 1 && p.tellTo == nil && p.allReported() && p.handOut(o, false) {
		*o = outbound{}
		p.free = append(p.free, o)
		return
	}
	p.mu.Lock()
	p.results = append(p.results, results...)
	p.reporting = true
	p.free = append(p.free, p.spare...)
	clear(p.spare)
	p.spare = p.spare[:0]
	p.mu.Unlock()
	signal(p.ready)
	if !p.reports {
		p.reports = true
		go p.report()
	}
}

// report hands out results until the last one, and closes the channels.
func (p *asyncProducer) report() {
	var reported []*outbound
	for range p.ready {
		p.mu.Lock()
		if len(p.spare) < 4*sendAtOnce {
			p.spare = append(p.spare, reported...)
		}
		results := p.results
		p.results = reported[:0]
		last := p.finished
		p.mu.Unlock()
		for _, o := range results {
			if p.tellTo != nil {
				p.tell(p.resultOf(o))
			} else {
				p.handOut(o, true)
			}
			*o = outbound{}
		}
		p.mu.Lock()
		p.reporting = len(p.results) > 0
		p.mu.Unlock()
		reported = results
		if last {
			break
		}
	}
	p.seam.Close()
	close(p.reported)
	if !p.awaited {
		close(p.input) // as sarama does: who sends now would wait for ever otherwise
	}
	close(p.successes)
	close(p.errors)
}

// allReported reports whether report has handed out all that it was given.
func (p *asyncProducer) allReported() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.reporting
}

// handOut gives a message its result, and reports false if it would have to wait for that and is not to.
func (p *asyncProducer) handOut(o *outbound, wait bool) bool {
	err := p.outcome(&o.emit, o.message)
	switch {
	case o.awaited != nil:
		return put(o.awaited, err, wait)
	case err == nil && p.config.Producer.Return.Successes:
		return put(p.successes, o.message, wait)
	case err == nil:
	case p.config.Producer.Return.Errors:
		return put(p.errors, &sarama.ProducerError{Msg: o.message, Err: err}, wait)
	default:
		sarama.Logger.Println(&sarama.ProducerError{Msg: o.message, Err: err})
	}
	return true
}

func put[T any](ch chan<- T, v T, wait bool) bool {
	if wait {
		ch <- v
		return true
	}
	select {
	case ch <- v:
		return true
	default:
		return false
	}
}

// outcome tells the message where it went, or says why it went nowhere. Without acknowledgements, nobody knows.
func (p *asyncProducer) outcome(e *seam.Emit, m *sarama.ProducerMessage) error {
	switch {
	case e.Err == nil && p.config.Producer.RequiredAcks == sarama.NoResponse:
	case e.Err == nil:
		m.Offset = int64(e.Offset)
		if e.Timestamp >= 0 && p.config.Version.IsAtLeast(sarama.V0_10_0_0) {
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

// waitOr waits for d, or until the client is closed, which it reports by false.
func waitOr(c *seam.Client, d time.Duration) bool {
	if d <= 0 {
		select {
		case <-c.Done():
			return false
		default:
			return true
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.Done():
		return false
	}
}
