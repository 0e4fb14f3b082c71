package api

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeClientQuotas is DescribeClientQuotas (KIP-546).
var describeClientQuotas = serving(48, 0, 1, serveDescribeClientQuotas)

func serveDescribeClientQuotas(c *call, request *kmsg.DescribeClientQuotasRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeClientQuotasResponse)
	var filters []cluster.QuotaFilter
	for _, f := range request.Components {
		filter := cluster.QuotaFilter{Type: f.EntityType, Match: cluster.QuotaMatch(f.MatchType)}
		if f.Match != nil {
			filter.Name = *f.Match
		}
		filters = append(filters, filter)
	}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		var entries []cluster.QuotaEntry
		var err error = kafka.ClusterAuthorizationFailed
		if c.mayCluster(core, cluster.DescribeConfigs) {
			entries, err = core.Quotas(filters, request.Strict)
		}
		if err != nil {
			response.ErrorCode, response.ErrorMessage = codeOf(err), messageOf(err)
			return
		}
		response.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
		for _, e := range entries {
			entry := kmsg.NewDescribeClientQuotasResponseEntry()
			for _, p := range e.Entity {
				entry.Entity = append(entry.Entity, kmsg.DescribeClientQuotasResponseEntryEntity{Type: p.Type, Name: p.Name})
			}
			for _, key := range slices.Sorted(maps.Keys(e.Quotas)) {
				entry.Values = append(entry.Values, kmsg.DescribeClientQuotasResponseEntryValue{Key: key, Value: e.Quotas[key]})
			}
			response.Entries = append(response.Entries, entry)
		}
	})
	if !ok {
		return nil
	}
	return response
}
