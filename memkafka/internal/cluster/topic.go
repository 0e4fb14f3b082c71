package cluster

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// GroupMetadataTopic is the internal topic that holds the state of the group coordinators.
const GroupMetadataTopic = "__consumer_offsets"

// Error is an error code with a sentence about the case at hand, as Kafka's answers carry one.
type Error struct {
	Code   kafka.ErrorCode
	Detail string
}

func (e *Error) Error() string { return e.Code.Name() + ": " + e.Detail }

// Unwrap lets errors.Is find the code.
func (e *Error) Unwrap() error { return e.Code }

func errorf(code kafka.ErrorCode, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// Topic is one topic of a cluster.
type Topic struct {
	Name        string
	ID          [16]byte
	Replication int16
	Internal    bool
	Configs     map[string]string // the overrides only; Config has all
	Partitions  []*Partition
}

// Partition is one partition of a topic, with its log.
type Partition struct {
	TP          kafka.TopicPartition
	Log         *plog.Log
	Leader      int32 // NoLeader when there is none
	LeaderEpoch kafka.Epoch
	Replicas    []int32 // the brokers that hold it, the preferred leader first
	ISR         []int32 // those in sync, in the order in which they came to be
	Held        bool    // followers do not fetch: see HoldReplication
	behind      map[int32]lagging
	lagTimer    bool // the timer by which they leave the ISR is set

	compacts bool // cleanup.policy names compact
	forgets  bool // retention may delete from it
}

// TopicSpec asks for a topic. Partitions and Replication of -1 or 0 take the cluster's defaults (KIP-464).
type TopicSpec struct {
	Name         string
	Partitions   int32
	Replication  int16
	Configs      map[string]string
	ValidateOnly bool
	// Assignment, if not nil, is the brokers of each partition, the preferred leader first. Partitions and Replication
	// are not looked at then.
	Assignment [][]int32
}

// Topic returns a topic that exists, nil otherwise.
func (c *Cluster) Topic(name string) *Topic { return c.topics[name] }

// TopicByID returns a topic that exists, nil otherwise.
func (c *Cluster) TopicByID(id [16]byte) *Topic { return c.topicsByID[id] }

// Partition returns a partition that exists, nil otherwise.
func (c *Cluster) Partition(topic string, partition int32) *Partition {
	t := c.topics[topic]
	if t == nil || partition < 0 || int(partition) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[partition]
}

// CreateTopic makes a topic, or says why Kafka would not.
func (c *Cluster) CreateTopic(spec TopicSpec) (*Topic, error) {
	if err := c.checkNewTopic(spec.Name); err != nil {
		return nil, err
	}
	partitions, replication := spec.Partitions, spec.Replication
	if spec.Assignment != nil {
		if err := c.checkAssignment(spec.Name, spec.Assignment, 0); err != nil {
			return nil, err
		}
		partitions, replication = int32(len(spec.Assignment)), int16(len(spec.Assignment[0]))
	}
	if partitions == -1 || partitions == 0 {
		partitions = c.settings.NumPartitions
	}
	if partitions < 1 {
		return nil, errorf(kafka.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	if replication == -1 || replication == 0 {
		replication = c.settings.DefaultReplication
	}
	if replication < 1 {
		return nil, errorf(kafka.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	}
	if int32(replication) > c.settings.Brokers {
		return nil, errorf(kafka.InvalidReplicationFactor,
			"Unable to replicate the partition %[1]d time(s): The target replication factor of %[1]d cannot be reached because only %[2]d broker(s) are registered%[3]s.",
			replication, c.settings.Brokers, c.cordoned())
	}
	config, err := c.logConfig(spec.Configs)
	if err != nil {
		return nil, err
	}
	t := &Topic{
		Name:        spec.Name,
		Replication: replication,
		Internal:    isInternal(spec.Name),
		Configs:     maps.Clone(spec.Configs),
	}
	t.ID = uuid(c.ids)
	if spec.ValidateOnly {
		return t, nil
	}
	c.topics[spec.Name], c.topicsByID[t.ID] = t, t
	c.addPartitions(t, int(partitions), config, spec.Assignment)
	return t, nil
}

// cordoned is what Apache Kafka 4.3 adds to its words about too few brokers (KIP-1066).
func (c *Cluster) cordoned() string {
	if c.settings.since("4.3") {
		return " or some brokers have all their log directories cordoned"
	}
	return ""
}

func isInternal(topic string) bool {
	return topic == GroupMetadataTopic || topic == TransactionStateTopic
}

// CheckTopicName applies Kafka's rules for names of topics.
func CheckTopicName(name string) error {
	const max = 249
	switch {
	case name == "":
		return errorf(kafka.InvalidTopic, "Topic name is invalid: the empty string is not allowed")
	case name == "." || name == "..":
		return errorf(kafka.InvalidTopic, "Topic name is invalid: '%s' is not allowed", name)
	case len(name) > max:
		return errorf(kafka.InvalidTopic, "Topic name is invalid: the length of '%s' is longer than the max allowed length %d", name, max)
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
			return errorf(kafka.InvalidTopic,
				"Topic name is invalid: '%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
		}
	}
	return nil
}

// checkNewTopic refuses names that are taken, by a topic or by one whose name differs in dots and underscores only.
func (c *Cluster) checkNewTopic(name string) error {
	if err := CheckTopicName(name); err != nil {
		return err
	}
	if c.topics[name] != nil {
		return errorf(kafka.TopicAlreadyExists, "Topic '%s' already exists.", name)
	}
	if strings.ContainsAny(name, "._") {
		plain := strings.ReplaceAll(name, ".", "_")
		for _, other := range c.Topics() {
			if strings.ReplaceAll(other, ".", "_") == plain {
				return errorf(kafka.InvalidTopic, "Topic '%s' collides with existing topic: %s", name, other)
			}
		}
	}
	return nil
}

// addPartitions adds n partitions, on the brokers of the assignment if that is not nil.
func (c *Cluster) addPartitions(t *Topic, n int, config plog.Config, assignment [][]int32) {
	c.topicsVersion++
	for i := range n {
		p := len(t.Partitions)
		added := &Partition{
			TP: kafka.TopicPartition{Topic: t.Name, Partition: int32(p)},
		}
		added.configure(config)
		if assignment != nil {
			c.begin(added, slices.Clone(assignment[i]))
		} else {
			c.begin(added, c.place(t.Name, p, t.Replication))
		}
		t.Partitions = append(t.Partitions, added)
		c.keepAppends(added)
	}
	c.keepHead()
}

// leaderOf spreads leaders over the brokers, which are numbered from 1.
func (c *Cluster) leaderOf(topic string, partition int) int32 {
	h := fnv.New32a()
	h.Write([]byte(topic))
	return int32((uint64(h.Sum32())+uint64(partition))%uint64(c.settings.Brokers)) + 1
}

// AutoCreate makes a topic with the cluster's defaults, as a producer's or consumer's metadata request does when
// auto.create.topics.enable is on.
func (c *Cluster) AutoCreate(name string) (*Topic, error) {
	if !c.settings.AutoCreateTopics {
		return nil, errorf(kafka.UnknownTopicOrPartition, "topic %q does not exist, and auto.create.topics.enable is off", name)
	}
	return c.CreateTopic(TopicSpec{Name: name, Partitions: -1, Replication: -1})
}

// CreatePartitions grows a topic to count partitions.
func (c *Cluster) CreatePartitions(name string, count int32, validateOnly bool) error {
	return c.CreateAssignedPartitions(name, count, nil, validateOnly)
}

// CreateAssignedPartitions grows a topic to count partitions, the new ones on the brokers of the assignment if that is not
// nil.
func (c *Cluster) CreateAssignedPartitions(name string, count int32, assignment [][]int32, validateOnly bool) error {
	t := c.topics[name]
	if t == nil {
		return errorf(kafka.UnknownTopicOrPartition, "topic %q does not exist", name)
	}
	switch have := int32(len(t.Partitions)); {
	case count == have:
		return errorf(kafka.InvalidPartitions, "Topic already has %d partition(s).", have)
	case count < have:
		return errorf(kafka.InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", name, have, count)
	}
	more := int(count) - len(t.Partitions)
	if assignment != nil {
		if len(assignment) != more {
			return errorf(kafka.InvalidReplicaAssignment, "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.", more, len(assignment))
		}
		if err := c.checkAssignment(name, assignment, int(t.Replication)); err != nil {
			return err
		}
	}
	config, err := c.logConfig(t.Configs)
	if err != nil || validateOnly {
		return err
	}
	c.addPartitions(t, more, config, assignment)
	return nil
}

// DeleteTopic removes a topic with all its records, and the offsets that groups committed for it.
func (c *Cluster) DeleteTopic(now kafka.Millis, name string) error {
	t := c.topics[name]
	if t == nil {
		return errorf(kafka.UnknownTopicOrPartition, "topic %q does not exist", name)
	}
	delete(c.topics, name)
	c.topicsVersion++
	delete(c.topicsByID, t.ID)
	c.touched = append(c.touched, t.Partitions...)
	for _, p := range t.Partitions {
		if p.Held {
			c.holding--
		}
	}
	for _, id := range c.Groups() {
		c.step(now, id, c.groups[id], group.TopicDeleted{Topic: name})
	}
	c.writeOwedMarkers(now) // those for its partitions are not owed any more
	c.keepHead()
	return nil
}

// Produce appends a batch to a partition, which must have a leader. Producers with acks=all ask CheckProduce before.
func (c *Cluster) Produce(now kafka.Millis, p *Partition, b *batch.Batch) (plog.Appended, error) {
	if p.Leader == NoLeader {
		return plog.Appended{}, c.CheckProduce(p, 0)
	}
	a, err := p.Log.Append(c.clock(now, p.Leader), b)
	if err == nil {
		c.touch(now, p)
		if b.HasProducer() {
			c.watchProducers(now, p)
		}
	}
	return a, err
}

// ListOffset answers ListOffsets for one partition: a time, or one of the offsets that stand for a place.
func (c *Cluster) ListOffset(topic string, partition int32, at kafka.Millis, committed bool) (kafka.Offset, kafka.Millis, error) {
	p := c.Partition(topic, partition)
	if p == nil {
		return 0, 0, errorf(kafka.UnknownTopicOrPartition, "partition %s/%d does not exist", topic, partition)
	}
	if err := c.CheckLeader(p, 0, -1); err != nil {
		return 0, 0, err
	}
	switch kafka.Offset(at) {
	case kafka.OffsetLatest:
		if committed {
			return p.Log.LastStable(), kafka.NoTimestamp, nil
		}
		return p.Log.HighWatermark(), kafka.NoTimestamp, nil
	case kafka.OffsetEarliest:
		return p.Log.LogStart(), kafka.NoTimestamp, nil
	case kafka.OffsetMaxTimestamp:
		if o, ts, ok := p.Log.OffsetOfMaxTimestamp(); ok {
			return o, ts, nil
		}
		return kafka.NoOffset, kafka.NoTimestamp, nil
	}
	if o, ts, ok := p.Log.OffsetForTime(at); ok && (!committed || o < p.Log.LastStable()) {
		return o, ts, nil
	}
	return kafka.NoOffset, kafka.NoTimestamp, nil
}

// appendState writes a coordinator's records to its internal topic, where Kafka keeps its state, each to the partition of
// the group or transactional id that it is about.
func (c *Cluster) appendState(
	now kafka.Millis, topic string, partitions int32, id func(r kafka.Record) string, records []kafka.Record, options ...batch.Option,
) {
	if !c.settings.RetainState {
		return
	}
	t := c.topics[topic]
	if t == nil {
		var err error
		t, err = c.CreateTopic(TopicSpec{
			Name:        topic,
			Partitions:  partitions,
			Replication: c.internalReplication(),
			Configs:     map[string]string{"cleanup.policy": "compact", "segment.bytes": "104857600"},
		})
		if err != nil {
			panic("memkafka: cannot create " + topic + ": " + err.Error())
		}
	}
	for _, r := range records {
		if r.Timestamp <= 0 {
			r.Timestamp = now
		}
		p := t.Partitions[CoordinatorPartition(id(r), int32(len(t.Partitions)))]
		if _, err := p.Log.AppendFrom(plog.Coordinator, now, batch.FromRecords([]kafka.Record{r}, options...)); err != nil {
			panic("memkafka: cannot write the state of " + id(r) + ": " + err.Error())
		}
		c.touch(now, p)
	}
}

// CoordinatorPartition is the partition of __consumer_offsets that holds a group: Java's hash of its id.
func CoordinatorPartition(id string, partitions int32) int32 {
	var h int32
	for _, u := range utf16.Encode([]rune(id)) {
		h = 31*h + int32(u)
	}
	if h == math.MinInt32 {
		h = 0
	} else if h < 0 {
		h = -h
	}
	return h % partitions
}

// Replicas are the brokers that hold a partition, the preferred leader first.
func (c *Cluster) Replicas(_ *Topic, p *Partition) []int32 { return slices.Clone(p.Replicas) }
