package kafkamock

import (
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

// MockConsumerGroupClaim is the sarama.ConsumerGroupClaim that a MockConsumerGroup gives to its handler, or one that a
// test feeds itself to call ConsumeClaim without a group.
type MockConsumerGroupClaim struct {
	topic     string
	partition int32
	group     sarama.ConsumerGroupClaim // nil for one that a test feeds

	messages chan *sarama.ConsumerMessage // nil for one of a group
	mu       sync.Mutex                   // guards what follows
	next     int64                        // the offset of the next message
	closed   bool
}

// ErrClaimNotFed reports a message that a claim does not take. The text says why.
var ErrClaimNotFed = errors.New("the claim does not take the message")

const claimBuffer = 256 // messages that a claim holds which a test feeds

// NewMockConsumerGroupClaim returns a claim without a group. Feed it with SendMessage, end it with Close.
func NewMockConsumerGroupClaim(topic string, partition int32) *MockConsumerGroupClaim {
	return &MockConsumerGroupClaim{topic: topic, partition: partition, messages: make(chan *sarama.ConsumerMessage, claimBuffer)}
}

func claimOf(c sarama.ConsumerGroupClaim) *MockConsumerGroupClaim {
	return &MockConsumerGroupClaim{topic: c.Topic(), partition: c.Partition(), group: c}
}

// Topic returns the topic.
func (cgc *MockConsumerGroupClaim) Topic() string { return cgc.topic }

// Partition returns the partition.
func (cgc *MockConsumerGroupClaim) Partition() int32 { return cgc.partition }

// InitialOffset returns the offset where the claim began: the committed one, sarama.OffsetOldest when there was none,
// and 0 for a claim without a group.
func (cgc *MockConsumerGroupClaim) InitialOffset() int64 {
	if cgc.group != nil {
		return cgc.group.InitialOffset()
	}
	return 0
}

// HighWaterMarkOffset returns the offset of the next message that is sent.
func (cgc *MockConsumerGroupClaim) HighWaterMarkOffset() int64 {
	if cgc.group != nil {
		return cgc.group.HighWaterMarkOffset()
	}
	cgc.mu.Lock()
	defer cgc.mu.Unlock()
	return cgc.next
}

// Messages returns the channel of messages. It is closed when the session ends, or by Close for a claim without a group.
func (cgc *MockConsumerGroupClaim) Messages() <-chan *sarama.ConsumerMessage {
	if cgc.group != nil {
		return cgc.group.Messages()
	}
	return cgc.messages
}

// SendMessage sends a message to a claim without a group, and notes in it its topic, partition and offset, from 0 on. It
// does not wait. Its error is an ErrClaimNotFed: the claim belongs to a group, is closed, or holds 256 messages that
// nobody received.
func (cgc *MockConsumerGroupClaim) SendMessage(msg *sarama.ConsumerMessage) error {
	if cgc.group != nil {
		return fmt.Errorf("%w: %s/%d belongs to a group; use the group's SendMessage", ErrClaimNotFed, cgc.topic, cgc.partition)
	}
	cgc.mu.Lock()
	defer cgc.mu.Unlock()
	if cgc.closed {
		return fmt.Errorf("%w: %s/%d is closed", ErrClaimNotFed, cgc.topic, cgc.partition)
	}
	if len(cgc.messages) == cap(cgc.messages) {
		return fmt.Errorf("%w: %s/%d holds %d messages that nobody received", ErrClaimNotFed, cgc.topic, cgc.partition, cap(cgc.messages))
	}
	msg.Topic, msg.Partition, msg.Offset = cgc.topic, cgc.partition, cgc.next
	cgc.next++
	cgc.messages <- msg // there is room, and mu keeps others away
	return nil
}

// Close closes Messages of a claim without a group. It may be called twice; it has no effect on a claim of a group.
func (cgc *MockConsumerGroupClaim) Close() {
	cgc.mu.Lock()
	defer cgc.mu.Unlock()
	if cgc.group == nil && !cgc.closed {
		cgc.closed = true
		close(cgc.messages)
	}
}
