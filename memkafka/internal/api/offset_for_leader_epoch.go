package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// offsetForLeaderEpoch is OffsetForLeaderEpoch (KIP-320): where an epoch of a log ended, for a consumer to notice that the
// log was cut.
var offsetForLeaderEpoch = serving(23, 2, 4, serveOffsetForLeaderEpoch)

func serveOffsetForLeaderEpoch(c *call, request *kmsg.OffsetForLeaderEpochRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	response.Topics = make([]kmsg.OffsetForLeaderEpochResponseTopic, len(request.Topics))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i := range request.Topics {
			asked, t := &request.Topics[i], &response.Topics[i]
			t.Topic = asked.Topic
			t.Partitions = make([]kmsg.OffsetForLeaderEpochResponseTopicPartition, len(asked.Partitions))
			for j := range asked.Partitions {
				t.Partitions[j] = c.offsetForEpoch(core, asked.Topic, &asked.Partitions[j])
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) offsetForEpoch(core *cluster.Cluster, topic string, asked *kmsg.OffsetForLeaderEpochRequestTopicPartition) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	r := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	r.Partition, r.LeaderEpoch, r.EndOffset = asked.Partition, -1, -1
	t, code := c.named(core, false, topic, [16]byte{}, cluster.Describe)
	var p *cluster.Partition
	if t != nil {
		p, code = c.ledPartition(core, t, asked.Partition, asked.CurrentLeaderEpoch)
	}
	if code != kafka.None {
		r.ErrorCode = int16(code)
		return r
	}
	if epoch, end, ok := p.Log.EndOffsetForEpoch(kafka.Epoch(asked.LeaderEpoch)); ok {
		r.LeaderEpoch, r.EndOffset = int32(epoch), int64(end)
	}
	return r
}
