package api

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// deleteGroups is DeleteGroups (KIP-229).
var deleteGroups = serving(42, 0, 2, serveDeleteGroups)

func serveDeleteGroups(c *call, request *kmsg.DeleteGroupsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DeleteGroupsResponse)
	response.Groups = []kmsg.DeleteGroupsResponseGroup{}
	asked := map[string]bool{}
	for _, id := range request.Groups {
		if asked[id] {
			continue // one answer for each
		}
		asked[id] = true
		r := kmsg.NewDeleteGroupsResponseGroup()
		r.Group = id
		answer, code, ok := askGroup[group.DeleteResponse](c, cluster.Delete, "delete", id, func(tag *tag) group.Command { return group.Delete{Tag: tag} })
		if !ok {
			return nil
		}
		r.ErrorCode = int16(cmp.Or(code, answer.Err))
		response.Groups = append(response.Groups, r)
	}
	return response
}
