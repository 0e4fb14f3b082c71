package saramaclient

import "github.com/IBM/sarama"

var _ sarama.TransactionClusterAdmin = (*clusterAdmin)(nil)

// overWire lets sarama's own admin do something.
func (a *clusterAdmin) overWire(do func(w sarama.ClusterAdmin) error) error {
	_, err := askWire(a, func(w sarama.ClusterAdmin) (struct{}, error) { return struct{}{}, do(w) })
	return err
}

// askWire lets sarama's own admin find something out.
func askWire[T any](a *clusterAdmin, do func(w sarama.ClusterAdmin) (T, error)) (answer T, err error) {
	if a.client.Closed() {
		return answer, sarama.ErrClosedClient
	}
	w, err := a.client.wire.openAdmin()
	if err != nil {
		return answer, err
	}
	return do(w)
}

func (a *clusterAdmin) Controller() (*sarama.Broker, error) { return a.client.Controller() }

func (a *clusterAdmin) Coordinator(group string) (*sarama.Broker, error) {
	return a.client.Coordinator(group)
}

func (a *clusterAdmin) DescribeCluster() (brokers []*sarama.Broker, controller int32, err error) {
	err = a.overWire(func(w sarama.ClusterAdmin) error {
		brokers, controller, err = w.DescribeCluster()
		return err
	})
	return brokers, controller, err
}

func (a *clusterAdmin) ListTopics() (map[string]sarama.TopicDetail, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]sarama.TopicDetail, error) {
		return w.ListTopics()
	})
}

func (a *clusterAdmin) AlterPartitionReassignments(topic string, assignment [][]int32) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.AlterPartitionReassignments(topic, assignment) })
}

func (a *clusterAdmin) ListPartitionReassignments(topic string, partitions []int32) (map[string]map[int32]*sarama.PartitionReplicaReassignmentsStatus, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]map[int32]*sarama.PartitionReplicaReassignmentsStatus, error) {
		return w.ListPartitionReassignments(topic, partitions)
	})
}

func (a *clusterAdmin) DeleteRecords(topic string, offsets map[int32]int64) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.DeleteRecords(topic, offsets) })
}

func (a *clusterAdmin) DescribeConfigs(resources []*sarama.ConfigResource, options sarama.DescribeConfigsOptions) ([]*sarama.ConfigResourceResult, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]*sarama.ConfigResourceResult, error) {
		return w.DescribeConfigs(resources, options)
	})
}

func (a *clusterAdmin) AlterConfig(kind sarama.ConfigResourceType, name string, entries map[string]*string, validateOnly bool) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.AlterConfig(kind, name, entries, validateOnly) })
}

func (a *clusterAdmin) IncrementalAlterConfig(kind sarama.ConfigResourceType, name string, entries map[string]sarama.IncrementalAlterConfigsEntry, validateOnly bool) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.IncrementalAlterConfig(kind, name, entries, validateOnly) })
}

func (a *clusterAdmin) CreateACL(resource sarama.Resource, acl sarama.Acl) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.CreateACL(resource, acl) }) //nolint:staticcheck // it is what was asked for
}

func (a *clusterAdmin) CreateACLs(acls []*sarama.ResourceAcls) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.CreateACLs(acls) })
}

func (a *clusterAdmin) ListAcls(filter sarama.AclFilter) ([]sarama.ResourceAcls, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]sarama.ResourceAcls, error) {
		return w.ListAcls(filter)
	})
}

func (a *clusterAdmin) DeleteACL(filter sarama.AclFilter, validateOnly bool) ([]sarama.MatchingAcl, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]sarama.MatchingAcl, error) {
		return w.DeleteACL(filter, validateOnly)
	})
}

func (a *clusterAdmin) ElectLeaders(kind sarama.ElectionType, partitions map[string][]int32) (map[string]map[int32]*sarama.PartitionResult, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]map[int32]*sarama.PartitionResult, error) {
		return w.ElectLeaders(kind, partitions)
	})
}

func (a *clusterAdmin) ListConsumerGroups() (map[string]string, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]string, error) {
		return w.ListConsumerGroups()
	})
}

func (a *clusterAdmin) DescribeConsumerGroups(groups []string) ([]*sarama.GroupDescription, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]*sarama.GroupDescription, error) {
		return w.DescribeConsumerGroups(groups)
	})
}

func (a *clusterAdmin) ListConsumerGroupOffsetsBatch(groups map[string]map[string][]int32) (map[string]*sarama.OffsetFetchResponseGroup, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]*sarama.OffsetFetchResponseGroup, error) {
		return w.ListConsumerGroupOffsetsBatch(groups)
	})
}

func (a *clusterAdmin) ListOffsets(partitions map[string]map[int32]int64, options *sarama.ListOffsetsOptions) (map[string]map[int32]*sarama.OffsetResult, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]map[int32]*sarama.OffsetResult, error) {
		return w.ListOffsets(partitions, options)
	})
}

func (a *clusterAdmin) AlterConsumerGroupOffsets(group string, offsets map[string]map[int32]sarama.OffsetAndMetadata, options *sarama.AlterConsumerGroupOffsetsOptions) (*sarama.OffsetCommitResponse, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (*sarama.OffsetCommitResponse, error) {
		return w.AlterConsumerGroupOffsets(group, offsets, options)
	})
}

func (a *clusterAdmin) DeleteConsumerGroupOffset(group, topic string, partition int32) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.DeleteConsumerGroupOffset(group, topic, partition) })
}

func (a *clusterAdmin) DeleteConsumerGroup(group string) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.DeleteConsumerGroup(group) })
}

func (a *clusterAdmin) DescribeLogDirs(brokers []int32) (map[int32][]sarama.DescribeLogDirsResponseDirMetadata, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[int32][]sarama.DescribeLogDirsResponseDirMetadata, error) {
		return w.DescribeLogDirs(brokers)
	})
}

func (a *clusterAdmin) DescribeUserScramCredentials(users []string) ([]*sarama.DescribeUserScramCredentialsResult, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]*sarama.DescribeUserScramCredentialsResult, error) {
		return w.DescribeUserScramCredentials(users)
	})
}

func (a *clusterAdmin) DeleteUserScramCredentials(deletions []sarama.AlterUserScramCredentialsDelete) ([]*sarama.AlterUserScramCredentialsResult, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]*sarama.AlterUserScramCredentialsResult, error) {
		return w.DeleteUserScramCredentials(deletions)
	})
}

func (a *clusterAdmin) UpsertUserScramCredentials(upserts []sarama.AlterUserScramCredentialsUpsert) ([]*sarama.AlterUserScramCredentialsResult, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]*sarama.AlterUserScramCredentialsResult, error) {
		return w.UpsertUserScramCredentials(upserts)
	})
}

func (a *clusterAdmin) UpdateFeatures(updates []sarama.FeatureUpdate) ([]sarama.UpdatableFeatureResult, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]sarama.UpdatableFeatureResult, error) {
		return w.UpdateFeatures(updates)
	})
}

func (a *clusterAdmin) DescribeClientQuotas(components []sarama.QuotaFilterComponent, strict bool) ([]sarama.DescribeClientQuotasEntry, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]sarama.DescribeClientQuotasEntry, error) {
		return w.DescribeClientQuotas(components, strict)
	})
}

func (a *clusterAdmin) AlterClientQuotas(entity []sarama.QuotaEntityComponent, op sarama.ClientQuotasOp, validateOnly bool) error {
	return a.overWire(func(w sarama.ClusterAdmin) error { return w.AlterClientQuotas(entity, op, validateOnly) })
}

func (a *clusterAdmin) RemoveMemberFromConsumerGroup(group string, instances []string) (*sarama.LeaveGroupResponse, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (*sarama.LeaveGroupResponse, error) {
		return w.RemoveMemberFromConsumerGroup(group, instances)
	})
}

func (a *clusterAdmin) DescribeProducers(partitions map[string][]int32) (map[string]map[int32]sarama.DescribeProducersResponsePartition, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]map[int32]sarama.DescribeProducersResponsePartition, error) {
		return w.(sarama.TransactionClusterAdmin).DescribeProducers(partitions)
	})
}

func (a *clusterAdmin) DescribeTransactions(ids []string) (map[string]sarama.TransactionState, error) {
	return askWire(a, func(w sarama.ClusterAdmin) (map[string]sarama.TransactionState, error) {
		return w.(sarama.TransactionClusterAdmin).DescribeTransactions(ids)
	})
}

func (a *clusterAdmin) ListTransactions(states []string, producerIDs []int64, durationMs int64) ([]sarama.ListTransactionsResponseTransactionState, error) {
	return askWire(a, func(w sarama.ClusterAdmin) ([]sarama.ListTransactionsResponseTransactionState, error) {
		return w.(sarama.TransactionClusterAdmin).ListTransactions(states, producerIDs, durationMs)
	})
}
