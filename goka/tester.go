package goka

import "github.com/gokasim/gokasim/storage"

// Tester stands in for all that processors, views and emitters are connected to. Package tester has one.
type Tester interface {
	StorageBuilder() storage.Builder
	ProducerBuilder() ProducerBuilder
	ConsumerGroupBuilder() ConsumerGroupBuilder
	ConsumerBuilder() SaramaConsumerBuilder
	EmitterProducerBuilder() ProducerBuilder
	TopicManagerBuilder() TopicManagerBuilder
	// RegisterGroupGraph tells the tester about a processor, and returns the client.id for it.
	RegisterGroupGraph(*GroupGraph) string
	// RegisterEmitter tells the tester about an emitter.
	RegisterEmitter(Stream, Codec)
	// RegisterView tells the tester about a view, and returns the client.id for it.
	RegisterView(Table, Codec) string
}
