package cluster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// The most of anything that a snapshot may ask for before its content is looked at.
const (
	maxBrokers    = 1_000
	maxPartitions = 10_000
)

// Restore makes the cluster that a snapshot was taken of, at time now. Timers count from now on. With a seed other than
// the one of the snapshot chance begins anew. Errors wrap ErrSnapshot: nothing in a snapshot is believed unchecked.
func Restore(now kafka.Millis, s *Snapshot, seed uint64) (*Cluster, error) {
	c, err := restore(now, s, seed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return c, nil
}

func restore(now kafka.Millis, s *Snapshot, seed uint64) (*Cluster, error) {
	if err := s.Settings.Validate(); err != nil {
		return nil, err
	}
	settings := s.Settings
	settings.Seed = seed
	c := New(settings)
	if seed == s.Settings.Seed {
		if len(s.Chance) != 2 {
			return nil, fmt.Errorf("%d streams of chance, want 2", len(s.Chance))
		}
		for i, source := range []*rand.PCG{c.idSource, c.nameSource} {
			if err := source.UnmarshalBinary(s.Chance[i]); err != nil {
				return nil, fmt.Errorf("stream of chance: %w", err)
			}
		}
	}
	if s.NextProducerID < 0 {
		return nil, fmt.Errorf("next producer id %d is negative", s.NextProducerID)
	}
	c.nextProducerID, c.txnEpoch = s.NextProducerID, s.TxnEpoch
	for _, a := range s.ACLs {
		c.AddACL(a)
	}
	for user, credentials := range s.Scram {
		for mechanism, credential := range credentials {
			c.SetScram(user, mechanism, credential)
		}
	}
	for _, e := range s.Quotas {
		var ops []QuotaOp
		for _, key := range slices.Sorted(maps.Keys(e.Quotas)) {
			ops = append(ops, QuotaOp{Key: key, Value: e.Quotas[key]})
		}
		if err := c.AlterQuotas(e.Entity, ops, false); err != nil {
			return nil, fmt.Errorf("a quota: %w", err)
		}
	}
	for _, id := range s.Down {
		if err := c.checkBroker(id); err != nil {
			return nil, err
		}
		c.down[id] = true
	}
	if up := c.Brokers(); s.Controller != NoLeader && !c.Alive(s.Controller) || s.Controller == NoLeader && len(up) > 0 {
		return nil, fmt.Errorf("broker %d is the controller, and %v are up", s.Controller, up)
	}
	c.controller = s.Controller
	for _, t := range s.Topics {
		if err := c.restoreTopic(t, s.tails); err != nil {
			return nil, fmt.Errorf("topic %q: %w", t.Name, err)
		}
	}
	if err := c.checkInternalTopics(); err != nil {
		return nil, err
	}
	if err := c.restoreCoordinators(now, s); err != nil {
		return nil, err
	}
	c.eachPartition(func(p *Partition) {
		if len(s.tails) > 0 && !p.Held {
			c.advance(now, p) // the followers have what was appended since
		}
		c.wake(now, p)
		c.watchLag(now, p)
		c.watchProducers(now, p)
	})
	c.watchBalance(now)
	c.touched = c.touched[:0]
	return c, nil
}

// Validate says whether a cluster can be made with these settings. Zero fields are not taken for the defaults here.
func (s *Settings) Validate() error {
	for _, v := range []struct {
		name  string
		value int64
		most  int64
	}{
		{"brokers", int64(s.Brokers), maxBrokers},
		{"num.partitions", int64(s.NumPartitions), maxPartitions},
		{"default.replication.factor", int64(s.DefaultReplication), maxBrokers},
		{"offsets.topic.num.partitions", int64(s.OffsetsTopicPartitions), maxPartitions},
		{"transaction.state.log.num.partitions", int64(s.TransactionTopicPartitions), maxPartitions},
		{"log.retention.check.interval.ms", int64(s.RetentionCheckInterval), 1 << 53},
		{"log.cleaner.backoff.ms", int64(s.CleanerBackoff), 1 << 53},
		{"replica.lag.time.max.ms", int64(s.ReplicaLagTime), 1 << 53},
		{"leader.imbalance.check.interval", int64(s.LeaderCheckInterval), 1 << 53},
		{"producer.id.expiration.ms", int64(s.ProducerIDExpiration), 1 << 53},
	} {
		if v.value < 1 || v.value > v.most {
			return fmt.Errorf("%s is %d; it must be 1 to %d", v.name, v.value, v.most)
		}
	}
	for _, values := range []map[string]string{s.Static, s.Dynamic} {
		for _, name := range sortedKeys(values) {
			trial := *s
			if err := trial.Set(name, values[name]); err != nil {
				return err
			}
		}
	}
	for _, name := range sortedKeys(s.TopicDefaults) {
		t := findTopicConfig(name)
		if t == nil {
			return unknownSetting(name)
		}
		if err := t.check(s.TopicDefaults[name]); err != nil {
			return err
		}
	}
	if err := s.Group.Validate(); err != nil {
		return err
	}
	return s.Transactions.Validate()
}

func (c *Cluster) restoreTopic(s topicSnapshot, tails map[logName]*tail) error {
	if err := c.checkNewTopic(s.Name); err != nil {
		return err
	}
	config, err := c.logConfig(s.Configs)
	if err != nil {
		return err
	}
	t := &Topic{Name: s.Name, Replication: s.Replication, Internal: isInternal(s.Name), Configs: maps.Clone(s.Configs)}
	if len(s.ID) != len(t.ID) {
		return fmt.Errorf("its id has %d bytes, want %d", len(s.ID), len(t.ID))
	}
	copy(t.ID[:], s.ID)
	if other := c.topicsByID[t.ID]; other != nil {
		return fmt.Errorf("it has the id of topic %q, %x", other.Name, t.ID)
	}
	if len(s.Partitions) == 0 {
		return fmt.Errorf("it has no partitions")
	}
	for i, ps := range s.Partitions {
		p := &Partition{
			TP: kafka.TopicPartition{Topic: s.Name, Partition: int32(i)}, Leader: ps.Leader, LeaderEpoch: ps.LeaderEpoch,
			Replicas: slices.Clone(ps.Replicas), ISR: slices.Clone(ps.ISR), Held: ps.Held,
		}
		if p.Held {
			c.holding++
		}
		after := tails[logName{t.ID, int32(i)}]
		if after != nil && after.replaced != nil {
			ps.Log = logSnapshot{Snapshot: *after.replaced}
		}
		if p.Log, err = restoreLog(config, ps.Log); err != nil {
			return fmt.Errorf("partition %d: %w", i, err)
		}
		if after != nil {
			if err := after.follow(p.Log); err != nil {
				return fmt.Errorf("partition %d: %w", i, err)
			}
		}
		if p.Log.LeaderEpoch() < p.LeaderEpoch {
			p.Log.BeginEpoch(p.LeaderEpoch)
		}
		for _, l := range ps.Behind {
			back := lagging{end: l.End, shared: l.Shared}
			if l.Stray != nil {
				if back.stray, err = restoreLog(config, *l.Stray); err != nil {
					return fmt.Errorf("partition %d on broker %d: %w", i, l.Broker, err)
				}
			}
			if p.behind == nil {
				p.behind = map[int32]lagging{}
			}
			p.behind[l.Broker] = back
		}
		if err := c.checkReplicas(p, s.Replication); err != nil {
			return fmt.Errorf("partition %d: %w", i, err)
		}
		p.configure(config)
		t.Partitions = append(t.Partitions, p)
	}
	c.topics[s.Name], c.topicsByID[t.ID] = t, t
	c.topicsVersion++
	return nil
}

// checkReplicas holds a partition to what is true of any.
func (c *Cluster) checkReplicas(p *Partition, replication int16) error {
	seen := map[int32]bool{}
	for _, r := range p.Replicas {
		if err := c.checkBroker(r); err != nil {
			return err
		}
		if seen[r] {
			return fmt.Errorf("replicas %v name broker %d twice", p.Replicas, r)
		}
		seen[r] = true
	}
	if len(p.Replicas) == 0 || p.TP.Partition == 0 && len(p.Replicas) != int(replication) { // others may have been moved
		return fmt.Errorf("replicas are %v, the replication factor is %d", p.Replicas, replication)
	}
	inSync := map[int32]bool{}
	for _, r := range p.ISR {
		if !seen[r] || inSync[r] {
			return fmt.Errorf("in-sync replicas %v do not fit replicas %v", p.ISR, p.Replicas)
		}
		inSync[r] = true
	}
	switch {
	case len(p.ISR) == 0:
		return fmt.Errorf("no replica is in sync")
	case p.Leader != NoLeader && (!inSync[p.Leader] || c.down[p.Leader]):
		return fmt.Errorf("leader %d is down or not in sync with %v", p.Leader, p.ISR)
	case p.LeaderEpoch < 0:
		return fmt.Errorf("leader epoch %d is negative", p.LeaderEpoch)
	}
	for r, l := range p.behind {
		switch {
		case !seen[r] || r == p.Leader:
			return fmt.Errorf("broker %d lags behind, replicas are %v and the leader %d", r, p.Replicas, p.Leader)
		case l.stray == nil && (l.end < 0 || l.end > p.Log.LogEnd()):
			return fmt.Errorf("broker %d has the log up to %d, which ends at %d", r, l.end, p.Log.LogEnd())
		case l.shared < 0 || l.shared > min(l.end, p.Log.LogEnd()):
			return fmt.Errorf("broker %d shares the log up to %d, which ends at %d and its own at %d", r, l.shared, p.Log.LogEnd(), l.end)
		case l.stray != nil && l.end != l.stray.LogEnd():
			return fmt.Errorf("broker %d has a log that ends at %d, not at %d", r, l.stray.LogEnd(), l.end)
		}
	}
	return nil
}

// restoreLog checks what plog.Restore takes as given.
func restoreLog(config plog.Config, s logSnapshot) (*plog.Log, error) {
	at := kafka.Offset(-1)
	for _, seg := range s.Segments {
		if seg.Base <= at || seg.Base > s.LogEnd {
			return nil, fmt.Errorf("segment %d follows %d in a log that ends at %d", seg.Base, at, s.LogEnd)
		}
		at = seg.Base
	}
	epoch, at := batch.NoLeaderEpoch, kafka.Offset(-1)
	for _, e := range s.Epochs {
		if e.Epoch <= epoch || e.Start <= at || e.Start > s.LogEnd {
			return nil, fmt.Errorf("leader epoch %d at %d follows %d at %d in a log that ends at %d", e.Epoch, e.Start, epoch, at, s.LogEnd)
		}
		epoch, at = e.Epoch, e.Start
	}
	last := kafka.Offset(-1)
	for _, t := range s.Unstable {
		if t.First < last || t.First >= s.LogEnd {
			return nil, fmt.Errorf("a transaction at %d follows one at %d in a log that ends at %d", t.First, last, s.LogEnd)
		}
		last = t.First
	}
	last = -1
	for _, t := range s.Aborted {
		if t.Last < last || t.Last >= s.LogEnd || t.First > t.Last {
			return nil, fmt.Errorf("an aborted transaction [%d, %d] follows one that ended at %d in a log that ends at %d", t.First, t.Last, last, s.LogEnd)
		}
		last = t.Last
	}
	id := int64(-1)
	for _, p := range s.Producers {
		if p.ID <= id {
			return nil, fmt.Errorf("producer %d follows producer %d", p.ID, id)
		}
		id = p.ID
	}
	return plog.Restore(config, s.Snapshot)
}

// checkInternalTopics holds the coordinators' topics to the settings, which say who looks after what.
func (c *Cluster) checkInternalTopics() error {
	for topic, want := range map[string]int32{
		GroupMetadataTopic:    c.settings.OffsetsTopicPartitions,
		TransactionStateTopic: c.settings.TransactionTopicPartitions,
	} {
		if t := c.topics[topic]; t != nil && int32(len(t.Partitions)) != want {
			return fmt.Errorf("%s has %d partitions, the settings say %d", topic, len(t.Partitions), want)
		}
	}
	return nil
}

func (c *Cluster) restoreCoordinators(now kafka.Millis, s *Snapshot) error {
	for _, g := range s.Groups {
		if c.settings.RetainState {
			return fmt.Errorf("group %q has records of its own, and the settings say that they are in %s", g.ID, GroupMetadataTopic)
		}
		if c.journals[string(g.ID)] != nil {
			return fmt.Errorf("group %q is there twice", g.ID)
		}
		c.journals[string(g.ID)] = &journal{entries: g.Entries}
	}
	for i := range c.settings.OffsetsTopicPartitions {
		if c.settings.RetainState && c.topics[GroupMetadataTopic] == nil {
			break
		}
		if len(c.down) > 0 && c.coordinator(GroupMetadataTopic, i) == NoLeader {
			continue
		}
		entries, err := c.groupEntries(i)
		if err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(entries)) {
			if err := c.loadGroup(now, id, entries[id]); err != nil {
				return err
			}
		}
	}
	records := s.Transactions
	if c.settings.RetainState {
		if len(records) > 0 {
			return fmt.Errorf("transactional ids have records of their own, and the settings say that they are in %s", TransactionStateTopic)
		}
		records = c.txnRecords()
	}
	for _, r := range records {
		if _, _, err := txn.IDOf(r); err != nil {
			return err
		}
	}
	return c.loadTxns(now, c.ledTxns(records))
}
