package memkafka

import (
	"context"
	"fmt"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// Segment is one segment of a partition's log: Base, the offset of the first record that it may hold, Next, the one after the last,
// the numbers of Batches and Bytes, the greatest timestamp (MaxTimestamp), and whether it is the Active one, which is written.
type Segment = plog.SegmentInfo

// TransactionDescription is what DescribeTransactions tells of a transactional id (KIP-664): TransactionalID, State, Producer (ID and
// Epoch), Timeout in milliseconds, Start, the time at which the last transaction began, and the Partitions of one that is not over.
type TransactionDescription = txn.Description

// PartitionDescription is a partition at one moment: who leads and holds it, and its four offsets, from low to high.
type PartitionDescription struct {
	Partition int32 // its number
	PartitionMetadata
	LogStart, LastStable, HighWatermark, LogEnd Offset // each the offset after the last one that counts for it, LogStart the first there is
	Bytes                                       int64  // of all batches, as on the wire
	Segments                                    int    // files that a broker would have of it
}

// TopicDescription is a topic at one moment.
type TopicDescription struct {
	Name        string // of the topic
	Internal    bool   // one of Kafka's own
	Partitions  int    // how many
	Replication int16  // replicas of a partition (replication factor)
	Records     int64  // offsets between log starts and high watermarks; markers and what was compacted away count
	Bytes       int64  // of all batches, as on the wire
	Leaderless  int    // partitions without a leader
	OutOfSync   int    // partitions with replicas that are not in sync
}

// DescribeTopics tells of all topics, sorted by name.
func (c *Cluster) DescribeTopics() []TopicDescription {
	var list []TopicDescription
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		for _, name := range core.Topics() {
			t := core.Topic(name)
			d := TopicDescription{Name: name, Internal: t.Internal, Partitions: len(t.Partitions), Replication: t.Replication}
			for _, p := range t.Partitions {
				d.Records += int64(p.Log.HighWatermark() - p.Log.LogStart())
				d.Bytes += p.Log.Bytes()
				if p.Leader == cluster.NoLeader {
					d.Leaderless++
				}
				if len(p.ISR) < len(p.Replicas) {
					d.OutOfSync++
				}
			}
			list = append(list, d)
		}
		return nil
	}) // a closed cluster has none
	return list
}

// DescribePartitions tells of the partitions of a topic. It fails with UNKNOWN_TOPIC_OR_PARTITION.
func (c *Cluster) DescribePartitions(topic string) ([]PartitionDescription, error) {
	var list []PartitionDescription
	err := c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		t := core.Topic(topic)
		if t == nil {
			return fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition)
		}
		for i, p := range t.Partitions {
			list = append(list, PartitionDescription{
				Partition: int32(i), PartitionMetadata: core.PartitionMetadata(p),
				LogStart: p.Log.LogStart(), LastStable: p.Log.LastStable(), HighWatermark: p.Log.HighWatermark(), LogEnd: p.Log.LogEnd(),
				Bytes: p.Log.Bytes(), Segments: len(p.Log.Segments()),
			})
		}
		return nil
	})
	return list, err
}

// Segments lists the segments of a partition, from the oldest to the active one.
func (c *Cluster) Segments(topic string, partition int32) ([]Segment, error) {
	var list []Segment
	err := c.partition(topic, partition, func(p *cluster.Partition) error {
		list = p.Log.Segments()
		return nil
	})
	return list, err
}

// OffsetForTime returns the first offset of a record with a time or a later one, the high watermark when there is none.
func (c *Cluster) OffsetForTime(topic string, partition int32, at time.Time) (Offset, error) {
	var offset Offset
	err := c.partition(topic, partition, func(p *cluster.Partition) error {
		var found bool
		if offset, _, found = p.Log.OffsetForTime(kafka.MillisOf(at)); !found {
			offset = p.Log.HighWatermark()
		}
		return nil
	})
	return offset, err
}

// GroupSummary is a group at one moment, in short.
type GroupSummary struct {
	ID         string // of the group (group.id)
	Type       string // classic or consumer (KIP-848)
	State      string // as Kafka calls it
	Generation int32  // or the group epoch
	Members    int    // how many
	Lag        int64  // records after the committed offsets, over all partitions that have one
}

// GroupDescription is a group at one moment.
type GroupDescription struct {
	GroupSummary
	Protocol    string              // the assignor; empty unless a classic group is stable
	Leader      string              // member id, in a classic group
	Coordinator int32               // NoLeader when it is nowhere
	Members     []MemberDescription // sorted by member id
	Offsets     []GroupOffset       // by topic and partition
}

// MemberDescription is a member of a group.
type MemberDescription struct {
	ID, InstanceID, ClientID, Host string           // member id, group.instance.id or empty, client.id, address
	Assigned                       []TopicPartition // sorted
}

// GroupOffset is an offset that a group committed.
type GroupOffset struct {
	TopicPartition
	Offset   Offset // the next one to be read
	Metadata string // as the consumer gave it
	High     Offset // of the partition; NoOffset when it is gone
	Lag      int64  // records after the offset; 0 when the partition is gone
	Oldest   Millis // the time of the first record after the offset; NoTimestamp when there is none
}

// DescribeGroups tells of all groups in short, sorted by id.
func (c *Cluster) DescribeGroups() []GroupSummary {
	var list []GroupSummary
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		for _, id := range core.Groups() {
			if g := core.Group(id); g != nil {
				list = append(list, summary(core, g))
			}
		}
		return nil
	}) // a closed cluster has none
	return list
}

func summary(core *cluster.Cluster, g *group.Group) GroupSummary {
	s := GroupSummary{ID: g.ID(), Type: string(g.Type()), State: string(g.State()), Generation: g.Generation(), Members: len(g.Members())}
	for _, o := range g.Offsets() {
		if p := core.Partition(o.TP.Topic, o.TP.Partition); p != nil {
			s.Lag += max(0, int64(p.Log.HighWatermark()-o.Offset))
		}
	}
	return s
}

// GroupProgress is how far a group is.
type GroupProgress struct {
	ID      string        // of the group (group.id)
	Members int           // how many
	Offsets []GroupOffset // by topic and partition; without Oldest, which is NoTimestamp
}

// Lag is the number of records after the committed offsets, over all partitions.
func (g GroupProgress) Lag() int64 {
	var lag int64
	for _, o := range g.Offsets {
		lag += o.Lag
	}
	return lag
}

// GroupProgresses tells how far all groups are, sorted by id.
func (c *Cluster) GroupProgresses() []GroupProgress {
	var list []GroupProgress
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		ids := core.Groups()
		list = make([]GroupProgress, 0, len(ids))
		for _, id := range ids {
			g := core.Group(id)
			if g == nil {
				continue
			}
			committed := g.Offsets()
			d := GroupProgress{ID: id, Members: len(g.Members()), Offsets: make([]GroupOffset, 0, len(committed))}
			for _, o := range committed {
				d.Offsets = append(d.Offsets, groupOffset(core, o))
			}
			list = append(list, d)
		}
		return nil
	}) // a closed cluster has none
	return list
}

// groupOffset is a committed offset, without the time of the record at it.
func groupOffset(core *cluster.Cluster, o group.OffsetCommit) GroupOffset {
	offset := GroupOffset{TopicPartition: o.TP, Offset: o.Offset, Metadata: o.Metadata, High: kafka.NoOffset, Oldest: NoTimestamp}
	if p := core.Partition(o.TP.Topic, o.TP.Partition); p != nil {
		offset.High = p.Log.HighWatermark()
		offset.Lag = max(0, int64(offset.High-o.Offset))
	}
	return offset
}

// ResetOffset has a group go on at an offset of a partition, as kafka-consumer-groups --reset-offsets does. The group must have no members:
// it fails with UNKNOWN_MEMBER_ID when it has. An offset outside of the log is taken to its nearest end. A group that does not exist is made.
func (c *Cluster) ResetOffset(id, topic string, partition int32, to Offset) error {
	about := fmt.Sprintf("reset group %s at %s/%d", id, topic, partition)
	start, high, err := c.Offsets(topic, partition)
	if err != nil {
		return fmt.Errorf("%s: %w", about, err)
	}
	client, err := c.engine.Client("", "reset")
	if err != nil {
		return fmt.Errorf("%s: %w", about, err)
	}
	defer client.Close()
	commit := group.Commit{Generation: -1, Offsets: []group.OffsetCommit{{
		TP: TopicPartition{Topic: topic, Partition: partition}, Offset: max(start, min(to, high)), LeaderEpoch: -1,
	}}}
	answer, err := client.Ask(context.Background(), "commit", id, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		commit.Tag = call
		core.GroupStep(now, id, commit)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", about, err)
	}
	r := answer.(group.CommitResponse)
	code := r.Err
	if len(r.Partitions) > 0 && code == kafka.None {
		code = r.Partitions[0].Err
	}
	if code != kafka.None {
		return fmt.Errorf("%s: %w", about, code)
	}
	return nil
}

// GroupGenerations lists the present generation, or epoch, of each group that is stable. It costs little, so that one may look often.
func (c *Cluster) GroupGenerations() map[string]int32 {
	generations := map[string]int32{}
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		for _, id := range core.Groups() {
			if g := core.Group(id); g != nil && (g.State() == group.Stable || g.State() == group.Empty) {
				generations[id] = g.Generation()
			}
		}
		return nil
	}) // a closed cluster has none
	return generations
}

// DescribeGroup tells of a group. It fails with GROUP_ID_NOT_FOUND.
func (c *Cluster) DescribeGroup(id string) (GroupDescription, error) {
	var d GroupDescription
	err := c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		g := core.Group(id)
		if g == nil {
			return fmt.Errorf("group %s: %w", id, kafka.GroupIDNotFound)
		}
		d = GroupDescription{GroupSummary: summary(core, g), Protocol: g.Protocol(), Leader: g.Leader(), Coordinator: core.GroupCoordinator(id)}
		for _, m := range g.Members() {
			d.Members = append(d.Members, MemberDescription{m.MemberID, m.InstanceID, m.ClientID, m.ClientHost, g.AssignedTo(m)})
		}
		for _, o := range g.Offsets() {
			offset := groupOffset(core, o)
			if p := core.Partition(o.TP.Topic, o.TP.Partition); p != nil {
				if next, _, err := p.Log.ReadInto(nil, max(o.Offset, p.Log.LogStart()), 1, false); err == nil && len(next) > 0 {
					offset.Oldest = next[0].Timestamp
				}
			}
			d.Offsets = append(d.Offsets, offset)
		}
		return nil
	})
	return d, err
}

// Transactions tells of all transactional ids, sorted.
func (c *Cluster) Transactions() []TransactionDescription {
	var list []TransactionDescription
	_ = c.do(func(core *cluster.Cluster, now kafka.Millis) error {
		list, _, _ = core.Transactions().List(now, txn.Filter{LongerThan: -1})
		for i, t := range list {
			if d, err := core.Transactions().Describe(t.TransactionalID); err == 0 {
				list[i] = d
			}
		}
		return nil
	}) // a closed cluster has none
	return list
}

// BrokerCount is the number of brokers, those that are down included.
func (c *Cluster) BrokerCount() int32 { return c.engine.Brokers() }

// JumpClock moves the clocks of all brokers forward, or back: those by which they stamp records, delete and compact, and count the
// time-outs of groups and transactions. Clients do not notice.
func (c *Cluster) JumpClock(by time.Duration) error {
	return c.change(fmt.Sprintf("clocks jump by %s", by), func(core *cluster.Cluster, now kafka.Millis) error {
		return core.JumpClock(now, 0, by)
	})
}
