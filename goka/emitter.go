package goka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gokasim/gokasim/goka/logger"
)

// Emitter writes messages to one stream. All methods may be called from any goroutine. Messages that one goroutine emits
// with one key stay in order.
type Emitter struct {
	codec          Codec
	producer       Producer
	topic          string
	defaultHeaders Headers
	observer       Observer // nil for none
	log            Logger

	mu      sync.Mutex // guards what follows
	closed  bool
	pending int           // emits without a result
	settled chan struct{} // closed once closed is set and pending is 0
}

// NewEmitter makes an emitter for topic. It connects to Kafka, and fails when it cannot. It does not create the topic, and
// looks for it only with WithEmitterTopicManagerBuilder. Call Finish when it is of no more use.
func NewEmitter(brokers []string, topic Stream, codec Codec, options ...EmitterOption) (*Emitter, error) {
	o, err := newEmitterOptions(topic, codec, options)
	switch {
	case err != nil:
		return nil, fmt.Errorf("error applying options of emitter for %s: %w", topic, err)
	case topic == "":
		return nil, errors.New("emitter needs a topic")
	case codec == nil:
		return nil, fmt.Errorf("emitter for %s needs a codec, such as new(codec.Bytes)", topic)
	case o.producer == nil:
		return nil, errors.New("ProducerBuilder not set")
	}
	if o.topicManager != nil {
		if err := checkTopicExists(brokers, string(topic), o.topicManager); err != nil {
			return nil, fmt.Errorf("error creating emitter for %s: %w", topic, err)
		}
	}
	p, err := o.producer(brokers, o.clientID, o.hasher)
	if p, err = built("producer", p, err); err != nil {
		return nil, fmt.Errorf("error creating emitter for %s: %w", topic, err)
	}
	return &Emitter{
		codec:          apart(codec),
		producer:       p,
		topic:          string(topic),
		defaultHeaders: o.defaultHeaders,
		observer:       o.observer,
		log:            logger.Of(o.log, fmt.Sprintf("[Emitter %s]", topic), "topic", string(topic)),
		settled:        make(chan struct{}),
	}, nil
}

func checkTopicExists(brokers []string, topic string, build TopicManagerBuilder) error {
	tm, err := build(brokers)
	if tm, err = built("topic manager", tm, err); err != nil {
		return err
	}
	_, err = tm.Partitions(topic)
	return errors.Join(err, tm.Close())
}

// Emit sends msg, encoded, and does not wait for Kafka; the promise tells how it went. It blocks only while the producer is
// saturated. A nil msg is sent as a tombstone, without asking the codec. The error is that of the codec; everything else that
// goes wrong, ErrEmitterAlreadyClosed too, is the promise's.
func (e *Emitter) Emit(key string, msg interface{}) (*Promise, error) {
	return e.EmitWithHeaders(key, msg, nil)
}

// EmitWithHeaders is Emit, with headers that go over the emitter's default ones.
func (e *Emitter) EmitWithHeaders(key string, msg interface{}, headers Headers) (*Promise, error) {
	if !e.begin() {
		return NewPromise().Finish(nil, ErrEmitterAlreadyClosed), nil
	}
	sent := false
	defer e.endUnless(&sent)
	data, err := e.encoded(msg)
	if err != nil {
		return nil, fmt.Errorf("Error encoding value for key %s in topic %s: %w", key, e.topic, err)
	}
	headers = e.defaultHeaders.Merged(headers)
	if e.observer != nil {
		extended, acknowledged := e.observe(context.Background(), Emission{
			Topic: e.topic, Key: []byte(key), Value: data, Headers: headers.ToSarama(), Partition: AnyPartition,
		})
		promise := givenPromise(e.producer.EmitWithHeaders(e.topic, key, data, extended)).Then(acknowledged)
		sent = true
		return promise.Then(e.end), nil
	}
	var promise *Promise
	if headers == nil {
		promise = e.producer.Emit(e.topic, key, data)
	} else {
		promise = e.producer.EmitWithHeaders(e.topic, key, data, headers)
	}
	sent = true
	return givenPromise(promise).ofEmitter(e), nil
}

// encoded returns the bytes of msg, nil for a tombstone.
func (e *Emitter) encoded(msg interface{}) ([]byte, error) {
	if msg == nil {
		return nil, nil
	}
	return encode(e.codec, msg)
}

// EmitSync sends msg and waits for the result, for as long as the producer tries (Producer.Retry, Producer.Timeout).
func (e *Emitter) EmitSync(key string, msg interface{}) error {
	return e.EmitSyncWithHeaders(key, msg, nil)
}

// EmitSyncWithHeaders is EmitSync, with headers that go over the emitter's default ones.
func (e *Emitter) EmitSyncWithHeaders(key string, msg interface{}, headers Headers) error {
	promise, err := e.EmitWithHeaders(key, msg, headers)
	if err != nil {
		return err
	}
	result := make(chan error, 1)
	promise.Then(func(err error) { result <- err })
	return <-result
}

// begin counts an emit, unless the emitter is finished.
func (e *Emitter) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.pending++
	return true
}

// end counts the result of an emit, whatever it is.
func (e *Emitter) end(error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending--
	if e.closed && e.pending == 0 {
		close(e.settled)
	}
}

// endUnless ends an emit of which no result is to come: the value cannot be encoded, or the producer panicked, as a mock does.
func (e *Emitter) endUnless(sent *bool) {
	if !*sent {
		e.end(nil)
	}
}

// closePatience is how much of the time that Finish may take is left to the producer, when emits have no results before.
const closePatience = 10 * time.Second

// Finish waits until all emits have their results and closes the producer, whose error it returns. It takes a minute at most: emits without
// a result are an error then, and the producer, which is closed in the background, fails their promises. Emits from then on fail
// with ErrEmitterAlreadyClosed: EmitSync returns it, the promises of others have it. A second call waits too, and returns nil.
func (e *Emitter) Finish() error {
	e.mu.Lock()
	again := e.closed
	e.closed = true
	if !again && e.pending == 0 {
		close(e.settled)
	}
	e.mu.Unlock()

	began := time.Now()
	waitFor(e.settled, producerCloseTimeout-closePatience)
	if again {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- guarded("producer", e.producer.Close) }()
	timeout := time.NewTimer(time.Until(began.Add(producerCloseTimeout)))
	defer timeout.Stop()
	select {
	case err := <-closed:
		return err
	case <-timeout.C:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Errorf("error finishing the emitter for %s: %d messages have no result after %s; their promises fail when the producer gives them up",
		e.topic, e.pending, producerCloseTimeout)
}
