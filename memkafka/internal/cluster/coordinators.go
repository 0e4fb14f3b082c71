package cluster

import "github.com/gokasim/gokasim/memkafka/internal/txn"

// GroupCoordinator is the broker that looks after a group: the leader of the partition of __consumer_offsets that holds
// it, whether or not records are kept there.
func (c *Cluster) GroupCoordinator(id string) int32 {
	return c.leaderOf(GroupMetadataTopic, int(CoordinatorPartition(id, c.settings.OffsetsTopicPartitions)))
}

// TransactionCoordinator is the broker that looks after a transactional id: the leader of the partition of
// __transaction_state that holds it, whether or not records are kept there.
func (c *Cluster) TransactionCoordinator(id string) int32 {
	return c.leaderOf(TransactionStateTopic, int(txn.PartitionFor(id, c.settings.TransactionTopicPartitions)))
}
