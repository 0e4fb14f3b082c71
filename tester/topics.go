package tester

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
)

// TopicManagerBuilder builds topic managers for which every topic exists, with the tester's number of partitions. goka
// calls it.
func (tt *Tester) TopicManagerBuilder() goka.TopicManagerBuilder {
	return func([]string) (goka.TopicManager, error) { return topicManager{tt, tt.settings.partitions}, nil }
}

type topicManager struct {
	tester     *Tester
	partitions int // of topics that it makes
}

func (tm topicManager) ensure(topic string, npar int, table bool) error {
	if err := tm.tester.ensure(topic, tm.partitions, table); err != nil {
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
	if err := tm.tester.ensure(topic, tm.partitions, false); err != nil {
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
	if err := tm.tester.ensure(topic, tm.partitions, false); err != nil {
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

// MockTopicManager is a topic manager for which every topic exists.
type MockTopicManager struct{ goka.TopicManager }

// NewMockTopicManager returns a topic manager on the tester's cluster. Topics that are not there are made with
// defaultNumPartitions, or as many as the tester has where that is less than 1; defaultReplFactor has to be possible with the
// cluster's brokers only where it is over 1.
func NewMockTopicManager(tt *Tester, defaultNumPartitions int, defaultReplFactor int) *MockTopicManager {
	if brokers := tt.brokers(); defaultReplFactor > 1 && brokers > 0 && defaultReplFactor > brokers {
		tt.mark.Helper()
		tt.fatalf("%d replicas need as many brokers, and the tester has %d; give 1, or WithCluster(memkafka.WithBrokers(%[1]d))", defaultReplFactor, brokers)
	}
	if defaultNumPartitions < 1 {
		defaultNumPartitions = tt.settings.partitions
	}
	return &MockTopicManager{topicManager{tt, defaultNumPartitions}}
}

// brokers returns how many brokers there are, 0 on a real cluster, which has its own say.
func (tt *Tester) brokers() int {
	if tt.cluster == nil {
		return 0
	}
	return len(tt.cluster.Brokers())
}
