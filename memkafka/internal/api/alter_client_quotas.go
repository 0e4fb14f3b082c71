package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// alterClientQuotas is AlterClientQuotas (KIP-546).
var alterClientQuotas = serving(49, 0, 1, serveAlterClientQuotas)

func serveAlterClientQuotas(c *call, request *kmsg.AlterClientQuotasRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.AlterClientQuotasResponse)
	response.Entries = []kmsg.AlterClientQuotasResponseEntry{}
	for i := range request.Entries {
		asked := &request.Entries[i]
		entry := kmsg.NewAlterClientQuotasResponseEntry()
		var parts []cluster.QuotaPart
		for _, e := range asked.Entity {
			parts = append(parts, cluster.QuotaPart{Type: e.Type, Name: e.Name})
			entry.Entity = append(entry.Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: e.Type, Name: e.Name})
		}
		var ops []cluster.QuotaOp
		for _, op := range asked.Ops {
			ops = append(ops, cluster.QuotaOp{Key: op.Key, Value: op.Value, Remove: op.Remove})
		}
		var err error = kafka.ClusterAuthorizationFailed
		ok := c.do(func(core *cluster.Cluster, _ millis) {
			if c.mayCluster(core, cluster.AlterConfigs) {
				err = core.AlterQuotas(parts, ops, request.ValidateOnly)
			}
		})
		if !ok {
			return nil
		}
		entry.ErrorCode, entry.ErrorMessage = codeOf(err), messageOf(err)
		response.Entries = append(response.Entries, entry)
	}
	return response
}
