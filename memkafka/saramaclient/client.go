package saramaclient

import (
	"context"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// client is a sarama.Client on a cluster. The embedded interface is nil: it stands for methods that future versions of
// sarama add.
type client struct {
	sarama.Client
	config *sarama.Config
	seam   *seam.Client
}

// NewClient mirrors sarama.NewClient. A nil config is sarama's default.
func NewClient(c *memkafka.Cluster, config *sarama.Config) (sarama.Client, error) {
	s, config, err := open(c, config, "client")
	if err != nil {
		return nil, err
	}
	return &client{config: config, seam: s}, nil
}

// metadata is what a client knows of a topic.
type metadata struct {
	partitions []int32
}

// topicMetadata asks for a topic, which auto.create.topics.enable creates as it does for any client that asks.
func topicMetadata(s *seam.Client, topic string, autoCreate bool) (metadata, error) {
	v, err := s.Ask(context.Background(), "metadata", topic, func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		t := core.Topic(topic)
		if t == nil && autoCreate {
			var err error
			if t, err = core.AutoCreate(topic); err != nil {
				call.Resolve(nil, err)
				return
			}
		}
		if t == nil {
			call.Resolve(nil, kafka.UnknownTopicOrPartition)
			return
		}
		m := metadata{}
		for i := range t.Partitions {
			m.partitions = append(m.partitions, int32(i))
		}
		call.Resolve(m, nil)
	})
	if err != nil {
		return metadata{}, saramaError(err)
	}
	return v.(metadata), nil
}

func listTopics(s *seam.Client) ([]string, error) {
	v, err := s.Ask(context.Background(), "metadata", "", func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		call.Resolve(core.Topics(), nil)
	})
	if err != nil {
		return nil, saramaError(err)
	}
	return v.([]string), nil
}

// getOffset looks at all records, also for consumers of committed ones: sarama's clients send no isolation level here.
func getOffset(s *seam.Client, topic string, partition int32, at int64) (int64, error) {
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	v, err := s.Ask(context.Background(), "list offsets", tp.String(), func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		o, _, err := core.ListOffset(topic, partition, kafka.Millis(at), false)
		call.Resolve(o, err)
	})
	if err != nil {
		return -1, saramaError(err)
	}
	return int64(v.(kafka.Offset)), nil
}

func (c *client) Config() *sarama.Config { return c.config }

func (c *client) Topics() ([]string, error) { return listTopics(c.seam) }

func (c *client) Partitions(topic string) ([]int32, error) {
	m, err := topicMetadata(c.seam, topic, c.config.Metadata.AllowAutoTopicCreation)
	return m.partitions, err
}

// WritablePartitions are all partitions, since each always has a leader.
func (c *client) WritablePartitions(topic string) ([]int32, error) { return c.Partitions(topic) }

func (c *client) RefreshMetadata(topics ...string) error {
	for _, t := range topics {
		if _, err := topicMetadata(c.seam, t, c.config.Metadata.AllowAutoTopicCreation); err != nil {
			return err
		}
	}
	if c.Closed() {
		return sarama.ErrClosedClient
	}
	return nil
}

func (c *client) GetOffset(topic string, partition int32, at int64) (int64, error) {
	return getOffset(c.seam, topic, partition, at)
}

// partition asks who leads and holds a partition.
func (c *client) partition(topic string, partition int32) (cluster.PartitionMetadata, error) {
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	v, err := c.seam.Ask(context.Background(), "metadata", tp.String(), func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		p := core.Partition(topic, partition)
		if p == nil {
			call.Resolve(nil, kafka.UnknownTopicOrPartition)
			return
		}
		call.Resolve(core.PartitionMetadata(p), nil)
	})
	if err != nil {
		return cluster.PartitionMetadata{}, saramaError(err)
	}
	return v.(cluster.PartitionMetadata), nil
}

func (c *client) Replicas(topic string, partition int32) ([]int32, error) {
	m, err := c.partition(topic, partition)
	return m.Replicas, err
}

func (c *client) InSyncReplicas(topic string, partition int32) ([]int32, error) {
	m, err := c.partition(topic, partition)
	return m.ISR, err
}

func (c *client) OfflineReplicas(topic string, partition int32) ([]int32, error) {
	m, err := c.partition(topic, partition)
	return m.Offline, err
}

func (c *client) PartitionNotReadable(topic string, partition int32) bool {
	m, err := c.partition(topic, partition)
	return err != nil || m.Err != kafka.None
}

func (c *client) Close() error {
	if c.Closed() {
		return sarama.ErrClosedClient
	}
	c.seam.Close()
	return nil
}

func (c *client) Closed() bool { return c.seam.Closed() }

func (c *client) RefreshBrokers([]string) error { return nil }

func (c *client) RefreshCoordinator(string) error { return c.alive() }

func (c *client) RefreshTransactionCoordinator(string) error { return c.alive() }

func (c *client) alive() error {
	if c.Closed() {
		return sarama.ErrClosedClient
	}
	return nil
}

// What hands out a live *sarama.Broker needs a connection, which clients of this package have not.

func (c *client) Brokers() []*sarama.Broker { return nil }

func (c *client) Controller() (*sarama.Broker, error) { return nil, notOffered("Client.Controller") }

func (c *client) RefreshController() (*sarama.Broker, error) {
	return nil, notOffered("Client.RefreshController")
}

func (c *client) Broker(int32) (*sarama.Broker, error) { return nil, notOffered("Client.Broker") }

func (c *client) Leader(string, int32) (*sarama.Broker, error) {
	return nil, notOffered("Client.Leader")
}

func (c *client) LeaderAndEpoch(string, int32) (*sarama.Broker, int32, error) {
	return nil, -1, notOffered("Client.LeaderAndEpoch")
}

func (c *client) Coordinator(string) (*sarama.Broker, error) {
	return nil, notOffered("Client.Coordinator")
}

func (c *client) TransactionCoordinator(string) (*sarama.Broker, error) {
	return nil, notOffered("Client.TransactionCoordinator")
}

func (c *client) InitProducerID() (*sarama.InitProducerIDResponse, error) {
	return nil, notOffered("Client.InitProducerID")
}

func (c *client) LeastLoadedBroker() *sarama.Broker { return nil }
