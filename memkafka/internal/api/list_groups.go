package api

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// listGroups is ListGroups: those that this broker coordinates, from version 4 on by state (KIP-518), from 5 on by type
// (KIP-848).
var listGroups = serving(16, 0, 5, serveListGroups)

func serveListGroups(c *call, request *kmsg.ListGroupsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ListGroupsResponse)
	response.Groups = []kmsg.ListGroupsResponseGroup{}
	fits := func(filter []string, value string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, value) })
	}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for _, id := range core.Groups() {
			g := core.Group(id)
			if core.GroupCoordinator(id) != c.broker.id || g.State() == group.Dead {
				continue
			}
			if !c.mayCluster(core, cluster.Describe) && c.mayGroup(core, cluster.Describe, id) != kafka.None {
				continue
			}
			d := g.Describe()
			if fits(request.StatesFilter, string(d.State)) && fits(request.TypesFilter, string(d.Type)) {
				response.Groups = append(response.Groups, kmsg.ListGroupsResponseGroup{
					Group: id, ProtocolType: d.ProtocolType, GroupState: string(d.State), GroupType: string(d.Type),
				})
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}
