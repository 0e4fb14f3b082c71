package goka

import "github.com/IBM/sarama"

// WithConfig connects everything that the processor is made of by one configuration: its group membership, its
// consumers, its producer and its topic manager. That is where TLS, SASL and the like are set, once. The configuration
// is copied as the builders with a configuration do, see ProducerBuilderWithConfig and the others.
func WithConfig(config *sarama.Config) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) {
		o.builders.consumerGroup = ConsumerGroupBuilderWithConfig(config)
		o.builders.consumer = SaramaConsumerBuilderWithConfig(config)
		o.builders.producer = ProducerBuilderWithConfig(config)
		o.builders.topicManager = TopicManagerBuilderWithConfig(config, NewTopicManagerConfig())
	}
}

// WithViewConfig connects the view by one configuration, see WithConfig.
func WithViewConfig(config *sarama.Config) ViewOption {
	return func(o *voptions, _ Table, _ Codec) {
		o.builders.consumer = SaramaConsumerBuilderWithConfig(config)
		o.builders.topicManager = TopicManagerBuilderWithConfig(config, NewTopicManagerConfig())
	}
}

// WithEmitterConfig connects the emitter by a configuration, see WithConfig.
func WithEmitterConfig(config *sarama.Config) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.producer = ProducerBuilderWithConfig(config) }
}
