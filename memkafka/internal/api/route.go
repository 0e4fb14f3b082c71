package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// route is how the requests of one key are served. Its versions are those of Apache Kafka 4.3.
type route struct {
	key, min, max int16
	serve         func(c *call, request kmsg.Request) wire.Body
}

// serving makes a route of a handler, which returns nil when there is no answer.
func serving[R kmsg.Request](key, least, most int16, handler func(c *call, request R) wire.Body) *route {
	return &route{key: key, min: least, max: most, serve: func(c *call, request kmsg.Request) wire.Body {
		return handler(c, request.(R))
	}}
}

// routes are the keys that are served, in their order.
var routes []*route

func init() {
	routes = []*route{
		produce, fetch, listOffsets, metadata, offsetCommit, offsetFetch, findCoordinator, joinGroup, heartbeat, leaveGroup,
		syncGroup, describeGroups, listGroups, saslHandshake, apiVersions, createTopics, deleteTopics, deleteRecords, initProducerID,
		offsetForLeaderEpoch, addPartitionsToTxn, addOffsetsToTxn, endTxn, writeTxnMarkers, txnOffsetCommit, describeACLs, createACLs, deleteACLs, describeConfigs,
		alterConfigs, describeLogDirs, saslAuthenticate, createPartitions, deleteGroups, electLeaders, incrementalAlterConfigs, alterPartitionReassignments, listPartitionReassignments, offsetDelete, describeClientQuotas, alterClientQuotas, describeUserScramCredentials, alterUserScramCredentials, updateFeatures,
		describeCluster, describeProducers, describeTransactions, listTransactions, consumerGroupHeartbeat,
		consumerGroupDescribe, listConfigResources, describeTopicPartitions,
	}
}
