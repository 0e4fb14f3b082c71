package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// inSession asks for what is new in a session.
func inSession(id, epoch int32, topics ...kmsg.FetchRequestTopic) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 10, 1, 1<<20
	r.SessionID, r.SessionEpoch, r.Topics = id, epoch, topics
	return r
}

func fromOffsets(topic string, id [16]byte, offsets ...int64) kmsg.FetchRequestTopic {
	t := kmsg.FetchRequestTopic{Topic: topic, TopicID: id}
	for i, o := range offsets {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(i), o, 1<<20
		t.Partitions = append(t.Partitions, p)
	}
	return t
}

func TestFetchSession(t *testing.T) {
	transcript(t, func(s *script) {
		topic := s.createTopic("session", 3)
		put := func(partition int32) {
			ask[*kmsg.ProduceResponse](s.client, 9, produceTo("session", topic, partition, records("a", "1").Bytes()))
		}
		for _, v := range []int16{7, 12, 13, 18} {
			fetch := func(about string, r *kmsg.FetchRequest) int32 {
				answer := ask[*kmsg.FetchResponse](s.client, v, r)
				id := answer.SessionID
				if id != 0 {
					answer.SessionID = 1
				}
				s.note(about, answer)
				return id
			}
			base := ask[*kmsg.ListOffsetsResponse](s.client, 7, offsetsOf("session", 0, -1)).Topics[0].Partitions[0].Offset
			second := ask[*kmsg.ListOffsetsResponse](s.client, 7, offsetsOf("session", 1, -1)).Topics[0].Partitions[0].Offset
			put(0)
			id := fetch("a session opens", inSession(0, 0, fromOffsets("session", topic, base, second, 0)))
			fetch("nothing new, where the first is asked again", inSession(id, 1, fromOffsets("session", topic, base+1)))
			put(1)
			fetch("one has news", inSession(id, 2))
			fetch("still the same, since its offset was not moved", inSession(id, 3))
			fetch("a wrong epoch", inSession(id, 3))
			forget := inSession(id, 4)
			forget.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "session", TopicID: topic, Partitions: []int32{1}}}
			fetch("that one is forgotten", forget)
			fetch("one that there is not", inSession(id, 5, fromOffsets("session", topic, base+1, second+1, 0, 0)))
			fetch("and again", inSession(id, 6))
			fetch("a session that there is not", inSession(id+12345, 1))
			fetch("the session ends", inSession(id, -1, fromOffsets("session", topic, base)))
			fetch("and is no more", inSession(id, 7))
		}
	})
}
