package group

import (
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// offsets is what a group has committed, and what open transactions will commit.
type offsets struct {
	committed map[kafka.TopicPartition]committedOffset
	pending   map[int64]map[kafka.TopicPartition]committedOffset // by producer id
	stored    int64                                              // how many were ever stored
}

// committedOffset is what a record of __consumer_offsets holds.
type committedOffset struct {
	OffsetCommit
	at      kafka.Millis // when it was committed
	expires kafka.Millis // -1: by the group's retention
	order   int64        // its place among all that were stored
}

func newOffsets() offsets {
	return offsets{
		committed: map[kafka.TopicPartition]committedOffset{},
		pending:   map[int64]map[kafka.TopicPartition]committedOffset{},
	}
}

// apply stores an offset that was appended as part of txn, nil for none.
func (o *offsets) apply(c committedOffset, txn *Transaction) {
	o.stored++
	c.order = o.stored
	if txn == nil {
		o.committed[c.TP] = c
		return
	}
	if o.pending[txn.ProducerID] == nil {
		o.pending[txn.ProducerID] = map[kafka.TopicPartition]committedOffset{}
	}
	o.pending[txn.ProducerID][c.TP] = c
}

// end commits or drops what a producer's transaction holds. An offset that was committed outside of the transaction
// after it was sent in the transaction is newer, and stays.
func (o *offsets) end(producerID int64, commit bool) {
	if commit {
		for tp, c := range o.pending[producerID] {
			if have, ok := o.committed[tp]; !ok || have.order < c.order {
				o.committed[tp] = c
			}
		}
	}
	delete(o.pending, producerID)
}

// remove forgets the partition's offset, also where transactions hold one.
func (o *offsets) remove(tp kafka.TopicPartition) {
	delete(o.committed, tp)
	for producerID, held := range o.pending {
		delete(held, tp)
		if len(held) == 0 {
			delete(o.pending, producerID)
		}
	}
}

func (o *offsets) empty() bool { return len(o.committed) == 0 && len(o.pending) == 0 }

// partitions is those with a committed offset, sorted.
func (o *offsets) partitions() []kafka.TopicPartition {
	return slices.SortedFunc(maps.Keys(o.committed), kafka.TopicPartition.Compare)
}

// held is those with an offset, committed or in a transaction, sorted.
func (o *offsets) held() []kafka.TopicPartition {
	all := map[kafka.TopicPartition]bool{}
	for tp := range o.committed {
		all[tp] = true
	}
	for _, held := range o.pending {
		for tp := range held {
			all[tp] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), kafka.TopicPartition.Compare)
}

// unstable reports whether an open transaction may move the partition's offset.
func (o *offsets) unstable(tp kafka.TopicPartition) bool {
	for _, held := range o.pending {
		if _, found := held[tp]; found {
			return true
		}
	}
	return false
}

// has reports whether there is an offset for the partition, committed or in a transaction.
func (o *offsets) has(tp kafka.TopicPartition) bool {
	_, committed := o.committed[tp]
	return committed || o.unstable(tp)
}

// Offsets is the committed offsets, sorted by partition.
func (g *Group) Offsets() []OffsetCommit {
	list := make([]OffsetCommit, 0, len(g.offsets.committed))
	for _, tp := range g.offsets.partitions() {
		list = append(list, g.offsets.committed[tp].OffsetCommit)
	}
	return list
}

// OpenTransactions is the producer ids whose transactions hold offsets of this group, sorted.
func (g *Group) OpenTransactions() []int64 { return slices.Sorted(maps.Keys(g.offsets.pending)) }
