package memkafka

import (
	"fmt"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// DefaultQuota, as the name of a user or of a client id, stands for all that have no quota of their own.
const DefaultQuota = "<default>"

// SetQuota sets a quota of a user, of a client id, or of a user with a client id: producer_byte_rate and consumer_byte_rate in
// bytes a second, request_percentage of a broker's thread, controller_mutation_rate in partitions a second (KIP-13, KIP-124,
// KIP-599). An empty user or client id is any. Clients without a login, as all of saramaclient are, are the user ANONYMOUS. As
// in Kafka each broker counts for itself.
//
// A broker does not listen to a client that used too much until its rate is the quota again, and tells it so by the throttle
// time in the answer. Clients of saramaclient wait likewise before they produce and fetch; the other two quotas concern
// clients at the wire door.
func (c *Cluster) SetQuota(user, clientID, key string, value float64) error {
	return c.quota(user, clientID, cluster.QuotaOp{Key: key, Value: value})
}

// RemoveQuota takes back what SetQuota did.
func (c *Cluster) RemoveQuota(user, clientID, key string) error {
	return c.quota(user, clientID, cluster.QuotaOp{Key: key, Remove: true})
}

func (c *Cluster) quota(user, clientID string, op cluster.QuotaOp) error {
	var parts []cluster.QuotaPart
	var names []string
	add := func(kind, name string) {
		if name == "" {
			return
		}
		names = append(names, kind+" "+name)
		p := cluster.QuotaPart{Type: kind}
		if name != DefaultQuota {
			p.Name = &name
		}
		parts = append(parts, p)
	}
	add(cluster.QuotaUser, user)
	add(cluster.QuotaClientID, clientID)
	what := fmt.Sprintf("%s of %s is set to %v", op.Key, strings.Join(names, ", "), op.Value)
	if op.Remove {
		what = fmt.Sprintf("%s of %s is removed", op.Key, strings.Join(names, ", "))
	}
	return c.change(what, func(core *cluster.Cluster, _ kafka.Millis) error {
		return core.AlterQuotas(parts, []cluster.QuotaOp{op}, false)
	})
}
