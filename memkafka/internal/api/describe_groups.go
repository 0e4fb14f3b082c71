package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeGroups is DescribeGroups, for classic groups. Version 3 tells what one may do with them (KIP-430), 4 knows static
// members (KIP-345), 6 says when there is no such group (KIP-1043).
var describeGroups = serving(15, 0, 6, serveDescribeGroups)

func serveDescribeGroups(c *call, request *kmsg.DescribeGroupsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeGroupsResponse)
	response.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(request.Groups))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i, id := range request.Groups {
			response.Groups[i] = c.describeGroup(core, id)
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

func (c *call) describeGroup(core *cluster.Cluster, id string) kmsg.DescribeGroupsResponseGroup {
	r := kmsg.NewDescribeGroupsResponseGroup()
	r.Group, r.Members = id, []kmsg.DescribeGroupsResponseGroupMember{}
	switch g := core.Group(id); {
	case c.mayGroup(core, cluster.Describe, id) != kafka.None:
		r.ErrorCode = int16(kafka.GroupAuthorizationFailed)
		return r
	case core.GroupCoordinator(id) != c.broker.id:
		r.ErrorCode = int16(kafka.NotCoordinator)
		return r
	case g == nil || g.State() == group.Dead || g.Type() != group.Classic:
		r.State = string(group.Dead)
		if c.version >= 6 {
			text := fmt.Sprintf("Group %s not found.", id)
			if g != nil && g.Type() != group.Classic {
				text = fmt.Sprintf("Group %s is not a classic group.", id)
			}
			r.ErrorCode, r.ErrorMessage = int16(kafka.GroupIDNotFound), &text
		}
		return r
	default:
		d := g.Describe()
		r.State, r.ProtocolType, r.Protocol = string(d.State), d.ProtocolType, d.Protocol
		for _, m := range d.Members {
			r.Members = append(r.Members, kmsg.DescribeGroupsResponseGroupMember{
				MemberID: m.MemberID, InstanceID: nullable(m.InstanceID), ClientID: m.ClientID, ClientHost: m.ClientHost,
				ProtocolMetadata: notNil(m.Metadata), MemberAssignment: notNil(m.Assignment),
			})
		}
		return r
	}
}

// notNil is b, or an empty slice for nil.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
