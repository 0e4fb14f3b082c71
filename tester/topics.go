package tester

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
)

// TopicManagerBuilder builds topic managers for which every topic exists, with the tester's number of partitions. goka
// calls it.
func (tt *Tester) TopicManagerBuilder() goka.TopicManagerBuilder {
	return func([]string) (goka.TopicManager, error) { return topicManager{tt}, nil }
}

type topicManager struct{ tester *Tester }

func (tm topicManager) ensure(topic string, npar int, table bool) error {
	err := tm.tester.ensureTopic(topic)
	if table {
		err = tm.tester.ensureTable(topic)
	}
	if err != nil {
		return fmt.Errorf("topic %s: %w", topic, err)
	}
	have, err := tm.tester.ground.partitions(topic)
	if err != nil {
		return fmt.Errorf("topic %s: %w", topic, err)
	}
	if npar != int(have) {
		return fmt.Errorf("topic %s: wanted with %d partitions, but it has %d; tester.WithPartitions sets the number for all topics",
			topic, npar, have)
	}
	return nil
}

func (tm topicManager) EnsureTableExists(topic string, npar int) error {
	return tm.ensure(topic, npar, true)
}

func (tm topicManager) EnsureStreamExists(topic string, npar int) error {
	return tm.ensure(topic, npar, false)
}

func (tm topicManager) EnsureTopicExists(topic string, npar, _ int, config map[string]string) error {
	return tm.ensure(topic, npar, config["cleanup.policy"] == "compact")
}

func (tm topicManager) Partitions(topic string) ([]int32, error) {
	if err := tm.tester.ensureTopic(topic); err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	n, err := tm.tester.ground.partitions(topic)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	partitions := make([]int32, n)
	for i := range partitions {
		partitions[i] = int32(i)
	}
	return partitions, nil
}

func (tm topicManager) GetOffset(topic string, partition int32, at int64) (int64, error) {
	if err := tm.tester.ensureTopic(topic); err != nil {
		return -1, fmt.Errorf("topic %s: %w", topic, err)
	}
	start, high, err := tm.tester.ground.offsets(topic, partition)
	switch {
	case err != nil:
		return -1, err
	case at == sarama.OffsetOldest:
		return int64(start), nil
	case at == sarama.OffsetNewest:
		return int64(high), nil
	}
	return -1, fmt.Errorf("topic %s: the tester knows the oldest and the newest offset, not that of time %d", topic, at)
}

func (topicManager) Close() error { return nil }

// MockTopicManager is a topic manager for which every topic exists, with the partitions of its tester.
type MockTopicManager struct{ goka.TopicManager }

// NewMockTopicManager returns a topic manager on the tester's cluster. The defaults for partitions and replication are the
// tester's own: WithPartitions, and one replica; other numbers fail the test.
func NewMockTopicManager(tt *Tester, defaultNumPartitions int, defaultReplFactor int) *MockTopicManager {
	if defaultNumPartitions != tt.settings.partitions || defaultReplFactor != 1 {
		tt.fatalf("a topic manager with %d partitions and %d replicas was asked for, and the tester has %d and 1; "+
			"WithPartitions sets the first", defaultNumPartitions, defaultReplFactor, tt.settings.partitions)
	}
	return &MockTopicManager{topicManager{tt}}
}
