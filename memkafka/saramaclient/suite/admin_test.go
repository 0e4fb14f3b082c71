package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
)

func text(s string) *string { return &s }

// configOf is the value of one setting of a topic.
func (e *env) configOf(topic, name string) sarama.ConfigEntry {
	e.Helper()
	entries, err := e.clusterAdmin().DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{name}}) //nolint:staticcheck // deprecated, and still a promise
	e.check(err, "DescribeConfig")
	if len(entries) != 1 || entries[0].Name != name {
		e.Fatalf("DescribeConfig of %s gives %+v", name, entries)
	}
	return entries[0]
}

// emptyGroup is a group without members that committed offset 3 of partition 0, and 4 of 1.
func (e *env) emptyGroup(topic string) string {
	e.Helper()
	group := e.name("group")
	cg := e.groupOf(group)
	e.check(cg.Consume(e.Context(), []string{topic}, handler{claim: func(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
		s.MarkOffset(topic, 0, 3, "three")
		s.MarkOffset(topic, 1, 4, "four")
		return nil
	}}), "Consume")
	e.check(cg.Close(), "Close")
	return group
}

var adminCases = slices.Concat([]kase{
	{"a topic is created with what it is to have", func(e *env) {
		topic := e.name("topic")
		e.check(e.clusterAdmin().CreateTopic(topic, &sarama.TopicDetail{
			NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": text("12345")},
		}, false), "CreateTopic")
		var d sarama.TopicDetail
		e.until("the topic is listed", func() bool {
			topics, err := e.clusterAdmin().ListTopics()
			e.check(err, "ListTopics")
			var listed bool
			d, listed = topics[topic]
			return listed
		})
		equal(e, "partitions and replicas", fmt.Sprint(d.NumPartitions, d.ReplicationFactor, len(d.ReplicaAssignment)), "2 1 2")
		if v := d.ConfigEntries["retention.ms"]; v == nil || *v != "12345" {
			e.Errorf("retention.ms is %v, want 12345", v)
		}
		if v := d.ConfigEntries["cleanup.policy"]; v != nil {
			e.Errorf("cleanup.policy is listed as %s, though it is the default", *v)
		}
	}},
	{"a topic is created where it is to be", func(e *env) {
		c := e.client()
		b, err := c.Controller()
		e.check(err, "Controller")
		topic := e.name("topic")
		e.check(e.clusterAdmin().CreateTopic(topic, &sarama.TopicDetail{
			NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: map[int32][]int32{0: {b.ID()}, 1: {b.ID()}},
		}, false), "CreateTopic")
		e.until("there are two partitions", func() bool {
			_ = c.RefreshMetadata(topic) // not there yet
			ps, err := c.Partitions(topic)
			return err == nil && len(ps) == 2
		})
	}},
	{"a topic is not created when that is only tried", func(e *env) {
		topic := e.name("topic")
		e.check(e.clusterAdmin().CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, true), "CreateTopic")
		topics, err := e.clusterAdmin().ListTopics()
		e.check(err, "ListTopics")
		_, there := topics[topic]
		equal(e, "the topic is there", there, false)
	}},
	{"topics are described", func(e *env) {
		topic, nowhere := e.topic(2), e.name("nowhere")
		ms, err := e.clusterAdmin().DescribeTopics([]string{topic, nowhere})
		e.check(err, "DescribeTopics")
		equal(e, "descriptions", len(ms), 2)
		i := slices.IndexFunc(ms, func(m *sarama.TopicMetadata) bool { return m.Name == topic })
		m, other := ms[i], ms[1-i]
		equal(e, "error", m.Err, sarama.ErrNoError)
		equal(e, "partitions", len(m.Partitions), 2)
		equal(e, "internal", m.IsInternal, false)
		for _, p := range m.Partitions {
			if p.Err != sarama.ErrNoError || len(p.Replicas) != 1 || !slices.Equal(p.Replicas, p.Isr) || p.Leader != p.Replicas[0] {
				e.Errorf("partition is %+v", p)
			}
		}
		equal(e, "error of a topic that there is not", other.Err, sarama.ErrUnknownTopicOrPartition)
	}},
	{"a topic is deleted, once", func(e *env) {
		topic := e.topic(1)
		e.check(e.clusterAdmin().DeleteTopic(topic), "DeleteTopic")
		e.until("the topic is gone", func() bool {
			topics, err := e.clusterAdmin().ListTopics()
			e.check(err, "ListTopics")
			_, there := topics[topic]
			return !there
		})
		e.wants(e.clusterAdmin().DeleteTopic(topic), sarama.ErrUnknownTopicOrPartition, "DeleteTopic again")
		e.wants(e.clusterAdmin().DeleteTopic(""), sarama.ErrInvalidTopic, "DeleteTopic of nothing")
	}},
	{"partitions are added, as many as there are to be", func(e *env) {
		topic := e.topic(2)
		a := e.clusterAdmin()
		e.check(a.CreatePartitions(topic, 5, nil, true), "CreatePartitions, only tried")
		e.check(a.CreatePartitions(topic, 3, nil, false), "CreatePartitions")
		e.wants(a.CreatePartitions(topic, 3, nil, false), sarama.ErrInvalidPartitions, "CreatePartitions of as many")
		e.wants(a.CreatePartitions(topic, 1, nil, false), sarama.ErrInvalidPartitions, "CreatePartitions of fewer")
		e.wants(a.CreatePartitions(e.name("nowhere"), 3, nil, false), sarama.ErrUnknownTopicOrPartition, "CreatePartitions of no topic")
		e.wants(a.CreatePartitions("", 3, nil, false), sarama.ErrInvalidTopic, "CreatePartitions of nothing")
		b, err := a.Controller()
		e.check(err, "Controller")
		e.check(a.CreatePartitions(topic, 4, [][]int32{{b.ID()}}, false), "CreatePartitions with an assignment")
		e.wants(a.CreatePartitions(topic, 6, [][]int32{{b.ID()}}, false), sarama.ErrInvalidReplicaAssignment, "CreatePartitions with too short an assignment")
		c := e.client()
		e.until("there are four partitions", func() bool {
			e.check(c.RefreshMetadata(topic), "RefreshMetadata")
			ps, err := c.Partitions(topic)
			return err == nil && len(ps) == 4
		})
	}},
	{"partitions are reassigned, and none is being moved", func(e *env) {
		topic := e.topic(1)
		a := e.clusterAdmin()
		b, err := e.client().Leader(topic, 0)
		e.check(err, "Leader")
		e.check(a.AlterPartitionReassignments(topic, [][]int32{{b.ID()}}), "AlterPartitionReassignments")
		if err := a.AlterPartitionReassignments(topic, [][]int32{{4711}}); err == nil {
			e.Errorf("AlterPartitionReassignments to a broker that there is not gives no error")
		}
		status, err := a.ListPartitionReassignments(topic, []int32{0})
		e.check(err, "ListPartitionReassignments")
		equal(e, "reassignments", len(status[topic]), 0)
	}},
	{"records are deleted up to an offset", func(e *env) {
		topic := e.topic(2)
		e.produce(topic, 0, "a", "b", "c")
		a, c := e.clusterAdmin(), e.client()
		oldest := func(want int64) {
			e.Helper()
			o, err := c.GetOffset(topic, 0, sarama.OffsetOldest)
			e.check(err, "GetOffset")
			equal(e, "oldest offset", o, want)
		}
		e.check(a.DeleteRecords(topic, map[int32]int64{0: 2}), "DeleteRecords")
		oldest(2)
		e.check(a.DeleteRecords(topic, map[int32]int64{0: 1}), "DeleteRecords of what is deleted")
		oldest(2)
		e.check(a.DeleteRecords(topic, map[int32]int64{0: -1}), "DeleteRecords of all")
		oldest(3)
		e.wants(a.DeleteRecords(topic, map[int32]int64{0: 9}), sarama.ErrOffsetOutOfRange, "DeleteRecords beyond the end")
		none, err := e.NewClusterAdmin(e.config(func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false; c.Metadata.Retry.Max = 1 }))
		e.check(err, "NewClusterAdmin")
		e.closing(none)
		if err := none.DeleteRecords(e.name("nowhere"), map[int32]int64{0: 0}); err == nil {
			e.Errorf("DeleteRecords of no topic gives no error")
		}
	}},
	{"settings of a topic are described", func(e *env) {
		topic := e.topic(1, "retention.ms", "777")
		c := e.configOf(topic, "retention.ms")
		equal(e, "retention.ms", fmt.Sprintf("%s %v %v %v", c.Value, c.Default, c.ReadOnly, c.Source), "777 false false Topic")
		c = e.configOf(topic, "cleanup.policy")
		equal(e, "cleanup.policy", fmt.Sprintf("%s %v %v", c.Value, c.Default, c.Source), "delete true Default")
		all, err := e.clusterAdmin().DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}) //nolint:staticcheck // deprecated, and still a promise
		e.check(err, "DescribeConfig")
		if len(all) < 20 {
			e.Errorf("DescribeConfig of all gives %d settings", len(all))
		}
		_, err = e.clusterAdmin().DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: e.name("nowhere")}) //nolint:staticcheck // deprecated, and still a promise
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "DescribeConfig of no topic")
	}},
	{"settings of several resources are described, with synonyms and words", func(e *env) {
		topic := e.topic(1, "retention.ms", "777")
		a := e.clusterAdmin()
		b, err := a.Controller()
		e.check(err, "Controller")
		rs, err := a.DescribeConfigs([]*sarama.ConfigResource{
			{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}},
			{Type: sarama.BrokerResource, Name: fmt.Sprint(b.ID()), ConfigNames: []string{"log.retention.ms", "num.partitions"}},
			{Type: sarama.TopicResource, Name: topic + "-nowhere"},
		}, sarama.DescribeConfigsOptions{IncludeSynonyms: true, IncludeDocumentation: true})
		e.check(err, "DescribeConfigs")
		byName := map[string]*sarama.ConfigResourceResult{}
		for _, r := range rs {
			byName[r.Name] = r
		}
		r := byName[topic]
		if r == nil || len(r.Configs) != 1 || len(r.Configs[0].Synonyms) == 0 || r.Configs[0].Documentation == nil || r.Configs[0].Type != sarama.LongConfigType {
			e.Errorf("the topic is %+v, want one setting with synonyms and documentation", r)
		}
		if r = byName[fmt.Sprint(b.ID())]; r == nil || len(r.Configs) != 2 {
			e.Errorf("the broker is %+v, want two settings", r)
		}
		if r = byName[topic+"-nowhere"]; r == nil || r.ErrorCode != sarama.ErrUnknownTopicOrPartition {
			e.Errorf("a topic that there is not is %+v", r)
		}
	}},
	{"settings of a topic are replaced", func(e *env) {
		topic := e.topic(1, "retention.ms", "777")
		a := e.clusterAdmin()
		e.check(a.AlterConfig(sarama.TopicResource, topic, map[string]*string{"segment.ms": text("888")}, false), "AlterConfig")
		e.until("the setting is there", func() bool { return e.configOf(topic, "segment.ms").Value == "888" })
		equal(e, "retention.ms", e.configOf(topic, "retention.ms").Default, true)
		e.check(a.AlterConfig(sarama.TopicResource, topic, map[string]*string{"segment.ms": text("999")}, true), "AlterConfig, only tried")
		equal(e, "segment.ms", e.configOf(topic, "segment.ms").Value, "888")
		e.wants(a.AlterConfig(sarama.TopicResource, topic, map[string]*string{"segment.ms": text("soon")}, false), sarama.ErrInvalidConfig, "AlterConfig to a bad value")
		e.wants(a.AlterConfig(sarama.TopicResource, e.name("nowhere"), map[string]*string{"segment.ms": text("1000")}, false), sarama.ErrUnknownTopicOrPartition, "AlterConfig of no topic")
	}},
	{"settings of a topic are changed one by one", func(e *env) {
		topic := e.topic(1, "retention.ms", "777", "cleanup.policy", "delete")
		a := e.clusterAdmin()
		alter := func(op sarama.IncrementalAlterConfigsOperation, name string, value *string, try bool) error {
			return a.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{name: {Operation: op, Value: value}}, try)
		}
		e.check(alter(sarama.IncrementalAlterConfigsOperationSet, "segment.ms", text("888"), false), "set")
		e.check(alter(sarama.IncrementalAlterConfigsOperationAppend, "cleanup.policy", text("compact"), false), "append")
		e.until("the settings are there", func() bool {
			return e.configOf(topic, "segment.ms").Value == "888" && e.configOf(topic, "cleanup.policy").Value == "delete,compact"
		})
		equal(e, "retention.ms", e.configOf(topic, "retention.ms").Value, "777")
		e.check(alter(sarama.IncrementalAlterConfigsOperationSubtract, "cleanup.policy", text("delete"), false), "subtract")
		e.check(alter(sarama.IncrementalAlterConfigsOperationDelete, "retention.ms", nil, false), "delete")
		e.until("the settings are changed", func() bool {
			return e.configOf(topic, "retention.ms").Default && e.configOf(topic, "cleanup.policy").Value == "compact"
		})
		e.check(alter(sarama.IncrementalAlterConfigsOperationSet, "segment.ms", text("999"), true), "set, only tried")
		equal(e, "segment.ms", e.configOf(topic, "segment.ms").Value, "888")
		e.wants(alter(sarama.IncrementalAlterConfigsOperationSet, "segment.ms", text("soon"), false), sarama.ErrInvalidConfig, "set to a bad value")
		e.wants(alter(sarama.IncrementalAlterConfigsOperationAppend, "segment.ms", text("1"), false), sarama.ErrInvalidConfig, "append to what is no list")
	}},
	{"without an authorizer there are no ACLs", func(e *env) {
		a := e.clusterAdmin()
		r := sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: "t", ResourcePatternType: sarama.AclPatternLiteral}
		acl := sarama.Acl{Principal: "User:a", Host: "*", Operation: sarama.AclOperationRead, PermissionType: sarama.AclPermissionAllow}
		e.wants(a.CreateACL(r, acl), sarama.ErrSecurityDisabled, "CreateACL") //nolint:staticcheck // deprecated, and still a promise
		e.wants(a.CreateACLs([]*sarama.ResourceAcls{{Resource: r, Acls: []*sarama.Acl{&acl}}}), sarama.ErrSecurityDisabled, "CreateACLs")
		any := sarama.AclFilter{
			ResourceType: sarama.AclResourceAny, ResourcePatternTypeFilter: sarama.AclPatternAny, Operation: sarama.AclOperationAny, PermissionType: sarama.AclPermissionAny,
		}
		_, err := a.ListAcls(any)
		e.wants(err, sarama.ErrSecurityDisabled, "ListAcls")
		_, err = a.DeleteACL(any, false)
		e.wants(err, sarama.ErrSecurityDisabled, "DeleteACL")
	}},
	{"leaders are elected where that is needed", func(e *env) {
		topic := e.topic(1)
		rs, err := e.clusterAdmin().ElectLeaders(sarama.PreferredElection, map[string][]int32{topic: {0}, "nowhere": {0}})
		e.check(err, "ElectLeaders")
		if r := rs[topic][0]; r == nil || r.ErrorCode != sarama.ErrElectionNotNeeded {
			e.Errorf("ElectLeaders of a partition that has its preferred leader gives %+v", r)
		}
		if r := rs["nowhere"][0]; r == nil || r.ErrorCode != sarama.ErrUnknownTopicOrPartition {
			e.Errorf("ElectLeaders of no topic gives %+v", r)
		}
	}},
	{"groups are listed and described", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		a := e.clusterAdmin()
		m := e.join(group, []string{topic}, called("me"))
		m.untilHolds(topic, 2)
		groups, err := a.ListConsumerGroups()
		e.check(err, "ListConsumerGroups")
		equal(e, "type of the group", groups[group], "consumer")
		describe := func(state, protocol string, members int) *sarama.GroupDescription {
			e.Helper()
			ds, err := a.DescribeConsumerGroups([]string{group})
			e.check(err, "DescribeConsumerGroups")
			d := ds[0]
			equal(e, "group", fmt.Sprint(d.GroupId == group, d.State, d.ProtocolType, d.Protocol, len(d.Members), d.Err == sarama.ErrNoError),
				fmt.Sprint(true, state, "consumer", protocol, members, true))
			return d
		}
		d := describe("Stable", "range", 1)
		for id, dm := range d.Members {
			equal(e, "member", fmt.Sprint(id == m.current().MemberID(), dm.MemberId == id, dm.ClientId, strings.HasPrefix(dm.ClientHost, "/"), dm.GroupInstanceId == nil), "true truemetrue true")
		}
		m.leave()
		describe("Empty", "", 0)
	}},
	{"a static member is described by its instance", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		m := e.join(group, []string{topic}, func(c *sarama.Config) { c.Consumer.Group.InstanceId = "me" })
		m.untilHolds(topic, 1)
		ds, err := e.clusterAdmin().DescribeConsumerGroups([]string{group})
		e.check(err, "DescribeConsumerGroups")
		for _, dm := range ds[0].Members {
			if dm.GroupInstanceId == nil || *dm.GroupInstanceId != "me" {
				e.Errorf("the instance is %v, want me", dm.GroupInstanceId)
			}
		}
		m.leave()
	}},
	{"a group that there is not is dead", func(e *env) {
		ds, err := e.clusterAdmin().DescribeConsumerGroups([]string{e.name("nobody")})
		e.check(err, "DescribeConsumerGroups")
		equal(e, "state and members", fmt.Sprintf("%s %d", ds[0].State, len(ds[0].Members)), "Dead 0")
	}},
	{"offsets of a group are listed", func(e *env) {
		topic := e.topic(3)
		group := e.emptyGroup(topic)
		r, err := e.clusterAdmin().ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 2}})
		e.check(err, "ListConsumerGroupOffsets")
		equal(e, "error", r.Err, sarama.ErrNoError)
		equal(e, "partitions", len(r.Blocks[topic]), 2)
		b := r.GetBlock(topic, 0)
		equal(e, "partition 0", fmt.Sprintf("%d %s %v", b.Offset, b.Metadata, b.Err == sarama.ErrNoError), "3 three true")
		b = r.GetBlock(topic, 2)
		equal(e, "partition 2", fmt.Sprintf("%d %s %v", b.Offset, b.Metadata, b.Err == sarama.ErrNoError), "-1  true")
		r, err = e.clusterAdmin().ListConsumerGroupOffsets(group, nil)
		e.check(err, "ListConsumerGroupOffsets")
		equal(e, "partitions with an offset", len(r.Blocks[topic]), 2)
		r, err = e.clusterAdmin().ListConsumerGroupOffsets(e.name("nobody"), map[string][]int32{topic: {0}})
		e.check(err, "ListConsumerGroupOffsets of no group")
		equal(e, "offset of a group that there is not", r.GetBlock(topic, 0).Offset, -1)
	}},
	{"offsets of several groups are listed", func(e *env) {
		topic := e.topic(2)
		one, two := e.emptyGroup(topic), e.emptyGroup(topic)
		rs, err := e.clusterAdmin().ListConsumerGroupOffsetsBatch(map[string]map[string][]int32{one: {topic: {0}}, two: nil})
		e.check(err, "ListConsumerGroupOffsetsBatch")
		equal(e, "groups", len(rs), 2)
		equal(e, "partitions of the first", len(rs[one].Blocks[topic]), 1)
		equal(e, "partitions of the second", len(rs[two].Blocks[topic]), 2)
		equal(e, "offset", rs[two].GetBlock(topic, 1).Offset, 4)
	}},
	{"offsets of partitions are listed", func(e *env) {
		topic := e.topic(2)
		e.produce(topic, 0, "a", "b")
		rs, err := e.clusterAdmin().ListOffsets(map[string]map[int32]int64{topic: {0: sarama.OffsetNewest, 1: sarama.OffsetOldest}}, nil)
		e.check(err, "ListOffsets")
		equal(e, "newest", rs[topic][0].Offset, 2)
		equal(e, "oldest", rs[topic][1].Offset, 0)
	}},
	{"offsets of a group are altered while it has no members", func(e *env) {
		topic := e.topic(2)
		group := e.emptyGroup(topic)
		a := e.clusterAdmin()
		r, err := a.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{topic: {0: {Offset: 1, Metadata: "one", LeaderEpoch: -1}}}, nil)
		e.check(err, "AlterConsumerGroupOffsets")
		equal(e, "error", r.Errors[topic][0], sarama.ErrNoError)
		o, m := e.committed(group, topic, 0)
		equal(e, "committed", fmt.Sprintf("%d %s", o, m), "1 one")
		e.join(group, []string{topic}).untilHolds(topic, 2)
		r, err = a.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{topic: {0: {Offset: 2, LeaderEpoch: -1}}}, nil)
		if err == nil && r.Errors[topic][0] != sarama.ErrUnknownMemberId || err != nil && !errors.Is(err, sarama.ErrUnknownMemberId) {
			e.Errorf("AlterConsumerGroupOffsets of a group with members gives %+v, %v", r, err)
		}
	}},
	{"an offset of a group is deleted", func(e *env) {
		topic := e.topic(2)
		group := e.emptyGroup(topic)
		a := e.clusterAdmin()
		e.check(a.DeleteConsumerGroupOffset(group, topic, 0), "DeleteConsumerGroupOffset")
		o, _ := e.committed(group, topic, 0)
		equal(e, "committed of partition 0", o, -1)
		o, _ = e.committed(group, topic, 1)
		equal(e, "committed of partition 1", o, 4)
		e.wants(a.DeleteConsumerGroupOffset(e.name("nobody"), topic, 0), sarama.ErrGroupIDNotFound, "DeleteConsumerGroupOffset of no group")
		e.join(group, []string{topic}).untilHolds(topic, 2)
		e.wants(a.DeleteConsumerGroupOffset(group, topic, 1), sarama.ErrGroupSubscribedToTopic, "DeleteConsumerGroupOffset of a topic that is consumed")
	}},
	{"a group is deleted while it has no members", func(e *env) {
		topic := e.topic(2)
		group := e.emptyGroup(topic)
		a := e.clusterAdmin()
		m := e.join(group, []string{topic})
		m.untilHolds(topic, 2)
		e.wants(a.DeleteConsumerGroup(group), sarama.ErrNonEmptyGroup, "DeleteConsumerGroup of a group with members")
		m.leave()
		e.check(a.DeleteConsumerGroup(group), "DeleteConsumerGroup")
		groups, err := a.ListConsumerGroups()
		e.check(err, "ListConsumerGroups")
		_, there := groups[group]
		equal(e, "the group is there", there, false)
		e.wants(a.DeleteConsumerGroup(group), sarama.ErrGroupIDNotFound, "DeleteConsumerGroup again")
	}},
	{"a static member is removed from its group", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		a := e.join(group, []string{topic}, func(c *sarama.Config) { c.Consumer.Group.InstanceId = "me" })
		b := e.join(group, []string{topic})
		a.untilHolds(topic, 1)
		b.untilHolds(topic, 1)
		a.leave()
		r, err := e.clusterAdmin().RemoveMemberFromConsumerGroup(group, []string{"me", "nobody"})
		e.check(err, "RemoveMemberFromConsumerGroup")
		equal(e, "error", r.Err, sarama.ErrNoError)
		for _, m := range r.Members {
			want := sarama.ErrNoError
			if *m.GroupInstanceId == "nobody" {
				want = sarama.ErrUnknownMemberId
			}
			equal(e, "error of "+*m.GroupInstanceId, m.Err, want)
		}
		b.untilHolds(topic, 2)
		b.leave()
	}},
	{"the cluster is described", func(e *env) {
		brokers, controller, err := e.clusterAdmin().DescribeCluster()
		e.check(err, "DescribeCluster")
		if !slices.ContainsFunc(brokers, func(b *sarama.Broker) bool { return b.ID() == controller }) {
			e.Errorf("DescribeCluster gives %d brokers, and none has the controller's id %d", len(brokers), controller)
		}
		b, err := e.clusterAdmin().Controller()
		e.check(err, "Controller")
		equal(e, "controller", b.ID(), controller)
		b, err = e.clusterAdmin().Coordinator(e.name("group"))
		e.check(err, "Coordinator")
		equal(e, "the coordinator has an address", b.Addr() != "", true)
	}},
	{"log directories are described", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, strings.Repeat("v", 1000))
		b, err := e.client().Leader(topic, 0)
		e.check(err, "Leader")
		e.until("the directory has the topic, with its size", func() bool {
			dirs, err := e.clusterAdmin().DescribeLogDirs([]int32{b.ID()})
			e.check(err, "DescribeLogDirs")
			for _, d := range dirs[b.ID()] {
				for _, t := range d.Topics {
					if t.Topic == topic && len(t.Partitions) == 1 && t.Partitions[0].Size >= 1000 {
						return true
					}
				}
			}
			return false
		})
	}},
	{"SCRAM credentials are set, described and deleted", func(e *env) {
		user := e.name("user")
		a := e.clusterAdmin()
		rs, err := a.UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{
			{Name: user, Mechanism: sarama.SCRAM_MECHANISM_SHA_256, Iterations: 4096, Salt: []byte("salt"), Password: []byte("secret")},
		})
		e.check(err, "UpsertUserScramCredentials")
		equal(e, "error", rs[0].ErrorCode, sarama.ErrNoError)
		var ds []*sarama.DescribeUserScramCredentialsResult
		e.until("the user is there", func() bool {
			ds, err = a.DescribeUserScramCredentials([]string{user})
			e.check(err, "DescribeUserScramCredentials")
			return len(ds) == 1 && ds[0].ErrorCode == sarama.ErrNoError
		})
		equal(e, "credentials", fmt.Sprint(len(ds[0].CredentialInfos), ds[0].CredentialInfos[0].Iterations, ds[0].CredentialInfos[0].Mechanism == sarama.SCRAM_MECHANISM_SHA_256), "1 4096 true")
		del := []sarama.AlterUserScramCredentialsDelete{{Name: user, Mechanism: sarama.SCRAM_MECHANISM_SHA_256}}
		rs, err = a.DeleteUserScramCredentials(del)
		e.check(err, "DeleteUserScramCredentials")
		equal(e, "error", rs[0].ErrorCode, sarama.ErrNoError)
		e.until("the user is gone", func() bool {
			ds, err = a.DescribeUserScramCredentials([]string{user})
			e.check(err, "DescribeUserScramCredentials")
			return ds[0].ErrorCode == sarama.KError(91) // RESOURCE_NOT_FOUND
		})
		rs, err = a.DeleteUserScramCredentials(del)
		e.check(err, "DeleteUserScramCredentials again")
		equal(e, "error", rs[0].ErrorCode, sarama.KError(91))
	}},
	{"client quotas are set and described", func(e *env) {
		a, id := e.clusterAdmin(), e.name("client")
		entity := []sarama.QuotaEntityComponent{{EntityType: sarama.QuotaEntityClientID, MatchType: sarama.QuotaMatchExact, Name: id}}
		filter := []sarama.QuotaFilterComponent{{EntityType: sarama.QuotaEntityClientID, MatchType: sarama.QuotaMatchExact, Match: id}}
		e.check(a.AlterClientQuotas(entity, sarama.ClientQuotasOp{Key: "producer_byte_rate", Value: 1000}, false), "AlterClientQuotas")
		e.until("the quota is there", func() bool {
			ds, err := a.DescribeClientQuotas(filter, true)
			e.check(err, "DescribeClientQuotas")
			return len(ds) == 1 && ds[0].Values["producer_byte_rate"] == 1000
		})
		e.check(a.AlterClientQuotas(entity, sarama.ClientQuotasOp{Key: "producer_byte_rate", Remove: true}, false), "AlterClientQuotas")
		e.until("the quota is gone", func() bool {
			ds, err := a.DescribeClientQuotas(filter, true)
			e.check(err, "DescribeClientQuotas")
			return len(ds) == 0
		})
	}},
	{"features are updated, if they are known", func(e *env) {
		_, err := e.clusterAdmin().UpdateFeatures([]sarama.FeatureUpdate{{Feature: "no.such.feature", MaxVersionLevel: 1}})
		e.wants(err, sarama.ErrInvalidUpdateVersion, "UpdateFeatures of what is no feature")
	}},
	{"an admin on a client ends with it", func(e *env) {
		c := e.client()
		a, err := e.NewClusterAdminFromClient(c)
		e.check(err, "NewClusterAdminFromClient")
		_, err = a.ListTopics()
		e.check(err, "ListTopics")
		e.check(a.Close(), "Close")
		equal(e, "the client is closed", c.Closed(), true)
		if _, err = a.ListTopics(); err == nil {
			e.Errorf("ListTopics of a closed admin gives no error")
		}
		e.wants(a.Close(), sarama.ErrClosedClient, "Close again")
	}},
}, createTopicCases())

// createTopicCases are topics that cannot be created.
func createTopicCases() (cases []kase) {
	for _, c := range []struct {
		name   string
		topic  string // without one, a new name
		detail sarama.TopicDetail
		want   error
	}{
		{"without partitions", "", sarama.TopicDetail{ReplicationFactor: 1}, sarama.ErrInvalidPartitions},
		{"without replicas", "", sarama.TopicDetail{NumPartitions: 1}, sarama.ErrInvalidReplicationFactor},
		{"with more replicas than brokers", "", sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 30}, sarama.ErrInvalidReplicationFactor},
		{"with a bad name", "no topic", sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, sarama.ErrInvalidTopic},
		{"with a long name", strings.Repeat("n", 250), sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, sarama.ErrInvalidTopic},
		{"with a bad setting", "", sarama.TopicDetail{
			NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": text("burn")},
		}, sarama.ErrInvalidConfig},
		{"with a setting that is null", "", sarama.TopicDetail{
			NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": nil},
		}, sarama.ErrInvalidConfig},
		{"with an unknown setting", "", sarama.TopicDetail{
			NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"no.such.setting": text("1")},
		}, sarama.ErrInvalidConfig},
		{"on brokers that there are not", "", sarama.TopicDetail{
			NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: map[int32][]int32{0: {4711}},
		}, sarama.ErrInvalidReplicaAssignment},
	} {
		cases = append(cases, kase{"no topic is created " + c.name, func(e *env) {
			topic := c.topic
			if topic == "" {
				topic = e.name("topic")
			}
			for _, try := range []bool{true, false} {
				err := e.clusterAdmin().CreateTopic(topic, &c.detail, try)
				var te *sarama.TopicError
				if !errors.Is(err, c.want) || !errors.As(err, &te) || te.ErrMsg == nil {
					e.Errorf("CreateTopic gives %v (%T), want a TopicError of %v with words", err, err, c.want)
				}
			}
		}})
	}
	return append(cases, kase{"no topic is created twice, nor one that differs by a dot", func(e *env) {
		topic := e.name("with.dot")
		e.newTopic(topic, 1)
		d := &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}
		e.wants(e.clusterAdmin().CreateTopic(topic, d, false), sarama.ErrTopicAlreadyExists, "CreateTopic again")
		e.wants(e.clusterAdmin().CreateTopic(strings.ReplaceAll(topic, ".", "_"), d, false), sarama.ErrInvalidTopic, "CreateTopic of a name that collides")
		e.wants(e.clusterAdmin().CreateTopic("", d, false), sarama.ErrInvalidTopic, "CreateTopic of nothing")
		if err := e.clusterAdmin().CreateTopic(e.name("topic"), nil, false); err == nil {
			e.Errorf("CreateTopic of no detail gives no error")
		}
	}})
}
