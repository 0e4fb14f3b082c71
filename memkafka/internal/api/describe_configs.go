package api

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeConfigs is DescribeConfigs (KIP-133): settings of topics and brokers, with where each value comes from (KIP-226) and
// its type and documentation (KIP-569).
var describeConfigs = serving(32, 1, 4, serveDescribeConfigs)

func serveDescribeConfigs(c *call, request *kmsg.DescribeConfigsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
	response.Resources = make([]kmsg.DescribeConfigsResponseResource, len(request.Resources))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i := range request.Resources {
			response.Resources[i] = c.describeConfig(core, &request.Resources[i], request)
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) describeConfig(core *cluster.Cluster, asked *kmsg.DescribeConfigsRequestResource, request *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResource {
	r := kmsg.NewDescribeConfigsResponseResource()
	r.ResourceType, r.ResourceName = asked.ResourceType, asked.ResourceName
	r.Configs = []kmsg.DescribeConfigsResponseResourceConfig{}
	var entries []cluster.ConfigEntry
	var err error
	switch denied := c.mayConfigure(core, cluster.DescribeConfigs, asked.ResourceType, asked.ResourceName); {
	case denied != kafka.None:
		err = denied
	case asked.ResourceType == kmsg.ConfigResourceTypeTopic:
		if err = cluster.CheckTopicName(asked.ResourceName); err == nil {
			if entries, err = core.DescribeTopic(asked.ResourceName, asked.ConfigNames); err != nil {
				err = &cluster.Error{Code: kafka.UnknownTopicOrPartition} // without words
			}
		}
	case asked.ResourceType == kmsg.ConfigResourceTypeBroker:
		var broker int32
		if broker, err = brokerNamed(asked.ResourceName); err == nil && broker != 0 && broker != c.broker.id {
			err = invalidRequest(fmt.Sprintf("Unexpected broker id, expected %d or empty string, but received %d", c.broker.id, broker))
		}
		if err == nil {
			entries, err = core.DescribeBroker(broker, asked.ConfigNames)
		}
	case asked.ResourceType == kmsg.ConfigResourceTypeGroupConfig:
		entries, err = describeGroupConfig(core, asked.ResourceName, asked.ConfigNames)
	case asked.ResourceType == kmsg.ConfigResourceTypeBrokerLogger: // of which there are none
		var broker int32
		if broker, err = brokerNamed(asked.ResourceName); err == nil && broker != c.broker.id {
			err = invalidRequest(fmt.Sprintf("Unexpected broker id, expected %d but received %s", c.broker.id, asked.ResourceName))
		}
	case asked.ResourceType == kmsg.ConfigResourceTypeClientMetrics: // of which there are none
	default:
		err = invalidRequest(malformed)
	}
	r.ErrorCode, r.ErrorMessage = codeOf(err), messageOf(err)
	for _, e := range entries {
		config := kmsg.NewDescribeConfigsResponseResourceConfig()
		config.Name, config.ReadOnly = e.Name, e.ReadOnly
		config.Source, config.ConfigType = kmsg.ConfigSource(e.Source), kmsg.ConfigType(e.Type)
		config.ConfigSynonyms = []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{}
		if !e.Null {
			config.Value = &e.Value
		}
		if words := cluster.Documentation(e.Name); request.IncludeDocumentation && words != "" {
			config.Documentation = &words
		}
		for _, y := range e.Synonyms {
			if request.IncludeSynonyms {
				config.ConfigSynonyms = append(config.ConfigSynonyms, kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{
					Name: y.Name, Value: &y.Value, Source: kmsg.ConfigSource(y.Source),
				})
			}
		}
		r.Configs = append(r.Configs, config)
	}
	return r
}

// malformed is what Kafka says with INVALID_REQUEST when it has nothing to say.
const malformed = "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. " +
	"See the broker logs for more details."

// mayConfigure tells why the client may not describe or alter the settings of a resource, None if it may.
func (c *call) mayConfigure(core *cluster.Cluster, op cluster.Operation, kind kmsg.ConfigResourceType, name string) kafka.ErrorCode {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		return c.mayTopic(core, op, name)
	case kmsg.ConfigResourceTypeGroupConfig:
		return c.mayGroup(core, op, name)
	default:
		return unless(c.mayCluster(core, op), kafka.ClusterAuthorizationFailed)
	}
}

// brokerNamed is the broker that the name of a resource stands for, 0 for all of them.
func brokerNamed(name string) (int32, error) {
	if name == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil || id < 1 {
		return 0, invalidRequest("Broker id must be an integer, but it is: " + name)
	}
	return int32(id), nil
}

// describeGroupConfig tells what members of a KIP-848 group live by: what the brokers say.
func describeGroupConfig(core *cluster.Cluster, id string, names []string) ([]cluster.ConfigEntry, error) {
	if id == "" {
		return nil, invalidRequest("Group name must not be empty")
	}
	settings := core.Settings().Group
	var entries []cluster.ConfigEntry
	for _, s := range []struct {
		name  string
		value millis
	}{
		{"consumer.heartbeat.interval.ms", settings.ConsumerHeartbeatInterval},
		{"consumer.session.timeout.ms", settings.ConsumerSessionTimeout},
	} {
		if len(names) == 0 || slices.Contains(names, s.name) {
			entries = append(entries, cluster.ConfigEntry{
				Name: s.name, Value: strconv.Itoa(int(s.value)), Type: cluster.ConfigInt, Source: cluster.FromDefault,
			})
		}
	}
	return entries, nil
}
