package api

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeACLs is DescribeAcls (KIP-140), with prefixes (KIP-290).
var describeACLs = serving(29, 1, 3, serveDescribeACLs)

func serveDescribeACLs(c *call, request *kmsg.DescribeACLsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeACLsResponse)
	response.Resources = []kmsg.DescribeACLsResponseResource{}
	filter, err := filterOf(cluster.ACLFilter{
		Resource: cluster.ResourceType(request.ResourceType), Name: request.ResourceName, Pattern: cluster.PatternType(request.ResourcePatternType),
		Principal: request.Principal, Host: request.Host, Operation: cluster.Operation(request.Operation), Permission: cluster.Permission(request.PermissionType),
	})
	var list []cluster.ACL
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if e := c.authorizing(core, cluster.Describe); e != nil {
			err = e
		}
		if err == nil {
			list = core.ACLs(filter)
		}
	})
	if !ok {
		return nil
	}
	if errors.Is(err, kafka.SecurityDisabled) {
		err = &cluster.Error{Code: kafka.SecurityDisabled, Detail: "No Authorizer is configured on the broker"}
	}
	response.ErrorCode, response.ErrorMessage = codeOf(err), messageOf(err)
	for _, a := range list {
		n := len(response.Resources)
		if n == 0 || response.Resources[n-1].ResourceName != a.Name || response.Resources[n-1].ResourceType != kmsg.ACLResourceType(a.Resource) ||
			response.Resources[n-1].ResourcePatternType != kmsg.ACLResourcePatternType(a.Pattern) {
			r := kmsg.NewDescribeACLsResponseResource()
			r.ResourceType, r.ResourceName, r.ResourcePatternType = kmsg.ACLResourceType(a.Resource), a.Name, kmsg.ACLResourcePatternType(a.Pattern)
			response.Resources = append(response.Resources, r)
			n++
		}
		response.Resources[n-1].ACLs = append(response.Resources[n-1].ACLs, kmsg.DescribeACLsResponseResourceACL{
			Principal: a.Principal, Host: a.Host, Operation: kmsg.ACLOperation(a.Operation), PermissionType: kmsg.ACLPermissionType(a.Permission),
		})
	}
	return response
}
