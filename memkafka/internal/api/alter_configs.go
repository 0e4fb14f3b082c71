package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// alterConfigs is AlterConfigs (KIP-133): it replaces all settings of a topic or of the brokers.
var alterConfigs = serving(33, 0, 2, serveAlterConfigs)

func serveAlterConfigs(c *call, request *kmsg.AlterConfigsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.AlterConfigsResponse)
	response.Resources = make([]kmsg.AlterConfigsResponseResource, len(request.Resources))
	times := map[resource]int{}
	for i := range request.Resources {
		times[resource{request.Resources[i].ResourceType, request.Resources[i].ResourceName}]++
	}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		for i := range request.Resources {
			asked := &request.Resources[i]
			values := map[string]*string{}
			for _, config := range asked.Configs {
				values[config.Name] = config.Value
			}
			err := c.mayConfigure(core, cluster.AlterConfigs, asked.ResourceType, asked.ResourceName).Err()
			if times[resource{asked.ResourceType, asked.ResourceName}] > 1 {
				err = errResourceTwice
			}
			if err == nil {
				err = replaceConfigs(core, now, asked.ResourceType, asked.ResourceName, values, request.ValidateOnly)
			}
			r := kmsg.NewAlterConfigsResponseResource()
			r.ResourceType, r.ResourceName, r.ErrorCode, r.ErrorMessage = asked.ResourceType, asked.ResourceName, codeOf(err), messageOf(err)
			response.Resources[i] = r
		}
	})
	if !ok {
		return nil
	}
	return response
}

// resource is what settings are of.
type resource struct {
	kind kmsg.ConfigResourceType
	name string
}

// errResourceTwice refuses every change of a resource that a request names more than once. Kafka says so of
// IncrementalAlterConfigs, and answers nothing to AlterConfigs.
var errResourceTwice = invalidRequest("Each resource must appear at most once.")

// replaceConfigs makes values all the settings of a resource that are not at their default.
func replaceConfigs(core *cluster.Cluster, now millis, kind kmsg.ConfigResourceType, name string, values map[string]*string, validateOnly bool) error {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		return core.ReplaceTopicConfigs(now, name, values, validateOnly)
	case kmsg.ConfigResourceTypeBroker:
		broker, err := brokerNamed(name)
		if err != nil {
			return err
		}
		var changes []cluster.ConfigChange
		for key, value := range values {
			changes = append(changes, cluster.ConfigChange{Name: key, Op: cluster.ConfigSet, Value: value})
		}
		for key := range core.Settings().Dynamic {
			if _, kept := values[key]; !kept {
				changes = append(changes, cluster.ConfigChange{Name: key, Op: cluster.ConfigDelete})
			}
		}
		slices.SortFunc(changes, func(a, b cluster.ConfigChange) int { return strings.Compare(a.Name, b.Name) })
		return core.AlterBrokerConfigs(now, broker, changes, validateOnly)
	default:
		return cannotAlter(kind)
	}
}

func cannotAlter(kind kmsg.ConfigResourceType) error {
	return invalidRequest(fmt.Sprintf("Unknown resource type %d", kind))
}
