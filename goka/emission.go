package goka

import (
	"errors"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
)

// AnyPartition as the partition of an Emission lets the producer choose: by the hash of the key.
const AnyPartition int32 = -1

// Emission is one record on its way to Kafka, together with who sent it and who wants to know how it went.
// Whoever makes it may use it again once Done was called.
type Emission struct {
	Topic     string                // the topic to write to
	Key       []byte                // nil is a null key
	Value     []byte                // nil is a tombstone
	Headers   []sarama.RecordHeader // in this order; none when nil
	Partition int32                 // AnyPartition, or the one to write to; holds the one written to when Done is called
	Offset    int64                 // the offset written to, when Done is called without an error; negative when it is not known

	// Source names the record whose handling caused this one, so that a simulation can order what happens at once.
	Source kafka.Source

	// Done is called exactly once, from any goroutine, and possibly before Produce returns. It must not block. It may call
	// Produce, see NewProducer.
	Done func(e *Emission, err error)

	owner interface{} // what goka's own Done functions need beside the emission

	msg        sarama.ProducerMessage // what a producer on top of sarama sends, kept here to save an allocation
	prev, next *Emission              // the emissions that a producer has not heard of yet, see unsettled
}

// KafkaSource returns e.Source; it lets a simulated cluster see the caller behind a sarama.ProducerMessage.
func (e *Emission) KafkaSource() kafka.Source { return e.Source }

// EmissionProducer is what goka's own producers offer beside Producer: explicit partitions, null keys, a named
// source, and no allocation per record. Processors and emitters use it where a producer has it, and Producer's
// methods where it has not.
type EmissionProducer interface {
	Producer
	// Produce sends e and never fails itself: Done learns about errors. It blocks while the producer is saturated.
	Produce(e *Emission)
}

// message prepares e's sarama message.
func (e *Emission) message() *sarama.ProducerMessage {
	e.msg = sarama.ProducerMessage{Topic: e.Topic, Headers: e.Headers, Metadata: e, Offset: -1} // also where a duplicate is acknowledged without an offset
	if e.Partition >= 0 {
		e.msg.Partition = e.Partition
	}
	if e.Key != nil {
		e.msg.Key = (*encoded)(&e.Key)
	}
	if e.Value != nil {
		e.msg.Value = (*encoded)(&e.Value)
	}
	return &e.msg
}

// encoded is a sarama.Encoder that costs no allocation, since it points to a field.
type encoded []byte

func (b *encoded) Encode() ([]byte, error) { return *b, nil }
func (b *encoded) Length() int             { return len(*b) }

// emissionsOf returns p as an EmissionProducer: itself if it is one, else a cover that leaves partition and source out.
func emissionsOf(p Producer) EmissionProducer {
	if ep, ok := p.(EmissionProducer); ok {
		return ep
	}
	return promising{p}
}

// errNoPromise is the result of an emit for which a producer returned nil, as a mock does that nobody told what to return.
var errNoPromise = errors.New("the producer gave no promise")

// givenPromise is p, or where there is none a promise that failed.
func givenPromise(p *Promise) *Promise {
	if p == nil {
		return NewPromise().Finish(nil, errNoPromise)
	}
	return p
}

// promising makes emissions on a producer that knows promises only.
type promising struct{ Producer }

func (p promising) Produce(e *Emission) {
	promised := false
	defer func() {
		if !promised { // or else a result would be waited for, while the panic of a mock that nobody told of this call goes on
			e.Offset = -1
			e.Done(e, errNoPromise)
		}
	}()
	promise := p.emit(e)
	if promise == nil {
		return
	}
	promised = true
	promise.ThenWithMessage(func(msg *sarama.ProducerMessage, err error) {
		e.Offset = -1
		if msg != nil {
			e.Partition, e.Offset = msg.Partition, msg.Offset
		}
		e.Done(e, err)
	})
}

func (p promising) emit(e *Emission) *Promise {
	var headers Headers
	if len(e.Headers) > 0 {
		headers = make(Headers, len(e.Headers))
	}
	for _, h := range e.Headers {
		headers[string(h.Key)] = h.Value
	}
	return p.EmitWithHeaders(e.Topic, string(e.Key), e.Value, headers)
}
