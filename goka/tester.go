package goka

import "github.com/gokasim/gokasim/storage"

// Tester stands in for all that processors, views and emitters are connected to. Package tester has one.
type Tester interface {
	// StorageBuilder makes the storages of processors and views.
	StorageBuilder() storage.Builder
	// ProducerBuilder makes the producers of processors.
	ProducerBuilder() ProducerBuilder
	// ConsumerGroupBuilder makes the group members of processors.
	ConsumerGroupBuilder() ConsumerGroupBuilder
	// ConsumerBuilder makes the consumers of tables.
	ConsumerBuilder() SaramaConsumerBuilder
	// EmitterProducerBuilder makes the producers of emitters.
	EmitterProducerBuilder() ProducerBuilder
	// TopicManagerBuilder makes the topic managers of all of them.
	TopicManagerBuilder() TopicManagerBuilder
	// RegisterGroupGraph tells the tester about a processor, and returns the client.id for it.
	RegisterGroupGraph(*GroupGraph) string
	// RegisterEmitter tells the tester about an emitter.
	RegisterEmitter(Stream, Codec)
	// RegisterView tells the tester about a view, and returns the client.id for it.
	RegisterView(Table, Codec) string
}

// quickOpener is what a Tester may offer beyond the interface.
type quickOpener interface {
	// StorageOpensAtOnce reports that what StorageBuilder makes is made and opened without a wait, so that nobody has to be able
	// to give it up.
	StorageOpensAtOnce() bool
}

func opensAtOnce(t Tester) bool {
	q, ok := t.(quickOpener)
	return ok && q.StorageOpensAtOnce()
}
