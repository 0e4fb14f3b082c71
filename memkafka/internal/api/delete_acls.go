package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// deleteACLs is DeleteAcls (KIP-140), with prefixes (KIP-290).
var deleteACLs = serving(31, 1, 3, serveDeleteACLs)

func serveDeleteACLs(c *call, request *kmsg.DeleteACLsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DeleteACLsResponse)
	response.Results = make([]kmsg.DeleteACLsResponseResult, len(request.Filters))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i, asked := range request.Filters {
			r := &response.Results[i]
			r.MatchingACLs = []kmsg.DeleteACLsResponseResultMatchingACL{}
			filter, err := filterOf(cluster.ACLFilter{
				Resource: cluster.ResourceType(asked.ResourceType), Name: asked.ResourceName, Pattern: cluster.PatternType(asked.ResourcePatternType),
				Principal: asked.Principal, Host: asked.Host, Operation: cluster.Operation(asked.Operation), Permission: cluster.Permission(asked.PermissionType),
			})
			if e := c.authorizing(core, cluster.Alter); e != nil {
				err = e
			}
			if r.ErrorCode, r.ErrorMessage = codeOf(err), messageOf(err); err != nil {
				continue
			}
			for _, a := range core.DeleteACLs(filter) {
				r.MatchingACLs = append(r.MatchingACLs, kmsg.DeleteACLsResponseResultMatchingACL{
					ResourceType: kmsg.ACLResourceType(a.Resource), ResourceName: a.Name, ResourcePatternType: kmsg.ACLResourcePatternType(a.Pattern),
					Principal: a.Principal, Host: a.Host, Operation: kmsg.ACLOperation(a.Operation), PermissionType: kmsg.ACLPermissionType(a.Permission),
				})
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}
