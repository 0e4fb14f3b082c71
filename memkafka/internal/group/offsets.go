package group

import (
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// offsets is what a group has committed.
type offsets struct {
	committed map[kafka.TopicPartition]committedOffset
}

// committedOffset is what a record of __consumer_offsets holds.
type committedOffset struct {
	OffsetCommit
	at      kafka.Millis // when it was committed
	expires kafka.Millis // -1: by the group's retention
}

func newOffsets() offsets {
	return offsets{committed: map[kafka.TopicPartition]committedOffset{}}
}

// partitions is those with a committed offset, sorted.
func (o *offsets) partitions() []kafka.TopicPartition {
	return slices.SortedFunc(maps.Keys(o.committed), kafka.TopicPartition.Compare)
}

// unstable reports whether an open transaction may move the partition's offset.
func (o *offsets) unstable(kafka.TopicPartition) bool { return false }

// storeOffsets commits offsets: it appends their records and applies them.
func (g *Group) storeOffsets(commits []OffsetCommit) {
	records := make([]kafka.Record, len(commits))
	for i, o := range commits {
		stored := committedOffset{OffsetCommit: o, at: g.now, expires: -1}
		stored.RetainFor = 0
		if o.RetainFor > 0 {
			stored.expires = g.now + o.RetainFor
		}
		records[i] = kafka.Record{Key: encodeOffsetKey(g.id, o.TP), Value: stored.encode()}
		g.offsets.committed[o.TP] = stored
		if at, may := g.expiryOf(stored); may && !g.checkedBy(at) {
			g.expiryChanged = true
		}
	}
	g.append(records...)
}

// Offsets is the committed offsets, sorted by partition.
func (g *Group) Offsets() []OffsetCommit {
	list := make([]OffsetCommit, 0, len(g.offsets.committed))
	for _, tp := range g.offsets.partitions() {
		list = append(list, g.offsets.committed[tp].OffsetCommit)
	}
	return list
}
