package saramaclient_test

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func TestAdminCreatesTopics(t *testing.T) {
	c := memkafka.New(memkafka.WithDefaultPartitions(4))
	defer c.Close()
	createTopic(t, c, "there.is", 1)
	admin, err := saramaclient.NewClusterAdmin(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	value := func(v string) *string { return &v }
	for _, tc := range []struct {
		name   string
		topic  string
		detail sarama.TopicDetail
		want   error
		parts  int32
	}{
		{name: "as asked for", topic: "a", detail: sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, parts: 3},
		{name: "by default", topic: "b", detail: sarama.TopicDetail{NumPartitions: -1, ReplicationFactor: -1}, parts: 4},
		{name: "no partitions", topic: "c", detail: sarama.TopicDetail{ReplicationFactor: 1}, want: sarama.ErrInvalidPartitions},
		{name: "no replicas", topic: "c", detail: sarama.TopicDetail{NumPartitions: 1}, want: sarama.ErrInvalidReplicationFactor},
		{name: "more replicas than brokers", topic: "c", detail: sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 3}, want: sarama.ErrInvalidReplicationFactor},
		{name: "there already", topic: "there.is", detail: sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, want: sarama.ErrTopicAlreadyExists},
		{name: "the same but for dots", topic: "there_is", detail: sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, want: sarama.ErrInvalidTopic},
		{name: "a bad name", topic: "no topic", detail: sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, want: sarama.ErrInvalidTopic},
		{
			name: "a bad setting", topic: "c", want: sarama.ErrInvalidConfig,
			detail: sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": value("burn")}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := admin.CreateTopic(tc.topic, &tc.detail, false)
			var te *sarama.TopicError
			switch {
			case tc.want == nil && err != nil:
				t.Error(err)
			case tc.want != nil && (!errors.Is(err, tc.want) || !errors.As(err, &te) || te.ErrMsg == nil):
				t.Errorf("CreateTopic gives %v, want a TopicError of %v with a text", err, tc.want)
			case tc.want == nil && c.Partitions(tc.topic) != tc.parts:
				t.Errorf("the topic has %d partitions, want %d", c.Partitions(tc.topic), tc.parts)
			}
		})
	}
	if err := admin.Close(); err != nil {
		t.Error(err)
	}
}
