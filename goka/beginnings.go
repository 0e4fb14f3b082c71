package goka

import (
	"context"

	"github.com/IBM/sarama"
)

// claimed names a topic's partition.
type claimed struct {
	topic     string
	partition int32
}

// findBeginnings sees to it that nothing is lost before the first commit of a partition. A group without a commit begins
// where Consumer.Offsets.Initial says, anew in each generation: after the newest record by default, and so after the one
// that it was about to handle when a generation ended, or that failed. So the place where the first generation begins is
// committed as soon as a claim tells that it has none (see markBeginning). What is there now is not newer than what the
// claim will find.
//
// A loop begins with its first record: it has nothing but what the group itself wrote, perhaps an instance that was ready
// earlier than this one.
func (g *Processor) findBeginnings(session sarama.ConsumerGroupSession, partitions []int32) {
	var unknown []claimed
	g.mu.RLock()
	s := g.shared
	for _, topic := range g.graph.consumed() {
		for _, p := range partitions {
			if _, known := g.beginnings[claimed{topic, p}]; !known {
				unknown = append(unknown, claimed{topic, p})
			}
		}
	}
	g.mu.RUnlock()
	if s == nil {
		return
	}
	if _, own := s.topics.(ownTopics); !own {
		return // one that a test has made may not expect to be asked
	}
	_ = together(session.Context(), len(unknown), func(_ context.Context, i int) error {
		c, from := unknown[i], sarama.OffsetNewest
		if c.topic == g.graph.loopTopic {
			from = sarama.OffsetOldest
		}
		offset, err := s.topics.GetOffset(c.topic, c.partition, from)
		if err != nil {
			g.log.Printf("error finding out where %s/%d begins; if nothing of it was ever committed, its first records may be missed: %v",
				c.topic, c.partition, err)
			return nil
		}
		if from == sarama.OffsetOldest {
			session.MarkOffset(c.topic, c.partition, offset, "") // of no consequence if there is a commit
		}
		g.mu.Lock()
		g.beginnings[c] = offset
		g.mu.Unlock()
		return nil
	})
}

// markBeginning has the beginning of a claim committed that was given none, and begins with what comes next.
func (g *Processor) markBeginning(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) {
	if claim.InitialOffset() != sarama.OffsetNewest {
		return
	}
	g.mu.RLock()
	offset, known := g.beginnings[claimed{claim.Topic(), claim.Partition()}]
	g.mu.RUnlock()
	if known {
		session.MarkOffset(claim.Topic(), claim.Partition(), offset, "")
	}
}
