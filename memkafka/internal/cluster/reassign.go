package cluster

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Reassign moves a partition to other brokers, the preferred leader first (KIP-455); nil replicas stand for the end of a
// move that is under way. A move here is over at once, so there is none to end, and it is refused while a new replica could
// not catch up with the leader. Only with resize may there be more or fewer replicas than now.
func (c *Cluster) Reassign(now kafka.Millis, tp kafka.TopicPartition, replicas []int32, resize bool) error {
	p := c.Partition(tp.Topic, tp.Partition)
	switch {
	case p == nil:
		if c.topics[tp.Topic] == nil {
			return errorf(kafka.UnknownTopicOrPartition, "Unable to find a topic named %s.", tp.Topic)
		}
		return errorf(kafka.UnknownTopicOrPartition, "Unable to find partition %s:%d.", tp.Topic, tp.Partition)
	case replicas == nil:
		return kafka.NoReassignmentInProgress
	case len(replicas) == 0:
		return errorf(kafka.InvalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
	case !resize && len(replicas) != len(p.Replicas):
		return errorf(kafka.InvalidReplicationFactor, "The replication factor is changed from %d to %d", len(p.Replicas), len(replicas))
	}
	for i, r := range replicas {
		if r < 1 || r > c.settings.Brokers {
			return errorf(kafka.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, but no such broker is registered.", r)
		}
		if slices.Contains(replicas[:i], r) {
			return errorf(kafka.InvalidReplicaAssignment, "The manual partition assignment includes the broker %d more than once.", r)
		}
		if slices.Contains(p.Replicas, r) {
			continue
		}
		if c.down[r] || p.Held || p.Leader == NoLeader {
			return errorf(kafka.InvalidReplicaAssignment, "a replica of %s on broker %d could not catch up now: the broker is down (%v), replication is held (%v), or the partition has no leader (%d)",
				tp, r, c.down[r], p.Held, p.Leader)
		}
	}
	if !slices.ContainsFunc(replicas, func(r int32) bool { return slices.Contains(p.ISR, r) || !slices.Contains(p.Replicas, r) }) {
		return errorf(kafka.InvalidReplicaAssignment, "none of %v is in sync with partition %s: in sync %v", replicas, tp, p.ISR)
	}
	c.reshape(now, func() { c.move(now, p, slices.Clone(replicas)) })
	return nil
}

// move gives a partition other brokers. New ones catch up before the others leave.
func (c *Cluster) move(now kafka.Millis, p *Partition, replicas []int32) {
	if p.TP.Partition == 0 {
		c.topics[p.TP.Topic].Replication = int16(len(replicas)) // new partitions have as many replicas as the first
	}
	leaves := func(r int32) bool { return !slices.Contains(replicas, r) }
	for _, r := range replicas {
		if !slices.Contains(p.Replicas, r) {
			p.ISR = append(p.ISR, r)
		}
	}
	p.Replicas = replicas
	p.ISR = slices.DeleteFunc(p.ISR, leaves)
	if p.Leader != NoLeader && leaves(p.Leader) {
		c.lead(now, p, c.candidate(p, true), true)
	} else {
		c.follow(now, p)
		c.watchBalance(now)
	}
	for r := range p.behind {
		if leaves(r) {
			delete(p.behind, r)
		}
	}
	c.advance(now, p)
}
