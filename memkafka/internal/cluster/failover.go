package cluster

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// waiting is a request to a group that is answered later.
type waiting struct{ cmd group.Command }

func (w waiting) tag() any {
	switch cmd := w.cmd.(type) {
	case group.Join:
		return cmd.Tag
	case group.Sync:
		return cmd.Tag
	}
	return nil
}

// reloadGroups builds the groups of a partition of __consumer_offsets again, as its new leader does. Requests that waited
// are answered with NOT_COORDINATOR.
func (c *Cluster) reloadGroups(now kafka.Millis, partition int32) {
	for _, id := range c.Groups() {
		if CoordinatorPartition(id, c.settings.OffsetsTopicPartitions) == partition {
			c.unloadGroup(id)
		}
	}
	if c.coordinator(GroupMetadataTopic, partition) == NoLeader {
		return
	}
	entries, err := c.groupEntries(partition)
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		if err == nil {
			err = c.loadGroup(now, id, entries[id])
		}
	}
	if err != nil {
		panic("memkafka: " + err.Error()) // we wrote them
	}
}

func (c *Cluster) unloadGroup(id string) {
	g := c.groups[id]
	for _, key := range g.Timers() {
		c.timers.stop(timerID{id, key})
	}
	for _, w := range c.waiting[id] {
		gone, _ := refuseGroup(w.cmd, kafka.NotCoordinator)
		c.replies = append(c.replies, gone)
	}
	delete(c.waiting, id)
	delete(c.groups, id)
	delete(c.knownTopics, id)
}

func (c *Cluster) loadGroup(now kafka.Millis, id string, entries []group.Entry) error {
	g, effects, err := group.Replay(id, c.settings.Group, c.memberID, c.groupClock(now, id), entries)
	if err != nil {
		return fmt.Errorf("the records of group %q cannot be replayed: %w", id, err)
	}
	if g.State() != group.Dead {
		c.groups[id] = g
		c.carryOut(now, id, effects)
	}
	return nil
}

// groupEntries is what the groups of a partition of __consumer_offsets recorded, by group.
func (c *Cluster) groupEntries(partition int32) (map[string][]group.Entry, error) {
	found := map[string][]group.Entry{}
	if !c.settings.RetainState {
		for id, j := range c.journals {
			if CoordinatorPartition(id, c.settings.OffsetsTopicPartitions) == partition {
				found[id] = j.entries
			}
		}
		return found, nil
	}
	p := c.Partition(GroupMetadataTopic, partition)
	if p == nil {
		return found, nil
	}
	var all []group.Entry
	for b := range batchesOf(p.Log) {
		e := group.Entry{}
		if b.IsTransactional() {
			e.Transaction = &group.Transaction{ProducerID: b.ProducerID(), ProducerEpoch: int16(b.ProducerEpoch())}
		}
		if b.IsControl() {
			m, ok := b.Marker()
			if !ok {
				continue // compacted away
			}
			e.Marker = markerOf(m.Commit)
		} else {
			e.Records = b.Records()
			for _, r := range e.Records {
				id, ok, err := group.IDOf(r)
				if err != nil {
					return nil, fmt.Errorf("%s offset %d: %w", p.TP, r.Offset, err)
				}
				if ok {
					found[id] = nil
				}
			}
		}
		all = append(all, e)
	}
	for id := range found {
		found[id] = all
	}
	return found, nil
}

// batchesOf yields the batches of a log that are below its high watermark.
func batchesOf(l *plog.Log) func(yield func(*batch.Batch) bool) {
	return func(yield func(*batch.Batch) bool) {
		for from := l.LogStart(); ; {
			f, err := l.Fetch(from, math.MaxInt, false)
			if err != nil || len(f.Batches) == 0 {
				return
			}
			for _, b := range f.Batches {
				if !yield(b) {
					return
				}
				from = b.NextOffset()
			}
		}
	}
}

// reloadTxns builds the transaction coordinator again, without the transactional ids whose partition of
// __transaction_state has no leader. Transactions that were on their way to an end get their markers again.
func (c *Cluster) reloadTxns(now kafka.Millis) {
	records := c.txnRecords()
	for _, key := range c.txns.Timers() {
		c.timers.stop(timerID{transactions, key})
	}
	for id := range c.unwritten {
		c.timers.stop(timerID{markers, id})
	}
	c.unwritten, c.owed, c.txnsAside = nil, nil, nil
	if err := c.loadTxns(now, c.ledTxns(records)); err != nil {
		panic("memkafka: " + err.Error()) // we wrote them
	}
}

// ledTxns is the records of the transactional ids that have a coordinator. The others are put aside.
func (c *Cluster) ledTxns(records []kafka.Record) []kafka.Record {
	led := make([]kafka.Record, 0, len(records))
	for _, r := range records {
		id, _, _ := txn.IDOf(r)
		if c.TransactionCoordinator(id) == NoLeader {
			if !c.settings.RetainState {
				c.txnsAside = append(c.txnsAside, r)
			}
			continue
		}
		led = append(led, r)
	}
	return led
}

// txnRecords is what the transaction coordinators recorded.
func (c *Cluster) txnRecords() []kafka.Record {
	if !c.settings.RetainState {
		return slices.Concat(c.txns.Records(), c.txnsAside)
	}
	t := c.topics[TransactionStateTopic]
	if t == nil {
		return nil
	}
	var records []kafka.Record
	for _, p := range t.Partitions {
		for b := range batchesOf(p.Log) {
			records = b.AppendRecords(records, 0, b.Len())
		}
	}
	return records
}

func (c *Cluster) loadTxns(now kafka.Millis, records []kafka.Record) error {
	c.txnEpoch++
	txns, effects, err := txn.Replay(c.settings.Transactions, c.txnEpoch, c.newProducerID, 0, now+c.txnSkew, records)
	if err != nil {
		return fmt.Errorf("the records of %s cannot be replayed: %w", TransactionStateTopic, err)
	}
	c.txns = txns
	c.carryOutTxn(now, effects)
	return nil
}
