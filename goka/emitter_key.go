package goka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// EmitOption is a setting of one EmitKey.
type EmitOption func(*emitOptions)

type emitOptions struct {
	headers   Headers
	partition int32
	ctx       context.Context
}

// WithEmitHeaders adds headers, which go over the emitter's default ones. It may be given several times; of equal names
// the last one counts.
func WithEmitHeaders(headers Headers) EmitOption {
	return func(o *emitOptions) { o.headers = o.headers.Merged(headers) }
}

// WithEmitPartition sets the partition to write to, the one that the hash of the key says by default. A partition that
// the topic does not have fails the promise.
func WithEmitPartition(partition int32) EmitOption {
	return func(o *emitOptions) { o.partition = partition }
}

// ErrPlainProducer reports an emit that the emitter's producer cannot make, since it is no EmissionProducer.
var ErrPlainProducer = errors.New("the producer takes neither null keys nor partitions; it has to be a goka.EmissionProducer")

// EmitKey is Emit for any key: bytes of any kind, or nil for a null key, which goes to any partition. A nil msg is sent
// as a tombstone. The error is that of the codec, or ErrPlainProducer.
func (e *Emitter) EmitKey(key []byte, msg interface{}, options ...EmitOption) (*Promise, error) {
	o := emitOptions{partition: AnyPartition, ctx: context.Background()}
	for _, option := range options {
		option(&o)
	}
	producer, explicit := e.producer.(EmissionProducer)
	if !explicit && (key == nil || o.partition != AnyPartition) {
		return nil, fmt.Errorf("error emitting key %q to %s: %w", key, e.topic, ErrPlainProducer)
	}
	if !e.begin() {
		return NewPromise().Finish(nil, ErrEmitterAlreadyClosed), nil
	}
	sent := false
	defer e.endUnless(&sent)
	data, err := e.encoded(msg)
	if err != nil {
		return nil, fmt.Errorf("Error encoding value for key %s in topic %s: %w", key, e.topic, err)
	}
	key = bytes.Clone(key) // the caller's own may change while the message is on its way
	headers := e.defaultHeaders.Merged(o.headers)
	acknowledged := func(error) {}
	if e.observer != nil {
		headers, acknowledged = e.observe(o.ctx, Emission{
			Topic: e.topic, Key: key, Value: data, Headers: headers.ToSarama(), Partition: o.partition,
		})
	}
	if !explicit {
		promise := givenPromise(e.producer.EmitWithHeaders(e.topic, string(key), data, headers)).Then(acknowledged)
		sent = true
		return promise.Then(e.end), nil
	}
	emission, promise := newPromisedEmission(e.topic, key, data, headers.ToSarama())
	emission.Partition = o.partition
	producer.Produce(emission)
	sent = true
	return promise.Then(acknowledged).Then(e.end), nil
}
