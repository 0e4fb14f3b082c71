package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// noAuthorizer is what requests that change ACLs are answered while there is no authorizer.
const noAuthorizer = "No Authorizer is configured."

// checkACL says what is wrong with a rule that somebody wants to add.
func checkACL(a cluster.ACL) error {
	invalid := func(detail string) error { return invalidRequest(detail) }
	switch {
	case a.Resource == cluster.ClusterResource && a.Name != cluster.ClusterName:
		return invalid("The only valid name for the CLUSTER resource is " + cluster.ClusterName)
	case a.Name == "":
		return invalid("Invalid empty resource name")
	case a.Resource <= cluster.AnyResource || a.Resource > cluster.UserResource,
		a.Pattern != cluster.Literal && a.Pattern != cluster.Prefixed,
		a.Operation <= cluster.AnyOperation || a.Operation > maxOperation,
		a.Permission != cluster.Allow && a.Permission != cluster.Deny:
		return kafka.UnknownServerError // Kafka's controller has an exception of Java's for these, which the broker does not know
	case !isPrincipal(a.Principal):
		return invalid("Could not parse principal from `" + a.Principal + "` (no colon is present separating the principal type from the principal name)")
	default:
		return nil
	}
}

const maxOperation = cluster.Operation(kmsg.ACLOperationDescribeTokens)

func isPrincipal(s string) bool {
	for i := range s {
		if s[i] == ':' {
			return i > 0
		}
	}
	return false
}

// filterOf checks a filter: what is unknown to this version stands for nothing.
func filterOf(f cluster.ACLFilter) (cluster.ACLFilter, error) {
	switch {
	case f.Resource < cluster.AnyResource || f.Resource > cluster.UserResource,
		f.Pattern < cluster.AnyPattern || f.Pattern > cluster.Prefixed,
		f.Operation < cluster.AnyOperation || f.Operation > maxOperation,
		f.Permission < cluster.AnyPermission || f.Permission > cluster.Allow:
		return f, &cluster.Error{Code: kafka.InvalidRequest, Detail: "the filter contains UNKNOWN elements"}
	}
	return f, nil
}

// authorizing tells why a request about ACLs cannot be answered, nil if it can.
func (c *call) authorizing(core *cluster.Cluster, op cluster.Operation) error {
	switch {
	case !core.Settings().Authorizer:
		return &cluster.Error{Code: kafka.SecurityDisabled, Detail: noAuthorizer}
	case !c.mayCluster(core, op):
		return kafka.ClusterAuthorizationFailed
	default:
		return nil
	}
}
