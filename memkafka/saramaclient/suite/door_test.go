package suite

import (
	"time"

	"github.com/IBM/sarama"
)

// Door is a way to a Kafka cluster: its constructors are sarama's, without addresses.
type Door interface {
	// Config returns a new configuration that clients of this door can use.
	Config() *sarama.Config

	NewClient(*sarama.Config) (sarama.Client, error)
	NewClusterAdmin(*sarama.Config) (sarama.ClusterAdmin, error)
	NewClusterAdminFromClient(sarama.Client) (sarama.ClusterAdmin, error)
	NewConsumer(*sarama.Config) (sarama.Consumer, error)
	NewConsumerFromClient(sarama.Client) (sarama.Consumer, error)
	NewConsumerGroup(group string, config *sarama.Config) (sarama.ConsumerGroup, error)
	NewConsumerGroupFromClient(group string, client sarama.Client) (sarama.ConsumerGroup, error)
	NewSyncProducer(*sarama.Config) (sarama.SyncProducer, error)
	NewSyncProducerFromClient(sarama.Client) (sarama.SyncProducer, error)
	NewAsyncProducer(*sarama.Config) (sarama.AsyncProducer, error)
	NewAsyncProducerFromClient(sarama.Client) (sarama.AsyncProducer, error)
	NewOffsetManagerFromClient(group string, client sarama.Client) (sarama.OffsetManager, error)
}

// pace is how fast things go behind a door. Cases take all their times from it.
type pace struct {
	session   time.Duration // the shortest session time-out of members
	heartbeat time.Duration
	rebalance time.Duration // how long a rebalance waits for members
	fetch     time.Duration // how long a broker waits for records; sarama asks for nothing else meanwhile
	commit    time.Duration // between automatic commits
	quiet     time.Duration // how long one looks until one believes that nothing comes
	patience  time.Duration // how long one waits for what has to come
	poll      time.Duration // between two looks
}

// saramaDoor is sarama's own clients.
type saramaDoor struct {
	addrs  []string
	config func() *sarama.Config
}

func (d saramaDoor) Config() *sarama.Config { return d.config() }

func (d saramaDoor) NewClient(c *sarama.Config) (sarama.Client, error) {
	return sarama.NewClient(d.addrs, c)
}

func (d saramaDoor) NewClusterAdmin(c *sarama.Config) (sarama.ClusterAdmin, error) {
	return sarama.NewClusterAdmin(d.addrs, c)
}

func (d saramaDoor) NewClusterAdminFromClient(c sarama.Client) (sarama.ClusterAdmin, error) {
	return sarama.NewClusterAdminFromClient(c)
}

func (d saramaDoor) NewConsumer(c *sarama.Config) (sarama.Consumer, error) {
	return sarama.NewConsumer(d.addrs, c)
}

func (d saramaDoor) NewConsumerFromClient(c sarama.Client) (sarama.Consumer, error) {
	return sarama.NewConsumerFromClient(c)
}

func (d saramaDoor) NewConsumerGroup(group string, c *sarama.Config) (sarama.ConsumerGroup, error) {
	return sarama.NewConsumerGroup(d.addrs, group, c)
}

func (d saramaDoor) NewConsumerGroupFromClient(group string, c sarama.Client) (sarama.ConsumerGroup, error) {
	return sarama.NewConsumerGroupFromClient(group, c)
}

func (d saramaDoor) NewSyncProducer(c *sarama.Config) (sarama.SyncProducer, error) {
	return sarama.NewSyncProducer(d.addrs, c)
}

func (d saramaDoor) NewSyncProducerFromClient(c sarama.Client) (sarama.SyncProducer, error) {
	return sarama.NewSyncProducerFromClient(c)
}

func (d saramaDoor) NewAsyncProducer(c *sarama.Config) (sarama.AsyncProducer, error) {
	return sarama.NewAsyncProducer(d.addrs, c)
}

func (d saramaDoor) NewAsyncProducerFromClient(c sarama.Client) (sarama.AsyncProducer, error) {
	return sarama.NewAsyncProducerFromClient(c)
}

func (d saramaDoor) NewOffsetManagerFromClient(group string, c sarama.Client) (sarama.OffsetManager, error) {
	return sarama.NewOffsetManagerFromClient(group, c)
}
