package memkafka

import (
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// NoLeader stands for the leader of a partition that has none, and for a coordinator that is nowhere.
const NoLeader = cluster.NoLeader

// PartitionMetadata is who leads and holds a partition, by numbers of brokers: Leader (NoLeader when there is none), LeaderEpoch,
// Replicas with the preferred leader first, ISR, those in sync, and Offline, those whose broker is down. Err is LEADER_NOT_AVAILABLE
// without a leader.
type PartitionMetadata = cluster.PartitionMetadata

// WithCoordinatorRecords says whether the coordinators keep their records in __consumer_offsets and __transaction_state,
// where clients can read them: false unless set. In both cases a coordinator that moves is built from its records.
func WithCoordinatorRecords(on bool) Option {
	return func(s *cluster.Settings) error { s.RetainState = on; return nil }
}

// BrokerDown stops a broker, numbered from 1: partitions that it led go to their next in-sync replica, with a new leader
// epoch, and have no leader when there is none; groups and transactions that it coordinated are built again elsewhere,
// from their records. It does nothing to a broker that is down, and fails for one that does not exist.
//
// In a driven cluster this, and every other change of the cluster, is an event of the trace.
func (c *Cluster) BrokerDown(id int32) error {
	return c.change(fmt.Sprintf("broker %d goes down", id), func(core *cluster.Cluster, now kafka.Millis) error {
		return core.BrokerDown(now, id)
	})
}

// BrokerUp starts a broker again. Its replicas catch up at once; leadership comes back to it when Kafka's controller looks
// (leader.imbalance.check.interval.seconds), or by MoveLeader. It does nothing to a broker that is up.
func (c *Cluster) BrokerUp(id int32) error {
	return c.change(fmt.Sprintf("broker %d comes up", id), func(core *cluster.Cluster, now kafka.Millis) error {
		return core.BrokerUp(now, id)
	})
}

// MoveLeader makes another in-sync replica the leader of a partition; broker 0 is the next in the order of the replicas.
func (c *Cluster) MoveLeader(topic string, partition, broker int32) error {
	return c.change(fmt.Sprintf("leader of %s/%d moves to %d", topic, partition, broker), func(core *cluster.Cluster, now kafka.Millis) error {
		return core.MoveLeader(now, TopicPartition{Topic: topic, Partition: partition}, broker)
	})
}

// HoldReplication stops the followers of a partition from fetching. Consumers see nothing beyond what they have until they
// have left the in-sync replicas (replica.lag.time.max.ms), and one of them that becomes leader has lost the rest.
func (c *Cluster) HoldReplication(topic string, partition int32) error {
	return c.hold(topic, partition, true)
}

// ReleaseReplication ends HoldReplication: the followers catch up.
func (c *Cluster) ReleaseReplication(topic string, partition int32) error {
	return c.hold(topic, partition, false)
}

func (c *Cluster) hold(topic string, partition int32, on bool) error {
	what := "is released"
	if on {
		what = "is held"
	}
	return c.change(fmt.Sprintf("replication of %s/%d %s", topic, partition, what), func(core *cluster.Cluster, now kafka.Millis) error {
		return core.HoldReplication(now, TopicPartition{Topic: topic, Partition: partition}, on)
	})
}

// Brokers lists the brokers that are up, by number.
func (c *Cluster) Brokers() []int32 {
	var up []int32
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error { up = core.Brokers(); return nil }) // a closed cluster has none
	return up
}

// Controller returns the broker that is the active controller, NoLeader when there is none.
func (c *Cluster) Controller() int32 {
	id := NoLeader
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error { id = core.Controller(); return nil }) // a closed cluster has none
	return id
}

// GroupCoordinator returns the broker that looks after a group, NoLeader when there is none.
func (c *Cluster) GroupCoordinator(group string) int32 {
	id := NoLeader
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error { id = core.GroupCoordinator(group); return nil }) // a closed cluster has none
	return id
}

// PartitionMetadata tells who leads and holds a partition.
func (c *Cluster) PartitionMetadata(topic string, partition int32) (PartitionMetadata, error) {
	var m PartitionMetadata
	err := c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		p := core.Partition(topic, partition)
		if p == nil {
			return fmt.Errorf("partition %s/%d: %w", topic, partition, kafka.UnknownTopicOrPartition)
		}
		m = core.PartitionMetadata(p)
		return nil
	})
	return m, err
}

func (c *Cluster) change(what string, f func(core *cluster.Cluster, now kafka.Millis) error) error {
	if err := c.engine.Change(what, f); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
