package saramaclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// clusterAdmin is a sarama.ClusterAdmin on a cluster. What goka and most tests use goes to the cluster without a detour; the
// methods of admin_wire.go ask sarama's own admin, over the wire door in memory.
type clusterAdmin struct {
	sarama.ClusterAdmin
	client *client
	seam   *seam.Client
}

// NewClusterAdmin mirrors sarama.NewClusterAdmin. A nil config is sarama's default.
func NewClusterAdmin(c *memkafka.Cluster, config *sarama.Config) (sarama.ClusterAdmin, error) {
	client, err := newClient(c, config, "admin")
	if err != nil {
		return nil, err
	}
	return &clusterAdmin{client: client, seam: client.seam}, nil
}

// NewClusterAdminFromClient mirrors sarama.NewClusterAdminFromClient: closing the admin closes the client. A client of
// another make gets sarama's own admin.
func NewClusterAdminFromClient(c sarama.Client) (sarama.ClusterAdmin, error) {
	own, ok := c.(*client)
	switch {
	case !ok:
		return sarama.NewClusterAdminFromClient(c)
	case own.Closed():
		return nil, sarama.ErrClosedClient
	}
	return &clusterAdmin{client: own, seam: own.seam}, nil
}

func (a *clusterAdmin) ask(kind seam.Kind, about string, f func(core *cluster.Cluster) (any, error)) (any, error) {
	return a.seam.Ask(context.Background(), kind, about, func(core *cluster.Cluster, _ kafka.Millis, call *seam.Call) {
		call.Resolve(f(core))
	})
}

func (a *clusterAdmin) CreateTopic(topic string, detail *sarama.TopicDetail, validateOnly bool) error {
	if topic == "" {
		return sarama.ErrInvalidTopic
	}
	if detail == nil {
		return errors.New("you must specify topic details")
	}
	if len(detail.ReplicaAssignment) > 0 {
		return a.overWire(func(w sarama.ClusterAdmin) error { return w.CreateTopic(topic, detail, validateOnly) })
	}
	spec := cluster.TopicSpec{
		Name: topic, Partitions: detail.NumPartitions, Replication: detail.ReplicationFactor, ValidateOnly: validateOnly,
	}
	for _, name := range slices.Sorted(maps.Keys(detail.ConfigEntries)) {
		value := detail.ConfigEntries[name]
		if value == nil {
			return topicError(&cluster.Error{Code: kafka.InvalidConfig, Detail: "null value not supported for topic configs: " + name})
		}
		if spec.Configs == nil {
			spec.Configs = map[string]string{}
		}
		spec.Configs[name] = *value
	}
	switch { // 0 is what nobody said in Go, and refused by Kafka; -1 takes its defaults (KIP-464)
	case detail.NumPartitions == 0:
		return topicError(&cluster.Error{Code: kafka.InvalidPartitions, Detail: "number of partitions was set to an invalid non-positive value: 0; -1 takes num.partitions"})
	case detail.ReplicationFactor == 0:
		return topicError(&cluster.Error{Code: kafka.InvalidReplicationFactor, Detail: "replication factor must be larger than 0, or -1 to use the default value"})
	}
	_, err := a.ask("create topic", topic, func(core *cluster.Cluster) (any, error) {
		_, err := core.CreateTopic(spec)
		return nil, err
	})
	return topicError(err)
}

// topicError is an error as sarama's admin returns it: a code with the broker's own words.
func topicError(err error) error {
	var e *cluster.Error
	if errors.As(err, &e) {
		detail := e.Detail
		return &sarama.TopicError{Err: sarama.KError(e.Code), ErrMsg: &detail}
	}
	return saramaError(err)
}

func (a *clusterAdmin) DescribeTopics(topics []string) ([]*sarama.TopicMetadata, error) {
	v, err := a.ask("describe topics", fmt.Sprint(topics), func(core *cluster.Cluster) (any, error) {
		metas := make([]*sarama.TopicMetadata, 0, len(topics))
		for _, name := range topics {
			m := &sarama.TopicMetadata{Name: name}
			metas = append(metas, m)
			t := core.Topic(name)
			if t == nil {
				m.Err = sarama.ErrUnknownTopicOrPartition
				continue
			}
			m.IsInternal, m.Uuid = t.Internal, sarama.Uuid(t.ID)
			for i, p := range t.Partitions {
				pm := core.PartitionMetadata(p)
				m.Partitions = append(m.Partitions, &sarama.PartitionMetadata{
					Err: sarama.KError(pm.Err), ID: int32(i), Leader: pm.Leader, LeaderEpoch: int32(pm.LeaderEpoch),
					Replicas: pm.Replicas, Isr: pm.ISR, OfflineReplicas: pm.Offline,
				})
			}
		}
		return metas, nil
	})
	if err != nil {
		return nil, saramaError(err)
	}
	return v.([]*sarama.TopicMetadata), nil
}

func (a *clusterAdmin) DeleteTopic(topic string) error {
	if topic == "" {
		return sarama.ErrInvalidTopic
	}
	_, err := a.seam.Ask(context.Background(), "delete topic", topic, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		call.Resolve(nil, core.DeleteTopic(now, topic))
	})
	return saramaError(err)
}

func (a *clusterAdmin) CreatePartitions(topic string, count int32, assignment [][]int32, validateOnly bool) error {
	if topic == "" {
		return sarama.ErrInvalidTopic
	}
	if assignment != nil {
		return a.overWire(func(w sarama.ClusterAdmin) error { return w.CreatePartitions(topic, count, assignment, validateOnly) })
	}
	_, err := a.ask("create partitions", topic, func(core *cluster.Cluster) (any, error) {
		return nil, core.CreatePartitions(topic, count, validateOnly)
	})
	var e *cluster.Error
	if errors.As(err, &e) {
		return &sarama.TopicPartitionError{Err: sarama.KError(e.Code), ErrMsg: &e.Detail}
	}
	return saramaError(err)
}

func (a *clusterAdmin) DescribeConfig(resource sarama.ConfigResource) ([]sarama.ConfigEntry, error) {
	if resource.Type != sarama.TopicResource || !a.client.config.Version.IsAtLeast(sarama.V2_8_0_0) {
		return askWire(a, func(w sarama.ClusterAdmin) ([]sarama.ConfigEntry, error) { return w.DescribeConfig(resource) }) //nolint:staticcheck // it is what was asked for
	}
	v, err := a.ask("describe configs", resource.Name, func(core *cluster.Cluster) (any, error) {
		if err := cluster.CheckTopicName(resource.Name); err != nil {
			return nil, err
		}
		return core.DescribeTopic(resource.Name, resource.ConfigNames)
	})
	var e *cluster.Error
	switch {
	case errors.As(err, &e):
		return nil, &sarama.DescribeConfigError{Err: sarama.KError(e.Code), ErrMsg: e.Detail}
	case err != nil:
		return nil, saramaError(err)
	}
	described := v.([]cluster.ConfigEntry)
	entries := make([]sarama.ConfigEntry, len(described))
	for i, c := range described {
		entries[i] = sarama.ConfigEntry{
			Name: c.Name, Value: c.Value, ReadOnly: c.ReadOnly, Default: c.Source == cluster.FromDefault,
			Source: sarama.ConfigSource(c.Source), Type: sarama.ConfigType(c.Type),
		}
	}
	return entries, nil
}

// ListConsumerGroupOffsets answers as OffsetFetch does up to version 7, which sarama's methods of the response understand
// whatever the version.
func (a *clusterAdmin) ListConsumerGroupOffsets(groupID string, partitions map[string][]int32) (*sarama.OffsetFetchResponse, error) {
	var tps []kafka.TopicPartition // nil asks for all
	for topic, ps := range partitions {
		for _, p := range ps {
			tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: p})
		}
	}
	slices.SortFunc(tps, kafka.TopicPartition.Compare)
	v, err := a.seam.Ask(context.Background(), "list offsets of group", groupID, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		core.GroupStep(now, groupID, group.FetchOffsets{Tag: call, Partitions: tps})
	})
	if err != nil {
		return nil, saramaError(err)
	}
	answer := v.(group.FetchOffsetsResponse)
	if answer.Err != kafka.None {
		return nil, sarama.KError(answer.Err)
	}
	response := &sarama.OffsetFetchResponse{Version: 7}
	for _, o := range answer.Offsets {
		response.AddBlock(o.TP.Topic, o.TP.Partition, &sarama.OffsetFetchResponseBlock{
			Offset: int64(o.Offset), LeaderEpoch: int32(o.LeaderEpoch), Metadata: o.Metadata, Err: sarama.KError(o.Err),
		})
	}
	return response, nil
}

func (a *clusterAdmin) Close() error { return a.client.Close() }
