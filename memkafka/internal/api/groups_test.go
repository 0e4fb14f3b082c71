package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func joining(group, member string, instance *string) *kmsg.JoinGroupRequest {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Group, r.MemberID, r.InstanceID = group, member, instance
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 10_000, 10_000
	r.ProtocolType = "consumer"
	r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 1, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 0}}}
	return r
}

func syncing(group, member string, generation int32, instance *string, assignment ...string) *kmsg.SyncGroupRequest {
	r := kmsg.NewPtrSyncGroupRequest()
	r.Group, r.MemberID, r.Generation, r.InstanceID = group, member, generation, instance
	protocolType, protocol := "consumer", "range"
	r.ProtocolType, r.Protocol = &protocolType, &protocol
	for i := 0; i < len(assignment); i += 2 {
		r.GroupAssignment = append(r.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: assignment[i], MemberAssignment: []byte(assignment[i+1])})
	}
	return r
}

func beating(group, member string, generation int32) *kmsg.HeartbeatRequest {
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.MemberID, r.Generation = group, member, generation
	return r
}

// committing commits an offset for partition 0 of a topic.
func committing(group, member string, generation int32, topic string, id [16]byte, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = group, member, generation
	metadata := "remark"
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.Metadata, p.LeaderEpoch = partition, offset, &metadata, 0
	r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, TopicID: id, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	return r
}

// fetching asks how far a group has come in a topic; all that it has without a topic.
func fetching(group, topic string, id [16]byte, partitions ...int32) *kmsg.OffsetFetchRequest {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group = group
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	if topic != "" {
		r.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: topic, Partitions: partitions}}
		g.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, TopicID: id, Partitions: partitions}}
	}
	r.Groups = []kmsg.OffsetFetchRequestGroup{g}
	return r
}

func TestGroupOfOneMember(t *testing.T) {
	transcript(t, func(s *script) {
		for v := range int16(10) {
			group := "one-" + string(rune('0'+v))
			s.coordinatorReady(0, group)
			member := ""
			if v >= 4 {
				member = say[*kmsg.JoinGroupResponse](s, "a new member", v, joining(group, "", nil)).MemberID
			}
			j := say[*kmsg.JoinGroupResponse](s, "joins", v, joining(group, member, nil))
			sync := min(v, 5)
			say[*kmsg.SyncGroupResponse](s, "syncs", sync, syncing(group, j.MemberID, j.Generation, nil, j.MemberID, "mine"))
			say[*kmsg.HeartbeatResponse](s, "lives", min(v, 4), beating(group, j.MemberID, j.Generation))
			say[*kmsg.HeartbeatResponse](s, "in another generation", min(v, 4), beating(group, j.MemberID, j.Generation+1))
			say[*kmsg.HeartbeatResponse](s, "as somebody else", min(v, 4), beating(group, "nobody", j.Generation))
			describe := kmsg.NewPtrDescribeGroupsRequest()
			describe.Groups = []string{group, "one-none"}
			describe.IncludeAuthorizedOperations = v >= 3
			say[*kmsg.DescribeGroupsResponse](s, "described", min(v, 6), describe)
			leave := kmsg.NewPtrLeaveGroupRequest()
			leave.Group, leave.MemberID = group, j.MemberID
			leave.Members = []kmsg.LeaveGroupRequestMember{{MemberID: j.MemberID}, {MemberID: "nobody"}}
			say[*kmsg.LeaveGroupResponse](s, "leaves", min(v, 5), leave)
			say[*kmsg.LeaveGroupResponse](s, "leaves again", min(v, 5), leave)
			say[*kmsg.HeartbeatResponse](s, "after it left", min(v, 4), beating(group, j.MemberID, j.Generation))
		}
	})
}

func TestGroupOfTwoMembers(t *testing.T) {
	transcript(t, func(s *script) {
		s.coordinatorReady(0, "two")
		a, b := s, s.another()
		first := joining("two", say[*kmsg.JoinGroupResponse](a, "a new member", 5, joining("two", "", nil)).MemberID, nil)
		j := say[*kmsg.JoinGroupResponse](a, "the first joins", 5, first)
		say[*kmsg.SyncGroupResponse](a, "and syncs", 5, syncing("two", j.MemberID, j.Generation, nil, j.MemberID, "all"))

		second := joining("two", say[*kmsg.JoinGroupResponse](b, "another", 5, joining("two", "", nil)).MemberID, nil)
		second.SetVersion(5)
		id := b.send(second)
		until(s, 4, func() kmsg.Request { return beating("two", j.MemberID, j.Generation) }, func(r *kmsg.HeartbeatResponse) bool { return r.ErrorCode == 27 })
		say[*kmsg.JoinGroupResponse](a, "the first joins again, since the second came", 5, first)
		k := b.receive(second, id).(*kmsg.JoinGroupResponse)
		b.note("the second has joined", k)

		sync := syncing("two", k.MemberID, k.Generation, nil)
		sync.SetVersion(5)
		id = b.send(sync)
		say[*kmsg.SyncGroupResponse](a, "the leader syncs", 5, syncing("two", j.MemberID, k.Generation, nil, j.MemberID, "half", k.MemberID, "other half"))
		b.note("the second has synced", b.receive(sync, id))
		list := kmsg.NewPtrListGroupsRequest()
		for v := range int16(6) {
			if v >= 4 {
				list.StatesFilter = []string{"Stable"}
			}
			answer := ask[*kmsg.ListGroupsResponse](s.client, v, list)
			for _, g := range answer.Groups {
				if g.Group == "two" {
					answer.Groups = []kmsg.ListGroupsResponseGroup{g}
				}
			}
			s.note("listed", answer)
		}
		deletion := kmsg.NewPtrDeleteGroupsRequest()
		deletion.Groups = []string{"two", "two-none", ""}
		say[*kmsg.DeleteGroupsResponse](s, "cannot be deleted", 2, deletion)
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group = "two"
		leave.Members = []kmsg.LeaveGroupRequestMember{{MemberID: j.MemberID}, {MemberID: k.MemberID}}
		say[*kmsg.LeaveGroupResponse](s, "both leave", 5, leave)
		for v := range int16(3) {
			say[*kmsg.DeleteGroupsResponse](s, "can be deleted", v, deletion)
		}
	})
}

func TestGroupRefusesMembers(t *testing.T) {
	transcript(t, func(s *script) {
		s.coordinatorReady(0, "refuse")
		say[*kmsg.JoinGroupResponse](s, "without a name", 9, joining("", "", nil))
		say[*kmsg.JoinGroupResponse](s, "with an id that nobody gave", 9, joining("refuse", "mine", nil))
		for _, v := range []int16{6, 7, 9} {
			short := joining("refuse", "", nil)
			short.SessionTimeoutMillis = 10
			say[*kmsg.JoinGroupResponse](s, "with a session that is too short", v, short)
		}
		none := joining("refuse", "", nil)
		none.Protocols = nil
		say[*kmsg.JoinGroupResponse](s, "without a protocol", 9, none)
		say[*kmsg.SyncGroupResponse](s, "sync of nobody", 5, syncing("refuse", "nobody", 1, nil))
		bare := syncing("refuse", "nobody", 1, nil)
		bare.Protocol = nil
		say[*kmsg.SyncGroupResponse](s, "sync without a protocol", 5, bare)
		say[*kmsg.HeartbeatResponse](s, "heartbeat without a group", 4, beating("", "nobody", 1))
		say[*kmsg.OffsetCommitResponse](s, "commit of nobody", 8, committing("refuse", "nobody", 1, "refuse", [16]byte{}, 0, 1))
	})
}

func TestStaticMember(t *testing.T) {
	transcript(t, func(s *script) {
		s.coordinatorReady(0, "static")
		instance := "instance"
		j := say[*kmsg.JoinGroupResponse](s, "joins", 9, joining("static", "", &instance))
		say[*kmsg.SyncGroupResponse](s, "syncs", 5, syncing("static", j.MemberID, j.Generation, &instance, j.MemberID, "all"))
		k := say[*kmsg.JoinGroupResponse](s, "is started again", 9, joining("static", "", &instance))
		say[*kmsg.SyncGroupResponse](s, "syncs again", 5, syncing("static", k.MemberID, k.Generation, &instance, k.MemberID, "all"))
		beat := beating("static", j.MemberID, j.Generation)
		beat.InstanceID = &instance
		say[*kmsg.HeartbeatResponse](s, "its former self", 4, beat)
		describe := kmsg.NewPtrDescribeGroupsRequest()
		describe.Groups = []string{"static"}
		say[*kmsg.DescribeGroupsResponse](s, "described", 5, describe)
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group = "static"
		other := "other"
		leave.Members = []kmsg.LeaveGroupRequestMember{{InstanceID: &other}, {InstanceID: &instance}}
		say[*kmsg.LeaveGroupResponse](s, "is taken out", 5, leave)
	})
}

func TestOffsets(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("committed", 2)
		s.coordinatorReady(0, "offsets")
		for v := int16(2); v <= 10; v++ {
			say[*kmsg.OffsetCommitResponse](s, "a commit", v, committing("offsets", "", -1, "committed", id, 0, int64(v)))
			say[*kmsg.OffsetCommitResponse](s, "a partition that there is not", v, committing("offsets", "", -1, "committed", id, 5, 1))
			say[*kmsg.OffsetCommitResponse](s, "a topic that there is not", v, committing("offsets", "", -1, "committed-none", [16]byte{5}, 0, 1))
		}
		for v := int16(1); v <= 10; v++ {
			say[*kmsg.OffsetFetchResponse](s, "one, and one that there is not", v, fetching("offsets", "committed", id, 0, 1))
			say[*kmsg.OffsetFetchResponse](s, "of a topic that there is not", v, fetching("offsets", "committed-none", [16]byte{5}, 0))
			say[*kmsg.OffsetFetchResponse](s, "of a group that there is not", v, fetching("offsets-none", "committed", id, 0))
			if v >= 2 {
				say[*kmsg.OffsetFetchResponse](s, "all", v, fetching("offsets", "", id))
				say[*kmsg.OffsetFetchResponse](s, "all of a group that there is not", v, fetching("offsets-none", "", id))
			}
		}
		long := committing("offsets", "", -1, "committed", id, 0, 1)
		text := string(make([]byte, 4097))
		long.Topics[0].Partitions[0].Metadata = &text
		say[*kmsg.OffsetCommitResponse](s, "a remark that is too long", 8, long)

		forget := kmsg.NewPtrOffsetDeleteRequest()
		forget.Group = "offsets"
		forget.Topics = []kmsg.OffsetDeleteRequestTopic{
			{Topic: "committed", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}, {Partition: 1}, {Partition: 9}}},
			{Topic: "committed-none", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}},
		}
		say[*kmsg.OffsetDeleteResponse](s, "forgotten", 0, forget)
		say[*kmsg.OffsetFetchResponse](s, "and gone", 7, fetching("offsets", "", id))
		forget.Group = "offsets-none"
		say[*kmsg.OffsetDeleteResponse](s, "of a group that there is not", 0, forget)
	})
}

func TestOffsetsOfADeletedTopic(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("gone", 1)
		s.coordinatorReady(0, "gone")
		say[*kmsg.OffsetCommitResponse](s, "a commit", 8, committing("gone", "", -1, "gone", id, 0, 1))
		say[*kmsg.DeleteTopicsResponse](s, "the topic is deleted", 6, deleting("gone"))
		until(s, 7, func() kmsg.Request { return fetching("gone", "", id) }, func(r *kmsg.OffsetFetchResponse) bool { return len(r.Topics) == 0 })
		say[*kmsg.OffsetFetchResponse](s, "and its offsets", 7, fetching("gone", "", id))
	})
}
