package api

import (
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// apiVersions is ApiVersions (KIP-35): what this broker serves. Later versions name the client (KIP-511) and list features
// (KIP-584), from version 4 on those too that may be off (KIP-1022).
var apiVersions = serving(18, 0, 4, serveAPIVersions)

// clientSoftware is what the name and the version of a client may look like (KIP-511).
var clientSoftware = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

// feature is a feature of a cluster with the levels that its brokers know and the one that is on.
type feature struct {
	name              string
	least, most, used int16
}

// features are those of Apache Kafka 4.3 that concern what is served here, by name.
var features = []feature{
	{"eligible.leader.replicas.version", 0, 1, 1},
	{"group.version", 0, 1, 1},
	{"metadata.version", 7, 30, 30},
	{"transaction.version", 0, 2, 2},
}

func serveAPIVersions(c *call, request *kmsg.ApiVersionsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ApiVersionsResponse)
	if c.version >= 3 && !(clientSoftware.MatchString(request.ClientSoftwareName) && clientSoftware.MatchString(request.ClientSoftwareVersion)) {
		response.ErrorCode = int16(kafka.InvalidRequest)
		return response
	}
	for _, r := range routes {
		response.ApiKeys = append(response.ApiKeys, advertised(r))
	}
	features := features
	if !c.do(func(core *cluster.Cluster, _ millis) {
		version := core.Settings().Transactions.Version
		features = slices.Clone(features)
		features[slices.IndexFunc(features, func(f feature) bool { return f.name == "transaction.version" })].used = version
	}) {
		return nil
	}
	for _, f := range features {
		if f.least > 0 || c.version >= 4 {
			response.SupportedFeatures = append(response.SupportedFeatures, kmsg.ApiVersionsResponseSupportedFeature{Name: f.name, MinVersion: f.least, MaxVersion: f.most})
		}
		if f.used > 0 {
			response.FinalizedFeatures = append(response.FinalizedFeatures, kmsg.ApiVersionsResponseFinalizedFeature{Name: f.name, MinVersionLevel: f.used, MaxVersionLevel: f.used})
		}
	}
	response.FinalizedFeaturesEpoch = 1
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
func unsupportedAPIVersions() wire.Body {
	response := kmsg.NewPtrApiVersionsResponse()
	response.ErrorCode = int16(kafka.UnsupportedVersion)
	response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{advertised(apiVersions)}
	return response
}
