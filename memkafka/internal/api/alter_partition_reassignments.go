package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// alterPartitionReassignments is AlterPartitionReassignments (KIP-455), from version 1 on such that keep the number of
// replicas (KIP-860). Partitions are moved before the answer leaves.
var alterPartitionReassignments = serving(45, 0, 1, serveAlterPartitionReassignments)

func serveAlterPartitionReassignments(c *call, request *kmsg.AlterPartitionAssignmentsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
	resize := c.version == 0 || request.AllowReplicationFactorChange
	response.AllowReplicationFactorChange = resize
	response.Topics = []kmsg.AlterPartitionAssignmentsResponseTopic{}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		if !c.mayCluster(core, cluster.Alter) {
			response.ErrorCode = int16(kafka.ClusterAuthorizationFailed)
			return
		}
		for _, asked := range request.Topics {
			t := kmsg.AlterPartitionAssignmentsResponseTopic{Topic: asked.Topic}
			for _, p := range asked.Partitions {
				err := core.Reassign(now, kafka.TopicPartition{Topic: asked.Topic, Partition: p.Partition}, p.Replicas, resize)
				r := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
				r.Partition, r.ErrorCode, r.ErrorMessage = p.Partition, codeOf(err), messageOf(err)
				t.Partitions = append(t.Partitions, r)
			}
			response.Topics = append(response.Topics, t)
		}
	})
	if !ok {
		return nil
	}
	return response
}
