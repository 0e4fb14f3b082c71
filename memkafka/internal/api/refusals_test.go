package api_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// refused asks and writes down, with the messages of errors, which administrators read.
func refused(s *script, about string, version int16, r kmsg.Request) {
	s.t.Helper()
	answer := ask[kmsg.Response](s.client, version, r)
	s.note(about, answer)
	s.messages(reflect.ValueOf(answer), "")
}

// messages writes down the messages of an answer, each with where it stands.
func (s *script) messages(v reflect.Value, at string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			s.messages(v.Elem(), at)
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.messages(v.Index(i), fmt.Sprintf("%s[%d]", at, i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch name, f := v.Type().Field(i).Name, v.Field(i); {
			case name == "ErrorMessage" && (f.Kind() != reflect.Pointer || !f.IsNil()):
				fmt.Fprintf(s.text, "  says%s %q\n", at, reflect.Indirect(f))
			case name != "UnknownTags" && v.Type().Field(i).IsExported():
				s.messages(f, at+"."+name)
			}
		}
	default:
	}
}

func TestRefusalsOfTopics(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("topic", 3)
		create := func(about string, topics ...kmsg.CreateTopicsRequestTopic) {
			r := kmsg.NewPtrCreateTopicsRequest()
			r.TimeoutMillis, r.Topics = 10_000, topics
			refused(s, "create "+about, 7, r)
		}
		spec := func(name string, partitions int32, replication int16, configs ...string) kmsg.CreateTopicsRequestTopic {
			topic := kmsg.NewCreateTopicsRequestTopic()
			topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, replication
			for _, c := range configs {
				name, value, _ := strings.Cut(c, "=")
				topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: name, Value: &value})
			}
			return topic
		}
		for _, name := range []string{"topic", "", ".", "..", strings.Repeat("x", 250), "a b", "a/b"} {
			create(name, spec(name, 1, 1))
		}
		create("no partitions", spec("new", 0, 1))
		create("fewer", spec("new", -2, 1))
		create("no replicas", spec("new", 1, 0))
		create("more replicas than brokers", spec("new", 1, 9))
		create("twice", spec("new", 1, 1), spec("new", 1, 1))
		for _, config := range []string{
			"nope=1", "retention.ms=x", "retention.ms=-2", "cleanup.policy=zip", "segment.bytes=1", "min.insync.replicas=0", "compression.type=lzma",
			"message.timestamp.type=never", "min.cleanable.dirty.ratio=2", "min.cleanable.dirty.ratio=-0.25", "unclean.leader.election.enable=maybe",
			"retention.bytes=99999999999999999999", "segment.ms=0", "max.message.bytes=-1", "compression.gzip.level=77", "compression.lz4.level=0",
			"remote.storage.enable=true", "follower.replication.throttled.replicas=x", "leader.replication.throttled.replicas=0:1,x",
		} {
			create(config, spec("new", 1, 1, config))
		}
		create("lags", spec("new", 1, 1, "min.compaction.lag.ms=10", "max.compaction.lag.ms=5"))
		for about, assignment := range [][]kmsg.CreateTopicsRequestTopicReplicaAssignment{
			{{Replicas: []int32{7}}},
			{{Replicas: []int32{1, 1}}},
			{{Partition: 1, Replicas: []int32{1}}},
			{{Replicas: []int32{}}},
			{{Replicas: []int32{1}}, {Replicas: []int32{1}}},
		} {
			topic := spec("new", -1, -1)
			topic.ReplicaAssignment = assignment
			create(fmt.Sprint("assigned ", about), topic)
		}
		topic := spec("new", 1, -1)
		topic.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1}}}
		create("assigned, and the number of partitions", topic)

		grow := func(name string, count int32, assignment ...[]int32) {
			r := kmsg.NewPtrCreatePartitionsRequest()
			topic := kmsg.NewCreatePartitionsRequestTopic()
			topic.Topic, topic.Count = name, count
			for _, replicas := range assignment {
				topic.Assignment = append(topic.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: replicas})
			}
			r.TimeoutMillis, r.Topics = 10_000, []kmsg.CreatePartitionsRequestTopic{topic}
			refused(s, fmt.Sprint("grow ", name, " to ", count, assignment), 3, r)
		}
		grow("topic", 1)
		grow("topic", 3)
		grow("none", 3)
		grow("topic", 4, []int32{9})
		grow("topic", 4, []int32{1}, []int32{1})
		grow("topic", 4, []int32{1, 1})

		remove := func(about string, topics ...kmsg.DeleteTopicsRequestTopic) {
			r := kmsg.NewPtrDeleteTopicsRequest()
			r.TimeoutMillis, r.Topics = 10_000, topics
			refused(s, "delete "+about, 6, r)
		}
		name := "topic"
		remove("nothing", kmsg.DeleteTopicsRequestTopic{})
		remove("by name and id", kmsg.DeleteTopicsRequestTopic{Topic: &name, TopicID: [16]byte{1}})
		remove("twice", kmsg.DeleteTopicsRequestTopic{Topic: &name}, kmsg.DeleteTopicsRequestTopic{Topic: &name})
		remove("an id of none", kmsg.DeleteTopicsRequestTopic{TopicID: [16]byte{1}})
		remove("an id twice", kmsg.DeleteTopicsRequestTopic{TopicID: [16]byte{1}}, kmsg.DeleteTopicsRequestTopic{TopicID: [16]byte{1}})
	})
}

func TestRefusalsOfSettings(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("settings", 1)
		alter := func(about string, resources ...kmsg.IncrementalAlterConfigsRequestResource) {
			r := kmsg.NewPtrIncrementalAlterConfigsRequest()
			r.Resources = resources
			refused(s, about, 1, r)
		}
		change := func(kind kmsg.ConfigResourceType, name, config, value string) kmsg.IncrementalAlterConfigsRequestResource {
			r := kmsg.NewIncrementalAlterConfigsRequestResource()
			r.ResourceType, r.ResourceName = kind, name
			r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: config, Value: &value}}
			return r
		}
		topic, broker := kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker
		one := change(topic, "settings", "retention.ms", "1000")
		alter("a topic twice", one, one)
		one.Configs = append(one.Configs, one.Configs...)
		alter("a setting twice", one)
		alter("no topic", change(topic, "none", "retention.ms", "1"))
		alter("all topics", change(topic, "", "retention.ms", "1"))
		alter("a name that no topic has", change(topic, "a b", "retention.ms", "1"))
		alter("a setting that there is not", change(topic, "settings", "nope", "1"))
		alter("no broker", change(broker, "77", "log.retention.ms", "1"))
		alter("no number", change(broker, "x", "log.retention.ms", "1"))
		alter("no value", change(broker, "", "log.retention.ms", "abc"))
		alter("nothing known", change(99, "settings", "retention.ms", "1"))

		for _, of := range []kmsg.DescribeConfigsRequestResource{
			{ResourceType: topic, ResourceName: "none"},
			{ResourceType: topic, ResourceName: "a b"},
			{ResourceType: broker, ResourceName: "99"},
			{ResourceType: broker, ResourceName: "x"},
			{ResourceType: kmsg.ConfigResourceTypeBrokerLogger, ResourceName: "2"},
		} {
			describe := kmsg.NewPtrDescribeConfigsRequest()
			describe.Resources = []kmsg.DescribeConfigsRequestResource{of}
			refused(s, "describe "+of.ResourceType.String()+" "+of.ResourceName, 4, describe)
		}
	})
}

func TestRefusalsOfQuotasAndCredentials(t *testing.T) {
	transcript(t, func(s *script) {
		type part = kmsg.AlterClientQuotasRequestEntryEntity
		name := func(n string) *string { return &n }
		quota := func(about, key string, value float64, entity ...part) {
			r := kmsg.NewPtrAlterClientQuotasRequest()
			r.Entries = []kmsg.AlterClientQuotasRequestEntry{{Entity: entity, Ops: []kmsg.AlterClientQuotasRequestEntryOp{{Key: key, Value: value}}}}
			refused(s, about, 1, r)
		}
		user := part{Type: "user", Name: name("u")}
		quota("no such quota", "speed", 1, user)
		quota("no such entity", "producer_byte_rate", 1, part{Type: "group", Name: name("u")})
		quota("nobody", "producer_byte_rate", 1)
		quota("a user at an address", "producer_byte_rate", 1, user, part{Type: "ip", Name: name("1.1.1.1")})
		quota("a negative one", "producer_byte_rate", -1, user)
		quota("none", "producer_byte_rate", 0, user)
		quota("half a byte", "producer_byte_rate", 1.5, user)
		quota("no address", "connection_creation_rate", 5, part{Type: "ip", Name: name("not an ip")})
		quota("bytes of an address", "producer_byte_rate", 5, part{Type: "ip", Name: name("1.1.1.1")})
		quota("an empty name", "producer_byte_rate", 5, part{Type: "user", Name: name("")})

		type component = kmsg.DescribeClientQuotasRequestComponent
		for about, filter := range [][]component{
			{{EntityType: "x", Match: name("a")}},
			{{EntityType: "user", MatchType: 7, Match: name("a")}},
			{{EntityType: "user", Match: name("a")}, {EntityType: "user", Match: name("a")}},
			{{EntityType: "user", Match: name("a")}, {EntityType: "ip", Match: name("a")}},
		} {
			r := kmsg.NewPtrDescribeClientQuotasRequest()
			r.Components = filter
			refused(s, fmt.Sprint("filter ", about), 1, r)
		}

		scram := func(about string, r kmsg.AlterUserSCRAMCredentialsRequest) { refused(s, about, 0, &r) }
		forget := func(user string, mechanism int8) kmsg.AlterUserSCRAMCredentialsRequest {
			return kmsg.AlterUserSCRAMCredentialsRequest{Deletions: []kmsg.AlterUserSCRAMCredentialsRequestDeletion{{Name: user, Mechanism: mechanism}}}
		}
		remember := func(user string, mechanism int8, iterations int32) kmsg.AlterUserSCRAMCredentialsRequest {
			return kmsg.AlterUserSCRAMCredentialsRequest{Upsertions: []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{{
				Name: user, Mechanism: mechanism, Iterations: iterations, Salt: []byte("salt"), SaltedPassword: []byte("password"),
			}}}
		}
		scram("forget nobody", forget("nobody", 1))
		scram("forget no name", forget("", 1))
		scram("forget by no mechanism", forget("u", 9))
		scram("few iterations", remember("u", 1, 10))
		scram("many iterations", remember("u", 1, 100_000))
		scram("no mechanism", remember("u", 7, 5000))
		scram("no name", remember("", 1, 5000))
		describe := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
		describe.Users = []kmsg.DescribeUserSCRAMCredentialsRequestUser{{Name: "nobody"}}
		refused(s, "describe nobody", 0, describe)

		acl := kmsg.NewCreateACLsRequestCreation()
		acl.ResourceType, acl.ResourceName, acl.ResourcePatternType, acl.Principal, acl.Host, acl.Operation, acl.PermissionType = 2, "t", 3, "User:a", "*", 3, 3
		createACLs := kmsg.NewPtrCreateACLsRequest()
		createACLs.Creations = []kmsg.CreateACLsRequestCreation{acl}
		refused(s, "an ACL without an authorizer", 3, createACLs)
		describeACLs := kmsg.NewPtrDescribeACLsRequest()
		describeACLs.ResourceType, describeACLs.ResourcePatternType, describeACLs.Operation, describeACLs.PermissionType = 1, 1, 1, 1
		refused(s, "describe ACLs without an authorizer", 3, describeACLs)
	})
}

func TestRefusalsOfFeatures(t *testing.T) {
	transcript(t, func(s *script) {
		for _, u := range []kmsg.UpdateFeaturesRequestFeatureUpdate{
			{Feature: "nope", MaxVersionLevel: 1, UpgradeType: 1},
			{Feature: "transaction.version", MaxVersionLevel: 99, UpgradeType: 1},
			{Feature: "transaction.version", MaxVersionLevel: -1, UpgradeType: 1},
			{Feature: "group.version", MaxVersionLevel: 0, UpgradeType: 1},
			{Feature: "group.version", MaxVersionLevel: 1, UpgradeType: 9},
		} {
			r := kmsg.NewPtrUpdateFeaturesRequest()
			r.ValidateOnly, r.FeatureUpdates = true, []kmsg.UpdateFeaturesRequestFeatureUpdate{u}
			refused(s, fmt.Sprintf("%s to %d, type %d", u.Feature, u.MaxVersionLevel, u.UpgradeType), 2, r)
		}
	})
}
