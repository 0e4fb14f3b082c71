package api

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// heartbeat is Heartbeat: a member's sign of life. Version 3 knows static members (KIP-345).
var heartbeat = serving(12, 0, 4, serveHeartbeat)

func serveHeartbeat(c *call, request *kmsg.HeartbeatRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.HeartbeatResponse)
	answer, code, ok := askGroup[group.HeartbeatResponse](c, cluster.Read, "heartbeat", request.Group, func(tag *tag) group.Command {
		return group.Heartbeat{Tag: tag, MemberID: request.MemberID, InstanceID: orEmpty(request.InstanceID), Generation: request.Generation}
	})
	if !ok {
		return nil
	}
	response.ErrorCode = int16(cmp.Or(code, answer.Err))
	return response
}
