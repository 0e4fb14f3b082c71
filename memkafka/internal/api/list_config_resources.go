package api

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// listConfigResources is ListConfigResources (KIP-1142): what settings can be had of. Version 0 is ListClientMetricsResources
// (KIP-714), of which there are none.
var listConfigResources = serving(74, 0, 1, serveListConfigResources)

func serveListConfigResources(c *call, request *kmsg.ListConfigResourcesRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ListConfigResourcesResponse)
	response.ConfigResources = []kmsg.ListConfigResourcesResponseConfigResource{}
	kinds := []kmsg.ConfigResourceType{
		kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger,
		kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig,
	}
	wanted := map[kmsg.ConfigResourceType]bool{}
	for _, kind := range request.ResourceTypes {
		if !slices.Contains(kinds, kmsg.ConfigResourceType(kind)) {
			response.ErrorCode = int16(kafka.UnsupportedVersion)
			return response
		}
		wanted[kmsg.ConfigResourceType(kind)] = true
	}
	if c.version > 0 && len(wanted) == 0 {
		for _, kind := range kinds {
			wanted[kind] = true
		}
	}
	add := func(kind kmsg.ConfigResourceType, name string) {
		if wanted[kind] {
			response.ConfigResources = append(response.ConfigResources, kmsg.ListConfigResourcesResponseConfigResource{Name: name, Type: int8(kind)})
		}
	}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if !c.mayCluster(core, cluster.DescribeConfigs) {
			response.ErrorCode = int16(kafka.ClusterAuthorizationFailed)
			return
		}
		for _, name := range core.Topics() {
			add(kmsg.ConfigResourceTypeTopic, name)
		}
		for _, id := range core.Brokers() {
			add(kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(id)))
			add(kmsg.ConfigResourceTypeBrokerLogger, strconv.Itoa(int(id)))
		}
	})
	if !ok {
		return nil
	}
	return response
}
