package goka

import (
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/internal/outbox"
)

// Producer writes messages to Kafka. goka's own ones are EmissionProducers too.
type Producer interface {
	// Emit sends a message to topic, on the partition of key. A nil value is a tombstone.
	Emit(topic string, key string, value []byte) *Promise
	// EmitWithHeaders is Emit, with headers.
	EmitWithHeaders(topic string, key string, value []byte, headers Headers) *Promise
	// Close sends what is pending and waits for the results.
	Close() error
}

// producerCloseTimeout is how long Close waits for results that are outstanding.
const producerCloseTimeout = 60 * time.Second

// producer writes through one of sarama's asynchronous producers.
type producer struct {
	async  sarama.AsyncProducer
	send   func(*sarama.ProducerMessage)
	drains sync.WaitGroup // goroutines that read results
	idle   chan struct{}  // closed once closed is set and nobody sends any more

	mu        sync.Mutex // guards what follows
	closed    bool
	sending   int // calls of Produce that have not handed over their message yet
	unsettled Emission
}

// NewProducer makes a producer with a copy of config. In the copy, results are returned; and when Producer.Idempotent
// is set, Net.MaxOpenRequests is 1, as sarama demands. It refuses Producer.RequiredAcks of NoResponse, and a
// Producer.Transaction.ID, since nobody would begin transactions.
//
// At brokers that are reached over a network, batches are made and sent by goka, over connections of sarama's: one request at a time to each
// broker, with one batch of each partition, so that order holds with idempotence and without. Up to 32 MiB of records may
// wait for their results, before Produce waits; four times as much when who is told of a result produces. With settings that only
// sarama's own producer has, records go through that: a Version before 0.11, Producer.Interceptors, anything in Producer.Flush,
// Producer.Retry.MaxBufferLength and MaxBufferBytes.
func NewProducer(brokers []string, config *sarama.Config) (Producer, error) {
	if config == nil {
		return nil, errNilConfig
	}
	if config.Producer.RequiredAcks == sarama.NoResponse {
		return nil, fmt.Errorf("error creating Kafka producer: Producer.RequiredAcks is NoResponse, " +
			"so that nobody knows what Kafka has; use WaitForAll")
	}
	if id := config.Producer.Transaction.ID; id != "" {
		return nil, fmt.Errorf("error creating Kafka producer: Producer.Transaction.ID is %q, "+
			"and goka begins no transactions, so that Kafka would take nothing; leave it empty", id)
	}
	c := copyConfig(config)
	c.Producer.Return.Successes = true
	c.Producer.Return.Errors = true
	if c.Producer.Idempotent {
		c.Net.MaxOpenRequests = 1
	}
	c.Producer.Partitioner = honourPartitions(c.Producer.Partitioner)
	d, err := door.For(brokers)
	if err != nil {
		return nil, err
	}
	if door.Network(d) && outbox.Serves(c) {
		return newNetworkProducer(d, brokers, c)
	}
	async, err := d.NewAsyncProducer(brokers, c)
	if err != nil {
		return nil, fmt.Errorf("error creating Kafka producer: %w", err)
	}
	return newProducer(async), nil
}

func newProducer(async sarama.AsyncProducer) *producer {
	p := &producer{async: async, idle: make(chan struct{})}
	p.unsettled.prev, p.unsettled.next = &p.unsettled, &p.unsettled
	if t, ok := async.(door.Telling); ok && t.TellTo(p.settle) {
		p.send = t.Send
		return p
	}
	p.send = func(msg *sarama.ProducerMessage) { async.Input() <- msg }
	p.drains.Go(func() {
		for msg := range async.Successes() {
			p.settle(msg, nil)
		}
	})
	p.drains.Go(func() {
		for err := range async.Errors() {
			p.settle(err.Msg, err)
		}
	})
	return p
}

func (p *producer) Emit(topic string, key string, value []byte) *Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

func (p *producer) EmitWithHeaders(topic string, key string, value []byte, headers Headers) *Promise {
	return producePromised(p, topic, key, value, headers)
}

// producePromised is EmitWithHeaders of producers that know emissions.
func producePromised(p EmissionProducer, topic string, key string, value []byte, headers Headers) *Promise {
	e, promise := newPromisedEmission(topic, []byte(key), value, headers.ToSarama())
	p.Produce(e)
	return promise
}

func newPromisedEmission(topic string, key, value []byte, headers []sarama.RecordHeader) (*Emission, *Promise) {
	promised := struct {
		Emission
		Promise
	}{Emission: Emission{Topic: topic, Key: key, Value: value, Headers: headers, Partition: AnyPartition, Done: finishPromise}}
	promised.owner = &promised.Promise
	return &promised.Emission, &promised.Promise
}

// finishPromise is the Done of emissions whose owner is a promise.
func finishPromise(e *Emission, err error) {
	e.owner.(*Promise).Finish(&e.msg, err)
}

// Produce hands e over to sarama. After Close it fails with ErrEmitterAlreadyClosed.
func (p *producer) Produce(e *Emission) {
	msg := e.message()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		e.Done(e, ErrEmitterAlreadyClosed)
		return
	}
	p.sending++
	e.prev, e.next = p.unsettled.prev, &p.unsettled
	e.prev.next, e.next.prev = e, e
	p.mu.Unlock()

	p.send(msg)

	p.mu.Lock()
	p.sending--
	last := p.closed && p.sending == 0
	p.mu.Unlock()
	if last {
		close(p.idle)
	}
}

// settle tells the emission behind msg how it went, unless Close gave it up before.
func (p *producer) settle(msg *sarama.ProducerMessage, failure error) {
	e, ok := msg.Metadata.(*Emission)
	if !ok {
		return
	}
	p.mu.Lock()
	waiting := e.next != nil
	if waiting {
		e.unlink()
	}
	p.mu.Unlock()
	if !waiting {
		return
	}
	e.Partition, e.Offset = msg.Partition, msg.Offset
	e.Done(e, failure)
}

func (e *Emission) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// Close waits up to a minute for outstanding results. What has none by then has failed, and Close says so. A second
// call does nothing.
func (p *producer) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	nobodySends := p.sending == 0
	p.mu.Unlock()
	if nobodySends {
		close(p.idle)
	}

	settled := make(chan struct{})
	go func() {
		defer close(settled)
		<-p.idle
		p.async.AsyncClose()
		p.drains.Wait()
		for range p.async.Successes() { //nolint:revive // closed when all is told
		}
	}()
	if waitFor(settled, producerCloseTimeout) {
		return nil
	}

	n := 0
	for e := p.giveUp(); e != nil; e = p.giveUp() {
		e.Done(e, fmt.Errorf("no result within %s of closing the producer, for key %q in topic %s", producerCloseTimeout, e.Key, e.Topic))
		n++
	}
	return fmt.Errorf("error closing Kafka producer: %d messages without a result after %s", n, producerCloseTimeout)
}

// giveUp takes one emission without a result, nil when there is none.
func (p *producer) giveUp() *Emission {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.unsettled.next
	if e == &p.unsettled {
		return nil
	}
	e.unlink()
	return e
}
