package api

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// updateFeatures is UpdateFeatures (KIP-584), all or nothing. The levels of a cluster here are those of the release that its
// brokers pose as: an update to them is right, any other is refused.
var updateFeatures = serving(57, 0, 2, serveUpdateFeatures)

func serveUpdateFeatures(c *call, request *kmsg.UpdateFeaturesRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.UpdateFeaturesResponse)
	response.Results = []kmsg.UpdateFeaturesResponseResult{}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if !c.mayCluster(core, cluster.Alter) {
			response.ErrorCode = int16(kafka.ClusterAuthorizationFailed)
			return
		}
		for _, u := range request.FeatureUpdates {
			if why := c.broker.refusesLevel(u, c.version); why != "" {
				why = fmt.Sprintf("The update failed for all features since the following feature had an error: Invalid update version %d for feature %s. %s",
					u.MaxVersionLevel, u.Feature, why)
				response.ErrorCode, response.ErrorMessage = int16(kafka.InvalidUpdateVersion), &why
				return
			}
		}
		for _, u := range request.FeatureUpdates {
			r := kmsg.NewUpdateFeaturesResponseResult()
			r.Feature = u.Feature
			response.Results = append(response.Results, r)
		}
	})
	if !ok {
		return nil
	}
	return response
}

// The ways in which a level may change (UpgradeType).
const (
	upgradeOnly     = 1
	safeDowngrade   = 2
	unsafeDowngrade = 3
)

// refusesLevel tells why a feature cannot have a level, nothing if it has it.
func (b *Broker) refusesLevel(u kmsg.UpdateFeaturesRequestFeatureUpdate, version int16) string {
	level, way := u.MaxVersionLevel, u.UpgradeType
	if version == 0 {
		way = upgradeOnly
		if u.AllowDowngrade {
			way = safeDowngrade
		}
	}
	i := slices.IndexFunc(b.features, func(f feature) bool { return f.name == u.Feature })
	switch {
	case way < upgradeOnly || way > unsafeDowngrade:
		return "The controller does not support the given upgrade type."
	case level < 0:
		return "A feature version cannot be less than 0."
	case i < 0:
		return fmt.Sprintf("Local controller %d does not support this feature.", b.id)
	case level < b.features[i].least || level > b.features[i].most:
		return fmt.Sprintf("Local controller %d only supports versions %d-%d", b.id, b.features[i].least, b.features[i].most)
	case level < b.features[i].used && way == upgradeOnly:
		return "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade."
	case level > b.features[i].used && way != upgradeOnly:
		return "Can't downgrade to a newer version."
	case level != b.features[i].used:
		return fmt.Sprintf("It is %d here for as long as the cluster lives: memkafka.AsVersion decides", b.features[i].used)
	}
	return ""
}
