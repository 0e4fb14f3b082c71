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

// clusterAdmin is a sarama.ClusterAdmin on a cluster. The methods of admin_rest.go are not offered.
type clusterAdmin struct {
	sarama.ClusterAdmin
	config *sarama.Config
	seam   *seam.Client
}

// NewClusterAdmin mirrors sarama.NewClusterAdmin. A nil config is sarama's default.
func NewClusterAdmin(c *memkafka.Cluster, config *sarama.Config) (sarama.ClusterAdmin, error) {
	s, config, err := open(c, config, "admin")
	if err != nil {
		return nil, err
	}
	return &clusterAdmin{config: config, seam: s}, nil
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
		return fmt.Errorf("create topic %q: no topic detail given", topic)
	}
	spec := cluster.TopicSpec{
		Name: topic, Partitions: detail.NumPartitions, Replication: detail.ReplicationFactor, ValidateOnly: validateOnly,
	}
	if len(detail.ReplicaAssignment) > 0 {
		return notOffered("TopicDetail.ReplicaAssignment")
	}
	for name, value := range detail.ConfigEntries {
		if value == nil {
			continue // null takes the default
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

func (a *clusterAdmin) ListTopics() (map[string]sarama.TopicDetail, error) {
	v, err := a.ask("list topics", "", func(core *cluster.Cluster) (any, error) {
		details := map[string]sarama.TopicDetail{}
		for _, name := range core.Topics() {
			t := core.Topic(name)
			d := sarama.TopicDetail{
				NumPartitions: int32(len(t.Partitions)), ReplicationFactor: t.Replication,
				ReplicaAssignment: map[int32][]int32{}, ConfigEntries: map[string]*string{},
			}
			for i, p := range t.Partitions {
				d.ReplicaAssignment[int32(i)] = core.Replicas(t, p)
			}
			for k, v := range t.Configs {
				d.ConfigEntries[k] = &v
			}
			details[name] = d
		}
		return details, nil
	})
	if err != nil {
		return nil, saramaError(err)
	}
	return v.(map[string]sarama.TopicDetail), nil
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
	if len(assignment) > 0 {
		return notOffered("CreatePartitions with an assignment")
	}
	_, err := a.ask("create partitions", topic, func(core *cluster.Cluster) (any, error) {
		return nil, core.CreatePartitions(topic, count, validateOnly)
	})
	return saramaError(err)
}

func (a *clusterAdmin) DeleteRecords(topic string, offsets map[int32]int64) error {
	_, err := a.seam.Ask(context.Background(), "delete records", topic, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		for _, n := range slices.Sorted(maps.Keys(offsets)) {
			if _, err := core.DeleteRecords(now, topic, n, kafka.Offset(offsets[n])); err != nil {
				call.Resolve(nil, fmt.Errorf("%s/%d: %w", topic, n, err))
				return
			}
		}
		call.Resolve(nil, nil)
	})
	return saramaError(err)
}

func (a *clusterAdmin) DescribeConfig(resource sarama.ConfigResource) ([]sarama.ConfigEntry, error) {
	results, err := a.DescribeConfigs([]*sarama.ConfigResource{&resource}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return nil, err
	}
	if code := results[0].ErrorCode; code != sarama.ErrNoError {
		return nil, code
	}
	return results[0].Configs, nil
}

// DescribeConfigs describes topics; other resources are not offered. A topic that does not exist has an error code in its
// result. Synonyms and documentation are left out.
func (a *clusterAdmin) DescribeConfigs(resources []*sarama.ConfigResource, _ sarama.DescribeConfigsOptions) ([]*sarama.ConfigResourceResult, error) {
	var names []string
	for _, r := range resources {
		if r.Type != sarama.TopicResource {
			return nil, notOffered(fmt.Sprintf("ClusterAdmin.DescribeConfigs of resource type %d", r.Type))
		}
		names = append(names, r.Name)
	}
	v, err := a.ask("describe configs", fmt.Sprint(names), func(core *cluster.Cluster) (any, error) {
		results := make([]*sarama.ConfigResourceResult, len(resources))
		for i, r := range resources {
			results[i] = describeTopicConfigs(core, r)
		}
		return results, nil
	})
	if err != nil {
		return nil, saramaError(err)
	}
	return v.([]*sarama.ConfigResourceResult), nil
}

func describeTopicConfigs(core *cluster.Cluster, r *sarama.ConfigResource) *sarama.ConfigResourceResult {
	result := &sarama.ConfigResourceResult{Type: r.Type, Name: r.Name}
	t := core.Topic(r.Name)
	if t == nil {
		result.ErrorCode = sarama.ErrUnknownTopicOrPartition
		return result
	}
	for _, c := range core.TopicConfigs(t) {
		if len(r.ConfigNames) > 0 && !slices.Contains(r.ConfigNames, c.Name) {
			continue
		}
		e := sarama.ConfigEntry{Name: c.Name, Value: c.Value, Default: c.Default, Source: sarama.SourceTopic}
		if c.Default {
			e.Source = sarama.SourceDefault
		}
		result.Configs = append(result.Configs, e)
	}
	return result
}

func (a *clusterAdmin) ListConsumerGroups() (map[string]string, error) {
	v, err := a.ask("list groups", "", func(core *cluster.Cluster) (any, error) {
		groups := map[string]string{}
		for _, id := range core.Groups() {
			groups[id] = "consumer"
		}
		return groups, nil
	})
	if err != nil {
		return nil, saramaError(err)
	}
	return v.(map[string]string), nil
}

func (a *clusterAdmin) DescribeConsumerGroups(groups []string) ([]*sarama.GroupDescription, error) {
	v, err := a.ask("describe groups", fmt.Sprint(groups), func(core *cluster.Cluster) (any, error) {
		ds := make([]*sarama.GroupDescription, 0, len(groups))
		for _, id := range groups {
			d := &sarama.GroupDescription{GroupId: id, State: "Dead", Members: map[string]*sarama.GroupMemberDescription{}}
			ds = append(ds, d)
			g := core.Group(id)
			if g == nil {
				continue
			}
			d.State, d.ProtocolType, d.Protocol = string(g.State()), "consumer", g.Protocol()
			for _, m := range g.Members() {
				d.Members[m.MemberID] = &sarama.GroupMemberDescription{
					MemberId: m.MemberID, ClientId: m.ClientID, ClientHost: m.ClientHost,
					MemberMetadata: m.Metadata, MemberAssignment: m.Assignment,
				}
			}
		}
		return ds, nil
	})
	if err != nil {
		return nil, saramaError(err)
	}
	return v.([]*sarama.GroupDescription), nil
}

func (a *clusterAdmin) ListConsumerGroupOffsets(id string, partitions map[string][]int32) (*sarama.OffsetFetchResponse, error) {
	var tps []kafka.TopicPartition
	for topic, numbers := range partitions {
		for _, n := range numbers {
			tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: n})
		}
	}
	slices.SortFunc(tps, kafka.TopicPartition.Compare)
	v, err := a.seam.Ask(context.Background(), "fetch offsets", id, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		if core.Group(id) == nil {
			r := group.FetchOffsetsResponse{}
			for _, tp := range tps {
				r.Offsets = append(r.Offsets, group.FetchedOffset{TP: tp, Offset: kafka.NoOffset})
			}
			call.Resolve(r, nil)
			return
		}
		core.GroupStep(now, id, group.FetchOffsets{Tag: call, Partitions: tps})
	})
	if err != nil {
		return nil, saramaError(err)
	}
	r := v.(group.FetchOffsetsResponse)
	resp := &sarama.OffsetFetchResponse{Err: sarama.KError(r.Err), Blocks: map[string]map[int32]*sarama.OffsetFetchResponseBlock{}}
	for _, o := range r.Offsets {
		resp.AddBlock(o.TP.Topic, o.TP.Partition, &sarama.OffsetFetchResponseBlock{
			Offset: int64(o.Offset), LeaderEpoch: int32(o.LeaderEpoch), Metadata: o.Metadata, Err: sarama.KError(o.Err),
		})
	}
	return resp, nil
}

func (a *clusterAdmin) Close() error {
	if a.seam.Closed() {
		return sarama.ErrClosedClient
	}
	a.seam.Close()
	return nil
}
