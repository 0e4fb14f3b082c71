package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeTopicPartitions is DescribeTopicPartitions (KIP-966): topics with their partitions, by the page.
var describeTopicPartitions = serving(75, 0, 0, serveDescribeTopicPartitions)

// maxDescribedPartitions is how many partitions one page holds (max.request.partition.size.limit).
const maxDescribedPartitions = 2000

func serveDescribeTopicPartitions(c *call, request *kmsg.DescribeTopicPartitionsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	response.Topics = []kmsg.DescribeTopicPartitionsResponseTopic{}
	if request.Cursor != nil && request.Cursor.Partition < 0 {
		for i := range request.Topics {
			d := kmsg.NewDescribeTopicPartitionsResponseTopic()
			d.Topic, d.ErrorCode, d.AuthorizedOperations = &request.Topics[i].Topic, int16(kafka.InvalidRequest), noOperations
			d.Partitions = []kmsg.DescribeTopicPartitionsResponseTopicPartition{}
			response.Topics = append(response.Topics, d)
		}
		return response
	}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		names := make([]string, 0, len(request.Topics))
		for _, t := range request.Topics {
			names = append(names, t.Topic)
		}
		if len(names) == 0 {
			names = core.Topics()
		}
		slices.Sort(names)
		names = slices.Compact(names)
		left := max(1, min(maxDescribedPartitions, int(request.ResponsePartitionLimit)))
		for _, name := range names {
			first := 0
			if cursor := request.Cursor; cursor != nil {
				if name < cursor.Topic {
					continue
				}
				if name == cursor.Topic {
					first = int(cursor.Partition)
				}
			}
			if code := c.mayTopic(core, cluster.Describe, name); code != kafka.None {
				if len(request.Topics) > 0 {
					d := kmsg.NewDescribeTopicPartitionsResponseTopic()
					d.Topic, d.ErrorCode, d.AuthorizedOperations = &name, int16(code), noOperations
					d.Partitions = []kmsg.DescribeTopicPartitionsResponseTopicPartition{}
					response.Topics = append(response.Topics, d)
				}
				continue
			}
			if left <= 0 {
				response.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: int32(first)}
				return
			}
			described, next := c.describePage(core, name, first, left)
			response.Topics = append(response.Topics, described)
			if next >= 0 {
				response.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: int32(next)}
				return
			}
			left -= len(described.Partitions)
		}
	})
	if !ok {
		return nil
	}
	return response
}

// describePage describes a topic from a partition on, at most so many of them. Next is where to go on, -1 if that was all.
func (c *call) describePage(core *cluster.Cluster, name string, first, most int) (d kmsg.DescribeTopicPartitionsResponseTopic, next int) {
	d = kmsg.NewDescribeTopicPartitionsResponseTopic()
	d.Topic, d.AuthorizedOperations = &name, c.topicOperations(core, name)
	d.Partitions = []kmsg.DescribeTopicPartitionsResponseTopicPartition{}
	t := core.Topic(name)
	if t == nil {
		d.ErrorCode = int16(kafka.UnknownTopicOrPartition)
		if err := cluster.CheckTopicName(name); err != nil {
			d.ErrorCode = codeOf(err)
		}
		return d, -1
	}
	d.TopicID, d.IsInternal = t.ID, t.Internal
	for i := first; i < len(t.Partitions); i++ {
		if len(d.Partitions) == most {
			return d, i
		}
		p := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		state := core.PartitionMetadata(t.Partitions[i])
		p.ErrorCode, p.Partition, p.LeaderID, p.LeaderEpoch = int16(state.Err), int32(i), state.Leader, int32(state.LeaderEpoch)
		p.Replicas, p.ISR, p.OfflineReplicas = state.Replicas, state.ISR, state.Offline
		p.EligibleLeaderReplicas, p.LastKnownELR = []int32{}, []int32{}
		d.Partitions = append(d.Partitions, p)
	}
	return d, -1
}
