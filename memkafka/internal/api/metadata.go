package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// metadata is Metadata: brokers, topics, and who leads their partitions. Topics are made by asking for them when
// auto.create.topics.enable is on and the client lets it (version 4 and later). Version 7 has leader epochs (KIP-320), 8
// what one may do with what is described (KIP-430), 10 topic ids (KIP-516), 12 asks by them.
var metadata = serving(3, 0, 13, serveMetadata)

func serveMetadata(c *call, request *kmsg.MetadataRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.MetadataResponse)
	response.Topics = []kmsg.MetadataResponseTopic{}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for _, n := range c.nodes(core, all) {
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host, b.Port, b.Rack = n.ID, n.Host, n.Port, nullable(n.Rack)
			response.Brokers = append(response.Brokers, b)
		}
		response.ControllerID = core.Controller()
		if request.IncludeClusterAuthorizedOperations {
			response.AuthorizedOperations = c.clusterOperations(core)
		}
		id := core.Settings().ClusterID
		response.ClusterID = &id
		if request.Topics == nil || c.version == 0 && len(request.Topics) == 0 {
			for _, name := range core.Topics() {
				if c.mayTopic(core, cluster.Describe, name) == kafka.None {
					response.Topics = append(response.Topics, c.describeTopic(core, core.Topic(name), request.IncludeTopicAuthorizedOperations))
				}
			}
			return
		}
		create := c.version < 4 || request.AllowAutoTopicCreation
		asking := request.Topics
		if c.version >= 12 {
			asking = byID(asking)
		}
		var gone, known, missing []kmsg.MetadataResponseTopic // Kafka's order: ids of no topic, topics, names of no topic
		seen := map[string]bool{}
		for i := range asking {
			asked := &asking[i]
			if asked.Topic != nil {
				if seen[*asked.Topic] {
					continue
				}
				seen[*asked.Topic] = true
			}
			switch t := c.topicMetadata(core, asked, create, request.IncludeTopicAuthorizedOperations); {
			case t.ErrorCode == 0:
				known = append(known, t)
			case asked.Topic == nil:
				gone = append(gone, t)
			default:
				missing = append(missing, t)
			}
		}
		response.Topics = append(append(append(response.Topics, gone...), known...), missing...)
	})
	if !ok {
		return nil
	}
	return response
}

// byID is what is asked for: if there are ids, those alone, each once, whatever names stand beside them. Java clients send
// empty ones.
func byID(topics []kmsg.MetadataRequestTopic) []kmsg.MetadataRequestTopic {
	var ids []kmsg.MetadataRequestTopic
	seen := map[[16]byte]bool{{}: true}
	for i := range topics {
		if id := topics[i].TopicID; !seen[id] {
			seen[id] = true
			ids = append(ids, kmsg.MetadataRequestTopic{TopicID: id})
		}
	}
	if ids == nil {
		return topics
	}
	return ids
}

// topicMetadata answers for one topic that was asked for, by name or by id.
func (c *call) topicMetadata(core *cluster.Cluster, asked *kmsg.MetadataRequestTopic, create, operations bool) kmsg.MetadataResponseTopic {
	refused := kmsg.NewMetadataResponseTopic()
	refused.Topic, refused.TopicID = asked.Topic, asked.TopicID
	refused.Partitions = []kmsg.MetadataResponseTopicPartition{}
	if asked.Topic == nil {
		if t := core.TopicByID(asked.TopicID); t != nil && c.mayTopic(core, cluster.Describe, t.Name) == kafka.None {
			return c.describeTopic(core, t, operations)
		}
		refused.ErrorCode = int16(kafka.UnknownTopicID)
		return refused
	}
	if code := c.mayTopic(core, cluster.Describe, *asked.Topic); code != kafka.None {
		refused.TopicID, refused.ErrorCode = [16]byte{}, int16(code)
		return refused
	}
	if t := core.Topic(*asked.Topic); t != nil {
		return c.describeTopic(core, t, operations)
	}
	refused.TopicID = [16]byte{}
	refused.ErrorCode = int16(kafka.UnknownTopicOrPartition)
	if err := cluster.CheckTopicName(*asked.Topic); err != nil {
		refused.ErrorCode = codeOf(err)
	} else if create && !c.mayCluster(core, cluster.Create) && c.mayTopic(core, cluster.Create, *asked.Topic) != kafka.None {
		refused.ErrorCode = int16(kafka.TopicAuthorizationFailed)
	} else if create {
		// Whoever makes a topic by asking for it is told that there is none, and finds it when it asks again. A topic that
		// cannot be made is one that there is not.
		_, _ = core.AutoCreate(*asked.Topic)
	}
	return refused
}

func (c *call) describeTopic(core *cluster.Cluster, t *cluster.Topic, operations bool) kmsg.MetadataResponseTopic {
	d := kmsg.NewMetadataResponseTopic()
	d.Topic, d.TopicID, d.IsInternal = &t.Name, t.ID, t.Internal
	d.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(t.Partitions))
	for i, p := range t.Partitions {
		m := kmsg.NewMetadataResponseTopicPartition()
		state := core.PartitionMetadata(p)
		m.ErrorCode, m.Partition, m.Leader, m.LeaderEpoch = int16(state.Err), p.TP.Partition, state.Leader, int32(state.LeaderEpoch)
		m.Replicas, m.ISR, m.OfflineReplicas = state.Replicas, state.ISR, state.Offline
		d.Partitions[i] = m
	}
	if operations {
		d.AuthorizedOperations = c.topicOperations(core, t.Name)
	}
	return d
}

// nullable is nil for an empty string.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
