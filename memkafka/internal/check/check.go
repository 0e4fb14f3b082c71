// Package check holds a simulated cluster to what is true of any Kafka cluster after every step: a Checker remembers what
// it saw and what producers were told, and says when the cluster contradicts it.
package check

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// Checker remembers one cluster. It is told of appends that were acknowledged, and looks at the cluster after each step.
type Checker struct {
	partitions map[kafka.TopicPartition]*partition
	groups     map[string]*history
	commits    map[string]map[kafka.TopicPartition]kafka.Offset // by group
}

// New returns a Checker that has seen nothing yet.
func New() *Checker {
	return &Checker{partitions: map[kafka.TopicPartition]*partition{}, groups: map[string]*history{}, commits: map[string]map[kafka.TopicPartition]kafka.Offset{}}
}

// partition is what was seen of one.
type partition struct {
	topic       [16]byte // the id: a topic that was created again begins anew
	start, high kafka.Offset
	epoch       kafka.Epoch
	acked       []kafka.Record          // by offset; those that may be gone are dropped
	newest      map[string]kafka.Record // by key: the last that was seen below the high watermark
}

// Check looks at the cluster and names everything that cannot be, in one error.
func (k *Checker) Check(c *cluster.Cluster) error {
	var errs []error
	for _, name := range c.Topics() {
		t := c.Topic(name)
		for _, p := range t.Partitions {
			if err := k.partition(c, t, p); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", p.TP, err))
			}
		}
	}
	for id := range k.groups {
		if c.Group(id) == nil {
			delete(k.groups, id) // it may come back as another one, or from its records
		}
	}
	for _, id := range c.Groups() {
		if err := k.group(c, id); err != nil {
			errs = append(errs, fmt.Errorf("group %q: %w", id, err))
		}
	}
	return errors.Join(append(errs, k.keepsCommits(c))...)
}

// Acknowledged tells that a producer was told that its record is in the log, by acks=all or by a leader with nobody to
// wait for: from now on it must not be lost, save by retention, deletion or a newer record of its key.
func (k *Checker) Acknowledged(t *cluster.Topic, tp kafka.TopicPartition, r kafka.Record) {
	p := k.of(t, tp)
	i, _ := slices.BinarySearchFunc(p.acked, r, func(a, b kafka.Record) int { return int(a.Offset - b.Offset) })
	p.acked = slices.Insert(p.acked, i, r)
}

func (k *Checker) of(t *cluster.Topic, tp kafka.TopicPartition) *partition {
	p := k.partitions[tp]
	if p == nil || p.topic != t.ID {
		p = &partition{topic: t.ID, newest: map[string]kafka.Record{}}
		k.partitions[tp] = p
	}
	return p
}

func (k *Checker) partition(c *cluster.Cluster, t *cluster.Topic, now *cluster.Partition) error {
	p, l := k.of(t, now.TP), now.Log
	switch {
	case !(0 <= l.LogStart() && l.LogStart() <= l.LastStable() && l.LastStable() <= l.HighWatermark() && l.HighWatermark() <= l.LogEnd()):
		return fmt.Errorf("log start %d, last stable %d, high watermark %d and log end %d are not in order",
			l.LogStart(), l.LastStable(), l.HighWatermark(), l.LogEnd())
	case l.LogStart() < p.start:
		return fmt.Errorf("log start went back from %d to %d", p.start, l.LogStart())
	case l.HighWatermark() < p.high:
		return fmt.Errorf("high watermark went back from %d to %d", p.high, l.HighWatermark())
	case now.LeaderEpoch < p.epoch:
		return fmt.Errorf("leader epoch went back from %d to %d", p.epoch, now.LeaderEpoch)
	case now.Leader != cluster.NoLeader && !slices.Contains(now.ISR, now.Leader):
		return fmt.Errorf("leader %d is not among the in-sync replicas %v", now.Leader, now.ISR)
	case now.Leader != cluster.NoLeader && l.LeaderEpoch() > now.LeaderEpoch:
		return fmt.Errorf("the log has leader epoch %d, the partition %d", l.LeaderEpoch(), now.LeaderEpoch)
	}
	for _, r := range now.ISR {
		if end := c.ReplicaEnd(now, r); now.Leader != cluster.NoLeader && end < l.HighWatermark() {
			return fmt.Errorf("in-sync replica %d ends at %d, below the high watermark %d", r, end, l.HighWatermark())
		}
	}
	records, _, err := l.ReadInto(nil, l.LogStart(), int(l.HighWatermark()-l.LogStart())+1, false)
	if err != nil {
		return err
	}
	last := l.LogStart() - 1
	for _, r := range records {
		if r.Offset <= last || r.Offset >= l.HighWatermark() {
			return fmt.Errorf("offset %d is read after %d, below the high watermark %d", r.Offset, last, l.HighWatermark())
		}
		last = r.Offset
		if r.Offset >= p.high {
			p.newest[string(r.Key)] = r
		}
	}
	p.start, p.high, p.epoch = l.LogStart(), l.HighWatermark(), now.LeaderEpoch
	if err := p.keepsAcknowledged(l.Config().Compact, records); err != nil {
		return err
	}
	if l.Config().Compact && !l.Config().Delete {
		return p.keepsNewest(records)
	}
	return nil
}

// keepsAcknowledged looks for the records that were acknowledged.
func (p *partition) keepsAcknowledged(compact bool, records []kafka.Record) error {
	kept := p.acked[:0]
	for _, a := range p.acked {
		i, found := slices.BinarySearchFunc(records, a.Offset, func(r kafka.Record, o kafka.Offset) int { return int(r.Offset - o) })
		switch {
		case a.Offset < p.start:
			continue // deleted
		case found && same(records[i], a):
		case found:
			return fmt.Errorf("offset %d was acknowledged with %s, and holds %s", a.Offset, show(a), show(records[i]))
		case compact && (a.Value == nil || p.newest[string(a.Key)].Offset > a.Offset):
			continue // compacted away
		default:
			return fmt.Errorf("the record at offset %d was acknowledged and is lost: %s", a.Offset, show(a))
		}
		kept = append(kept, a)
	}
	p.acked = kept
	return nil
}

// keepsNewest holds a compacted log to the newest value of each key. A tombstone may be gone.
func (p *partition) keepsNewest(records []kafka.Record) error {
	has := map[string]kafka.Record{}
	for _, r := range records {
		has[string(r.Key)] = r
	}
	for key, want := range p.newest {
		got, found := has[key]
		switch {
		case want.Offset < p.start || !found && want.Value == nil:
			delete(p.newest, key)
		case !found:
			return fmt.Errorf("the newest record of key %q is gone: offset %d", key, want.Offset)
		case got.Offset != want.Offset || !same(got, want):
			return fmt.Errorf("the newest record of key %q is %s at %d, and was %s at %d", key, show(got), got.Offset, show(want), want.Offset)
		}
	}
	return nil
}

func same(a, b kafka.Record) bool {
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
}

func show(r kafka.Record) string {
	if r.Value == nil {
		return fmt.Sprintf("%q=null", r.Key)
	}
	return fmt.Sprintf("%q=%q", r.Key, r.Value)
}
