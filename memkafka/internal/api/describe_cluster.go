package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeCluster is DescribeCluster (KIP-700). Version 1 can ask for controllers (KIP-919), which are not reached here, 2
// for brokers that are fenced (KIP-1073): those that are down.
var describeCluster = serving(60, 0, 2, serveDescribeCluster)

// endpointBrokers asks for the addresses of brokers, not controllers.
const endpointBrokers = 1

func serveDescribeCluster(c *call, request *kmsg.DescribeClusterRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeClusterResponse)
	response.Brokers = []kmsg.DescribeClusterResponseBroker{}
	response.ClusterAuthorizedOperations = noOperations
	if c.version >= 1 && request.EndpointType != endpointBrokers {
		detail := "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
		response.ErrorCode, response.ErrorMessage = int16(kafka.MismatchedEndpointType), &detail
		if request.EndpointType != 2 {
			detail = fmt.Sprintf("Unsupported endpoint type %d", request.EndpointType)
			response.ErrorCode = int16(kafka.UnsupportedEndpointType)
		}
		response.ControllerID = -1
		return response
	}
	response.EndpointType = endpointBrokers
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		response.ClusterID = core.Settings().ClusterID
		response.ControllerID = core.Controller()
		if request.IncludeClusterAuthorizedOperations {
			response.ClusterAuthorizedOperations = c.clusterOperations(core)
		}
		for _, n := range c.broker.directory.Nodes(c.listener) {
			b := kmsg.NewDescribeClusterResponseBroker()
			b.NodeID, b.Host, b.Port, b.Rack, b.IsFenced = n.ID, n.Host, n.Port, nullable(n.Rack), !core.Alive(n.ID)
			if !b.IsFenced || request.IncludeFencedBrokers {
				response.Brokers = append(response.Brokers, b)
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}
