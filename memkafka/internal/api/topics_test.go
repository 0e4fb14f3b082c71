package api_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
)

func topicSpec(name string, partitions int32, replication int16, configs ...*string) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, replication
	for i := 0; i < len(configs); i += 2 {
		t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: *configs[i], Value: configs[i+1]})
	}
	return t
}

func creating(topics ...kmsg.CreateTopicsRequestTopic) *kmsg.CreateTopicsRequest {
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Topics, r.TimeoutMillis = topics, 5000
	return r
}

func deleting(names ...string) *kmsg.DeleteTopicsRequest {
	r := kmsg.NewPtrDeleteTopicsRequest()
	r.TopicNames, r.TimeoutMillis = names, 5000
	for _, name := range names {
		r.Topics = append(r.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	return r
}

// withoutConfigs leaves out settings that are at their default, of which Kafka has more.
func withoutConfigs(r *kmsg.CreateTopicsResponse) *kmsg.CreateTopicsResponse {
	for i := range r.Topics {
		var kept []kmsg.CreateTopicsResponseTopicConfig
		for _, c := range r.Topics[i].Configs {
			if c.Source != 5 && c.Name != "min.insync.replicas" { // eligible.leader.replicas.version sets it for the cluster
				kept = append(kept, c)
			}
		}
		r.Topics[i].Configs = kept
	}
	return r
}

func TestCreateTopics(t *testing.T) {
	transcript(t, func(s *script) {
		create := func(about string, version int16, topics ...kmsg.CreateTopicsRequestTopic) {
			s.note(about, withoutConfigs(ask[*kmsg.CreateTopicsResponse](s.client, version, creating(topics...))))
		}
		str := func(s string) *string { return &s }
		for v := int16(2); v <= 7; v++ {
			name := "create-" + string(rune('0'+v))
			create("a topic", v, topicSpec(name, 2, 1, str("cleanup.policy"), str("compact"), str("retention.ms"), str("1000")))
			create("once more", v, topicSpec(name, 2, 1))
			s.known(name)
		}
		create("the defaults", 7, topicSpec("create-defaults", -1, -1))
		create("no partitions", 7, topicSpec("create-none", 0, 1))
		create("negative partitions", 7, topicSpec("create-none", -2, 1))
		create("no replicas", 7, topicSpec("create-none", 1, 0))
		create("more replicas than brokers", 7, topicSpec("create-none", 1, 3))
		create("a name that no topic has", 7, topicSpec("create/none", 1, 1))
		create("no name", 7, topicSpec("", 1, 1))
		create("a name that is taken but for a dot", 7, topicSpec("create.defaults", 1, 1))
		s.createTopic("create.dots", 1)
		create("a name that collides", 7, topicSpec("create_dots", 1, 1))
		create("a setting that there is not", 7, topicSpec("create-none", 1, 1, str("no.setting"), str("1")))
		create("a setting with a bad value", 7, topicSpec("create-none", 1, 1, str("retention.ms"), str("soon")))
		create("a setting with a value out of bounds", 7, topicSpec("create-none", 1, 1, str("segment.bytes"), str("1")))
		create("a setting that is null", 7, topicSpec("create-none", 1, 1, str("retention.ms"), nil))
		create("twice at once", 7, topicSpec("create-twice", 1, 1), topicSpec("create-twice", 1, 1))

		assigned := func(name string, partitions int32, replicas ...[]int32) kmsg.CreateTopicsRequestTopic {
			t := topicSpec(name, partitions, -1)
			for i, r := range replicas {
				t.ReplicaAssignment = append(t.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: r})
			}
			return t
		}
		create("by hand", 7, assigned("create-by-hand", -1, []int32{1}, []int32{1}))
		create("by hand, on a broker that there is not", 7, assigned("create-none", -1, []int32{9}))
		create("by hand, on a broker twice", 7, assigned("create-none", -1, []int32{1, 1}))
		create("by hand, on no broker", 7, assigned("create-none", -1, []int32{}))
		create("by hand, with a count", 7, assigned("create-none", 1, []int32{1}))
		gap := assigned("create-none", -1, []int32{1}, []int32{1})
		gap.ReplicaAssignment[1].Partition = 3
		create("by hand, with a gap", 7, gap)

		r := creating(topicSpec("create-dry", 3, 1))
		r.ValidateOnly = true
		answer := withoutConfigs(ask[*kmsg.CreateTopicsResponse](s.client, 7, r))
		answer.Topics[0].TopicID = [16]byte{} // no topic will ever have it
		s.note("only to see whether one could", answer)
		say[*kmsg.MetadataResponse](s, "which makes none", 9, metadataOf(false, "create-dry"))
	})
}

func TestDeleteTopics(t *testing.T) {
	transcript(t, func(s *script) {
		for v := int16(1); v <= 6; v++ {
			name := "delete-" + string(rune('0'+v))
			s.createTopic(name, 1)
			say[*kmsg.DeleteTopicsResponse](s, "a topic, and one that there is not", v, deleting(name, "delete-none"))
		}
		byID := deleting()
		byID.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: s.createTopic("delete-id", 1)}}
		say[*kmsg.DeleteTopicsResponse](s, "by id", 6, byID)
		say[*kmsg.DeleteTopicsResponse](s, "again", 6, byID)
	})
}

func TestCreatePartitions(t *testing.T) {
	transcript(t, func(s *script) {
		grow := func(about string, version int16, topic string, count int32, replicas ...[]int32) {
			r := kmsg.NewPtrCreatePartitionsRequest()
			r.TimeoutMillis = 5000
			asked := kmsg.CreatePartitionsRequestTopic{Topic: topic, Count: count}
			for _, list := range replicas {
				asked.Assignment = append(asked.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: list})
			}
			r.Topics = append(r.Topics, asked)
			say[*kmsg.CreatePartitionsResponse](s, about, version, r)
		}
		s.createTopic("grow", 1)
		for v := range int16(4) {
			grow("one more", v, "grow", int32(v)+2)
		}
		grow("as many as there are", 3, "grow", 5)
		grow("fewer", 3, "grow", 2)
		grow("a topic that there is not", 3, "grow-none", 2)
		grow("by hand", 3, "grow", 6, []int32{1})
		grow("by hand, on a broker that there is not", 3, "grow", 7, []int32{7})
		grow("by hand, too few", 3, "grow", 9, []int32{1})
	})
}

func TestDeleteRecords(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("delete-records", 1)
		ask[*kmsg.ProduceResponse](s.client, 9, produceTo("delete-records", id, 0, records("a", "1", "b", "2", "c", "3").Bytes()))
		cut := func(about string, version int16, topic string, partition int32, offset int64) {
			r := kmsg.NewPtrDeleteRecordsRequest()
			r.TimeoutMillis = 5000
			r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: offset}}}}
			say[*kmsg.DeleteRecordsResponse](s, about, version, r)
		}
		for v := range int16(3) {
			cut("the next", v, "delete-records", 0, int64(v))
		}
		cut("below the log start", 2, "delete-records", 0, 0)
		cut("past the high watermark", 2, "delete-records", 0, 4)
		cut("all", 2, "delete-records", 0, -1)
		cut("a partition that there is not", 2, "delete-records", 1, 0)
		cut("a topic that there is not", 2, "delete-records-none", 0, 0)
		s.createTopic("delete-records-compacted", 1, "cleanup.policy", "compact")
		cut("a compacted topic", 2, "delete-records-compacted", 0, 0)
	})
}

func TestDescribeTopicPartitions(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("describe-a", 2)
		s.createTopic("describe-b", 3)
		describe := func(about string, limit int32, cursor *kmsg.DescribeTopicPartitionsRequestCursor, names ...string) {
			r := kmsg.NewPtrDescribeTopicPartitionsRequest()
			r.ResponsePartitionLimit, r.Cursor = limit, cursor
			for _, name := range names {
				r.Topics = append(r.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
			}
			say[*kmsg.DescribeTopicPartitionsResponse](s, about, 0, r)
		}
		at := func(topic string, partition int32) *kmsg.DescribeTopicPartitionsRequestCursor {
			return &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
		}
		describe("two topics, and one that there is not", 2000, nil, "describe-b", "describe-none", "describe-a")
		describe("three partitions of them", 3, nil, "describe-a", "describe-b")
		describe("the others", 3, at("describe-b", 1), "describe-a", "describe-b")
		describe("two, as many as the first has", 2, nil, "describe-a", "describe-b")
		describe("from the second on", 2, at("describe-b", 0), "describe-a", "describe-b")
	})
}

func TestDescribeCluster(t *testing.T) {
	transcript(t, func(s *script) {
		for v := range int16(3) {
			r := kmsg.NewPtrDescribeClusterRequest()
			say[*kmsg.DescribeClusterResponse](s, "the brokers", v, r)
			r = kmsg.NewPtrDescribeClusterRequest()
			r.IncludeClusterAuthorizedOperations = true
			say[*kmsg.DescribeClusterResponse](s, "what may be done", v, r)
			if v == 0 {
				continue
			}
			r = kmsg.NewPtrDescribeClusterRequest()
			r.EndpointType = 2
			say[*kmsg.DescribeClusterResponse](s, "controllers", v, r)
			r = kmsg.NewPtrDescribeClusterRequest()
			r.EndpointType = 9
			say[*kmsg.DescribeClusterResponse](s, "neither", v, r)
		}
	})
}

func TestElectLeaders(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("elect", 1)
		for v := range int16(3) {
			r := kmsg.NewPtrElectLeadersRequest()
			r.TimeoutMillis = 5000
			r.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: "elect", Partitions: []int32{0, 1}}, {Topic: "elect-none", Partitions: []int32{0}}}
			say[*kmsg.ElectLeadersResponse](s, "the preferred", v, r)
			if v > 0 {
				r.ElectionType = 1
				say[*kmsg.ElectLeadersResponse](s, "an unclean one", v, r)
			}
			r = kmsg.NewPtrElectLeadersRequest()
			r.TimeoutMillis = 5000
			answer := ask[*kmsg.ElectLeadersResponse](s.client, v, r)
			answer.Topics = slices.DeleteFunc(answer.Topics, func(t kmsg.ElectLeadersResponseTopic) bool { return t.Topic != "elect" })
			s.note("of all partitions", answer)
		}
	})
}

func TestAlterPartitionReassignments(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("moved", 2)
		for v := range int16(2) {
			r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
			r.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{
				{Topic: "moved", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{
					{Partition: 0, Replicas: []int32{1}}, {Partition: 1}, {Partition: 2, Replicas: []int32{1}},
				}},
				{Topic: "moved-none", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: 0, Replicas: []int32{1}}}},
			}
			say[*kmsg.AlterPartitionAssignmentsResponse](s, "to where they are", v, r)
			for _, replicas := range [][]int32{{}, {4711}, {1, 1}} {
				r.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: "moved", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: 0, Replicas: replicas}}}}
				say[*kmsg.AlterPartitionAssignmentsResponse](s, "to what cannot be", v, r)
			}
		}
	})
}

func TestUpdateFeatures(t *testing.T) {
	transcript(t, func(s *script) {
		for v := range int16(3) {
			for _, u := range []kmsg.UpdateFeaturesRequestFeatureUpdate{
				{Feature: "no.such.feature", MaxVersionLevel: 1}, {Feature: "transaction.version", MaxVersionLevel: 2}, {Feature: "transaction.version", MaxVersionLevel: 9},
			} {
				r := kmsg.NewPtrUpdateFeaturesRequest()
				u.UpgradeType = 1
				r.FeatureUpdates = []kmsg.UpdateFeaturesRequestFeatureUpdate{u}
				say[*kmsg.UpdateFeaturesResponse](s, "a feature", v, r)
			}
		}
	})
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("epochs", 1)
		ask[*kmsg.ProduceResponse](s.client, 9, produceTo("epochs", id, 0, records("a", "1", "b", "2").Bytes()))
		look := func(about string, version int16, topic string, partition, known, epoch int32) {
			r := kmsg.NewPtrOffsetForLeaderEpochRequest()
			r.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{
				Partition: partition, CurrentLeaderEpoch: known, LeaderEpoch: epoch,
			}}}}
			say[*kmsg.OffsetForLeaderEpochResponse](s, about, version, r)
		}
		for v := int16(2); v <= 4; v++ {
			look("the present epoch", v, "epochs", 0, -1, 0)
			look("one that is to come", v, "epochs", 0, -1, 3)
			look("none", v, "epochs", 0, -1, -1)
			look("knowing of a later one", v, "epochs", 0, 2, 0)
			look("a partition that there is not", v, "epochs", 1, -1, 0)
			look("a topic that there is not", v, "epochs-none", 0, -1, 0)
		}
	})
}

func TestDescribeLogDirs(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("log-dirs", 1)
		ask[*kmsg.ProduceResponse](s.client, 9, produceTo("log-dirs", id, 0, records("a", "1", "b", "2").Bytes()))
		for v := int16(1); v <= 5; v++ {
			r := kmsg.NewPtrDescribeLogDirsRequest()
			r.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "log-dirs", Partitions: []int32{0, 1}}, {Topic: "log-dirs-none", Partitions: []int32{0}}}
			answer := ask[*kmsg.DescribeLogDirsResponse](s.client, v, r)
			for i := range answer.Dirs {
				answer.Dirs[i].Dir, answer.Dirs[i].TotalBytes, answer.Dirs[i].UsableBytes = "", 0, 0
			}
			s.note("a topic, and one that there is not", answer)
		}
	})
}

// TestTooManyPartitions asks for more than one request can make. Recorded from Apache Kafka 4.3.0.
func TestTooManyPartitions(t *testing.T) {
	cluster := newCluster(t)
	c := dial(t, cluster, 1)
	for _, tc := range []struct {
		name   string
		topics []kmsg.CreateTopicsRequestTopic
		want   kafka.ErrorCode
	}{
		{"in one topic", []kmsg.CreateTopicsRequestTopic{topicSpec("a", 436_000_000, 1)}, kafka.PolicyViolation},
		{"in two topics", []kmsg.CreateTopicsRequestTopic{topicSpec("a", 5000, 1), topicSpec("b", 5001, 1)}, kafka.PolicyViolation},
		{"beside a topic that is wrong", []kmsg.CreateTopicsRequestTopic{topicSpec("a", -5, 1), topicSpec("b", 10_001, 1)}, kafka.PolicyViolation},
		{"as many as there may be", []kmsg.CreateTopicsRequestTopic{topicSpec("a", 2, 1), topicSpec("b", 9998, 1)}, kafka.None},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, r := range ask[*kmsg.CreateTopicsResponse](c, 7, creating(tc.topics...)).Topics {
				if r.ErrorCode != int16(tc.want) {
					t.Errorf("%s: %v, want %v", r.Topic, kafka.ErrorCode(r.ErrorCode), tc.want)
				}
			}
		})
	}
	for _, tc := range []struct {
		count int32
		want  kafka.ErrorCode
	}{{436_000_000, kafka.UnknownServerError}, {10_001, kafka.None}} {
		r := kmsg.NewPtrCreatePartitionsRequest()
		r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "a", Count: tc.count}}
		if got := ask[*kmsg.CreatePartitionsResponse](c, 3, r).Topics[0]; got.ErrorCode != int16(tc.want) || got.ErrorMessage != nil {
			t.Errorf("%d partitions: %v, want %v", tc.count, kafka.ErrorCode(got.ErrorCode), tc.want)
		}
	}
}
