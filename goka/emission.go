package goka

import (
	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
)

// AnyPartition as the partition of an Emission lets the producer choose: by the hash of the key.
const AnyPartition int32 = -1

// Emission is one record on its way to Kafka, together with who sent it and who wants to know how it went.
// Whoever makes it may use it again once Done was called.
type Emission struct {
	Topic     string
	Key       []byte // nil is a null key
	Value     []byte // nil is a tombstone
	Headers   []sarama.RecordHeader
	Partition int32 // AnyPartition, or the one to write to; holds the one written to when Done is called
	Offset    int64 // the offset written to, when Done is called without an error

	// Source names the record whose handling caused this one, so that a simulation can order what happens at once.
	Source kafka.Source

	// Done is called exactly once, from any goroutine, and possibly before Produce returns. It must not block.
	Done func(e *Emission, err error)

	msg sarama.ProducerMessage // what a producer on top of sarama sends, kept here to save an allocation
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
