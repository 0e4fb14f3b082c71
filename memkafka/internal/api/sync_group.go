package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// syncGroup is SyncGroup: the answer waits for the leader's assignment. Version 3 knows static members (KIP-345), 5 names the
// protocol (KIP-559).
var syncGroup = serving(14, 0, 5, serveSyncGroup)

func serveSyncGroup(c *call, request *kmsg.SyncGroupRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.SyncGroupResponse)
	response.MemberAssignment = []byte{}
	if c.version >= 5 && (request.ProtocolType == nil || request.Protocol == nil) {
		response.ErrorCode = int16(kafka.InconsistentGroupProtocol)
		return response
	}
	sync := group.Sync{
		MemberID: request.MemberID, InstanceID: orEmpty(request.InstanceID), Generation: request.Generation,
		ProtocolType: orEmpty(request.ProtocolType), Protocol: orEmpty(request.Protocol),
	}
	for _, a := range request.GroupAssignment {
		sync.Assignments = append(sync.Assignments, group.MemberAssignment{MemberID: a.MemberID, Assignment: a.MemberAssignment})
	}
	answer, code, ok := askGroup[group.SyncResponse](c, cluster.Read, "sync", request.Group, func(tag *tag) group.Command { sync.Tag = tag; return sync })
	if !ok {
		return nil
	}
	if code == kafka.None {
		code = answer.Err
	}
	if code != kafka.None {
		response.ErrorCode = int16(code)
		return response
	}
	response.ProtocolType, response.Protocol = nullable(answer.ProtocolType), nullable(answer.Protocol)
	if answer.Assignment != nil {
		response.MemberAssignment = answer.Assignment
	}
	return response
}
