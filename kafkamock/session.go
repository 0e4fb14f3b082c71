package kafkamock

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/IBM/sarama"
)

// MockConsumerGroupSession is the sarama.ConsumerGroupSession that a MockConsumerGroup gives to its handler.
type MockConsumerGroupSession struct {
	group  *MockConsumerGroup
	member sarama.ConsumerGroupSession
	ended  atomic.Bool // marks do not count any more
}

// Claims returns the partitions by topic: 0 of each.
func (cgs *MockConsumerGroupSession) Claims() map[string][]int32 { return cgs.member.Claims() }

// MemberID returns the member's id, which the group's coordinator gave.
func (cgs *MockConsumerGroupSession) MemberID() string { return cgs.member.MemberID() }

// GenerationID returns the number of the generation: 1 for the first.
func (cgs *MockConsumerGroupSession) GenerationID() int32 { return cgs.member.GenerationID() }

// Context returns the session's context, which is done when the session ends.
func (cgs *MockConsumerGroupSession) Context() context.Context { return cgs.member.Context() }

// MarkMessage marks a message, and all before it in its partition, as consumed.
func (cgs *MockConsumerGroupSession) MarkMessage(msg *sarama.ConsumerMessage, metadata string) {
	cgs.group.t.Helper()
	cgs.MarkOffset(msg.Topic, msg.Partition, msg.Offset+1, metadata)
}

// MarkOffset marks all messages of a partition below offset as consumed. It fails the test when the session does not
// hold the partition, or when there are no such messages. After the session it has no effect, as with Kafka.
func (cgs *MockConsumerGroupSession) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	cgs.group.t.Helper()
	if cgs.ended.Load() {
		return
	}
	if err := cgs.check(topic, partition, offset); err != nil {
		cgs.group.t.Errorf("kafkamock: mark %s/%d up to offset %d: %v", topic, partition, offset, err)
		return
	}
	cgs.member.MarkOffset(topic, partition, offset, metadata)
	cgs.group.noteMark(topic, offset)
}

// ResetOffset moves what is marked back, so that the next session begins at offset. It fails the test when the session
// does not hold the partition, or when there is no such message. After the session it has no effect.
func (cgs *MockConsumerGroupSession) ResetOffset(topic string, partition int32, offset int64, metadata string) {
	cgs.group.t.Helper()
	if cgs.ended.Load() {
		return
	}
	if err := cgs.check(topic, partition, offset); err != nil {
		cgs.group.t.Errorf("kafkamock: reset %s/%d to offset %d: %v", topic, partition, offset, err)
		return
	}
	cgs.member.ResetOffset(topic, partition, offset, metadata)
	cgs.group.noteReset(topic, offset)
}

func (cgs *MockConsumerGroupSession) check(topic string, partition int32, offset int64) error {
	if !slices.Contains(cgs.Claims()[topic], partition) {
		return fmt.Errorf("the session holds %v", cgs.Claims())
	}
	_, high, err := cgs.group.cluster.Offsets(topic, partition)
	if err != nil {
		return nil // the test is over
	}
	if offset < 0 || offset > int64(high) {
		return fmt.Errorf("messages were sent up to offset %d", high)
	}
	return nil
}

// Commit sends what was marked to the group's coordinator, and waits for it.
func (cgs *MockConsumerGroupSession) Commit() { cgs.member.Commit() }

// SendMessage is MockConsumerGroup.SendMessage for a topic of this session.
func (cgs *MockConsumerGroupSession) SendMessage(msg *sarama.ConsumerMessage) {
	cgs.group.t.Helper()
	cgs.group.SendMessage(msg)
}
