package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// listPartitionReassignments is ListPartitionReassignments (KIP-455): partitions that are on their way to other brokers, of
// which there are none here.
var listPartitionReassignments = serving(46, 0, 0, serveListPartitionReassignments)

func serveListPartitionReassignments(c *call, request *kmsg.ListPartitionReassignmentsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	response.Topics = []kmsg.ListPartitionReassignmentsResponseTopic{}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if !c.mayCluster(core, cluster.Describe) {
			response.ErrorCode = int16(kafka.ClusterAuthorizationFailed)
		}
	})
	if !ok {
		return nil
	}
	return response
}
