package migrate

import "strings"

const (
	oldModule = "github.com/lovoo/goka"
	newModule = "github.com/gokasim/gokasim"

	diskStore = newModule + "/storage/disk"
	mocks     = newModule + "/kafkamock"
)

// moved says where each package of the old module is now. A package that is not here has no counterpart.
var moved = map[string]string{
	oldModule:                    newModule + "/goka",
	oldModule + "/codec":         newModule + "/goka/codec",
	oldModule + "/logger":        newModule + "/goka/logger",
	oldModule + "/multierr":      newModule + "/goka/multierr",
	oldModule + "/storage":       newModule + "/storage",
	oldModule + "/storage/redis": newModule + "/storage/redis",
	oldModule + "/tester":        newModule + "/tester",
	oldModule + "/web/actions":   newModule + "/goka/web/actions",
	oldModule + "/web/index":     newModule + "/goka/web/index",
	oldModule + "/web/monitor":   newModule + "/goka/web/monitor",
	oldModule + "/web/query":     newModule + "/goka/web/query",
}

// successors are libraries whose types are part of goka's API, and what took their place. They move in all files of a
// module, since their values wander between files.
var successors = map[string]string{
	"github.com/Shopify/sarama":       "github.com/IBM/sarama",
	"github.com/Shopify/sarama/mocks": "github.com/IBM/sarama/mocks",
}

const (
	oldRedis = "gopkg.in/redis.v5"
	newRedis = "github.com/redis/go-redis/v9"

	uberMock = "go.uber.org/mock/gomock"
	goMock   = "github.com/golang/mock/gomock"
)

// isMock tells whether a name of package goka is one of the mocks, which are in kafkamock now.
func isMock(name string) bool {
	return strings.HasPrefix(name, "Mock") || strings.HasPrefix(name, "NewMock")
}

// gone has the names without a counterpart, and what to do.
var gone = map[string]map[string]string{
	oldModule + "/storage": {
		"BuilderWithOptions": "options of goleveldb have no counterpart; use storage/disk.Builder, or storage.DefaultBuilder",
		"New":                "tables are no longer kept in goleveldb; use storage/disk.New",
	},
}

// redisNames are the names of the redis client that mean the same in the old client and in the new one.
var redisNames = map[string]bool{
	"NewClient": true, "Options": true, "Client": true, "Nil": true, "NewClusterClient": true, "ClusterOptions": true, "ClusterClient": true,
	"NewFailoverClient": true, "FailoverOptions": true,
}

// uberOnly are the names of go.uber.org/mock's gomock that github.com/golang/mock's does not have.
var uberOnly = map[string]bool{
	"AnyOf": true, "Cond": true, "Regex": true, "WithOverridableExpectations": true, "ControllerOption": true,
}
