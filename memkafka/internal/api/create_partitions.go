package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// createPartitions is CreatePartitions (KIP-195): a topic grows.
var createPartitions = serving(37, 0, 3, serveCreatePartitions)

func serveCreatePartitions(c *call, request *kmsg.CreatePartitionsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.CreatePartitionsResponse)
	response.Topics = []kmsg.CreatePartitionsResponseTopic{}
	named := map[string]int{}
	for i := range request.Topics {
		named[request.Topics[i].Topic]++
	}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		tooMany := addedPartitions(core, request) > maxNewPartitions
		for i := range request.Topics {
			asked := &request.Topics[i]
			r := kmsg.NewCreatePartitionsResponseTopic()
			r.Topic = asked.Topic
			var err error
			switch n := named[asked.Topic]; {
			case n == 0:
				continue // answered already
			case n > 1:
				err, named[asked.Topic] = invalidRequest("Duplicate topic name."), 0
			case c.mayTopic(core, cluster.Alter, asked.Topic) != kafka.None:
				err = kafka.TopicAuthorizationFailed
			case tooMany:
				err = kafka.UnknownServerError // as Kafka says, for all topics and without a word
			default:
				var assignment [][]int32
				for _, a := range asked.Assignment {
					assignment = append(assignment, append([]int32{}, a.Replicas...))
				}
				err = core.CreateAssignedPartitions(asked.Topic, asked.Count, assignment, true)
				if err == nil && !request.ValidateOnly {
					err = c.spend(core, now, int(asked.Count)-len(core.Topic(asked.Topic).Partitions), c.version >= 3)
				}
				if err == nil && !request.ValidateOnly {
					err = core.CreateAssignedPartitions(asked.Topic, asked.Count, assignment, false)
				}
				if core.Topic(asked.Topic) == nil {
					err = kafka.UnknownTopicOrPartition // without words
				}
			}
			r.ErrorCode, r.ErrorMessage = codeOf(err), messageOf(err)
			response.Topics = append(response.Topics, r)
		}
	})
	if !ok {
		return nil
	}
	return response
}

// addedPartitions is how many partitions a request would add, all in all.
func addedPartitions(core *cluster.Cluster, request *kmsg.CreatePartitionsRequest) (sum int) {
	for i := range request.Topics {
		if t := core.Topic(request.Topics[i].Topic); t != nil {
			sum += max(0, int(request.Topics[i].Count)-len(t.Partitions))
		}
	}
	return sum
}
