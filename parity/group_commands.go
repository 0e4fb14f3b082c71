package parity

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var _ = register(map[string]func(a *args) kmsg.Request{
	"find-coordinator":         findCoordinator,
	"join-group":               joinGroup,
	"sync-group":               syncGroup,
	"heartbeat":                heartbeat,
	"leave-group":              leaveGroup,
	"offset-commit":            offsetCommit,
	"offset-fetch":             offsetFetch,
	"offset-delete":            offsetDelete,
	"describe-groups":          describeGroups,
	"list-groups":              listGroups,
	"delete-groups":            deleteGroups,
	"consumer-group-heartbeat": consumerGroupHeartbeat,
	"consumer-group-describe":  consumerGroupDescribe,
})

// find-coordinator KEY... [type=group|transaction|share]
func findCoordinator(a *args) kmsg.Request {
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.CoordinatorType = a.oneOf("type", "group", map[string]int8{"group": 0, "transaction": 1, "share": 2})
	r.CoordinatorKeys = a.words()
	if len(r.CoordinatorKeys) > 0 {
		r.CoordinatorKey = r.CoordinatorKeys[0]
	}
	return r
}

// join-group GROUP [member=NAME] [name=NAME] [instance=ID] [session=10000] [rebalance=10000] [type=consumer] [protocol=range]...
// [topic=NAME]... [metadata=TEXT] [reason=TEXT]
//
// The id in the answer gets the name of name=.
func joinGroup(a *args) kmsg.Request {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Group, r.MemberID, r.InstanceID = a.word("a group"), a.member("member"), a.optional("instance")
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = a.int32("session", 10_000), a.int32("rebalance", 10_000)
	r.ProtocolType, r.Reason = a.text("type", "consumer"), a.optional("reason")
	protocols := a.texts("protocol")
	if len(protocols) == 0 {
		protocols = []string{"range"}
	}
	metadata := subscription(a.texts("topic"))
	if text := a.optional("metadata"); text != nil {
		metadata = []byte(*text)
	}
	if !a.Flag("no-protocols") {
		for _, p := range protocols {
			r.Protocols = append(r.Protocols, kmsg.JoinGroupRequestProtocol{Name: p, Metadata: metadata})
		}
	}
	a.names("name", func(answer kmsg.Response) string { return answer.(*kmsg.JoinGroupResponse).MemberID })
	return r
}

// names gives the id that an answer brings the name that key has.
func (a *args) names(key string, id func(kmsg.Response) string) {
	name := a.text(key, "")
	if name == "" {
		return
	}
	a.after = func(answer kmsg.Response) error {
		a.player.members[name] = id(answer)
		return nil
	}
}

// subscription is what members of the type consumer say of themselves, in its version 1.
func subscription(topics []string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0, 1}, uint32(len(topics)))
	for _, t := range topics {
		b = binary.BigEndian.AppendUint16(b, uint16(len(t)))
		b = append(b, t...)
	}
	return append(b, 255, 255, 255, 255, 0, 0, 0, 0)
}

// sync-group GROUP member=NAME generation=N [instance=ID] [type=consumer] [protocol=range]: MEMBER ASSIGNMENT, ...
func syncGroup(a *args) kmsg.Request {
	r := kmsg.NewPtrSyncGroupRequest()
	r.Group, r.MemberID, r.Generation, r.InstanceID = a.word("a group"), a.member("member"), a.int32("generation", 1), a.optional("instance")
	kind, protocol := a.text("type", "consumer"), a.text("protocol", "range")
	r.ProtocolType, r.Protocol = &kind, &protocol
	a.each(func(member string, e *args) {
		r.GroupAssignment = append(r.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
			MemberID: a.player.member(member), MemberAssignment: []byte(e.word("an assignment")),
		})
	})
	return r
}

// heartbeat GROUP member=NAME generation=N [instance=ID]
func heartbeat(a *args) kmsg.Request {
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.MemberID, r.Generation, r.InstanceID = a.word("a group"), a.member("member"), a.int32("generation", 1), a.optional("instance")
	return r
}

// leave-group GROUP member=NAME, or leave-group GROUP: MEMBER [instance=ID], ...
func leaveGroup(a *args) kmsg.Request {
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group, r.MemberID = a.word("a group"), a.member("member")
	if len(a.do) == 0 {
		r.Members = []kmsg.LeaveGroupRequestMember{{MemberID: r.MemberID, InstanceID: a.optional("instance")}}
	}
	a.each(func(member string, e *args) {
		if member == "-" {
			member = ""
		}
		r.Members = append(r.Members, kmsg.LeaveGroupRequestMember{MemberID: a.player.member(member), InstanceID: e.optional("instance"), Reason: e.optional("reason")})
	})
	return r
}

// offset-commit GROUP [member=NAME] [generation=N] [instance=ID]: TOPIC PARTITION OFFSET [epoch=N] [metadata=TEXT], ...
func offsetCommit(a *args) kmsg.Request {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation, r.InstanceID = a.word("a group"), a.member("member"), a.int32("generation", -1), a.optional("instance")
	a.each(func(topic string, e *args) {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic = topic
		if a.version >= 10 {
			t.TopicID = a.topicID(topic)
		}
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = e.partition(), e.number(e.Word("an offset")), e.int32("epoch", -1)
		p.Metadata = e.optional("metadata")
		if n := e.int("metadata-bytes", 0); n > 0 {
			long := string(make([]byte, n))
			p.Metadata = &long
		}
		if last := len(r.Topics) - 1; last >= 0 && r.Topics[last].Topic == topic {
			r.Topics[last].Partitions = append(r.Topics[last].Partitions, p)
			return
		}
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	})
	return r
}

// offset-fetch GROUP [stable] [member=NAME] [epoch=N]: TOPIC PARTITION..., ...
//
// Without topics it asks for all that the group has.
func offsetFetch(a *args) kmsg.Request {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group, r.RequireStable = a.word("a group"), a.Flag("stable")
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberEpoch = r.Group, a.int32("epoch", -1)
	if m := a.optional("member"); m != nil {
		id := a.player.member(*m)
		g.MemberID = &id
	}
	a.each(func(topic string, e *args) {
		partitions := e.partitions()
		t := kmsg.OffsetFetchRequestGroupTopic{Topic: topic, Partitions: partitions}
		if a.version >= 10 {
			t.TopicID = a.topicID(topic)
		}
		r.Topics = append(r.Topics, kmsg.OffsetFetchRequestTopic{Topic: topic, Partitions: partitions})
		g.Topics = append(g.Topics, t)
	})
	r.Groups = append(r.Groups, g)
	return r
}

// offset-delete GROUP: TOPIC PARTITION..., ...
func offsetDelete(a *args) kmsg.Request {
	r := kmsg.NewPtrOffsetDeleteRequest()
	r.Group = a.word("a group")
	a.each(func(topic string, e *args) {
		t := kmsg.OffsetDeleteRequestTopic{Topic: topic}
		for _, n := range e.partitions() {
			t.Partitions = append(t.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: n})
		}
		r.Topics = append(r.Topics, t)
	})
	return r
}

// describe-groups GROUP... [operations]
func describeGroups(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeGroupsRequest()
	r.IncludeAuthorizedOperations, r.Groups = a.Flag("operations"), a.words()
	return r
}

// list-groups [state=STATE]... [type=TYPE]...
func listGroups(a *args) kmsg.Request {
	r := kmsg.NewPtrListGroupsRequest()
	r.StatesFilter, r.TypesFilter = a.texts("state"), a.texts("type")
	return r
}

// delete-groups GROUP...
func deleteGroups(a *args) kmsg.Request {
	r := kmsg.NewPtrDeleteGroupsRequest()
	r.Groups = a.words()
	return r
}

// consumer-group-heartbeat GROUP member=NAME [name=NAME] epoch=N [instance=ID] [rack=ID] [rebalance=N] [topic=NAME]... [regex=TEXT]
// [assignor=NAME] [owns-nothing]: TOPIC PARTITION..., ...
//
// What stands after the colon is what the member has; without it and without owns-nothing it says nothing about that.
func consumerGroupHeartbeat(a *args) kmsg.Request {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch = a.word("a group"), a.member("member"), a.int32("epoch", 0)
	r.InstanceID, r.RackID, r.ServerAssignor = a.optional("instance"), a.optional("rack"), a.optional("assignor")
	r.SubscribedTopicRegex, r.SubscribedTopicNames = a.optional("regex"), a.texts("topic")
	r.RebalanceTimeoutMillis = a.int32("rebalance", -1)
	if a.Flag("owns-nothing") {
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	if a.Flag("no-topics") {
		r.SubscribedTopicNames = []string{}
	}
	a.each(func(topic string, e *args) {
		r.Topics = append(r.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: a.topicID(topic), Partitions: e.partitions()})
	})
	a.names("name", func(answer kmsg.Response) string {
		if id := answer.(*kmsg.ConsumerGroupHeartbeatResponse).MemberID; id != nil {
			return *id
		}
		return ""
	})
	return r
}

// consumer-group-describe GROUP... [operations]
func consumerGroupDescribe(a *args) kmsg.Request {
	r := kmsg.NewPtrConsumerGroupDescribeRequest()
	r.IncludeAuthorizedOperations, r.Groups = a.Flag("operations"), a.words()
	return r
}
