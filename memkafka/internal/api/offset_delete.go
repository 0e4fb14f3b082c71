package api

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// offsetDelete is OffsetDelete (KIP-496): a group forgets how far it has come.
var offsetDelete = serving(47, 0, 0, serveOffsetDelete)

func serveOffsetDelete(c *call, request *kmsg.OffsetDeleteRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.OffsetDeleteResponse)
	topics := make([]kmsg.OffsetDeleteResponseTopic, len(request.Topics))
	command := group.DeleteOffsets{}
	var places []*kmsg.OffsetDeleteResponseTopicPartition // of command.Partitions, in the answer
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i, t := range request.Topics {
			topics[i].Topic = t.Topic
			topics[i].Partitions = make([]kmsg.OffsetDeleteResponseTopicPartition, len(t.Partitions))
			for j, p := range t.Partitions {
				r := &topics[i].Partitions[j]
				r.Partition = p.Partition
				if code := c.mayTopic(core, cluster.Read, t.Topic); code != kafka.None {
					r.ErrorCode = int16(code)
					continue
				}
				if core.Partition(t.Topic, p.Partition) == nil {
					r.ErrorCode = int16(kafka.UnknownTopicOrPartition)
					continue
				}
				command.Partitions = append(command.Partitions, kafka.TopicPartition{Topic: t.Topic, Partition: p.Partition})
				places = append(places, r)
			}
		}
	})
	if !ok {
		return nil
	}
	if request.Group == "" {
		response.ErrorCode = int16(kafka.InvalidGroupID)
		return response
	}
	answer, code, ok := askGroup[group.DeleteOffsetsResponse](c, cluster.Delete, "delete offsets", request.Group, func(tag *tag) group.Command { command.Tag = tag; return command })
	if !ok {
		return nil
	}
	if response.ErrorCode = int16(cmp.Or(code, answer.Err)); response.ErrorCode != 0 {
		response.Topics = []kmsg.OffsetDeleteResponseTopic{}
		return response
	}
	response.Topics = topics
	for i, place := range places {
		place.ErrorCode = int16(answer.Partitions[i].Err)
	}
	return response
}
