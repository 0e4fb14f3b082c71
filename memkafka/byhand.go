package memkafka

import (
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// Kill ends all clients with a client id as a crash does: what they had on their way is lost, and calls that they wait for
// fail. Unlike after a real crash, the groups that they were members of know at once, and not after the session's
// time-out. It returns how many clients there were. A driven cluster has Driver.Kill, which leaves it to the time-out.
func (c *Cluster) Kill(clientID string) int { return c.engine.Kill(clientID) }

// Compact compacts the partitions of a topic now, all records of today included: of every key the newest record stays.
// Offsets do not change, and tombstones stay for delete.retention.ms. Kafka does the same some time after a segment is full
// (log.cleaner.backoff.ms, min.cleanable.dirty.ratio). A topic without cleanup.policy=compact is refused.
func (c *Cluster) Compact(topic string) error {
	return c.change("topic "+topic+" is compacted", func(core *cluster.Cluster, now kafka.Millis) error {
		t := core.Topic(topic)
		if t == nil {
			return fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition)
		}
		for _, p := range t.Partitions {
			if !p.Log.Config().Compact {
				return fmt.Errorf("topic %s: %w: its cleanup.policy is delete; set it to compact", topic, kafka.PolicyViolation)
			}
			p.Log.Roll(now)
			p.Log.Clean(now)
		}
		return nil
	})
}

// DeleteRecords takes the records before an offset from a partition, as Kafka's request of that name does (KIP-107): its log
// begins there, or where it began if that is further on. Segments that lie before it are let go of at once.
func (c *Cluster) DeleteRecords(topic string, partition int32, before Offset) error {
	return c.do(func(core *cluster.Cluster, now kafka.Millis) error {
		if _, err := core.DeleteRecords(now, topic, partition, before); err != nil {
			return fmt.Errorf("records of %s/%d before %d: %w", topic, partition, before, err)
		}
		core.Partition(topic, partition).Log.Retain(now)
		return nil
	})
}

// OpenByHand is NewByHand with an error that names every wrong option.
func OpenByHand(options ...Option) (*Cluster, error) { return open(seam.ByHand, options) }

// Rebalancing reports whether the members of a group are sharing its partitions out anew.
func (c *Cluster) Rebalancing(id string) bool { return c.engine.Rebalancing(id) }
