package tester

import (
	"context"
	"hash"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// ground is the Kafka that a tester stands on: a cluster worked by hand, one in a simulation, or a real one.
type ground interface {
	createTopic(topic string, partitions int, table bool) error
	// partitions is 0 for a topic that does not exist.
	partitions(topic string) (int32, error)
	// topicsVersion changes whenever partitions may.
	topicsVersion() uint64
	offsets(topic string, partition int32) (start, high memkafka.Offset, err error)
	append(topic string, partition int32, r memkafka.Record) (memkafka.Offset, error)
	fetch(topic string, partition int32, from memkafka.Offset, limit int) ([]memkafka.Record, error)
	committed(group, topic string, partition int32) (memkafka.Offset, bool, error)

	// config is that of clients with an id.
	config(clientID string) *sarama.Config
	group(group string, c *sarama.Config) (sarama.ConsumerGroup, error)
	consumer(c *sarama.Config) (sarama.Consumer, error)
	// producer is nil where the tester appends records itself.
	producer() goka.ProducerBuilder

	// await waits until ready has nothing to miss any more, and returns what it missed when timeout passes.
	await(ready func() string) (missing string, err error)
	// reading lists who reads what.
	reading() []memkafka.Subscription
	// version changes whenever what await looks at may have changed.
	version() uint64
	// settle waits until everything was handled. Somebody whom a settle under way may wait for tries only.
	settle(try bool) error
	// busy reports that the caller may be somebody whom a settle waits for.
	busy() bool
	wake()
	// kill ends the clients of an id as a crash does.
	kill(clientID string)
	close()
}

// byHand is a cluster that hands out records while somebody waits for them.
type byHand struct {
	cluster   *memkafka.Cluster
	timeout   time.Duration
	heartbeat time.Duration            // 0 for sarama's
	brokers   atomic.Pointer[[]string] // leads to the cluster; nil unless there are faults
	release   func()                   // of the name in it
}

func (g *byHand) createTopic(topic string, partitions int, table bool) error {
	return createSimulated(g.cluster, topic, partitions, table)
}

// createSimulated makes a topic, or a table of one that is there.
func createSimulated(c *memkafka.Cluster, topic string, partitions int, table bool) error {
	exists := c.Partitions(topic) > 0
	switch {
	case exists && table:
		return c.SetTopicConfig(topic, "cleanup.policy", "compact")
	case exists:
		return nil
	case table:
		return c.CreateTopic(topic, int32(partitions), memkafka.WithConfig("cleanup.policy", "compact"))
	}
	// messages may have any time, and none is to vanish from a test
	return c.CreateTopic(topic, int32(partitions), memkafka.WithConfig("retention.ms", "-1"))
}

func (g *byHand) partitions(topic string) (int32, error) { return g.cluster.Partitions(topic), nil }

func (g *byHand) topicsVersion() uint64 { return g.cluster.TopicsVersion() }

func (g *byHand) offsets(topic string, partition int32) (start, high memkafka.Offset, err error) {
	return g.cluster.Offsets(topic, partition)
}

func (g *byHand) append(topic string, partition int32, r memkafka.Record) (memkafka.Offset, error) {
	return g.cluster.Append(topic, partition, r)
}

func (g *byHand) fetch(topic string, partition int32, from memkafka.Offset, limit int) ([]memkafka.Record, error) {
	return g.cluster.Fetch(topic, partition, from, limit)
}

func (g *byHand) committed(group, topic string, partition int32) (memkafka.Offset, bool, error) {
	offset, ok := g.cluster.Committed(group, topic, partition)
	return offset, ok, nil
}

// lostShare is which part of its timeout a tester in real time waits for the answer to a request that a fault has lost.
const lostShare = 5

// neverByItself is how often members commit by themselves where the tester has them commit.
const neverByItself = 24 * time.Hour

func (g *byHand) config(clientID string) *sarama.Config {
	c := simulatedConfig(clientID)
	c.Consumer.Offsets.AutoCommit.Interval = neverByItself
	c.Producer.Retry.BackoffFunc = nil // no broker takes long to come back, and a test waits in real time
	c.Net.ReadTimeout = min(c.Net.ReadTimeout, max(g.timeout/lostShare, time.Millisecond))
	if g.heartbeat > 0 {
		c.Consumer.Group.Heartbeat.Interval = g.heartbeat
		c.Consumer.Group.Session.Timeout = 3 * g.heartbeat
		c.Metadata.RefreshFrequency = g.heartbeat
	}
	return c
}

// clientConfig is goka's own configuration, reading inputs from their first record on.
func clientConfig(clientID string) *sarama.Config {
	c := goka.DefaultConfig()
	c.ClientID = clientID
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}

// simulatedConfig is clientConfig with less room for errors and results, which is most of what a client weighs: nobody sends
// ahead to a simulated cluster.
func simulatedConfig(clientID string) *sarama.Config {
	c := clientConfig(clientID)
	c.ChannelBufferSize = 16
	return c
}

func (g *byHand) group(group string, c *sarama.Config) (sarama.ConsumerGroup, error) {
	return saramaclient.NewConsumerGroup(g.cluster, group, c)
}

func (g *byHand) consumer(c *sarama.Config) (sarama.Consumer, error) {
	consumer, err := saramaclient.NewConsumer(g.cluster, c)
	if err != nil {
		return nil, err
	}
	saramaclient.SendBarriers(consumer)
	return consumer, nil
}

func (g *byHand) producer() goka.ProducerBuilder { return nil }

func (g *byHand) await(ready func() string) (string, error) {
	missing := ready()
	if missing == "" {
		return "", nil
	}
	changes := g.cluster.Changes()
	defer changes.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), g.timeout)
	defer cancel()
	for {
		if missing = ready(); missing == "" {
			return "", nil
		}
		if changes.Wait(ctx) != nil {
			return missing, nil
		}
	}
}

func (g *byHand) reading() []memkafka.Subscription { return g.cluster.Subscriptions() }

func (g *byHand) version() uint64 { return g.cluster.SubscriptionsVersion() }

func (g *byHand) settle(try bool) error {
	if try {
		return g.cluster.TrySettle(context.Background(), g.timeout)
	}
	return g.cluster.Settle(context.Background(), g.timeout)
}

func (g *byHand) busy() bool { return g.cluster.Settling() }

func (g *byHand) wake() { g.cluster.Wake() }

func (g *byHand) kill(clientID string) { g.cluster.Kill(clientID) }

func (g *byHand) close() {
	if g.release != nil {
		g.release()
	}
	g.cluster.Close()
}

// inSimulation is the cluster of a simulation: whatever waits lets events happen meanwhile.
type inSimulation struct {
	byHand
	sim *Sim
}

func (g *inSimulation) config(clientID string) *sarama.Config { return simulatedConfig(clientID) }

// append is an event of its own.
func (g *inSimulation) append(topic string, partition int32, r memkafka.Record) (memkafka.Offset, error) {
	var offset memkafka.Offset
	var err error
	if e := g.sim.wait("the input to be written", func() bool {
		offset, err = g.sim.driver.Input(memkafka.TopicPartition{Topic: topic, Partition: partition}, r)
		return true
	}); e != nil {
		return noOffset, e
	}
	return offset, err
}

func (g *inSimulation) producer() goka.ProducerBuilder {
	return func(_ []string, clientID string, hasher func() hash.Hash32) (goka.Producer, error) {
		return goka.ProducerBuilderWithConfig(g.config(clientID))(g.sim.Brokers(), clientID, hasher)
	}
}

func (g *inSimulation) await(ready func() string) (string, error) {
	if g.sim.looking != "" {
		return "", nil // things are as they are
	}
	missing := ""
	err := g.sim.wait("processors and views to start", func() bool { missing = ready(); return missing == "" })
	return missing, err
}

func (g *inSimulation) settle(try bool) error {
	if try && g.busy() {
		return nil
	}
	return g.sim.idle()
}

func (g *inSimulation) busy() bool { return g.sim.asking.Load() > 0 }

func (g *inSimulation) wake() {}

func (g *inSimulation) kill(clientID string) { g.sim.driver.Kill(clientID) }

func (g *inSimulation) close() {}
