package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchFrom asks for what is in partition 0 of a topic.
func fetchFrom(topic string, id [16]byte, offset int64) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 100, 1, 1<<20
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes = offset, 1<<20
	r.Topics = []kmsg.FetchRequestTopic{{Topic: topic, TopicID: id, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	return r
}

func TestFetch(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("fetch", 1)
		for range 2 {
			ask[*kmsg.ProduceResponse](s.client, 9, produceTo("fetch", id, 0, records("a", "1", "b", "2").Bytes()))
		}
		for v := int16(4); v <= 18; v++ {
			say[*kmsg.FetchResponse](s, "from the middle of a batch", v, fetchFrom("fetch", id, 1))
		}
		for _, v := range []int16{4, 11, 12, 13, 18} {
			say[*kmsg.FetchResponse](s, "at the end", v, fetchFrom("fetch", id, 4))
			say[*kmsg.FetchResponse](s, "past the end", v, fetchFrom("fetch", id, 5))
			say[*kmsg.FetchResponse](s, "a topic that there is not", v, fetchFrom("fetch-none", [16]byte{7}, 0))
			r := fetchFrom("fetch", id, 0)
			r.Topics[0].Partitions[0].Partition = 3
			say[*kmsg.FetchResponse](s, "a partition that there is not", v, r)
			r = fetchFrom("fetch", id, 0)
			r.IsolationLevel = 1
			r.Topics[0].Partitions[0].PartitionMaxBytes = 1
			say[*kmsg.FetchResponse](s, "one byte, committed", v, r)
			r = fetchFrom("fetch", id, 0)
			r.Topics[0].Partitions[0].CurrentLeaderEpoch = 5
			say[*kmsg.FetchResponse](s, "an epoch that is to come", v, r)
		}
	})
}
