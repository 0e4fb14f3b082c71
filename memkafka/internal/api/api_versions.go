package api

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// apiVersions is ApiVersions (KIP-35): what this broker serves. Later versions name the client (KIP-511) and list features
// (KIP-584), from version 4 on those too that may be off (KIP-1022).
var apiVersions = serving(18, 0, 4, serveAPIVersions)

// clientSoftware is what the name and the version of a client may look like (KIP-511).
var clientSoftware = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

func serveAPIVersions(c *call, request *kmsg.ApiVersionsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ApiVersionsResponse)
	if c.version >= 3 && !(clientSoftware.MatchString(request.ClientSoftwareName) && clientSoftware.MatchString(request.ClientSoftwareVersion)) {
		response.ErrorCode = int16(kafka.InvalidRequest)
		return response
	}
	for _, r := range c.broker.routes {
		response.ApiKeys = append(response.ApiKeys, advertised(r))
	}
	for _, f := range c.broker.features {
		if f.least > 0 || c.version >= 4 {
			response.SupportedFeatures = append(response.SupportedFeatures, kmsg.ApiVersionsResponseSupportedFeature{Name: f.name, MinVersion: f.least, MaxVersion: f.most})
		}
		if f.used > 0 {
			response.FinalizedFeatures = append(response.FinalizedFeatures, kmsg.ApiVersionsResponseFinalizedFeature{Name: f.name, MinVersionLevel: f.used, MaxVersionLevel: f.used})
		}
	}
	if len(c.broker.features) > 0 {
		response.FinalizedFeaturesEpoch = 1
	}
	return response
}

// advertised is what clients are told about a route.
func advertised(r *route) kmsg.ApiVersionsResponseApiKey {
	k := kmsg.ApiVersionsResponseApiKey{ApiKey: r.key, MinVersion: r.min, MaxVersion: r.max}
	if r.key == produce.key {
		k.MinVersion = 0 // older librdkafka takes a broker without it for one that compresses nothing; what it sends is version 3
	}
	return k
}

// unsupportedAPIVersions answers a version of ApiVersions that is not served: in the form of version 0, with the versions
// that are (KIP-511).
func unsupportedAPIVersions(r *route) wire.Body {
	response := kmsg.NewPtrApiVersionsResponse()
	response.ErrorCode = int16(kafka.UnsupportedVersion)
	response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{advertised(r)}
	return response
}
