package api_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func offsetsOf(topic string, partition int32, at int64) *kmsg.ListOffsetsRequest {
	r := kmsg.NewPtrListOffsetsRequest()
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = partition, at
	r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	return r
}

func TestListOffsets(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("offsets", 2)
		second := func(n int64) time.Time { return time.Unix(1_700_000_000+n, 0) }
		for _, n := range []int64{10, 30, 20} {
			ask[*kmsg.ProduceResponse](s.client, 9, produceTo("offsets", id, 0, recordsAt(second(n), "a", "1").Bytes()))
		}
		for v := int16(1); v <= 11; v++ {
			for _, at := range []int64{-1, -2, -3, -4, -5, -6, -7} {
				say[*kmsg.ListOffsetsResponse](s, "an offset that stands for a place", v, offsetsOf("offsets", 0, at))
			}
		}
		for _, n := range []int64{0, 10, 15, 30, 31} {
			say[*kmsg.ListOffsetsResponse](s, "by time", 7, offsetsOf("offsets", 0, second(n).UnixMilli()))
		}
		say[*kmsg.ListOffsetsResponse](s, "the newest of nothing", 7, offsetsOf("offsets", 1, -3))
		say[*kmsg.ListOffsetsResponse](s, "by time in nothing", 7, offsetsOf("offsets", 1, 5))
		say[*kmsg.ListOffsetsResponse](s, "a partition that there is not", 7, offsetsOf("offsets", 2, -1))
		say[*kmsg.ListOffsetsResponse](s, "a topic that there is not", 7, offsetsOf("offsets-none", 0, -1))
	})
}
