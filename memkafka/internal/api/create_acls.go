package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// createACLs is CreateAcls (KIP-140), with prefixes (KIP-290).
var createACLs = serving(30, 1, 3, serveCreateACLs)

func serveCreateACLs(c *call, request *kmsg.CreateACLsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.CreateACLsResponse)
	response.Results = make([]kmsg.CreateACLsResponseResult, len(request.Creations))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i, creation := range request.Creations {
			a := cluster.ACL{
				Resource: cluster.ResourceType(creation.ResourceType), Name: creation.ResourceName, Pattern: cluster.PatternType(creation.ResourcePatternType),
				Principal: creation.Principal, Host: creation.Host, Operation: cluster.Operation(creation.Operation), Permission: cluster.Permission(creation.PermissionType),
			}
			err := c.authorizing(core, cluster.Alter)
			if err == nil {
				err = checkACL(a)
			}
			if err == nil {
				core.AddACL(a)
			}
			response.Results[i].ErrorCode, response.Results[i].ErrorMessage = codeOf(err), messageOf(err)
		}
	})
	if !ok {
		return nil
	}
	return response
}
