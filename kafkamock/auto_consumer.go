package kafkamock

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// AnyOffset as the offset of ExpectConsumePartition expects ConsumePartition with whatever offset.
const AnyOffset int64 = -1000

// ErrUnexpectedCall is what code under test gets from a call that the test did not expect. The test has failed then.
var ErrUnexpectedCall = errors.New("the test did not expect this call")

// MockAutoConsumer is a sarama.Consumer of the partitions that ExpectConsumePartition was called for. Each is a log of a
// simulated cluster, which YieldMessage appends to. It may be used by any number of goroutines.
type MockAutoConsumer struct {
	t       reporter
	config  *sarama.Config
	cluster *memkafka.Cluster

	mu         sync.Mutex // guards what follows
	metadata   map[string][]int32
	partitions map[memkafka.TopicPartition]*MockAutoPartitionConsumer // the one that was expected last
	all        []*MockAutoPartitionConsumer                           // in the order in which they were expected
	closed     bool
}

// NewMockAutoConsumer returns a consumer that fails t when an expectation is violated, and ends with t. Of config,
// ChannelBufferSize and Consumer.Interceptors count; nil is sarama's default.
func NewMockAutoConsumer(t *testing.T, config *sarama.Config) *MockAutoConsumer {
	return newAutoConsumer(t, config)
}

func newAutoConsumer(t reporter, config *sarama.Config) *MockAutoConsumer {
	if config == nil {
		config = sarama.NewConfig()
	}
	c := &MockAutoConsumer{
		t:          t,
		config:     config,
		cluster:    memkafka.New(),
		partitions: map[memkafka.TopicPartition]*MockAutoPartitionConsumer{},
	}
	t.Cleanup(c.release)
	return c
}

// release ends everything without a look at what was expected.
func (c *MockAutoConsumer) release() {
	for _, pc := range c.list() {
		pc.stop()
	}
	c.cluster.Close()
}

// Cluster returns the cluster that holds the logs. What others append there is consumed like what YieldMessage appends.
// Offsets in it begin at 0, also where an expectation lets a partition begin later.
func (c *MockAutoConsumer) Cluster() *memkafka.Cluster { return c.cluster }

// ExpectConsumePartition expects ConsumePartition for a partition and an offset, and returns what it will return. The
// offset may be AnyOffset, sarama.OffsetOldest or sarama.OffsetNewest as well. When the consumer is closed before the
// partition is consumed, the test fails.
//
// What is consumed begins where Kafka would let it: at the oldest message for sarama.OffsetOldest, after all present
// ones for sarama.OffsetNewest (and for AnyOffset), else at the offset. The first message of a partition gets offset 0,
// or the offset of the first expectation when that is a number.
//
// A partition is consumed once per expectation. Called again before that, it returns the same partition consumer.
func (c *MockAutoConsumer) ExpectConsumePartition(topic string, partition int32, offset int64) *MockAutoPartitionConsumer {
	c.t.Helper()
	tp := memkafka.TopicPartition{Topic: topic, Partition: partition}
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.partitions[tp]
	if last != nil && last.awaited() {
		if last.wanted != offset {
			c.t.Errorf("kafkamock: %s is expected to be consumed from %s already; let that happen before expecting it from %s",
				tp, offsetName(last.wanted), offsetName(offset))
		}
		return last
	}
	if err := ensurePartitions(c.cluster, topic, partition+1); err != nil {
		c.t.Errorf("kafkamock: expect %s to be consumed: %v", tp, err)
	}
	pc := newAutoPartitionConsumer(c, tp, offset)
	if err := pc.place(last); err != nil {
		c.t.Errorf("kafkamock: expect %s to be consumed: %v", tp, err)
	}
	c.partitions[tp] = pc
	c.all = append(c.all, pc)
	return pc
}

// offsetName is an offset for people.
func offsetName(offset int64) string {
	switch offset {
	case AnyOffset:
		return "any offset"
	case sarama.OffsetOldest:
		return "the oldest offset"
	case sarama.OffsetNewest:
		return "the newest offset"
	}
	return fmt.Sprintf("offset %d", offset)
}

// ConsumePartition returns the partition consumer that ExpectConsumePartition prepared. A partition that nobody expects
// to be consumed, or not any more, fails the test, and so does another offset than the expected one; in that case, the
// partition is consumed as it was expected.
func (c *MockAutoConsumer) ConsumePartition(topic string, partition int32, offset int64) (sarama.PartitionConsumer, error) {
	c.t.Helper()
	tp := memkafka.TopicPartition{Topic: topic, Partition: partition}
	c.mu.Lock()
	pc, closed := c.partitions[tp], c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return nil, sarama.ErrClosedClient
	case pc == nil:
		c.t.Errorf("kafkamock: %s is consumed from %s unexpectedly; call ExpectConsumePartition before", tp, offsetName(offset))
		return nil, fmt.Errorf("consume %s: %w", tp, ErrUnexpectedCall)
	case !pc.claim():
		c.t.Errorf("kafkamock: %s is consumed from %s, but was consumed before; call ExpectConsumePartition for each time", tp, offsetName(offset))
		return nil, fmt.Errorf("consume %s again: %w", tp, ErrUnexpectedCall)
	}
	if pc.wanted != AnyOffset && pc.wanted != offset {
		c.t.Errorf("kafkamock: %s is consumed from %s; expected was %s", tp, offsetName(offset), offsetName(pc.wanted))
	}
	if err := pc.begin(); err != nil {
		c.t.Errorf("kafkamock: consume %s: %v", tp, err)
		return nil, fmt.Errorf("consume %s: %w", tp, err)
	}
	return pc, nil
}

// SetTopicMetadata sets what Topics and Partitions return: the partitions by topic.
func (c *MockAutoConsumer) SetTopicMetadata(metadata map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.metadata = maps.Clone(metadata)
	if c.metadata == nil {
		c.metadata = map[string][]int32{}
	}
}

// Topics returns the topics of SetTopicMetadata, sorted. It fails the test when that was not called.
func (c *MockAutoConsumer) Topics() ([]string, error) {
	c.t.Helper()
	metadata, err := c.knownMetadata("Topics")
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(metadata)), nil
}

// Partitions returns the partitions that SetTopicMetadata gave a topic, sarama.ErrUnknownTopicOrPartition when it gave
// it none. It fails the test when SetTopicMetadata was not called.
func (c *MockAutoConsumer) Partitions(topic string) ([]int32, error) {
	c.t.Helper()
	metadata, err := c.knownMetadata("Partitions")
	if err != nil {
		return nil, err
	}
	partitions := metadata[topic]
	if partitions == nil {
		return nil, fmt.Errorf("topic %q: %w", topic, sarama.ErrUnknownTopicOrPartition)
	}
	return slices.Clone(partitions), nil
}

func (c *MockAutoConsumer) knownMetadata(method string) (map[string][]int32, error) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.metadata == nil {
		c.t.Errorf("kafkamock: %s is called unexpectedly; call SetTopicMetadata before", method)
		return nil, fmt.Errorf("%s: %w", method, ErrUnexpectedCall)
	}
	return c.metadata, nil
}

// HighWaterMarks returns the high watermarks of all partitions that are expected.
func (c *MockAutoConsumer) HighWaterMarks() map[string]map[int32]int64 {
	marks := map[string]map[int32]int64{}
	for _, pc := range c.current() {
		if marks[pc.tp.Topic] == nil {
			marks[pc.tp.Topic] = map[int32]int64{}
		}
		marks[pc.tp.Topic][pc.tp.Partition] = pc.HighWaterMarkOffset()
	}
	return marks
}

// Pause pauses partitions: see MockAutoPartitionConsumer.Pause. Partitions that nobody expects are left out.
func (c *MockAutoConsumer) Pause(partitions map[string][]int32) {
	for _, pc := range c.some(partitions) {
		pc.Pause()
	}
}

// Resume ends Pause.
func (c *MockAutoConsumer) Resume(partitions map[string][]int32) {
	for _, pc := range c.some(partitions) {
		pc.Resume()
	}
}

// PauseAll pauses all partitions that are expected.
func (c *MockAutoConsumer) PauseAll() {
	for _, pc := range c.current() {
		pc.Pause()
	}
}

// ResumeAll ends Pause and PauseAll for all partitions.
func (c *MockAutoConsumer) ResumeAll() {
	for _, pc := range c.current() {
		pc.Resume()
	}
}

// Close closes all partition consumers, which look whether their expectations are met. It may be called twice.
func (c *MockAutoConsumer) Close() error {
	c.t.Helper()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	for _, pc := range c.list() {
		_ = pc.Close() // errors that nobody read concern those who asked for ExpectErrorsDrainedOnClose
	}
	return nil
}

func (c *MockAutoConsumer) list() []*MockAutoPartitionConsumer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all)
}

// current lists the partition consumers that were expected last, by partition.
func (c *MockAutoConsumer) current() []*MockAutoPartitionConsumer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.partitions), compareConsumers)
}

func compareConsumers(a, b *MockAutoPartitionConsumer) int {
	return cmp.Or(cmp.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
}

func (c *MockAutoConsumer) some(partitions map[string][]int32) []*MockAutoPartitionConsumer {
	return slices.DeleteFunc(c.current(), func(pc *MockAutoPartitionConsumer) bool {
		return !slices.Contains(partitions[pc.tp.Topic], pc.tp.Partition)
	})
}
