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

func (tm topicManager) ensure(topic string, npar int) error {
	if err := tm.tester.ensureTopic(topic); err != nil {
		return fmt.Errorf("topic %s: %w", topic, err)
	}
	if have := int(tm.tester.cluster.Partitions(topic)); npar != have {
		return fmt.Errorf("topic %s: wanted with %d partitions, but it has %d; tester.WithPartitions sets the number for all topics",
			topic, npar, have)
	}
	return nil
}

func (tm topicManager) EnsureTableExists(topic string, npar int) error { return tm.ensure(topic, npar) }

func (tm topicManager) EnsureStreamExists(topic string, npar int) error {
	return tm.ensure(topic, npar)
}

func (tm topicManager) EnsureTopicExists(topic string, npar, _ int, _ map[string]string) error {
	return tm.ensure(topic, npar)
}

func (tm topicManager) Partitions(topic string) ([]int32, error) {
	if err := tm.tester.ensureTopic(topic); err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	partitions := make([]int32, tm.tester.cluster.Partitions(topic))
	for i := range partitions {
		partitions[i] = int32(i)
	}
	return partitions, nil
}

func (tm topicManager) GetOffset(topic string, partition int32, at int64) (int64, error) {
	if err := tm.tester.ensureTopic(topic); err != nil {
		return -1, fmt.Errorf("topic %s: %w", topic, err)
	}
	start, high, err := tm.tester.cluster.Offsets(topic, partition)
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
