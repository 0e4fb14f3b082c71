package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func heartbeatOf(group, member string, epoch int32, topics ...string) *kmsg.ConsumerGroupHeartbeatRequest {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch = group, member, epoch
	if epoch == 0 {
		r.RebalanceTimeoutMillis = 60_000
		r.SubscribedTopicNames = topics
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	return r
}

func describingConsumers(groups ...string) *kmsg.ConsumerGroupDescribeRequest {
	r := kmsg.NewPtrConsumerGroupDescribeRequest()
	r.Groups = groups
	return r
}

func TestConsumerGroup(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("next", 2)
		s.coordinatorReady(0, "next")
		j := say[*kmsg.ConsumerGroupHeartbeatResponse](s, "a member joins", 1, heartbeatOf("next", "member-a", 0, "next"))
		owns := heartbeatOf("next", "member-a", j.MemberEpoch)
		owns.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: id, Partitions: []int32{0, 1}}}
		say[*kmsg.ConsumerGroupHeartbeatResponse](s, "and owns", 1, owns)
		for v := range int16(2) {
			describe := describingConsumers("next", "next-none", "")
			describe.IncludeAuthorizedOperations = v == 1
			say[*kmsg.ConsumerGroupDescribeResponse](s, "described", v, describe)
		}
		classic := kmsg.NewPtrDescribeGroupsRequest()
		classic.Groups = []string{"next"}
		say[*kmsg.DescribeGroupsResponse](s, "described as a classic group", 5, classic)
		say[*kmsg.DescribeGroupsResponse](s, "described as a classic group", 6, classic)

		k := ask[*kmsg.ConsumerGroupHeartbeatResponse](s.client, 1, heartbeatOf("next", "member-b", 0, "next"))
		told := func(member string, epoch func() int32) *kmsg.ConsumerGroupHeartbeatResponse {
			return until(s, 1, func() kmsg.Request { return heartbeatOf("next", member, epoch()) }, func(r *kmsg.ConsumerGroupHeartbeatResponse) bool {
				return r.ErrorCode != 0 || r.Assignment != nil
			})
		}
		// Kafka makes assignments beside the requests, so it may take some heartbeats until they are heard of.
		l := told("member-a", func() int32 { return j.MemberEpoch })
		s.note("a second one joined, and the first hears of it", l)
		if l.Assignment == nil {
			s.t.Fatalf("the first member hears\n%s", s.text)
		}
		owns.MemberEpoch = l.MemberEpoch
		owns.Topics[0].Partitions = l.Assignment.Topics[0].Partitions
		say[*kmsg.ConsumerGroupHeartbeatResponse](s, "and lets go", 1, owns)
		epoch := k.MemberEpoch
		got := until(s, 1, func() kmsg.Request { return heartbeatOf("next", "member-b", epoch) }, func(r *kmsg.ConsumerGroupHeartbeatResponse) bool {
			epoch = r.MemberEpoch
			return r.ErrorCode != 0 || r.Assignment != nil && len(r.Assignment.Topics) > 0
		})
		s.note("the second gets it", got)
		say[*kmsg.ConsumerGroupDescribeResponse](s, "described", 1, describingConsumers("next"))
		commit := committing("next", "member-a", 1, "next", id, 0, 5)
		say[*kmsg.OffsetCommitResponse](s, "a commit in an old epoch", 9, commit)
		commit.Generation = got.MemberEpoch
		say[*kmsg.OffsetCommitResponse](s, "a commit", 9, commit)
		say[*kmsg.OffsetCommitResponse](s, "a commit by topic id", 10, commit)
		commit.MemberID = "nobody"
		say[*kmsg.OffsetCommitResponse](s, "a commit of nobody", 10, commit)
		fetch := fetching("next", "next", id, 0)
		member := "member-a"
		fetch.Groups[0].MemberID, fetch.Groups[0].MemberEpoch = &member, got.MemberEpoch
		say[*kmsg.OffsetFetchResponse](s, "what was committed", 9, fetch)
		fetch.Groups[0].MemberEpoch = 1
		say[*kmsg.OffsetFetchResponse](s, "asked in an old epoch", 10, fetch)

		say[*kmsg.ConsumerGroupHeartbeatResponse](s, "an epoch that is to come", 1, heartbeatOf("next", "member-a", 9))
		say[*kmsg.ConsumerGroupHeartbeatResponse](s, "the second leaves", 1, heartbeatOf("next", "member-b", -1))
		say[*kmsg.ConsumerGroupHeartbeatResponse](s, "and is unknown", 1, heartbeatOf("next", "member-b", got.MemberEpoch))
		say[*kmsg.ConsumerGroupHeartbeatResponse](s, "the first leaves", 1, heartbeatOf("next", "member-a", -1))
		say[*kmsg.ConsumerGroupDescribeResponse](s, "described", 1, describingConsumers("next"))
	})
}

func TestConsumerGroupRefusesMembers(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("refused", 1)
		s.coordinatorReady(0, "refused")
		beat := func(about string, version int16, r *kmsg.ConsumerGroupHeartbeatRequest) {
			say[*kmsg.ConsumerGroupHeartbeatResponse](s, about, version, r)
		}
		beat("no group", 1, heartbeatOf("", "a", 0, "refused"))
		beat("no member id", 1, heartbeatOf("refused", "", 0, "refused"))
		beat("no such member", 1, heartbeatOf("refused", "a", 3))
		beat("leaves a group that there is not", 1, heartbeatOf("refused", "a", -1))
		none := heartbeatOf("refused", "a", 0)
		beat("no subscription", 1, none)
		bad := heartbeatOf("refused", "a", 0, "refused")
		assignor := "none"
		bad.ServerAssignor = &assignor
		beat("no such assignor", 1, bad)
		bad = heartbeatOf("refused", "a", 0)
		expression := "("
		bad.SubscribedTopicRegex = &expression
		beat("an expression that is none", 1, bad)
		bad = heartbeatOf("refused", "a", 0, "refused")
		bad.Topics = nil
		beat("does not say what it owns", 1, bad)
		beat("below the lowest epoch", 1, heartbeatOf("refused", "a", -3))
		first := say[*kmsg.ConsumerGroupHeartbeatResponse](s, "the broker names the member", 0, heartbeatOf("refused", "", 0, "refused"))
		static := heartbeatOf("refused", "b", 0, "refused")
		instance := "instance"
		static.InstanceID = &instance
		beat("a static member", 1, static)
		other := heartbeatOf("refused", "c", 0, "refused")
		other.InstanceID = &instance
		beat("its instance is taken", 1, other)
		beat("the first leaves", 0, heartbeatOf("refused", *first.MemberID, -1))
	})
}
