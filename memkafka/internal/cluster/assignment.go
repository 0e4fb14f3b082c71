package cluster

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// checkAssignment refuses an assignment by hand that Kafka would refuse: each partition needs brokers that exist, none
// twice, and as many as the others, or as replication says if that is not 0.
func (c *Cluster) checkAssignment(topic string, assignment [][]int32, replication int) error {
	if len(assignment) == 0 {
		return errorf(kafka.InvalidPartitions, "topic %q: the assignment names no partition", topic)
	}
	for _, brokers := range assignment {
		if replication == 0 {
			replication = len(brokers)
		}
		if len(brokers) == 0 {
			return errorf(kafka.InvalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
		}
		for j, b := range brokers {
			if b < 1 || b > c.settings.Brokers {
				return errorf(kafka.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, but no such broker is registered.", b)
			}
			if slices.Contains(brokers[:j], b) {
				return errorf(kafka.InvalidReplicaAssignment, "The manual partition assignment includes the broker %d more than once.", b)
			}
		}
		if len(brokers) != replication {
			return errorf(kafka.InvalidReplicaAssignment, "The manual partition assignment includes a partition with %d replica(s), but this is not consistent with previous partitions, which have %d replica(s).",
				len(brokers), replication)
		}
	}
	return nil
}

// PartitionsOf is how many partitions a topic has that is made by spec.
func (c *Cluster) PartitionsOf(spec TopicSpec) int32 {
	switch {
	case spec.Assignment != nil:
		return int32(len(spec.Assignment))
	case spec.Partitions > 0:
		return spec.Partitions
	default:
		return c.settings.NumPartitions
	}
}
