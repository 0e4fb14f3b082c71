package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// deleteTopics is DeleteTopics (KIP-4), from version 6 on also by topic id (KIP-516).
var deleteTopics = serving(20, 1, 6, serveDeleteTopics)

func serveDeleteTopics(c *call, request *kmsg.DeleteTopicsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DeleteTopicsResponse)
	response.Topics = []kmsg.DeleteTopicsResponseTopic{}
	asked := request.Topics
	for _, name := range request.TopicNames {
		asked = append(asked, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	names, ids := map[string]int{}, map[[16]byte]int{}
	for i := range asked {
		if asked[i].Topic != nil {
			names[*asked[i].Topic]++
		} else {
			ids[asked[i].TopicID]++
		}
	}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		for i := range asked {
			if name := asked[i].Topic; name != nil && names[*name] != 1 {
				if names[*name] > 1 { // all of them are refused, with one answer
					response.Topics = append(response.Topics, notDeleted(asked[i], invalidRequest("Duplicate topic name.")))
				}
				names[*name] = 0
				continue
			}
			if id := asked[i].TopicID; asked[i].Topic == nil && id != [16]byte{} && ids[id] != 1 {
				if ids[id] > 1 {
					response.Topics = append(response.Topics, notDeleted(asked[i], invalidRequest("Duplicate topic id.")))
				}
				ids[id] = 0
				continue
			}
			response.Topics = append(response.Topics, c.deleteTopic(core, now, &asked[i]))
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) deleteTopic(core *cluster.Cluster, now millis, asked *kmsg.DeleteTopicsRequestTopic) kmsg.DeleteTopicsResponseTopic {
	if asked.Topic != nil && asked.TopicID != [16]byte{} {
		return notDeleted(*asked, invalidRequest("You may not specify both topic name and topic id."))
	}
	if asked.Topic == nil && asked.TopicID == [16]byte{} {
		return notDeleted(*asked, invalidRequest("Neither topic name nor id were specified."))
	}
	var t *cluster.Topic
	missing := error(&cluster.Error{Code: kafka.UnknownTopicOrPartition, Detail: notHosted})
	if asked.Topic != nil {
		t = core.Topic(*asked.Topic)
	} else {
		t, missing = core.TopicByID(asked.TopicID), &cluster.Error{Code: kafka.UnknownTopicID, Detail: "This server does not host this topic ID."}
	}
	if asked.Topic != nil && c.mayTopic(core, cluster.Describe, *asked.Topic) != kafka.None {
		t, missing = nil, kafka.TopicAuthorizationFailed
	}
	if t == nil {
		return notDeleted(*asked, missing)
	}
	if code := c.mayTopic(core, cluster.Delete, t.Name); code != kafka.None {
		if asked.Topic == nil && c.mayTopic(core, cluster.Describe, t.Name) != kafka.None {
			code = kafka.UnknownTopicID // its name is none of the client's business
		}
		return notDeleted(*asked, code)
	}
	asked.Topic, asked.TopicID = &t.Name, t.ID
	err := c.spend(core, now, len(t.Partitions), c.version >= 5)
	if err == nil {
		err = core.DeleteTopic(now, t.Name)
	}
	return notDeleted(*asked, err)
}

// notDeleted is the answer about a topic, with nil for one that is deleted after all.
func notDeleted(asked kmsg.DeleteTopicsRequestTopic, err error) kmsg.DeleteTopicsResponseTopic {
	r := kmsg.NewDeleteTopicsResponseTopic()
	r.Topic, r.TopicID, r.ErrorCode, r.ErrorMessage = asked.Topic, asked.TopicID, codeOf(err), messageOf(err)
	return r
}

// notHosted is what Kafka says of topics and partitions that there are not, where it says anything.
const notHosted = "This server does not host this topic-partition."
