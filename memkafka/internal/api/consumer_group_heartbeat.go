package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// consumerGroupHeartbeat is ConsumerGroupHeartbeat (KIP-848): a member joins, lives and leaves, and learns its assignment. From
// version 1 on the client makes up its member id (KIP-1082) and may subscribe to an expression.
var consumerGroupHeartbeat = serving(68, 0, 1, serveConsumerGroupHeartbeat)

func serveConsumerGroupHeartbeat(c *call, request *kmsg.ConsumerGroupHeartbeatRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
	beat := group.ConsumerHeartbeat{
		MemberID: request.MemberID, MemberEpoch: request.MemberEpoch, InstanceID: orEmpty(request.InstanceID), RackID: orEmpty(request.RackID),
		ClientID: c.clientID, ClientHost: c.host, RequireMemberID: c.version >= 1,
		RebalanceTimeout: millis(request.RebalanceTimeoutMillis), SubscribedTopics: request.SubscribedTopicNames,
		SubscribedRegex: request.SubscribedTopicRegex, Assignor: orEmpty(request.ServerAssignor),
	}
	if request.Topics != nil {
		beat.Owned = []group.TopicPartitions{}
	}
	for _, t := range request.Topics {
		beat.Owned = append(beat.Owned, group.TopicPartitions{Topic: t.TopicID, Partitions: t.Partitions})
	}
	if c.version == 0 && beat.MemberID == "" && beat.MemberEpoch == 0 {
		if !c.do(func(core *cluster.Cluster, _ millis) { beat.MemberID = core.NewUUID() }) {
			return nil
		}
	}
	for _, given := range []struct {
		name  string
		value *string
	}{{"InstanceId", request.InstanceID}, {"RackId", request.RackID}} {
		if given.value != nil && *given.value == "" && request.Group != "" && request.MemberID != "" {
			response.ErrorCode, response.ErrorMessage = int16(kafka.InvalidRequest), kmsg.StringPtr(given.name+" can't be empty.")
			return response
		}
	}
	denied := kafka.None
	if !c.do(func(core *cluster.Cluster, _ millis) {
		for _, topic := range request.SubscribedTopicNames {
			if c.mayTopic(core, cluster.Describe, topic) != kafka.None {
				denied = kafka.TopicAuthorizationFailed
			}
		}
	}) {
		return nil
	}
	if denied != kafka.None {
		response.ErrorCode = int16(denied)
		return response
	}
	answer, code, ok := askGroup[group.ConsumerHeartbeatResponse](c, cluster.Read, "consumer heartbeat", request.Group, func(tag *tag) group.Command {
		beat.Tag = tag
		return beat
	})
	if !ok {
		return nil
	}
	if code == kafka.None {
		code = answer.Err
	}
	if code != kafka.None {
		response.ErrorCode, response.ErrorMessage = int16(code), nullable(answer.Message)
		return response
	}
	response.MemberID, response.MemberEpoch = nullable(answer.MemberID), answer.MemberEpoch
	response.HeartbeatIntervalMillis = int32(answer.HeartbeatInterval)
	if answer.Assigned != nil {
		response.Assignment = &kmsg.ConsumerGroupHeartbeatResponseAssignment{Topics: []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{}}
		for _, t := range answer.Assigned {
			response.Assignment.Topics = append(response.Assignment.Topics, kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{TopicID: t.Topic, Partitions: t.Partitions})
		}
	}
	return response
}
