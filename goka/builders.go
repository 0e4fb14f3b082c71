package goka

import (
	"errors"
	"fmt"
	"hash"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/storage"
)

// ProducerBuilder makes a producer that assigns keys to partitions by hasher.
type ProducerBuilder func(brokers []string, clientID string, hasher func() hash.Hash32) (Producer, error)

// ConsumerGroupBuilder makes a member of a consumer group.
type ConsumerGroupBuilder func(brokers []string, group, clientID string) (sarama.ConsumerGroup, error)

// SaramaConsumerBuilder makes a consumer of partitions, with which tables are read.
type SaramaConsumerBuilder func(brokers []string, clientID string) (sarama.Consumer, error)

// TopicManagerBuilder makes a TopicManager.
type TopicManagerBuilder func(brokers []string) (TopicManager, error)

const topicManagerClientID = "goka-topic-manager"

// DefaultProducerBuilder makes a producer with the global configuration.
func DefaultProducerBuilder(brokers []string, clientID string, hasher func() hash.Hash32) (Producer, error) {
	return ProducerBuilderWithConfig(globalConfig.Load())(brokers, clientID, hasher)
}

// ProducerBuilderWithConfig makes producers with a copy of config. In the copy, results are returned; and when
// Producer.Idempotent is set, Net.MaxOpenRequests is 1, as sarama demands.
func ProducerBuilderWithConfig(config *sarama.Config) ProducerBuilder {
	return func(brokers []string, clientID string, hasher func() hash.Hash32) (Producer, error) {
		if config == nil {
			return nil, errNilConfig
		}
		c := copyConfig(config)
		c.ClientID = clientID
		c.Producer.Partitioner = func(string) sarama.Partitioner { return &hashPartitioner{hasher: hasher()} }
		return NewProducer(brokers, c)
	}
}

var errNilConfig = errors.New("no sarama configuration: nil was given; start from goka.DefaultConfig()")

// DefaultConsumerGroupBuilder makes a group member with the global configuration.
func DefaultConsumerGroupBuilder(brokers []string, group, clientID string) (sarama.ConsumerGroup, error) {
	return ConsumerGroupBuilderWithConfig(globalConfig.Load())(brokers, group, clientID)
}

// ConsumerGroupBuilderWithConfig makes group members with a copy of config. A group whose topics are to be assigned
// alike needs CopartitioningStrategy or StrictCopartitioningStrategy as its strategy: a configuration without a choice
// of its own, sarama's default of ranges, gets the first.
func ConsumerGroupBuilderWithConfig(config *sarama.Config) ConsumerGroupBuilder {
	return func(brokers []string, group, clientID string) (sarama.ConsumerGroup, error) {
		if config == nil {
			return nil, errNilConfig
		}
		c := readingConfig(config)
		c.ClientID = clientID
		if s := c.Consumer.Group.Rebalance.GroupStrategies; c.Consumer.Group.Rebalance.Strategy == nil &&
			len(s) == 1 && s[0] != nil && s[0].Name() == sarama.RangeBalanceStrategyName {
			c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{CopartitioningStrategy}
		}
		d, err := door.For(brokers)
		if err != nil {
			return nil, err
		}
		member := &joinedGroup{initial: c.Consumer.Offsets.Initial, commits: c.Consumer.Offsets.AutoCommit.Enable}
		if door.Network(d) {
			member.lines = linesOf(c)
		}
		if member.ConsumerGroup, err = d.NewConsumerGroup(brokers, group, c); err != nil {
			return nil, err
		}
		return member, nil
	}
}

// DefaultSaramaConsumerBuilder makes a consumer with the global configuration.
func DefaultSaramaConsumerBuilder(brokers []string, clientID string) (sarama.Consumer, error) {
	return SaramaConsumerBuilderWithConfig(globalConfig.Load())(brokers, clientID)
}

// SaramaConsumerBuilderWithConfig makes consumers with a copy of config.
func SaramaConsumerBuilderWithConfig(config *sarama.Config) SaramaConsumerBuilder {
	return func(brokers []string, clientID string) (sarama.Consumer, error) {
		if config == nil {
			return nil, errNilConfig
		}
		c := readingConfig(config)
		c.ClientID = clientID
		c.Consumer.Return.Errors = true
		d, err := door.For(brokers)
		if err != nil {
			return nil, err
		}
		consumer, err := d.NewConsumer(brokers, c)
		if err != nil {
			return nil, err
		}
		if !door.Network(d) {
			return &directConsumer{consumer}, nil
		}
		own := copyConfig(c)
		lines := linesOf(own)
		return &tableConsumer{
			Consumer: consumer, connect: func() (sarama.Client, error) { return d.NewClient(brokers, own) },
			lines: lines, slots: make(chan struct{}, min(fetchesAtOnce, own.Net.MaxOpenRequests)),
		}, nil
	}
}

// directConsumer is a consumer of a door without a network, as goka's own builders make it.
type directConsumer struct{ sarama.Consumer }

// Unwrap implements door.Wrapping.
func (c *directConsumer) Unwrap() sarama.Consumer { return c.Consumer }

// isOwn reports whether one of goka's own builders made a consumer, and nobody wrapped it.
func isOwn(consumer sarama.Consumer) bool {
	switch consumer.(type) {
	case *directConsumer, *tableConsumer:
		return true
	default:
		return false
	}
}

// DefaultTopicManagerBuilder makes a topic manager with the global configuration and NewTopicManagerConfig's settings.
func DefaultTopicManagerBuilder(brokers []string) (TopicManager, error) {
	return TopicManagerBuilderWithTopicManagerConfig(NewTopicManagerConfig())(brokers)
}

// TopicManagerBuilderWithConfig makes topic managers with a copy of config, and tmConfig. The client.id is that of config,
// or "goka-topic-manager" where config has sarama's default.
func TopicManagerBuilderWithConfig(config *sarama.Config, tmConfig *TopicManagerConfig) TopicManagerBuilder {
	return func(brokers []string) (TopicManager, error) {
		if config == nil {
			return nil, errNilConfig
		}
		c := copyConfig(config)
		if c.ClientID == sarama.NewConfig().ClientID {
			c.ClientID = topicManagerClientID
		}
		return NewTopicManager(brokers, c, tmConfig)
	}
}

// TopicManagerBuilderWithTopicManagerConfig makes topic managers with the global configuration, and tmConfig.
func TopicManagerBuilderWithTopicManagerConfig(tmConfig *TopicManagerConfig) TopicManagerBuilder {
	return func(brokers []string) (TopicManager, error) {
		return TopicManagerBuilderWithConfig(globalConfig.Load(), tmConfig)(brokers)
	}
}

type builders struct {
	storage       storage.Builder
	producer      ProducerBuilder
	topicManager  TopicManagerBuilder
	consumerGroup ConsumerGroupBuilder
	consumer      SaramaConsumerBuilder
	backoff       BackoffBuilder
}

// checkReading reports a builder that an option set to nil, of those that read tables.
func (b *builders) checkReading() error {
	switch {
	case b.storage == nil:
		return errors.New("StorageBuilder not set")
	case b.topicManager == nil:
		return errors.New("TopicManagerBuilder not set")
	case b.consumer == nil:
		return errors.New("ConsumerBuilder not set")
	case b.backoff == nil:
		return errors.New("BackoffBuilder not set")
	}
	return nil
}

// check reports a builder that an option set to nil.
func (b *builders) check() error {
	switch {
	case b.producer == nil:
		return errors.New("ProducerBuilder not set")
	case b.consumerGroup == nil:
		return errors.New("ConsumerGroupBuilder not set")
	case globalConfig.Load().Producer.RequiredAcks == sarama.NoResponse:
		return fmt.Errorf("Producer.RequiredAcks is NoResponse in the global configuration: "+
			"processors need to know what Kafka has; use WaitForAll (%d)", sarama.WaitForAll)
	}
	return b.checkReading()
}
