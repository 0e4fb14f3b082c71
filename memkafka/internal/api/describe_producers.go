package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeProducers is DescribeProducers (KIP-664): the idempotent producers that a partition remembers.
var describeProducers = serving(61, 0, 0, serveDescribeProducers)

func serveDescribeProducers(c *call, request *kmsg.DescribeProducersRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeProducersResponse)
	response.Topics = make([]kmsg.DescribeProducersResponseTopic, len(request.Topics))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i := range request.Topics {
			asked, t := &request.Topics[i], &response.Topics[i]
			t.Topic = asked.Topic
			t.Partitions = make([]kmsg.DescribeProducersResponseTopicPartition, len(asked.Partitions))
			for j, partition := range asked.Partitions {
				t.Partitions[j] = c.describeProducers(core, asked.Topic, partition)
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) describeProducers(core *cluster.Cluster, topic string, partition int32) kmsg.DescribeProducersResponseTopicPartition {
	r := kmsg.NewDescribeProducersResponseTopicPartition()
	r.Partition, r.ActiveProducers = partition, []kmsg.DescribeProducersResponseTopicPartitionActiveProducer{}
	t, code := c.named(core, false, topic, [16]byte{}, cluster.Read)
	if err := cluster.CheckTopicName(topic); err != nil {
		code, r.ErrorMessage = kafka.InvalidTopic, messageOf(err)
	}
	var p *cluster.Partition
	if t != nil {
		p, code = c.ledPartition(core, t, partition, -1)
	}
	if code != kafka.None {
		r.ErrorCode = int16(code)
		if t == nil && code == kafka.UnknownTopicOrPartition {
			r.ErrorMessage = kmsg.StringPtr(notHosted)
		}
		return r
	}
	for _, info := range p.Log.Producers() {
		r.ActiveProducers = append(r.ActiveProducers, kmsg.DescribeProducersResponseTopicPartitionActiveProducer{
			ProducerID: info.ID, ProducerEpoch: int32(info.Epoch), LastSequence: info.LastSequence, LastTimestamp: int64(info.LastTimestamp),
			CoordinatorEpoch: info.CoordinatorEpoch, CurrentTxnStartOffset: int64(info.TxnFirst),
		})
	}
	return r
}
