package api_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// createTopic makes a topic and waits until the broker knows it.
func (s *script) createTopic(name string, partitions int32, configs ...string) [16]byte {
	s.t.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	for i := 0; i < len(configs); i += 2 {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: configs[i], Value: &configs[i+1]})
	}
	r.Topics = append(r.Topics, topic)
	if code := ask[*kmsg.CreateTopicsResponse](s.client, 7, r).Topics[0].ErrorCode; code != 0 {
		s.t.Fatalf("create %s: error %d", name, code)
	}
	return s.known(name)
}

// known waits until the broker knows a topic with leaders.
func (s *script) known(name string) [16]byte {
	s.t.Helper()
	found := until(s, 12, func() kmsg.Request { return metadataOf(false, name) }, func(m *kmsg.MetadataResponse) bool {
		return m.Topics[0].ErrorCode == 0
	}).Topics[0]
	for i := range found.Partitions {
		until(s, 7, func() kmsg.Request { return offsetsOf(name, int32(i), -1) }, func(r *kmsg.ListOffsetsResponse) bool {
			return r.Topics[0].Partitions[0].ErrorCode == 0
		})
	}
	return found.TopicID
}

func metadataOf(create bool, names ...string) *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	r.AllowAutoTopicCreation = create
	for _, name := range names {
		r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return r
}

func TestMetadata(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("metadata", 2)
		for v := range int16(14) {
			say[*kmsg.MetadataResponse](s, "a topic, and one that there is not", v, metadataOf(v < 4, "metadata", fmt.Sprint("metadata-none-", v)))
		}
		say[*kmsg.MetadataResponse](s, "a name that no topic has", 12, metadataOf(true, "no/topic"))
		say[*kmsg.MetadataResponse](s, "a name that no topic has, without making it", 12, metadataOf(false, "no/topic"))
		say[*kmsg.MetadataResponse](s, "a name that collides", 12, metadataOf(true, "metadata.a"))
		s.known("metadata.a")
		say[*kmsg.MetadataResponse](s, "and the other one", 12, metadataOf(true, "metadata_a"))

		byID := kmsg.NewPtrMetadataRequest()
		byID.Topics = []kmsg.MetadataRequestTopic{{TopicID: id}, {TopicID: [16]byte{1, 2, 3}}}
		say[*kmsg.MetadataResponse](s, "by id", 12, byID)

		none := kmsg.NewPtrMetadataRequest()
		none.Topics = []kmsg.MetadataRequestTopic{}
		say[*kmsg.MetadataResponse](s, "no topics", 1, none)
		say[*kmsg.MetadataResponse](s, "no topics", 13, none)

		operations := metadataOf(false, "metadata")
		operations.IncludeTopicAuthorizedOperations, operations.IncludeClusterAuthorizedOperations = true, true
		say[*kmsg.MetadataResponse](s, "what may be done", 8, operations)
		say[*kmsg.MetadataResponse](s, "what may be done", 10, operations)
		say[*kmsg.MetadataResponse](s, "what may be done", 13, operations)
	})
}

func TestMetadataMakesTopics(t *testing.T) {
	transcript(t, func(s *script) {
		say[*kmsg.MetadataResponse](s, "nobody knows it yet", 13, metadataOf(true, "made-by-asking"))
		s.known("made-by-asking")
		say[*kmsg.MetadataResponse](s, "asked again", 13, metadataOf(true, "made-by-asking"))
	})
}

// TestMetadataByID asks as Java clients do, with an empty name beside each id.
func TestMetadataByID(t *testing.T) {
	transcript(t, func(s *script) {
		id, empty, name := s.createTopic("by-id", 1), "", "by-id"
		other := "other"
		ask := func(about string, version int16, topics ...kmsg.MetadataRequestTopic) {
			r := kmsg.NewPtrMetadataRequest()
			r.Topics = topics
			say[*kmsg.MetadataResponse](s, about, version, r)
		}
		ask("an id with an empty name", 13, kmsg.MetadataRequestTopic{Topic: &empty, TopicID: id})
		ask("an id of no topic with an empty name", 13, kmsg.MetadataRequestTopic{Topic: &empty, TopicID: [16]byte{1, 2, 3}})
		ask("an id twice", 13, kmsg.MetadataRequestTopic{Topic: &empty, TopicID: id}, kmsg.MetadataRequestTopic{TopicID: id})
		ask("an id with another name", 12, kmsg.MetadataRequestTopic{Topic: &other, TopicID: id})
		ask("a name beside an id of no topic", 12, kmsg.MetadataRequestTopic{Topic: &name}, kmsg.MetadataRequestTopic{TopicID: [16]byte{1, 2, 3}})
		ask("a name, and an id of no topic with it", 12, kmsg.MetadataRequestTopic{Topic: &name, TopicID: [16]byte{1, 2, 3}})
	})
}
