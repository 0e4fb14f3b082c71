package cluster

import (
	"slices"

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
	if moved, ok := c.seats[kafka.TopicPartition{Topic: topic, Partition: partition}]; ok && c.Alive(moved.broker) {
		return moved.broker
	}
	if r := c.place(topic, int(partition), c.internalReplication()); len(c.down) == 0 || !c.down[r[0]] {
		return r[0]
	}
	return NoLeader
}

func (c *Cluster) internalReplication() int16 {
	return int16(min(c.settings.Brokers, internalReplication))
}

// MoveGroupCoordinator makes another broker the coordinator of a group, and of all others in its partition of
// __consumer_offsets; to of 0 is the next one that can be. Where there is no other, it starts again where it is. In any case
// it is built from its records, and requests that waited are answered with NOT_COORDINATOR.
func (c *Cluster) MoveGroupCoordinator(now kafka.Millis, group string, to int32) error {
	return c.moveCoordinator(now, kafka.TopicPartition{
		Topic: GroupMetadataTopic, Partition: CoordinatorPartition(group, c.settings.OffsetsTopicPartitions),
	}, to)
}

// MoveTransactionCoordinator is MoveGroupCoordinator for a transactional id and __transaction_state.
func (c *Cluster) MoveTransactionCoordinator(now kafka.Millis, transactionalID string, to int32) error {
	return c.moveCoordinator(now, kafka.TopicPartition{
		Topic: TransactionStateTopic, Partition: txn.PartitionFor(transactionalID, c.settings.TransactionTopicPartitions),
	}, to)
}

func (c *Cluster) moveCoordinator(now kafka.Millis, tp kafka.TopicPartition, to int32) error {
	if to != 0 {
		if err := c.checkBroker(to); err != nil {
			return err
		}
	}
	from := c.coordinator(tp.Topic, tp.Partition)
	if from == NoLeader {
		return errorf(kafka.CoordinatorNotAvailable, "the coordinator of partition %s is nowhere, and cannot move", tp)
	}
	if p := c.Partition(tp.Topic, tp.Partition); p != nil {
		if to == 0 && !slices.ContainsFunc(p.ISR, func(b int32) bool { return b != from && c.Alive(b) }) {
			to = from
		}
		if to == from {
			c.reshape(now, func() { c.lead(now, p, from, true) })
			return nil
		}
		return c.MoveLeader(now, tp, to)
	}
	if to == 0 {
		to = from
		for i := range c.settings.Brokers {
			if b := (from+i)%c.settings.Brokers + 1; b != from && c.Alive(b) {
				to = b
				break
			}
		}
	}
	if !c.Alive(to) {
		return errorf(kafka.BrokerNotAvailable, "broker %d is down and cannot coordinate partition %s", to, tp)
	}
	c.reshape(now, func() {
		if c.seats == nil {
			c.seats = map[kafka.TopicPartition]seat{}
		}
		c.seats[tp] = seat{to, c.seats[tp].epoch + 1}
	})
	return nil
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
	c.unkept = true
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
			list[i] = seat{c.coordinator(topic, int32(i)), c.seats[kafka.TopicPartition{Topic: topic, Partition: int32(i)}].epoch}
		}
	}
	return list
}
