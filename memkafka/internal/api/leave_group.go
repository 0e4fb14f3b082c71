package api

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// leaveGroup is LeaveGroup: a member goes, from version 3 on several, also static ones by their instance id (KIP-345), from 5
// on with a reason (KIP-800).
var leaveGroup = serving(13, 0, 5, serveLeaveGroup)

func serveLeaveGroup(c *call, request *kmsg.LeaveGroupRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.LeaveGroupResponse)
	leave := group.Leave{}
	if c.version < 3 {
		leave.Members = []group.LeavingMember{{MemberID: request.MemberID}}
	}
	for _, m := range request.Members {
		leave.Members = append(leave.Members, group.LeavingMember{MemberID: m.MemberID, InstanceID: orEmpty(m.InstanceID), Reason: orEmpty(m.Reason)})
	}
	answer, code, ok := askGroup[group.LeaveResponse](c, cluster.Read, "leave", request.Group, func(tag *tag) group.Command { leave.Tag = tag; return leave })
	if !ok {
		return nil
	}
	response.ErrorCode = int16(cmp.Or(code, answer.Err))
	response.Members = []kmsg.LeaveGroupResponseMember{}
	if response.ErrorCode != int16(kafka.None) {
		return response
	}
	if c.version < 3 {
		response.ErrorCode = int16(answer.Members[0].Err)
		return response
	}
	for _, m := range answer.Members {
		response.Members = append(response.Members, kmsg.LeaveGroupResponseMember{MemberID: m.MemberID, InstanceID: nullable(m.InstanceID), ErrorCode: int16(m.Err)})
	}
	return response
}
