// Package memkafka is a Kafka cluster as a Go value: topics with partitions and offsets, consumer groups with their
// rebalances, all in this process and without a broker. memkafka/saramaclient offers sarama's interfaces on it.
//
//	cluster := memkafka.New()
//	defer cluster.Close()
//	err := cluster.CreateTopic("orders", 3)
//	offset, err := cluster.Produce("orders", 0, memkafka.Record{Key: []byte("k"), Value: []byte("v")})
//
// A cluster takes its time from package time: inside a testing/synctest bubble it is virtual, and a rebalance with all
// of Kafka's own waits costs no real time.
//
// A cluster runs free, each call applied at once by the goroutine that makes it, unless it is made by NewByHand, where
// records are handed to group members only while Settle runs, or by NewDriven, where a Driver decides by a seed what
// happens next.
package memkafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// The nouns that the cluster's methods speak of.
type (
	// Record is one record of a partition: Offset, Timestamp (Millis), Key and Value ([]byte) and Headers ([]Header). A nil Key is a
	// null key, a nil Value makes it a tombstone.
	Record = kafka.Record
	// Header is one header of a record: Key (string) and Value ([]byte).
	Header = kafka.Header
	// Offset is the position of a record in a partition, an int64 that begins at 0.
	Offset = kafka.Offset
	// Millis is a time in milliseconds since 1970, an int64; its method Time makes it a time.Time in UTC.
	Millis = kafka.Millis
	// TopicPartition names one partition: Topic (string) and Partition (int32). It is comparable, and prints as topic/partition.
	TopicPartition = kafka.TopicPartition
	// Source names the caller behind a record that is sent: the input record at hand (Topic, Partition, Offset), and which
	// of the records that are sent for it this one is (N, from 0 on). The zero Source is nobody. A sarama.ProducerMessage whose
	// Metadata has a method KafkaSource() Source carries one.
	Source = kafka.Source
	// ErrorCode is an error as Kafka's protocol numbers it, an int16, with Kafka's name of it by its method Name. Errors of a
	// cluster wrap one: errors.As finds it, and errors.Is(err, memkafka.ErrorCode(3)) asks for UNKNOWN_TOPIC_OR_PARTITION.
	ErrorCode = kafka.ErrorCode
)

// NoTimestamp as the time of a record lets the cluster stamp it, as the zero Timestamp does.
const NoTimestamp = kafka.NoTimestamp

// ErrClosed reports a call on a cluster, or one of its clients, that was closed.
var ErrClosed = seam.ErrClosed

// ErrNoAnswer is what a client of saramaclient hears of a request whose answer a fault keeps back: a net.Error that is a
// time-out. A connection that a fault closes is io.EOF.
var ErrNoAnswer = seam.ErrNoAnswer

// ErrStuck reports that Settle waited in vain for a record to be handled. The text names who has not finished what.
var ErrStuck = seam.ErrStuck

// Cluster is one simulated Kafka cluster. Its methods may be called by any number of goroutines.
//
// Those that name a topic or a partition which is not there fail with UNKNOWN_TOPIC_OR_PARTITION: none of them creates topics, but
// CreateTopic. After Close they fail with ErrClosed; those without an error answer as an empty cluster does. What they return
// belongs to the caller, but for keys, values and headers of records, which are the cluster's and must not be changed.
type Cluster struct {
	engine *seam.Engine
	door   door
}

// Option is a setting of a cluster. Unset ones have the defaults of Apache Kafka 4.3 for one broker. Of two for one setting the
// later counts.
type Option func(*cluster.Settings) error

// WithSeed sets the seed of all chance in the cluster, such as member ids: 0 unless set.
func WithSeed(seed uint64) Option {
	return func(s *cluster.Settings) error { s.Seed = seed; return nil }
}

// WithBrokers sets the number of brokers: 1 unless set.
func WithBrokers(n int32) Option {
	return func(s *cluster.Settings) error {
		if n < 1 {
			return fmt.Errorf("brokers: %d is not a number of brokers; give 1 or more", n)
		}
		s.Brokers = n
		return nil
	}
}

// WithAutoCreateTopics says whether a client's asking for an unknown topic creates it (auto.create.topics.enable): true unless set.
func WithAutoCreateTopics(on bool) Option {
	return func(s *cluster.Settings) error { s.AutoCreateTopics = on; return nil }
}

// WithDefaultPartitions sets the number of partitions of topics that are created without one (num.partitions): 1
// unless set.
func WithDefaultPartitions(n int32) Option {
	return func(s *cluster.Settings) error {
		if n < 1 {
			return fmt.Errorf("num.partitions: %d is not a number of partitions; give 1 or more", n)
		}
		s.NumPartitions = n
		return nil
	}
}

// WithInitialRebalanceDelay sets how long a new group waits for more members (group.initial.rebalance.delay.ms): 3 s
// unless set, as in Kafka. Tests outside of a testing/synctest bubble mostly want 0.
func WithInitialRebalanceDelay(d time.Duration) Option {
	return func(s *cluster.Settings) error {
		if d < 0 {
			return fmt.Errorf("group.initial.rebalance.delay.ms: %v is negative; give 0 for no delay", d)
		}
		s.Group.InitialRebalanceDelay = kafka.Millis(d.Milliseconds())
		return nil
	}
}

// New returns a running cluster without topics. It panics when an option is wrong; Open returns the error instead.
func New(options ...Option) *Cluster {
	c, err := Open(options...)
	if err != nil {
		panic("memkafka: " + err.Error())
	}
	return c
}

// Open returns a running cluster without topics, or an error that names every wrong option.
func Open(options ...Option) (*Cluster, error) { return open(seam.Free, options) }

// NewByHand returns a cluster that hands records to members of groups only while Settle runs: one at a time, each
// handled before the next. It panics when an option is wrong.
func NewByHand(options ...Option) *Cluster {
	c, err := OpenByHand(options...)
	if err != nil {
		panic("memkafka: " + err.Error())
	}
	return c
}

func open(mode seam.Mode, options []Option) (*Cluster, error) {
	s := cluster.DefaultSettings()
	var errs []error
	for _, o := range options {
		errs = append(errs, o(&s))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return &Cluster{engine: seam.New(s, mode)}, nil
}

// Seam returns what memkafka's own doors are built on. It is of no use elsewhere.
func (c *Cluster) Seam() *seam.Engine { return c.engine }

// Close ends the cluster: its clients and listeners are closed, waiting calls return ErrClosed. It may be called twice.
func (c *Cluster) Close() {
	c.door.close()
	c.engine.Close()
}

// TopicOption is a setting of a topic that CreateTopic makes.
type TopicOption func(*cluster.TopicSpec)

// WithConfig sets a topic's configuration, as "cleanup.policy" to "compact".
func WithConfig(name, value string) TopicOption {
	return func(s *cluster.TopicSpec) {
		if s.Configs == nil {
			s.Configs = map[string]string{}
		}
		s.Configs[name] = value
	}
}

// WithReplication sets the replication factor: 1 unless set.
func WithReplication(n int16) TopicOption {
	return func(s *cluster.TopicSpec) { s.Replication = n }
}

// CreateTopic makes a topic. With 0 partitions it gets as many as WithDefaultPartitions says. Its errors are Kafka's:
// TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_REPLICATION_FACTOR, INVALID_CONFIG, each with a text that says more.
func (c *Cluster) CreateTopic(name string, partitions int32, options ...TopicOption) error {
	spec := cluster.TopicSpec{Name: name, Partitions: partitions, Replication: -1}
	for _, o := range options {
		o(&spec)
	}
	return c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		_, err := core.CreateTopic(spec)
		return err
	})
}

// Topics lists the names of all topics, sorted.
func (c *Cluster) Topics() []string {
	var names []string
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error { names = core.Topics(); return nil }) // a closed cluster has none
	return names
}

// Partitions returns the number of partitions of a topic, 0 when there is no such topic.
func (c *Cluster) Partitions(topic string) int32 {
	var n int32
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		if t := core.Topic(topic); t != nil {
			n = int32(len(t.Partitions))
		}
		return nil
	}) // a closed cluster has none
	return n
}

// TopicsVersion counts changes of topics, partitions and leaders: while it stays, Partitions answers the same. It waits for
// nobody.
func (c *Cluster) TopicsVersion() uint64 { return c.engine.Shape() }

// Produce appends records to a partition as one batch and returns the offset of the first. Records whose Timestamp is zero, or
// NoTimestamp, are stamped with the present time: a time long ago would be one that retention.ms (7 days unless set) lets go of
// in a few minutes. Their Offset is ignored. The records must not be changed afterwards.
func (c *Cluster) Produce(topic string, partition int32, records ...Record) (Offset, error) {
	if len(records) == 0 {
		return kafka.NoOffset, fmt.Errorf("produce to %s/%d: no records given", topic, partition)
	}
	now := kafka.MillisOf(time.Now())
	for i := range records {
		if records[i].Timestamp <= 0 {
			records[i].Timestamp = now
		}
	}
	a, err := c.engine.Append(TopicPartition{Topic: topic, Partition: partition}, records...)
	if err != nil {
		return kafka.NoOffset, fmt.Errorf("produce to %s/%d: %w", topic, partition, err)
	}
	return a.Base, nil
}

// Fetch returns up to limit records of a partition from an offset on, as far as the high watermark, those of open and aborted
// transactions among them. Offsets that hold no record are passed over. It does not wait: where there is nothing yet it returns none.
// An offset outside of the log is OFFSET_OUT_OF_RANGE.
func (c *Cluster) Fetch(topic string, partition int32, from Offset, limit int) ([]Record, error) {
	var records []Record
	err := c.partition(topic, partition, func(p *cluster.Partition) error {
		var err error
		if most := min(int64(limit), int64(p.Log.HighWatermark()-from)); most > 0 {
			records = make([]Record, 0, most)
		}
		records, _, err = p.Log.ReadInto(records, from, limit, false)
		if len(records) == 0 {
			records = nil
		}
		return err
	})
	return records, err
}

// Offsets returns the log start offset and the high watermark of a partition: where its records begin, and the offset after the
// last one that consumers see. DescribePartitions has all four.
func (c *Cluster) Offsets(topic string, partition int32) (start, high Offset, err error) {
	err = c.partition(topic, partition, func(p *cluster.Partition) error {
		start, high = p.Log.LogStart(), p.Log.HighWatermark()
		return nil
	})
	return start, high, err
}

// Committed returns the offset that a group committed for a partition, false when it committed none.
func (c *Cluster) Committed(group, topic string, partition int32) (Offset, bool) {
	var offset Offset
	found := false
	_ = c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		g := core.Group(group)
		if g == nil {
			return nil
		}
		for _, o := range g.Offsets() {
			if o.TP == (TopicPartition{Topic: topic, Partition: partition}) {
				offset, found = o.Offset, true
			}
		}
		return nil
	}) // a closed cluster has none
	return offset, found
}

// Settle hands out records to members of groups, one at a time, until all that there is was handled. It fails with
// ErrStuck when nothing goes on for bound. A Settle under way is waited for first. Only clusters made by NewByHand need it.
func (c *Cluster) Settle(ctx context.Context, bound time.Duration) error {
	return c.engine.Settle(ctx, bound)
}

// TrySettle is Settle for goroutines that a Settle under way may wait for, as those of callbacks: it returns at once
// then.
func (c *Cluster) TrySettle(ctx context.Context, bound time.Duration) error {
	return c.engine.TrySettle(ctx, bound)
}

// Settling reports whether a Settle is under way.
func (c *Cluster) Settling() bool { return c.engine.Settling() }

// Changes tells one goroutine when subscriptions of a cluster begin, end or move: Wait(ctx) returns when there was a change since
// the last Wait, and Stop ends it.
type Changes = seam.Changes

// Changes begins to look for changes of subscriptions. Only clusters made by NewByHand need it; it must be stopped.
func (c *Cluster) Changes() *Changes { return c.engine.Changes() }

// Subscription is one partition that a client reads: ClientID, TP (TopicPartition), Claim (whether it belongs to a group's member),
// Position and End, the offset of the next record that it is given, and where the records end that it may be given.
type Subscription = seam.SubscriptionInfo

// Subscriptions lists who reads what at present: tables and views first, then by name of client, topic and partition.
func (c *Cluster) Subscriptions() []Subscription { return c.engine.Subscriptions() }

// Claims lists who holds which partitions as a member of a group: names of clients by partition.
func (c *Cluster) Claims() map[TopicPartition][]string { return c.engine.Claims() }

func (c *Cluster) do(f func(core *cluster.Cluster, now kafka.Millis) error) error {
	var err error
	if e := c.engine.Do(func(core *cluster.Cluster, now kafka.Millis) { err = f(core, now) }); e != nil {
		return e
	}
	return err
}

func (c *Cluster) partition(topic string, partition int32, f func(p *cluster.Partition) error) error {
	return c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		p := core.Partition(topic, partition)
		if p == nil {
			return fmt.Errorf("partition %s/%d: %w", topic, partition, kafka.UnknownTopicOrPartition)
		}
		return f(p)
	})
}

var (
	namedMu sync.Mutex // guards named
	named   = map[string]*Cluster{}
)

// Named returns the cluster that broker addresses of the form mem://name lead to, and makes it, with default settings
// and without the delay of first rebalances, when there is none. It stays for as long as the process does: programs, and tests, that
// share a name share a cluster. SetNamed gives a name for a while.
func Named(name string) *Cluster {
	namedMu.Lock()
	defer namedMu.Unlock()
	c := named[name]
	if c == nil {
		c = New(WithInitialRebalanceDelay(0))
		named[name] = c
	}
	return c
}

// SetNamed makes c the cluster behind mem://name, and returns a function that takes the name back. It fails when the
// name is taken.
func SetNamed(name string, c *Cluster) (release func(), err error) {
	namedMu.Lock()
	defer namedMu.Unlock()
	if named[name] != nil {
		return nil, fmt.Errorf("mem://%s is taken by another cluster of this process; use another name, or release that one", name)
	}
	named[name] = c
	return func() {
		namedMu.Lock()
		defer namedMu.Unlock()
		if named[name] == c {
			delete(named, name)
		}
	}, nil
}

// Append writes one record to a partition as it is, its timestamp included, and returns its offset. A zero Timestamp is the year
// 1970 here, which retention.ms lets go of soon; Produce stamps records.
func (c *Cluster) Append(topic string, partition int32, r Record) (Offset, error) {
	a, err := c.engine.AppendOne(TopicPartition{Topic: topic, Partition: partition}, r)
	if err != nil {
		return kafka.NoOffset, fmt.Errorf("append to %s/%d: %w", topic, partition, err)
	}
	return a.Base, nil
}

// SubscriptionsVersion counts the changes of what Subscriptions lists.
func (c *Cluster) SubscriptionsVersion() uint64 { return c.engine.SubscriptionsVersion() }

// Wake is a change to all who wait for Changes.
func (c *Cluster) Wake() { c.engine.Wake() }
