package tester

import (
	"context"
	"fmt"
	"hash"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// producer writes to the tester's cluster, and has the result at once.
type producer struct {
	tester  *Tester
	hasher  func() hash.Hash32
	emitter bool // wait for what the record causes
	closed  atomic.Bool
}

// ProducerBuilder builds the producers of processors. goka calls it.
func (tt *Tester) ProducerBuilder() goka.ProducerBuilder {
	return func(_ []string, _ string, hasher func() hash.Hash32) (goka.Producer, error) {
		return &producer{tester: tt, hasher: hasher}, nil
	}
}

// EmitterProducerBuilder builds the producers of emitters: a message is emitted when all that it caused has finished, as
// with Consume. An emit from inside a callback does not wait, since the message at hand would wait for itself; the
// Consume under way does. goka calls it.
func (tt *Tester) EmitterProducerBuilder() goka.ProducerBuilder {
	return func(_ []string, _ string, hasher func() hash.Hash32) (goka.Producer, error) {
		return &producer{tester: tt, hasher: hasher, emitter: true}, nil
	}
}

// Produce implements goka.EmissionProducer.
func (p *producer) Produce(e *goka.Emission) {
	if p.closed.Load() {
		e.Done(e, goka.ErrEmitterAlreadyClosed)
		return
	}
	free := p.emitter && !p.tester.cluster.Settling() // not in a callback that somebody waits for
	if free {
		if err := p.tester.awaitStart(); err != nil {
			e.Done(e, fmt.Errorf("tester: emit key %q to topic %s: %w", e.Key, e.Topic, err))
			return
		}
	}
	partition := e.Partition
	if partition == goka.AnyPartition {
		partition = p.tester.partitionOf(string(e.Key), p.hasher)
	}
	r := memkafka.Record{Key: e.Key, Value: e.Value, Timestamp: memkafka.NoTimestamp}
	for _, h := range e.Headers {
		r.Headers = append(r.Headers, memkafka.Header{Key: string(h.Key), Value: h.Value})
	}
	var err error
	e.Partition, e.Offset, err = p.tester.append(e.Topic, partition, r)
	e.Done(e, err)
	if err != nil || !p.emitter {
		return
	}
	if free {
		err = p.tester.settled(p.tester.cluster.TrySettle)
	} else {
		err = p.tester.cluster.TrySettle(context.Background(), p.tester.timeout)
	}
	if err != nil { // Fatalf would end a goroutine that is not the test's own, which others may wait for
		p.tester.mark.Helper()
		p.tester.t.Errorf("tester: emit key %q to topic %s: %v", e.Key, e.Topic, err)
	}
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
	return nil
}
