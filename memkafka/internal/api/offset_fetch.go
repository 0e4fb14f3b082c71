package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// offsetFetch is OffsetFetch. From version 2 on all offsets of a group can be asked for (KIP-88), version 5 has leader epochs
// (KIP-320), 7 waits for open transactions (KIP-447), 8 asks about several groups (KIP-709), 9 names the member of a KIP-848
// group, 10 has topic ids (KIP-848).
var offsetFetch = serving(9, 1, 10, serveOffsetFetch)

func serveOffsetFetch(c *call, request *kmsg.OffsetFetchRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.OffsetFetchResponse)
	response.Topics, response.Groups = []kmsg.OffsetFetchResponseTopic{}, []kmsg.OffsetFetchResponseGroup{}
	if c.version >= 8 {
		for i := range request.Groups {
			g, ok := c.fetchOffsets(&request.Groups[i], request.RequireStable)
			if !ok {
				return nil
			}
			response.Groups = append(response.Groups, g)
		}
		return response
	}
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = request.Group
	if request.Topics != nil {
		asked.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
	}
	for _, t := range request.Topics {
		asked.Topics = append(asked.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	g, ok := c.fetchOffsets(&asked, request.RequireStable)
	if !ok {
		return nil
	}
	response.ErrorCode = g.ErrorCode
	for _, t := range g.Topics {
		single := kmsg.OffsetFetchResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			single.Partitions = append(single.Partitions, kmsg.OffsetFetchResponseTopicPartition(p))
		}
		response.Topics = append(response.Topics, single)
	}
	return response
}

// fetchOffsets answers about one group. It reports whether there was an answer before the connection ended.
func (c *call) fetchOffsets(asked *kmsg.OffsetFetchRequestGroup, stable bool) (kmsg.OffsetFetchResponseGroup, bool) {
	r := kmsg.NewOffsetFetchResponseGroup()
	r.Group, r.Topics = asked.Group, []kmsg.OffsetFetchResponseGroupTopic{}
	byID := c.version >= 10
	fetch := group.FetchOffsets{RequireStable: stable, MemberID: orEmpty(asked.MemberID), MemberEpoch: asked.MemberEpoch}
	names := make([]string, len(asked.Topics)) // empty for topics that there are not
	ids := map[string][16]byte{}
	hidden := map[string]bool{} // topics that the client may not describe
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if core.Settings().Authorizer {
			for _, name := range core.Topics() {
				hidden[name] = c.mayTopic(core, cluster.Describe, name) != kafka.None
			}
		}
		for i := range asked.Topics {
			names[i] = asked.Topics[i].Topic
			if byID {
				names[i] = ""
				if t := core.TopicByID(asked.Topics[i].TopicID); t != nil {
					names[i] = t.Name
				}
			}
		}
		if byID && asked.Topics == nil {
			for _, name := range core.Topics() {
				ids[name] = core.Topic(name).ID
			}
		}
	})
	if !ok {
		return r, false
	}
	if asked.Topics != nil {
		fetch.Partitions = []kafka.TopicPartition{}
	}
	for i, t := range asked.Topics {
		for _, p := range t.Partitions {
			if names[i] != "" || !byID {
				fetch.Partitions = append(fetch.Partitions, kafka.TopicPartition{Topic: names[i], Partition: p})
			}
		}
	}
	answer, code, ok := askGroup[group.FetchOffsetsResponse](c, cluster.Describe, "fetch offsets", asked.Group, func(tag *tag) group.Command { fetch.Tag = tag; return fetch })
	if !ok {
		return r, false
	}
	if code == kafka.None {
		code = answer.Err
	}
	if asked.Topics == nil {
		r.ErrorCode = int16(code)
		r.Topics = topicsOf(slices.DeleteFunc(answer.Offsets, func(o group.FetchedOffset) bool { return hidden[o.TP.Topic] }), ids, byID)
		return r, true
	}
	if code != kafka.None {
		r.ErrorCode = int16(code)
		if c.version >= 2 {
			return r, true
		}
	}
	next := 0
	for i, t := range asked.Topics {
		topic := kmsg.NewOffsetFetchResponseGroupTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			switch {
			case code != kafka.None:
				topic.Partitions = append(topic.Partitions, noOffset(p, code))
			case hidden[names[i]]:
				topic.Partitions = append(topic.Partitions, noOffset(p, kafka.TopicAuthorizationFailed))
				next++
			case names[i] == "" && byID:
				topic.Partitions = append(topic.Partitions, noOffset(p, kafka.UnknownTopicID))
			default:
				topic.Partitions = append(topic.Partitions, fetchedOffset(&answer.Offsets[next]))
				next++
			}
		}
		r.Topics = append(r.Topics, topic)
	}
	return r, true
}

func noOffset(partition int32, code kafka.ErrorCode) kmsg.OffsetFetchResponseGroupTopicPartition {
	return fetchedOffset(&group.FetchedOffset{TP: kafka.TopicPartition{Partition: partition}, Offset: kafka.NoOffset, LeaderEpoch: -1, Err: code})
}

func fetchedOffset(o *group.FetchedOffset) kmsg.OffsetFetchResponseGroupTopicPartition {
	p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode = o.TP.Partition, int64(o.Offset), int32(o.LeaderEpoch), &o.Metadata, int16(o.Err)
	return p
}

// topicsOf sorts offsets by topic. With ids, topics that are gone are left out.
func topicsOf(offsets []group.FetchedOffset, ids map[string][16]byte, byID bool) []kmsg.OffsetFetchResponseGroupTopic {
	list := []kmsg.OffsetFetchResponseGroupTopic{}
	for i := range offsets {
		o := &offsets[i]
		id, exists := ids[o.TP.Topic]
		if byID && !exists {
			continue
		}
		if n := len(list); n == 0 || list[n-1].Topic != o.TP.Topic {
			list = append(list, kmsg.OffsetFetchResponseGroupTopic{Topic: o.TP.Topic, TopicID: id})
		}
		last := &list[len(list)-1]
		last.Partitions = append(last.Partitions, fetchedOffset(o))
	}
	return list
}
