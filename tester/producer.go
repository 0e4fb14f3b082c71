package tester

import (
	"errors"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// producer writes to the tester's cluster.
type producer struct {
	tester  *Tester
	hasher  func() hash.Hash32
	emitter bool                  // wait for what the record causes
	inner   goka.EmissionProducer // nil where records are appended at once
	client  string
	closed  atomic.Bool

	mu   sync.Mutex            // guards late
	late goka.EmissionProducer // made when there are faults to meet
}

// ProducerBuilder builds the producers of processors. goka calls it.
func (tt *Tester) ProducerBuilder() goka.ProducerBuilder { return tt.producers(false) }

// EmitterProducerBuilder builds the producers of emitters: a message is emitted when all that it caused has finished, as
// with Consume. An emit from inside a callback does not wait, since the message at hand would wait for itself; the
// Consume under way does. goka calls it.
func (tt *Tester) EmitterProducerBuilder() goka.ProducerBuilder { return tt.producers(true) }

func (tt *Tester) producers(emitter bool) goka.ProducerBuilder {
	return func(brokers []string, clientID string, hasher func() hash.Hash32) (goka.Producer, error) {
		p := &producer{tester: tt, hasher: hasher, emitter: emitter, client: clientID}
		if build := tt.ground.producer(); build != nil {
			inner, err := build(brokers, clientID, hasher)
			if err != nil {
				return nil, err
			}
			var ok bool
			if p.inner, ok = inner.(goka.EmissionProducer); !ok {
				return nil, fmt.Errorf("producer %T takes no emissions", inner)
			}
		}
		return p, nil
	}
}

// Produce implements goka.EmissionProducer.
func (p *producer) Produce(e *goka.Emission) {
	tt := p.tester
	switch {
	case p.closed.Load():
		e.Done(e, goka.ErrEmitterAlreadyClosed)
		return
	case tt.parties.isKilled(p.client):
		e.Done(e, errKilled)
		return
	}
	free := p.emitter && !tt.busy() // not in a callback that somebody waits for
	if free {
		if err := tt.awaitStart(); err != nil {
			e.Done(e, fmt.Errorf("tester: emit key %q to topic %s: %w", e.Key, e.Topic, err))
			return
		}
	}
	topic, key := e.Topic, e.Key // e may be used again once it is done
	inner, err := p.sender()
	if _, apache := tt.ground.(*real); apache && err == nil {
		err = tt.ensureTopic(topic) // else the broker makes it, with partitions of its own choice
	}
	if err == nil {
		err = tt.emits.failure(e)
	}
	switch {
	case err != nil:
		e.Done(e, err)
	case inner == nil:
		err = p.append(e)
	case free:
		err = send(inner, e)
	default:
		inner.Produce(e)
		return
	}
	if err != nil || !p.emitter {
		return
	}
	if free {
		err = tt.settled(true)
	} else {
		err = tt.ground.settle(true)
	}
	if err != nil { // Fatalf would end a goroutine that is not the test's own, which others may wait for
		tt.errorf("emit key %q to topic %s: %v", key, topic, err)
	}
}

// errKilled is what a callback hears that has its instance killed, and goes on.
var errKilled = errors.New("the instance was killed, and nothing that it sends arrives")

// append writes a record and has the result at once.
func (p *producer) append(e *goka.Emission) error {
	r := memkafka.Record{Key: e.Key, Value: e.Value, Timestamp: memkafka.NoTimestamp}
	for _, h := range e.Headers {
		r.Headers = append(r.Headers, memkafka.Header{Key: string(h.Key), Value: h.Value})
	}
	var err error
	if e.Partition == goka.AnyPartition {
		e.Partition, e.Offset, err = p.tester.appendKeyed(e.Topic, string(e.Key), p.hasher, r)
	} else {
		e.Partition, e.Offset, err = p.tester.append(e.Topic, e.Partition, r)
	}
	e.Done(e, err)
	return err
}

// send writes a record and waits for its result.
func send(inner goka.EmissionProducer, e *goka.Emission) error {
	result := make(chan error, 1)
	done := e.Done
	e.Done = func(e *goka.Emission, err error) {
		done(e, err)
		result <- err
	}
	inner.Produce(e)
	return <-result
}

func (p *producer) Emit(topic string, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

func (p *producer) EmitWithHeaders(topic string, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise := goka.NewPromise()
	p.Produce(&goka.Emission{
		Topic: topic, Key: []byte(key), Value: value, Headers: headers.ToSarama(), Partition: goka.AnyPartition,
		Done: func(e *goka.Emission, err error) {
			promise.Finish(&sarama.ProducerMessage{
				Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.ByteEncoder(value),
				Headers: e.Headers, Partition: e.Partition, Offset: e.Offset,
			}, err)
		},
	})
	return promise
}

func (p *producer) Close() error {
	p.closed.Store(true)
	if p.inner != nil {
		return p.inner.Close()
	}
	p.mu.Lock()
	late := p.late
	p.mu.Unlock()
	if late != nil {
		return late.Close()
	}
	return nil
}
