package saramaclient

import "github.com/IBM/sarama"

// What follows needs parts of a broker that the simulated one does not have behind this door; each method says so.

func (a *clusterAdmin) AlterPartitionReassignments(string, [][]int32) error {
	return notOffered("ClusterAdmin.AlterPartitionReassignments")
}

func (a *clusterAdmin) ListPartitionReassignments(string, []int32) (map[string]map[int32]*sarama.PartitionReplicaReassignmentsStatus, error) {
	return nil, notOffered("ClusterAdmin.ListPartitionReassignments")
}

func (a *clusterAdmin) AlterConfig(sarama.ConfigResourceType, string, map[string]*string, bool) error {
	return notOffered("ClusterAdmin.AlterConfig")
}

func (a *clusterAdmin) IncrementalAlterConfig(sarama.ConfigResourceType, string, map[string]sarama.IncrementalAlterConfigsEntry, bool) error {
	return notOffered("ClusterAdmin.IncrementalAlterConfig")
}

func (a *clusterAdmin) CreateACL(sarama.Resource, sarama.Acl) error {
	return notOffered("ClusterAdmin.CreateACL")
}

func (a *clusterAdmin) CreateACLs([]*sarama.ResourceAcls) error {
	return notOffered("ClusterAdmin.CreateACLs")
}

func (a *clusterAdmin) ListAcls(sarama.AclFilter) ([]sarama.ResourceAcls, error) {
	return nil, notOffered("ClusterAdmin.ListAcls")
}

func (a *clusterAdmin) DeleteACL(sarama.AclFilter, bool) ([]sarama.MatchingAcl, error) {
	return nil, notOffered("ClusterAdmin.DeleteACL")
}

func (a *clusterAdmin) ElectLeaders(sarama.ElectionType, map[string][]int32) (map[string]map[int32]*sarama.PartitionResult, error) {
	return nil, notOffered("ClusterAdmin.ElectLeaders")
}

func (a *clusterAdmin) ListConsumerGroupOffsetsBatch(map[string]map[string][]int32) (map[string]*sarama.OffsetFetchResponseGroup, error) {
	return nil, notOffered("ClusterAdmin.ListConsumerGroupOffsetsBatch")
}

func (a *clusterAdmin) ListOffsets(map[string]map[int32]int64, *sarama.ListOffsetsOptions) (map[string]map[int32]*sarama.OffsetResult, error) {
	return nil, notOffered("ClusterAdmin.ListOffsets")
}

func (a *clusterAdmin) AlterConsumerGroupOffsets(string, map[string]map[int32]sarama.OffsetAndMetadata, *sarama.AlterConsumerGroupOffsetsOptions) (*sarama.OffsetCommitResponse, error) {
	return nil, notOffered("ClusterAdmin.AlterConsumerGroupOffsets")
}

func (a *clusterAdmin) DeleteConsumerGroupOffset(string, string, int32) error {
	return notOffered("ClusterAdmin.DeleteConsumerGroupOffset")
}

func (a *clusterAdmin) DeleteConsumerGroup(string) error {
	return notOffered("ClusterAdmin.DeleteConsumerGroup")
}

func (a *clusterAdmin) DescribeCluster() ([]*sarama.Broker, int32, error) {
	return nil, -1, notOffered("ClusterAdmin.DescribeCluster")
}

func (a *clusterAdmin) DescribeLogDirs([]int32) (map[int32][]sarama.DescribeLogDirsResponseDirMetadata, error) {
	return nil, notOffered("ClusterAdmin.DescribeLogDirs")
}

func (a *clusterAdmin) DescribeUserScramCredentials([]string) ([]*sarama.DescribeUserScramCredentialsResult, error) {
	return nil, notOffered("ClusterAdmin.DescribeUserScramCredentials")
}

func (a *clusterAdmin) DeleteUserScramCredentials([]sarama.AlterUserScramCredentialsDelete) ([]*sarama.AlterUserScramCredentialsResult, error) {
	return nil, notOffered("ClusterAdmin.DeleteUserScramCredentials")
}

func (a *clusterAdmin) UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert) ([]*sarama.AlterUserScramCredentialsResult, error) {
	return nil, notOffered("ClusterAdmin.UpsertUserScramCredentials")
}

func (a *clusterAdmin) UpdateFeatures([]sarama.FeatureUpdate) ([]sarama.UpdatableFeatureResult, error) {
	return nil, notOffered("ClusterAdmin.UpdateFeatures")
}

func (a *clusterAdmin) DescribeClientQuotas([]sarama.QuotaFilterComponent, bool) ([]sarama.DescribeClientQuotasEntry, error) {
	return nil, notOffered("ClusterAdmin.DescribeClientQuotas")
}

func (a *clusterAdmin) AlterClientQuotas([]sarama.QuotaEntityComponent, sarama.ClientQuotasOp, bool) error {
	return notOffered("ClusterAdmin.AlterClientQuotas")
}

func (a *clusterAdmin) Controller() (*sarama.Broker, error) {
	return nil, notOffered("ClusterAdmin.Controller")
}

func (a *clusterAdmin) Coordinator(string) (*sarama.Broker, error) {
	return nil, notOffered("ClusterAdmin.Coordinator")
}

func (a *clusterAdmin) RemoveMemberFromConsumerGroup(string, []string) (*sarama.LeaveGroupResponse, error) {
	return nil, notOffered("ClusterAdmin.RemoveMemberFromConsumerGroup")
}
