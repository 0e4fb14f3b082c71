package api

import (
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// may reports whether the client may do something with a topic, a group or a transactional id.
func (c *call) may(core *cluster.Cluster, op cluster.Operation, resource cluster.ResourceType, name string) bool {
	return core.Authorized(c.principal, c.address, op, resource, name)
}

// mayCluster reports whether the client may do something with the cluster itself.
func (c *call) mayCluster(core *cluster.Cluster, op cluster.Operation) bool {
	return c.may(core, op, cluster.ClusterResource, cluster.ClusterName)
}

// mayTopic tells why the client may not do something with a topic, None if it may.
func (c *call) mayTopic(core *cluster.Cluster, op cluster.Operation, name string) kafka.ErrorCode {
	return unless(c.may(core, op, cluster.TopicResource, name), kafka.TopicAuthorizationFailed)
}

// mayGroup tells why the client may not do something with a group, None if it may.
func (c *call) mayGroup(core *cluster.Cluster, op cluster.Operation, id string) kafka.ErrorCode {
	return unless(c.may(core, op, cluster.GroupResource, id), kafka.GroupAuthorizationFailed)
}

// mayTransact tells why the client may not do something with a transactional id, None if it may.
func (c *call) mayTransact(core *cluster.Cluster, op cluster.Operation, id string) kafka.ErrorCode {
	return unless(c.may(core, op, cluster.TransactionalIDResource, id), kafka.TransactionalIDAuthFailed)
}

func unless(ok bool, code kafka.ErrorCode) kafka.ErrorCode {
	if ok {
		return kafka.None
	}
	return code
}

// operations is what the client may do with a resource of all that there is to be done, as a set of bits by the number of
// the operation (KIP-430).
func (c *call) operations(core *cluster.Cluster, all []cluster.Operation, resource cluster.ResourceType, name string) (set int32) {
	for _, op := range all {
		if c.may(core, op, resource, name) {
			set |= 1 << op
		}
	}
	return set
}

// Everything that there is to be done with a resource.
var (
	topicOperations = []cluster.Operation{
		cluster.Read, cluster.Write, cluster.Create, cluster.Delete, cluster.Alter, cluster.Describe, cluster.DescribeConfigs, cluster.AlterConfigs,
	}
	groupOperations   = []cluster.Operation{cluster.Read, cluster.Delete, cluster.Describe, cluster.DescribeConfigs, cluster.AlterConfigs}
	clusterOperations = []cluster.Operation{
		cluster.Create, cluster.Alter, cluster.Describe, cluster.ClusterAction, cluster.DescribeConfigs, cluster.AlterConfigs, cluster.IdempotentWrite,
	}
)

func (c *call) topicOperations(core *cluster.Cluster, name string) int32 {
	return c.operations(core, topicOperations, cluster.TopicResource, name)
}

func (c *call) groupOperations(core *cluster.Cluster, id string) int32 {
	return c.operations(core, groupOperations, cluster.GroupResource, id)
}

func (c *call) clusterOperations(core *cluster.Cluster) int32 {
	return c.operations(core, clusterOperations, cluster.ClusterResource, cluster.ClusterName)
}
