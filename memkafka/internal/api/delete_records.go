package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// deleteRecords is DeleteRecords (KIP-107): the log start of partitions moves.
var deleteRecords = serving(21, 0, 2, serveDeleteRecords)

func serveDeleteRecords(c *call, request *kmsg.DeleteRecordsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DeleteRecordsResponse)
	response.Topics = make([]kmsg.DeleteRecordsResponseTopic, len(request.Topics))
	ok := c.do(func(core *cluster.Cluster, now millis) {
		for i := range request.Topics {
			asked, t := &request.Topics[i], &response.Topics[i]
			t.Topic = asked.Topic
			t.Partitions = make([]kmsg.DeleteRecordsResponseTopicPartition, len(asked.Partitions))
			for j := range asked.Partitions {
				t.Partitions[j] = c.deleteRecords(core, now, asked.Topic, &asked.Partitions[j])
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) deleteRecords(core *cluster.Cluster, now millis, topic string, asked *kmsg.DeleteRecordsRequestTopicPartition) kmsg.DeleteRecordsResponseTopicPartition {
	r := kmsg.NewDeleteRecordsResponseTopicPartition()
	r.Partition, r.LowWatermark = asked.Partition, -1
	t, code := c.named(core, false, topic, [16]byte{}, cluster.Delete)
	if t != nil && t.Internal {
		code = kafka.InvalidTopic
	} else if t != nil {
		_, code = c.ledPartition(core, t, asked.Partition, -1)
	}
	if code != kafka.None {
		r.ErrorCode = int16(code)
		return r
	}
	start, err := core.DeleteRecords(now, topic, asked.Partition, kafka.Offset(asked.Offset))
	if err != nil {
		r.ErrorCode = codeOf(err)
		return r
	}
	r.LowWatermark = int64(start)
	return r
}
