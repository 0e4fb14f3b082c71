package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// joinGroup is JoinGroup: the answer waits until the generation begins. Version 4 has a new member come back with the id it
// was given (KIP-394), 5 knows static members (KIP-345), 7 tells the type of the protocol (KIP-559), 8 asks why (KIP-800),
// 9 lets a leader that came back skip the assignment (KIP-814).
var joinGroup = serving(11, 0, 9, serveJoinGroup)

func serveJoinGroup(c *call, request *kmsg.JoinGroupRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.JoinGroupResponse)
	response.Generation, response.Members = -1, []kmsg.JoinGroupResponseMember{}
	rebalance := request.RebalanceTimeoutMillis
	if c.version < 1 {
		rebalance = request.SessionTimeoutMillis // one time-out for both, before KIP-62
	}
	join := group.Join{
		MemberID: request.MemberID, InstanceID: orEmpty(request.InstanceID), ClientID: c.clientID, ClientHost: c.host,
		RequireKnownMemberID: c.version >= 4, SupportsSkipAssignment: c.version >= 9,
		ProtocolType: request.ProtocolType, SessionTimeout: millis(request.SessionTimeoutMillis), RebalanceTimeout: millis(rebalance),
		Reason: orEmpty(request.Reason),
	}
	for _, p := range request.Protocols {
		join.Protocols = append(join.Protocols, group.Protocol{Name: p.Name, Metadata: p.Metadata})
	}
	answer, code, ok := askGroup[group.JoinResponse](c, cluster.Read, "join", request.Group, func(tag *tag) group.Command { join.Tag = tag; return join })
	if !ok {
		return nil
	}
	if code == kafka.None {
		code = answer.Err
	} else {
		answer.MemberID = request.MemberID
	}
	if code != kafka.None {
		response.ErrorCode, response.MemberID = int16(code), answer.MemberID
		if c.version < 7 {
			response.Protocol = new(string) // not nullable yet
		}
		return response
	}
	response.Generation, response.ProtocolType, response.Protocol = answer.Generation, nullable(answer.ProtocolType), &answer.Protocol
	response.LeaderID, response.MemberID, response.SkipAssignment = answer.Leader, answer.MemberID, answer.SkipAssignment
	for _, m := range answer.Members {
		response.Members = append(response.Members, kmsg.JoinGroupResponseMember{
			MemberID: m.MemberID, InstanceID: nullable(m.InstanceID), ProtocolMetadata: m.Metadata,
		})
	}
	return response
}

// orEmpty is the string, or an empty one for nil.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
