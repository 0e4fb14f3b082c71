package saramaclient

import (
	"context"
	"slices"
	"sync"

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
	cluster *memkafka.Cluster
	config  *sarama.Config
	seam    *seam.Client
	wire    *wire

	mu     sync.Mutex     // guards shared, and that nothing is shared by a closed client
	shared []*seam.Client // of producers, consumers and members that were made from this client
}

// NewClient mirrors sarama.NewClient. A nil config is sarama's default. Methods that return a *sarama.Broker return one that
// reaches the cluster's wire door in memory.
func NewClient(c *memkafka.Cluster, config *sarama.Config) (sarama.Client, error) {
	client, err := newClient(c, config, "client")
	if err != nil {
		return nil, err
	}
	return client, nil
}

func newClient(c *memkafka.Cluster, config *sarama.Config, kind string) (*client, error) {
	s, config, err := open(c, config, kind)
	if err != nil {
		return nil, err
	}
	return &client{cluster: c, config: config, seam: s, wire: newWire(c, config, s.Done())}, nil
}

// share registers another client of the given kind on the cluster of c, with c's configuration. Whoever closes c takes it
// along, as sarama's clients take their connections.
func (c *client) share(kind string) (*seam.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Closed() {
		return nil, sarama.ErrClosedClient
	}
	s, _, err := open(c.cluster, c.config, kind)
	if err != nil {
		return nil, err
	}
	c.shared = append(slices.DeleteFunc(c.shared, (*seam.Client).Closed), s)
	return s, nil
}

// metadata is what a client knows of a topic.
type metadata struct {
	partitions []int32
	leaders    []int32 // by partition, cluster.NoLeader for none
}

// writable are the partitions that have a leader.
func (m metadata) writable() []int32 {
	ps := make([]int32, 0, len(m.partitions))
	for i, p := range m.partitions {
		if m.leaders[i] != cluster.NoLeader {
			ps = append(ps, p)
		}
	}
	return ps
}

// topicMetadata asks for a topic, which auto.create.topics.enable creates as it does for any client that asks.
func topicMetadata(s *seam.Client, topic string, autoCreate bool) (metadata, error) {
	v, err := s.AskAgain(context.Background(), "metadata", topic, func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
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
		m := metadata{partitions: make([]int32, len(t.Partitions)), leaders: make([]int32, len(t.Partitions))}
		for i, p := range t.Partitions {
			m.partitions[i], m.leaders[i] = int32(i), p.Leader
		}
		call.Resolve(m, nil)
	})
	if err != nil {
		return metadata{}, saramaError(err)
	}
	return v.(metadata), nil
}

func listTopics(s *seam.Client) ([]string, error) {
	v, err := s.AskAgain(context.Background(), "metadata", "", func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		call.Resolve(core.Topics(), nil)
	})
	if err != nil {
		return nil, saramaError(err)
	}
	return v.([]string), nil
}

func (c *client) Config() *sarama.Config { return c.config }

func (c *client) Topics() ([]string, error) { return listTopics(c.seam) }

func (c *client) Partitions(topic string) ([]int32, error) {
	m, err := topicMetadata(c.seam, topic, c.config.Metadata.AllowAutoTopicCreation)
	return m.partitions, err
}

// WritablePartitions are those that have a leader.
func (c *client) WritablePartitions(topic string) ([]int32, error) {
	m, err := topicMetadata(c.seam, topic, c.config.Metadata.AllowAutoTopicCreation)
	if err != nil {
		return nil, err
	}
	return m.writable(), nil
}

func (c *client) RefreshMetadata(topics ...string) error {
	for _, t := range topics {
		if t == "" {
			return sarama.ErrInvalidTopic
		}
		if _, err := topicMetadata(c.seam, t, c.config.Metadata.AllowAutoTopicCreation); err != nil {
			return err
		}
	}
	if c.Closed() {
		return sarama.ErrClosedClient
	}
	return nil
}

// GetOffset looks at all records, also for consumers of committed ones: sarama's clients send no isolation level here.
func (c *client) GetOffset(topic string, partition int32, at int64) (int64, error) {
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	v, err := c.seam.AskAgain(context.Background(), "list offsets", tp.String(), func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		if err := c.asked(core, topic); err != nil {
			call.Resolve(nil, err)
			return
		}
		if p := core.Partition(topic, partition); p != nil && p.Leader == cluster.NoLeader {
			call.Resolve(nil, kafka.LeaderNotAvailable) // there is nobody to ask
			return
		}
		o, _, err := core.ListOffset(topic, partition, kafka.Millis(at), false)
		call.Resolve(o, err)
	})
	if err != nil {
		return -1, saramaError(err)
	}
	return int64(v.(kafka.Offset)), nil
}

// asked has a topic come into being that is missing, as a request for its metadata does (auto.create.topics.enable).
func (c *client) asked(core *cluster.Cluster, topic string) error {
	if core.Topic(topic) != nil || !c.config.Metadata.AllowAutoTopicCreation {
		return nil
	}
	_, err := core.AutoCreate(topic)
	return err
}

// partition asks who leads and holds a partition.
func (c *client) partition(topic string, partition int32) (cluster.PartitionMetadata, error) {
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	v, err := c.seam.Ask(context.Background(), "metadata", tp.String(), func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		if err := c.asked(core, topic); err != nil {
			call.Resolve(nil, err)
			return
		}
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
	c.mu.Lock()
	c.seam.Close()
	shared := c.shared
	c.shared = nil
	c.mu.Unlock()
	for _, s := range shared {
		s.Close()
	}
	c.wire.close()
	return nil
}

func (c *client) Closed() bool { return c.seam.Closed() }
