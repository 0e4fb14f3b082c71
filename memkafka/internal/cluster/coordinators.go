package cluster

import (
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// internalReplication is the replication factor of the internal topics, as far as there are brokers
// (offsets.topic.replication.factor, transaction.state.log.replication.factor).
const internalReplication = 3

// GroupCoordinator is the broker that looks after a group: the leader of the partition of __consumer_offsets that holds
// it, whether or not records are kept there. It is NoLeader while that has none.
func (c *Cluster) GroupCoordinator(id string) int32 {
	return c.coordinator(GroupMetadataTopic, CoordinatorPartition(id, c.settings.OffsetsTopicPartitions))
}

// TransactionCoordinator is the broker that looks after a transactional id: the leader of the partition of
// __transaction_state that holds it, whether or not records are kept there. It is NoLeader while that has none.
func (c *Cluster) TransactionCoordinator(id string) int32 {
	return c.coordinator(TransactionStateTopic, txn.PartitionFor(id, c.settings.TransactionTopicPartitions))
}

// coordinator is the leader of a partition of an internal topic. While the topic does not exist, it is who would lead it.
func (c *Cluster) coordinator(topic string, partition int32) int32 {
	if t := c.topics[topic]; t != nil && int(partition) < len(t.Partitions) {
		return t.Partitions[partition].Leader
	}
	if r := c.place(topic, int(partition), c.internalReplication()); len(c.down) == 0 || !c.down[r[0]] {
		return r[0]
	}
	return NoLeader
}

func (c *Cluster) internalReplication() int16 {
	return int16(min(c.settings.Brokers, internalReplication))
}

// reshape carries out a change of brokers or leaders. Coordinators that moved are built again from what they recorded,
// those that are nowhere are dropped, and markers that had no leader to go to are written.
func (c *Cluster) reshape(now kafka.Millis, change func()) {
	groups := c.coordinators(GroupMetadataTopic, c.settings.OffsetsTopicPartitions)
	txns := c.coordinators(TransactionStateTopic, c.settings.TransactionTopicPartitions)
	change()
	for i, after := range c.coordinators(GroupMetadataTopic, c.settings.OffsetsTopicPartitions) {
		if after != groups[i] {
			c.reloadGroups(now, int32(i))
		}
	}
	for i, after := range c.coordinators(TransactionStateTopic, c.settings.TransactionTopicPartitions) {
		if after != txns[i] {
			c.reloadTxns(now)
			break
		}
	}
	c.writeOwedMarkers(now)
}

// seat is a coordinator: who it is, and in which epoch.
type seat struct {
	broker int32
	epoch  kafka.Epoch
}

func (c *Cluster) coordinators(topic string, partitions int32) []seat {
	list := make([]seat, partitions)
	t := c.topics[topic]
	for i := range list {
		if t != nil && i < len(t.Partitions) {
			list[i] = seat{t.Partitions[i].Leader, t.Partitions[i].LeaderEpoch}
		} else {
			list[i] = seat{broker: c.coordinator(topic, int32(i))}
		}
	}
	return list
}
