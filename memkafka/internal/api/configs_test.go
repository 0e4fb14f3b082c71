package api_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func describing(kind kmsg.ConfigResourceType, name string, configs ...string) *kmsg.DescribeConfigsRequest {
	r := kmsg.NewPtrDescribeConfigsRequest()
	r.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kind, ResourceName: name, ConfigNames: configs}}
	return r
}

// served leaves out settings of tiered storage, which there is none of, and one that eligible.leader.replicas.version sets
// for the cluster.
func served(r *kmsg.DescribeConfigsResponse) *kmsg.DescribeConfigsResponse {
	for i := range r.Resources {
		var kept []kmsg.DescribeConfigsResponseResourceConfig
		for _, c := range r.Resources[i].Configs {
			if !strings.Contains(c.Name, "remote") && !strings.HasPrefix(c.Name, "local.retention") && c.Name != "min.insync.replicas" {
				kept = append(kept, c)
			}
		}
		r.Resources[i].Configs = kept
	}
	return r
}

func TestDescribeConfigs(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("configs", 1, "cleanup.policy", "compact,delete", "retention.ms", "1000")
		for v := int16(1); v <= 4; v++ {
			r := describing(kmsg.ConfigResourceTypeTopic, "configs", "cleanup.policy", "segment.bytes", "retention.ms", "no.setting")
			say[*kmsg.DescribeConfigsResponse](s, "some of a topic", v, r)
			r.IncludeSynonyms = true
			say[*kmsg.DescribeConfigsResponse](s, "with where they come from", v, r)
		}
		all := describing(kmsg.ConfigResourceTypeTopic, "configs")
		s.note("all of a topic", served(ask[*kmsg.DescribeConfigsResponse](s.client, 4, all)))
		all.IncludeSynonyms = true
		s.note("all of a topic, with where they come from", served(ask[*kmsg.DescribeConfigsResponse](s.client, 4, all)))
		none := describing(kmsg.ConfigResourceTypeTopic, "configs")
		none.Resources[0].ConfigNames = []string{}
		s.note("an empty list of a topic's", served(ask[*kmsg.DescribeConfigsResponse](s.client, 4, none)))
		say[*kmsg.DescribeConfigsResponse](s, "of a topic that there is not", 4, describing(kmsg.ConfigResourceTypeTopic, "configs-none"))
		say[*kmsg.DescribeConfigsResponse](s, "of a topic without a name", 4, describing(kmsg.ConfigResourceTypeTopic, ""))
		say[*kmsg.DescribeConfigsResponse](s, "some of the broker", 4, describing(kmsg.ConfigResourceTypeBroker, "1", "num.partitions", "auto.create.topics.enable", "message.max.bytes"))
		s.note("of all brokers", served(ask[*kmsg.DescribeConfigsResponse](s.client, 4, describing(kmsg.ConfigResourceTypeBroker, ""))))
		say[*kmsg.DescribeConfigsResponse](s, "of another broker", 4, describing(kmsg.ConfigResourceTypeBroker, "7"))
		say[*kmsg.DescribeConfigsResponse](s, "of a broker that is no number", 4, describing(kmsg.ConfigResourceTypeBroker, "x"))
		say[*kmsg.DescribeConfigsResponse](s, "of something else", 4, describing(99, "x"))
	})
}

func TestAlterConfigs(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("alter", 1, "retention.ms", "1000", "segment.ms", "2000")
		values := func(pairs ...string) (list []kmsg.AlterConfigsRequestResourceConfig) {
			for i := 0; i < len(pairs); i += 2 {
				list = append(list, kmsg.AlterConfigsRequestResourceConfig{Name: pairs[i], Value: &pairs[i+1]})
			}
			return list
		}
		alter := func(about string, version int16, topic string, list []kmsg.AlterConfigsRequestResourceConfig) {
			r := kmsg.NewPtrAlterConfigsRequest()
			r.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic, Configs: list}}
			say[*kmsg.AlterConfigsResponse](s, about, version, r)
		}
		overridden := func() {
			answer := ask[*kmsg.DescribeConfigsResponse](s.client, 4, describing(kmsg.ConfigResourceTypeTopic, "alter", "retention.ms", "segment.ms", "cleanup.policy", "max.message.bytes"))
			s.note("what is in force", answer)
		}
		for v := range int16(3) {
			alter("all of them", v, "alter", values("retention.ms", "500"+string(rune('0'+v))))
		}
		s.settle("alter", "retention.ms", "5002")
		overridden()
		alter("a bad value", 2, "alter", values("retention.ms", "soon"))
		alter("a setting that there is not", 2, "alter", values("no.setting", "1"))
		alter("null", 2, "alter", []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms"}})
		alter("a topic that there is not", 2, "alter-none", values("retention.ms", "1"))

		change := func(about string, version int16, topic string, pairs ...any) {
			r := kmsg.NewPtrIncrementalAlterConfigsRequest()
			resource := kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic}
			for i := 0; i < len(pairs); i += 3 {
				c := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: pairs[i].(string), Op: kmsg.IncrementalAlterConfigOp(pairs[i+1].(int))}
				if v, ok := pairs[i+2].(string); ok {
					c.Value = &v
				}
				resource.Configs = append(resource.Configs, c)
			}
			r.Resources = append(r.Resources, resource)
			say[*kmsg.IncrementalAlterConfigsResponse](s, about, version, r)
		}
		const set, del, add, sub = 0, 1, 2, 3
		change("one set, one taken back", 0, "alter", "max.message.bytes", set, "2000000", "retention.ms", del, nil)
		s.settle("alter", "max.message.bytes", "2000000")
		overridden()
		change("one more of a list", 1, "alter", "cleanup.policy", add, "compact")
		s.settle("alter", "cleanup.policy", "delete,compact")
		overridden()
		change("one less", 1, "alter", "cleanup.policy", sub, "delete")
		s.settle("alter", "cleanup.policy", "compact")
		change("one more of what is no list", 1, "alter", "retention.ms", add, "5")
		change("null", 1, "alter", "retention.ms", set, nil)
		change("twice", 1, "alter", "retention.ms", set, "5", "retention.ms", set, "6")
		change("a bad value", 1, "alter", "retention.ms", set, "soon")
		change("a setting that there is not", 1, "alter", "no.setting", set, "1")
		change("a topic that there is not", 1, "alter-none", "retention.ms", set, "1")
	})
}

// settle waits until the broker knows a setting of a topic.
func (s *script) settle(topic, name, value string) {
	s.t.Helper()
	until(s, 4, func() kmsg.Request { return describing(kmsg.ConfigResourceTypeTopic, topic, name) }, func(r *kmsg.DescribeConfigsResponse) bool {
		return len(r.Resources[0].Configs) == 1 && *r.Resources[0].Configs[0].Value == value
	})
}

func TestListConfigResources(t *testing.T) {
	transcript(t, func(s *script) {
		list := func(about string, version int16, kinds ...int8) {
			r := kmsg.NewPtrListConfigResourcesRequest()
			r.ResourceTypes = kinds
			say[*kmsg.ListConfigResourcesResponse](s, about, version, r)
		}
		list("client metrics", 0)
		list("brokers", 1, 4)
		list("loggers", 1, 8)
		list("groups", 1, 32)
		list("something else", 1, 9)
	})
}
