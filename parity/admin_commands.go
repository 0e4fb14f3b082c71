package parity

import (
	"cmp"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/script"
)

var _ = register(map[string]func(a *args) kmsg.Request{
	"metadata":                    metadata,
	"api-versions":                apiVersions,
	"create-topic":                createTopic,
	"create-topics":               createTopics,
	"delete-topics":               deleteTopics,
	"create-partitions":           createPartitions,
	"describe-configs":            describeConfigs,
	"alter-configs":               alterConfigs,
	"incremental-alter-configs":   incrementalAlterConfigs,
	"describe-cluster":            describeCluster,
	"describe-topic-partitions":   describeTopicPartitions,
	"describe-log-dirs":           describeLogDirs,
	"elect-leaders":               electLeaders,
	"list-config-resources":       listConfigResources,
	"update-features":             updateFeatures,
	"alter-partition-assignments": alterPartitionAssignments,
	"list-partition-reassignments": func(a *args) kmsg.Request {
		r := kmsg.NewPtrListPartitionReassignmentsRequest()
		r.TimeoutMillis = 10_000
		a.each(func(topic string, e *args) {
			r.Topics = append(r.Topics, kmsg.ListPartitionReassignmentsRequestTopic{Topic: topic, Partitions: e.partitions()})
		})
		return r
	},
})

// metadata [TOPIC...] [id=TOPIC]... [none] [create] [operations]
//
// Without topics it asks for all of them, with none for brokers only.
func metadata(a *args) kmsg.Request {
	r := kmsg.NewPtrMetadataRequest()
	r.AllowAutoTopicCreation, r.IncludeTopicAuthorizedOperations = a.Flag("create"), a.Flag("operations")
	if a.Flag("none") {
		r.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, name := range a.texts("id") {
		r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{TopicID: a.topicID(name)})
	}
	for _, name := range a.words() {
		r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return r
}

// api-versions [name=TEXT] [software=VERSION]
func apiVersions(a *args) kmsg.Request {
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = a.text("name", "parity"), a.text("software", "1.0")
	return r
}

func newTopic(name string, a *args) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, a.int32("partitions", 1), int16(a.int("replication", 1))
	for i, v := range a.All("assign") {
		if i == 0 {
			t.NumPartitions, t.ReplicationFactor = a.int32("partitions", -1), int16(a.int("replication", -1))
		}
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Partition, assignment.Replicas = int32(i)+a.int32("first", 0), a.list(v)
		t.ReplicaAssignment = append(t.ReplicaAssignment, assignment)
	}
	keys, values := a.configs()
	for _, key := range keys {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		value := values[key]
		if c.Name, c.Value = key, &value; value == "null" {
			c.Value = nil
		}
		t.Configs = append(t.Configs, c)
	}
	return t
}

// create-topic NAME [partitions=1] [replication=1] [assign="1,2"]... [first=0] [validate] [settings] [SETTING=VALUE]...
//
// The settings in the answer are left out without settings.
func createTopic(a *args) kmsg.Request {
	return creating(a, []kmsg.CreateTopicsRequestTopic{newTopic(a.word("a topic"), a)})
}

// create-topics [validate]: NAME [partitions=1] ..., ...
func createTopics(a *args) kmsg.Request {
	var topics []kmsg.CreateTopicsRequestTopic
	a.each(func(name string, e *args) { topics = append(topics, newTopic(name, e)) })
	return creating(a, topics)
}

func creating(a *args, topics []kmsg.CreateTopicsRequestTopic) kmsg.Request {
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Topics, r.TimeoutMillis, r.ValidateOnly = topics, 10_000, a.Flag("validate")
	settings := a.Flag("settings")
	a.after = func(answer kmsg.Response) error {
		made := answer.(*kmsg.CreateTopicsResponse).Topics
		for i, t := range made {
			if !settings {
				made[i].Configs = nil
			}
			if t.ErrorCode != 0 || r.ValidateOnly {
				continue
			}
			if t.TopicID != ([16]byte{}) {
				a.player.topics[t.Topic] = t.TopicID
			}
			if err := a.player.known(t.Topic, func(m kmsg.MetadataResponseTopic) bool {
				return m.ErrorCode == 0 && leaders(m) == int32(len(m.Partitions))
			}); err != nil {
				return err
			}
			if err := a.player.led(t.Topic); err != nil {
				return err
			}
		}
		return settled(answer) // group coordinators hear of topics a little later
	}
	return r
}

// delete-topics TOPIC... [id=TOPIC]...
func deleteTopics(a *args) kmsg.Request {
	r := kmsg.NewPtrDeleteTopicsRequest()
	r.TimeoutMillis = 10_000
	for _, name := range a.texts("id") {
		r.Topics = append(r.Topics, kmsg.DeleteTopicsRequestTopic{TopicID: a.topicID(name)})
	}
	r.TopicNames = a.words()
	for _, name := range r.TopicNames {
		r.Topics = append(r.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	a.after = func(answer kmsg.Response) error {
		for _, t := range answer.(*kmsg.DeleteTopicsResponse).Topics {
			if t.ErrorCode != 0 || t.Topic == nil {
				continue
			}
			if err := a.player.known(*t.Topic, gone); err != nil {
				return err
			}
		}
		return settled(answer) // leaders let go of their logs a little later
	}
	return r
}

// create-partitions [validate]: TOPIC COUNT [assign="1,2"]..., ...
func createPartitions(a *args) kmsg.Request {
	r := kmsg.NewPtrCreatePartitionsRequest()
	r.TimeoutMillis, r.ValidateOnly = 10_000, a.Flag("validate")
	counts := map[string]int32{}
	a.each(func(topic string, e *args) {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = topic, int32(e.number(e.Word("a number of partitions")))
		for _, v := range e.All("assign") {
			t.Assignment = append(t.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: e.list(v)})
		}
		counts[topic] = t.Count
		r.Topics = append(r.Topics, t)
	})
	a.after = func(answer kmsg.Response) error {
		for _, t := range answer.(*kmsg.CreatePartitionsResponse).Topics {
			if t.ErrorCode != 0 || r.ValidateOnly {
				continue
			}
			if err := a.player.known(t.Topic, func(m kmsg.MetadataResponseTopic) bool { return leaders(m) >= counts[t.Topic] }); err != nil {
				return err
			}
			if err := a.player.led(t.Topic); err != nil {
				return err
			}
		}
		return nil
	}
	return r
}

var resources = map[string]int8{"topic": 2, "broker": 4, "broker-logger": 8, "client-metrics": 16, "group": 32}

// resource reads the type and the name of something with settings.
func (a *args) resource() (kmsg.ConfigResourceType, string) {
	kind := a.Word("a type of resource")
	n, known := resources[kind.Value]
	if !known {
		n = int8(a.number(kind))
	}
	return kmsg.ConfigResourceType(n), a.word("a name")
}

// describe-configs TYPE NAME [KEY...] [synonyms]
func describeConfigs(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeConfigsRequest()
	r.IncludeSynonyms = a.Flag("synonyms")
	d := kmsg.NewDescribeConfigsRequestResource()
	d.ResourceType, d.ResourceName = a.resource()
	d.ConfigNames = a.words()
	if a.Flag("no-keys") {
		d.ConfigNames = []string{}
	}
	r.Resources = append(r.Resources, d)
	return r
}

// settled lets brokers hear of a change.
func settled(kmsg.Response) error {
	sleep(settling)
	return nil
}

// alter-configs TYPE NAME [validate] [SETTING=VALUE]...
func alterConfigs(a *args) kmsg.Request {
	r := kmsg.NewPtrAlterConfigsRequest()
	r.ValidateOnly = a.Flag("validate")
	d := kmsg.NewAlterConfigsRequestResource()
	d.ResourceType, d.ResourceName = a.resource()
	keys, values := a.configs()
	for _, key := range keys {
		value := values[key]
		d.Configs = append(d.Configs, kmsg.AlterConfigsRequestResourceConfig{Name: key, Value: &value})
	}
	r.Resources = append(r.Resources, d)
	a.after = settled
	return r
}

// incremental-alter-configs TYPE NAME [validate]: set|delete|append|subtract KEY [VALUE], ...
func incrementalAlterConfigs(a *args) kmsg.Request {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r.ValidateOnly = a.Flag("validate")
	d := kmsg.NewIncrementalAlterConfigsRequestResource()
	d.ResourceType, d.ResourceName = a.resource()
	a.each(func(op string, e *args) {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		parsed, err := kmsg.ParseIncrementalAlterConfigOp(op)
		if err != nil {
			parsed = kmsg.IncrementalAlterConfigOp(e.number(script.Arg{Value: op, At: e.command.Pos}))
		}
		c.Op, c.Name = parsed, e.word("a setting")
		for _, v := range e.words() {
			c.Value = &v
		}
		d.Configs = append(d.Configs, c)
	})
	r.Resources = append(r.Resources, d)
	a.after = settled
	return r
}

// describe-cluster [operations]
func describeCluster(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeClusterRequest()
	r.IncludeClusterAuthorizedOperations, r.EndpointType = a.Flag("operations"), int8(a.int("endpoint", 1))
	return r
}

// describe-topic-partitions TOPIC... [limit=2000] [cursor=TOPIC] [cursor-partition=N]
func describeTopicPartitions(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeTopicPartitionsRequest()
	r.ResponsePartitionLimit = a.int32("limit", 2000)
	if topic := a.optional("cursor"); topic != nil {
		r.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: *topic, Partition: a.int32("cursor-partition", 0)}
	}
	for _, name := range a.words() {
		r.Topics = append(r.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return r
}

// describe-log-dirs TOPIC PARTITION...
func describeLogDirs(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeLogDirsRequest()
	r.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: a.word("a topic"), Partitions: a.partitions()}}
	return r
}

// elect-leaders preferred|unclean TOPIC PARTITION...
func electLeaders(a *args) kmsg.Request {
	r := kmsg.NewPtrElectLeadersRequest()
	kind := a.Word("preferred or unclean")
	types := map[string]int8{"preferred": 0, "unclean": 1}
	n, known := types[kind.Value]
	if !known {
		n = int8(a.number(kind))
	}
	r.ElectionType, r.TimeoutMillis = n, 10_000
	r.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: a.word("a topic"), Partitions: a.partitions()}}
	return r
}

// list-config-resources [TYPE...]
func listConfigResources(a *args) kmsg.Request {
	r := kmsg.NewPtrListConfigResourcesRequest()
	for _, w := range a.Words() {
		n, known := resources[w.Value]
		if !known {
			n = int8(a.number(w))
		}
		r.ResourceTypes = append(r.ResourceTypes, n)
	}
	return r
}

// update-features [validate]: FEATURE LEVEL [upgrade=1], ...
func updateFeatures(a *args) kmsg.Request {
	r := kmsg.NewPtrUpdateFeaturesRequest()
	r.ValidateOnly, r.TimeoutMillis = a.Flag("validate"), 10_000
	a.each(func(name string, e *args) {
		u := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		u.Feature, u.MaxVersionLevel, u.UpgradeType = name, int16(e.number(e.Word("a level"))), int8(e.int("upgrade", 1))
		r.FeatureUpdates = append(r.FeatureUpdates, u)
	})
	return r
}

// alter-partition-assignments: TOPIC PARTITION [replicas="1,2"], ...
//
// Without replicas it cancels a reassignment.
func alterPartitionAssignments(a *args) kmsg.Request {
	r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	r.TimeoutMillis = 10_000
	a.each(func(topic string, e *args) {
		p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		p.Partition = e.partition()
		for _, v := range e.All("replicas") {
			p.Replicas = e.list(v)
		}
		r.Topics = append(r.Topics, kmsg.AlterPartitionAssignmentsRequestTopic{Topic: topic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{p}})
	})
	return r
}

// number is a text as a number.
func float(a *args, text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		a.err = cmp.Or(a.err, err)
	}
	return v
}
