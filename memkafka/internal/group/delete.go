package group

import "github.com/gokasim/gokasim/internal/kafka"

// Delete is DeleteGroups for this group: it removes an empty group with all its offsets, and the group is [Dead]. Its
// reply, at once, is a [DeleteResponse].
type Delete struct{ Tag any }

// DeleteResponse answers a [Delete]: NON_EMPTY_GROUP while there are members, GROUP_ID_NOT_FOUND for a dead group.
type DeleteResponse struct{ Err kafka.ErrorCode }

func (Delete) command() {}

func (g *Group) delete(cmd Delete) {
	switch g.State() {
	case Dead:
		g.reply(cmd.Tag, DeleteResponse{Err: kafka.GroupIDNotFound})
		return
	case Empty:
	default:
		g.reply(cmd.Tag, DeleteResponse{Err: kafka.NonEmptyGroup})
		return
	}
	for _, tp := range g.offsets.held() {
		g.offsets.remove(tp)
		g.append(kafka.Record{Key: encodeOffsetKey(g.id, tp)})
	}
	g.half().end()
	g.expiryChanged = true
	g.reply(cmd.Tag, DeleteResponse{})
}

// DeleteOffsets is OffsetDelete (KIP-496). Its reply, at once, is a [DeleteOffsetsResponse].
type DeleteOffsets struct {
	Tag        any
	Partitions []kafka.TopicPartition
}

// DeleteOffsetsResponse answers a [DeleteOffsets], in the order asked. GROUP_SUBSCRIBED_TO_TOPIC stands beside
// partitions whose topic a member reads. When Err is set there are no partitions.
type DeleteOffsetsResponse struct {
	Err        kafka.ErrorCode
	Partitions []CommitResult
}

func (DeleteOffsets) command() {}

func (g *Group) deleteOffsets(cmd DeleteOffsets) {
	if err := g.half().checkDeleteOffsets(); err != kafka.None {
		g.reply(cmd.Tag, DeleteOffsetsResponse{Err: err})
		return
	}
	response := DeleteOffsetsResponse{Partitions: make([]CommitResult, len(cmd.Partitions))}
	for i, tp := range cmd.Partitions {
		response.Partitions[i].TP = tp
		switch {
		case g.half().subscribedTo(tp.Topic):
			response.Partitions[i].Err = kafka.GroupSubscribedToTopic
		case g.offsets.has(tp):
			g.offsets.remove(tp)
			g.append(kafka.Record{Key: encodeOffsetKey(g.id, tp)})
		}
	}
	g.expiryChanged = true
	g.reply(cmd.Tag, response)
}

// TopicDeleted tells the group that a topic is no more: it forgets the offsets there, so that they do not outlive it into
// a topic of the same name. It has no reply.
type TopicDeleted struct{ Topic string }

func (TopicDeleted) command() {}

func (g *Group) topicDeleted(cmd TopicDeleted) {
	for _, tp := range g.offsets.held() {
		if tp.Topic == cmd.Topic {
			g.offsets.remove(tp)
			g.append(kafka.Record{Key: encodeOffsetKey(g.id, tp)})
			g.expiryChanged = true
		}
	}
}

func (c *classic) checkDeleteOffsets() kafka.ErrorCode {
	switch {
	case c.state == Dead:
		return kafka.GroupIDNotFound
	case c.state != Empty && c.protocolType != protocolTypeConsumer:
		return kafka.NonEmptyGroup
	default:
		return kafka.None
	}
}
