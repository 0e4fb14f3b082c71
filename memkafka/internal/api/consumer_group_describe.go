package api

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// consumerGroupDescribe is ConsumerGroupDescribe (KIP-848), from version 1 on with the protocol that each member uses
// (KIP-1099).
var consumerGroupDescribe = serving(69, 0, 1, serveConsumerGroupDescribe)

func serveConsumerGroupDescribe(c *call, request *kmsg.ConsumerGroupDescribeRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
	response.Groups = make([]kmsg.ConsumerGroupDescribeResponseGroup, len(request.Groups))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i, id := range request.Groups {
			response.Groups[i] = c.describeConsumerGroup(core, id)
			if request.IncludeAuthorizedOperations && response.Groups[i].ErrorCode == 0 {
				response.Groups[i].AuthorizedOperations = c.groupOperations(core, id)
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) describeConsumerGroup(core *cluster.Cluster, id string) kmsg.ConsumerGroupDescribeResponseGroup {
	r := kmsg.NewConsumerGroupDescribeResponseGroup()
	r.Group, r.Members, r.AuthorizedOperations = id, []kmsg.ConsumerGroupDescribeResponseGroupMember{}, noOperations
	refuse := func(code kafka.ErrorCode, message *string) kmsg.ConsumerGroupDescribeResponseGroup {
		r.ErrorCode, r.ErrorMessage = int16(code), message
		return r
	}
	switch {
	case id == "":
		return refuse(kafka.InvalidGroupID, nil)
	case c.mayGroup(core, cluster.Describe, id) != kafka.None:
		return refuse(kafka.GroupAuthorizationFailed, nil)
	case core.GroupCoordinator(id) != c.broker.id:
		return refuse(kafka.NotCoordinator, nil)
	}
	g := core.Group(id)
	if g == nil || g.State() == group.Dead || g.Type() != group.Consumer {
		text := fmt.Sprintf("Group %s not found.", id)
		if g != nil && g.State() != group.Dead {
			text = fmt.Sprintf("Group %s is not a consumer group.", id)
		}
		return refuse(kafka.GroupIDNotFound, &text)
	}
	d := g.Describe()
	r.State, r.Epoch, r.AssignmentEpoch, r.AssignorName = string(d.State), d.Generation, d.AssignmentEpoch, d.Protocol
	for _, m := range d.Members {
		member := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		member.MemberID, member.InstanceID, member.RackID, member.MemberEpoch = m.MemberID, nullable(m.InstanceID), nullable(m.RackID), m.Epoch
		member.ClientID, member.ClientHost = m.ClientID, m.ClientHost
		member.SubscribedTopics = append([]string{}, m.SubscribedTopics...)
		member.SubscribedTopicRegex = &m.SubscribedRegex
		member.Assignment, member.TargetAssignment = assignmentNamed(core, slices.Concat(m.Assigned, m.Revoking)), assignmentNamed(core, m.Target)
		member.MemberType = memberConsumer
		if m.Type == group.Classic {
			member.MemberType = memberClassic
		}
		r.Members = append(r.Members, member)
	}
	return r
}

// Types of members.
const (
	memberClassic  = 0
	memberConsumer = 1
)

// assignmentNamed is an assignment with the names of its topics. Topics that are gone are left out.
func assignmentNamed(core *cluster.Cluster, list []group.TopicPartitions) kmsg.Assignment {
	a := kmsg.NewAssignment()
	a.TopicPartitions = []kmsg.AssignmentTopicPartition{}
	for _, t := range list {
		at := slices.IndexFunc(a.TopicPartitions, func(known kmsg.AssignmentTopicPartition) bool { return known.TopicID == t.Topic })
		if at >= 0 { // some that the member works on, some that it is to let go of
			known := &a.TopicPartitions[at]
			known.Partitions = slices.Sorted(slices.Values(slices.Concat(known.Partitions, t.Partitions)))
		} else if topic := core.TopicByID(t.Topic); topic != nil {
			a.TopicPartitions = append(a.TopicPartitions, kmsg.AssignmentTopicPartition{TopicID: t.Topic, Topic: topic.Name, Partitions: t.Partitions})
		}
	}
	return a
}
