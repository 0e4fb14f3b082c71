package group

import (
	"github.com/gokasim/gokasim/internal/kafka"
)

// What a record of __consumer_offsets is about stands in the first two bytes of its key.
const (
	keyOffset   = 1 // OffsetCommitKey; version 0 means the same
	keyMetadata = 2 // GroupMetadataKey
)

func encodeOffsetKey(group string, tp kafka.TopicPartition) []byte {
	w := writer{b: make([]byte, 0, 10+len(group)+len(tp.Topic))}
	w.int16(keyOffset)
	w.string(group)
	w.string(tp.Topic)
	w.int32(tp.Partition)
	return w.b
}

// encode writes OffsetCommitValue: version 4 with a topic id, 3 without, and 1 for an offset with a retention of its own,
// as Kafka does.
func (o committedOffset) encode() []byte {
	w := writer{b: make([]byte, 0, 48+len(o.Metadata))}
	switch {
	case o.expires >= 0:
		w.int16(1)
		w.int64(int64(o.Offset))
		w.string(o.Metadata)
		w.int64(int64(o.at))
		w.int64(int64(o.expires))
	case o.TopicID != (TopicID{}):
		w.int16(4)
		w.int64(int64(o.Offset))
		w.int32(int32(o.LeaderEpoch))
		w.compact(o.Metadata)
		w.int64(int64(o.at))
		w.tags(tagged{0, o.TopicID[:]})
	default:
		w.int16(3)
		w.int64(int64(o.Offset))
		w.int32(int32(o.LeaderEpoch))
		w.string(o.Metadata)
		w.int64(int64(o.at))
	}
	return w.b
}

func encodeMetadataKey(group string) []byte {
	w := writer{b: make([]byte, 0, 4+len(group))}
	w.int16(keyMetadata)
	w.string(group)
	return w.b
}

// appendMetadata records the classic group as it is now.
func (c *classic) appendMetadata() {
	c.append(kafka.Record{Key: encodeMetadataKey(c.id), Value: c.encode()})
}

// encode writes GroupMetadataValue version 3.
func (c *classic) encode() []byte {
	size := 64
	for _, m := range c.members.list {
		size += 64 + len(m.id) + len(m.clientID) + len(m.metadata(c.protocol)) + len(m.assignment)
	}
	w := writer{b: make([]byte, 0, size)}
	w.int16(3)
	w.string(c.protocolType)
	w.int32(c.generation)
	w.nullable(c.protocol)
	w.nullable(c.leader)
	w.int64(int64(c.since))
	w.int32(int32(len(c.members.list)))
	for _, m := range c.members.list {
		w.string(m.id)
		w.nullable(m.instanceID)
		w.string(m.clientID)
		w.string(m.clientHost)
		w.int32(int32(m.rebalanceTimeout))
		w.int32(int32(m.sessionTimeout))
		w.bytes(m.metadata(c.protocol))
		w.bytes(m.assignment)
	}
	return w.b
}
