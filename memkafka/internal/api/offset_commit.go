package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// offsetCommit is OffsetCommit. Versions 2 to 4 say how long an offset is kept (KIP-211 ended that), 6 has leader epochs
// (KIP-320), 7 static members (KIP-345), 9 members of KIP-848 groups, 10 topic ids (KIP-848).
var offsetCommit = serving(8, 2, 10, serveOffsetCommit)

func serveOffsetCommit(c *call, request *kmsg.OffsetCommitRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.OffsetCommitResponse)
	commit := group.Commit{MemberID: request.MemberID, InstanceID: orEmpty(request.InstanceID), Generation: request.Generation}
	response.Topics = make([]kmsg.OffsetCommitResponseTopic, len(request.Topics))
	var places []*kmsg.OffsetCommitResponseTopicPartition // of commit.Offsets, in the answer
	ask := func(core *cluster.Cluster) {
		for i := range request.Topics {
			asked, t := &request.Topics[i], &response.Topics[i]
			t.Topic, t.TopicID = asked.Topic, asked.TopicID
			t.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(asked.Partitions))
			topic, code := c.named(core, c.version >= 10, asked.Topic, asked.TopicID, cluster.Read)
			for j := range asked.Partitions {
				p, r := &asked.Partitions[j], &t.Partitions[j]
				r.Partition, r.ErrorCode = p.Partition, int16(code)
				switch {
				case topic == nil:
				case partitionOf(topic, p.Partition) == nil:
					r.ErrorCode = int16(kafka.UnknownTopicOrPartition)
				default:
					commit.Offsets = append(commit.Offsets, c.committing(request, topic.Name, p))
					places = append(places, r)
				}
			}
		}
	}
	if !c.do(func(core *cluster.Cluster, _ millis) { ask(core) }) {
		return nil
	}
	if len(places) == 0 && len(request.Topics) > 0 {
		return response
	}
	tooOld := false
	if c.version < 9 && !c.do(func(core *cluster.Cluster, _ millis) {
		tooOld = modernMember(core.Group(request.Group), request.MemberID)
	}) {
		return nil
	}
	if tooOld {
		for _, place := range places {
			place.ErrorCode = int16(kafka.UnsupportedVersion)
		}
		return response
	}
	answer, code, ok := askGroup[group.CommitResponse](c, cluster.Read, "commit", request.Group, func(tag *tag) group.Command { commit.Tag = tag; return commit })
	if !ok {
		return nil
	}
	for i, place := range places {
		if code != kafka.None {
			place.ErrorCode = int16(code)
		} else {
			place.ErrorCode = int16(answer.Partitions[i].Err)
		}
	}
	return response
}

// modernMember reports whether somebody is a member of a KIP-848 group, by its protocol. Its commits need version 9.
func modernMember(g *group.Group, member string) bool {
	return g != nil && g.Type() == group.Consumer && slices.ContainsFunc(g.Describe().Members, func(m group.MemberDescription) bool {
		return m.MemberID == member && m.Type == group.Consumer
	})
}

func (c *call) committing(request *kmsg.OffsetCommitRequest, topic string, p *kmsg.OffsetCommitRequestTopicPartition) group.OffsetCommit {
	o := group.OffsetCommit{
		TP: kafka.TopicPartition{Topic: topic, Partition: p.Partition}, Offset: kafka.Offset(p.Offset), LeaderEpoch: -1, Metadata: orEmpty(p.Metadata),
	}
	if c.version >= 6 {
		o.LeaderEpoch = kafka.Epoch(p.LeaderEpoch)
	}
	if c.version <= 4 {
		o.RetainFor = millis(request.RetentionTimeMillis)
	}
	return o
}
