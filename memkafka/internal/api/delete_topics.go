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
	ok := c.do(func(core *cluster.Cluster, now millis) {
		for i := range asked {
			response.Topics = append(response.Topics, c.deleteTopic(core, now, &asked[i]))
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) deleteTopic(core *cluster.Cluster, now millis, asked *kmsg.DeleteTopicsRequestTopic) kmsg.DeleteTopicsResponseTopic {
	r := kmsg.NewDeleteTopicsResponseTopic()
	r.Topic, r.TopicID = asked.Topic, asked.TopicID
	if asked.Topic != nil && asked.TopicID != [16]byte{} {
		err := invalidRequest("you may not specify both topic name and topic id")
		r.ErrorCode, r.ErrorMessage = codeOf(err), messageOf(err)
		return r
	}
	var t *cluster.Topic
	missing := kafka.UnknownTopicOrPartition
	if asked.Topic != nil {
		t = core.Topic(*asked.Topic)
	} else {
		t, missing = core.TopicByID(asked.TopicID), kafka.UnknownTopicID
	}
	if asked.Topic != nil && c.mayTopic(core, cluster.Describe, *asked.Topic) != kafka.None {
		t, missing = nil, kafka.TopicAuthorizationFailed
	}
	if t == nil {
		r.ErrorCode = int16(missing)
		return r
	}
	if code := c.mayTopic(core, cluster.Delete, t.Name); code != kafka.None {
		if asked.Topic == nil && c.mayTopic(core, cluster.Describe, t.Name) != kafka.None {
			code = kafka.UnknownTopicID // its name is none of the client's business
		}
		r.ErrorCode = int16(code)
		return r
	}
	r.Topic, r.TopicID = &t.Name, t.ID
	err := c.spend(core, now, len(t.Partitions), c.version >= 5)
	if err == nil {
		err = core.DeleteTopic(now, t.Name)
	}
	r.ErrorCode, r.ErrorMessage = codeOf(err), messageOf(err)
	return r
}
