package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// incrementalAlterConfigs is IncrementalAlterConfigs (KIP-339): it changes some settings of a topic or of the brokers, and
// leaves the others.
var incrementalAlterConfigs = serving(44, 0, 1, serveIncrementalAlterConfigs)

func serveIncrementalAlterConfigs(c *call, request *kmsg.IncrementalAlterConfigsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	response.Resources = make([]kmsg.IncrementalAlterConfigsResponseResource, len(request.Resources))
	times := map[resource]int{}
	for i := range request.Resources {
		times[resource{request.Resources[i].ResourceType, request.Resources[i].ResourceName}]++
	}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		for i := range request.Resources {
			asked := &request.Resources[i]
			err := c.mayConfigure(core, cluster.AlterConfigs, asked.ResourceType, asked.ResourceName).Err()
			if times[resource{asked.ResourceType, asked.ResourceName}] > 1 {
				err = errResourceTwice
			}
			if err == nil {
				err = changeConfigs(core, now, asked, request.ValidateOnly)
			}
			r := kmsg.NewIncrementalAlterConfigsResponseResource()
			r.ResourceType, r.ResourceName, r.ErrorCode, r.ErrorMessage = asked.ResourceType, asked.ResourceName, codeOf(err), messageOf(err)
			response.Resources[i] = r
		}
	})
	if !ok {
		return nil
	}
	return response
}

func changeConfigs(core *cluster.Cluster, now millis, asked *kmsg.IncrementalAlterConfigsRequestResource, validateOnly bool) error {
	changes := make([]cluster.ConfigChange, len(asked.Configs))
	for i, change := range asked.Configs {
		changes[i] = cluster.ConfigChange{Name: change.Name, Op: cluster.ConfigOp(change.Op), Value: change.Value}
	}
	switch asked.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		return core.AlterTopicConfigs(now, asked.ResourceName, changes, validateOnly)
	case kmsg.ConfigResourceTypeBroker:
		broker, err := brokerNamed(asked.ResourceName)
		if err != nil {
			return invalidRequest("Node id must be an integer, but it is: " + asked.ResourceName)
		}
		return core.AlterBrokerConfigs(now, broker, changes, validateOnly)
	default:
		return cannotAlter(asked.ResourceType)
	}
}
