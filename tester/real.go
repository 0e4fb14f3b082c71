package tester

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// real is a cluster of Apache Kafka. What it knows of who has handled what it learns from the sessions and stores of the
// processors and views of the test, which all pass through the tester.
type real struct {
	tester  *Tester
	brokers []string
	timeout time.Duration
	client  sarama.Client
	admin   sarama.ClusterAdmin
	sender  sarama.SyncProducer
	reader  sarama.Consumer

	changes  atomic.Uint64
	settling atomic.Int64

	mu      sync.Mutex                                 // guards all below
	made    []string                                   // topics
	groups  map[string]bool                            // that members joined
	readers map[memkafka.Subscription]int              // of tables and views
	marks   map[groupPartition]map[*markedSession]bool // who holds a partition
}

type groupPartition struct {
	group string
	tp    memkafka.TopicPartition
}

// Bounds on a real cluster, where members wait for each other for seconds.
const (
	realTimeout = time.Minute
	realPause   = 5 * time.Millisecond
)

// newReal connects to a cluster. Topics that the test makes there are deleted at its end.
func newReal(tt *Tester, addresses string) (*real, error) {
	r := &real{
		tester: tt, brokers: strings.Split(addresses, ","), timeout: max(tt.settings.timeout, realTimeout),
		groups: map[string]bool{}, readers: map[memkafka.Subscription]int{}, marks: map[groupPartition]map[*markedSession]bool{},
	}
	c := clientConfig("gokasim-tester")
	c.Producer.Partitioner = sarama.NewManualPartitioner
	var err error
	if r.client, err = sarama.NewClient(r.brokers, c); err != nil {
		return nil, fmt.Errorf("connecting to %s (%s): %w", addresses, fromBrokers.names(), err)
	}
	if r.admin, err = sarama.NewClusterAdminFromClient(r.client); err != nil {
		return nil, errors.Join(err, r.client.Close())
	}
	if r.sender, err = sarama.NewSyncProducerFromClient(r.client); err != nil {
		return nil, errors.Join(err, r.client.Close())
	}
	if r.reader, err = sarama.NewConsumerFromClient(r.client); err != nil {
		return nil, errors.Join(err, r.sender.Close(), r.client.Close())
	}
	return r, nil
}

func (r *real) createTopic(topic string, partitions int, table bool) error {
	cleanup := map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}
	if table {
		cleanup = map[string]string{"cleanup.policy": "compact"}
	}
	settings := map[string]*string{}
	for k, v := range cleanup {
		settings[k] = &v
	}
	err := r.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: -1, ConfigEntries: settings}, false)
	var exists *sarama.TopicError
	switch {
	case errors.As(err, &exists) && exists.Err == sarama.ErrTopicAlreadyExists:
		return r.existing(topic, settings)
	case err != nil:
		return err
	}
	r.mu.Lock()
	r.made = append(r.made, topic)
	r.mu.Unlock()
	return r.poll("topic "+topic+" to appear", func() (bool, error) {
		if err := r.client.RefreshMetadata(topic); err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		ps, err := r.client.WritablePartitions(topic)
		return err == nil && len(ps) == partitions, nil
	})
}

// existing accepts a topic that this test made, and one of others that is empty.
func (r *real) existing(topic string, settings map[string]*string) error {
	r.mu.Lock()
	mine := slices.Contains(r.made, topic)
	r.mu.Unlock()
	if mine {
		return r.admin.AlterConfig(sarama.TopicResource, topic, settings, false)
	}
	n, err := r.partitions(topic)
	if err != nil {
		return err
	}
	for p := range n {
		start, high, err := r.offsets(topic, p)
		if err != nil {
			return err
		}
		if high > start {
			return fmt.Errorf("topic %s on %s holds records, which are not this test's; delete it, or take another cluster", topic, strings.Join(r.brokers, ","))
		}
	}
	return nil
}

// poll asks again and again until done.
func (r *real) poll(what string, done func() (bool, error)) error {
	for end := time.Now().Add(r.timeout); ; time.Sleep(realPause) {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited %v for %s", r.timeout, what)
		}
	}
}

func (r *real) partitions(topic string) (int32, error) {
	ps, err := r.client.Partitions(topic)
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return 0, nil
	}
	return int32(len(ps)), err
}

// topicsVersion stays: a test's topics keep the partitions that they were made with.
func (r *real) topicsVersion() uint64 { return 0 }

func (r *real) offsets(topic string, partition int32) (start, high memkafka.Offset, err error) {
	s, err := r.client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return 0, 0, err
	}
	h, err := r.client.GetOffset(topic, partition, sarama.OffsetNewest)
	return memkafka.Offset(s), memkafka.Offset(h), err
}

func (r *real) append(topic string, partition int32, rec memkafka.Record) (memkafka.Offset, error) {
	m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Key: sarama.ByteEncoder(rec.Key)}
	if rec.Value != nil {
		m.Value = sarama.ByteEncoder(rec.Value)
	}
	if rec.Timestamp >= 0 {
		m.Timestamp = time.UnixMilli(int64(rec.Timestamp))
	}
	for _, h := range rec.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	_, offset, err := r.sender.SendMessage(m)
	return memkafka.Offset(offset), err
}

func (r *real) fetch(topic string, partition int32, from memkafka.Offset, limit int) (records []memkafka.Record, err error) {
	_, high, err := r.offsets(topic, partition)
	if err != nil || from >= high {
		return nil, err
	}
	pc, err := r.reader.ConsumePartition(topic, partition, int64(from))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pc.Close()) }()
	holes := time.NewTimer(r.timeout)
	defer holes.Stop()
	for len(records) < limit {
		select {
		case m := <-pc.Messages():
			rec := memkafka.Record{Key: m.Key, Value: m.Value, Offset: memkafka.Offset(m.Offset), Timestamp: timestampOf(m.Timestamp)}
			for _, h := range m.Headers {
				rec.Headers = append(rec.Headers, memkafka.Header{Key: string(h.Key), Value: h.Value})
			}
			records = append(records, rec)
			if rec.Offset+1 >= high {
				return records, nil
			}
			holes.Reset(time.Second)
		case e := <-pc.Errors():
			return nil, e
		case <-holes.C:
			return records, nil // what is left are holes, as compaction leaves them
		}
	}
	return records, nil
}

func (r *real) committed(group, topic string, partition int32) (memkafka.Offset, bool, error) {
	answer, err := r.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {partition}})
	if err != nil {
		return 0, false, err
	}
	b := answer.GetBlock(topic, partition)
	if b == nil {
		return 0, false, answer.Err
	}
	return memkafka.Offset(b.Offset), b.Offset >= 0, nil
}

func (r *real) config(clientID string) *sarama.Config {
	c := clientConfig(clientID)
	c.Producer.Idempotent = false // not for readers, whose heartbeats it would hold up
	c.Net.MaxOpenRequests = 5
	c.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond // tests wait for rebalances
	return c
}

func (r *real) group(group string, c *sarama.Config) (sarama.ConsumerGroup, error) {
	r.mu.Lock()
	r.groups[group] = true
	r.mu.Unlock()
	cg, err := sarama.NewConsumerGroup(r.brokers, group, c)
	if err != nil {
		return nil, err
	}
	return &markedGroup{cg, r, group}, nil
}

func (r *real) consumer(c *sarama.Config) (sarama.Consumer, error) {
	consumer, err := sarama.NewConsumer(r.brokers, c)
	if err != nil {
		return nil, err
	}
	return &notedConsumer{consumer, r, c.ClientID}, nil
}

func (r *real) producer() goka.ProducerBuilder {
	return func(_ []string, clientID string, hasher func() hash.Hash32) (goka.Producer, error) {
		return goka.ProducerBuilderWithConfig(clientConfig(clientID))(r.brokers, clientID, hasher)
	}
}

func (r *real) await(ready func() string) (missing string, err error) {
	for end := time.Now().Add(r.timeout); ; time.Sleep(realPause) {
		if missing = ready(); missing == "" || time.Now().After(end) {
			return missing, nil
		}
	}
}

func (r *real) version() uint64 { return r.changes.Load() }

func (r *real) reading() []memkafka.Subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []memkafka.Subscription
	for s := range r.readers {
		all = append(all, s)
	}
	for gp, sessions := range r.marks {
		for s := range sessions {
			all = append(all, memkafka.Subscription{ClientID: s.client, TP: gp.tp, Claim: true})
		}
	}
	return all
}

func (r *real) settle(try bool) error {
	if try && r.busy() {
		return nil
	}
	r.settling.Add(1)
	defer r.settling.Add(-1)
	var lag string
	quiet := 0
	err := r.poll("everything to be handled", func() (bool, error) {
		var err error
		if lag, err = r.lag(); err != nil || lag != "" {
			quiet = 0
			return false, err
		}
		quiet++ // what was handled last may have caused more meanwhile
		return quiet > 1, nil
	})
	if err != nil && lag != "" {
		return fmt.Errorf("%w: %s", err, lag)
	}
	return err
}

// lag names what was not handled, "" when all was.
func (r *real) lag() (string, error) {
	r.mu.Lock()
	at := map[groupPartition]memkafka.Offset{}
	for gp, sessions := range r.marks {
		for s := range sessions {
			at[gp] = max(at[gp], s.position(gp.tp))
		}
	}
	r.mu.Unlock()
	for gp, position := range at {
		start, high, err := r.offsets(gp.tp.Topic, gp.tp.Partition)
		if err != nil {
			return "", err
		}
		if max(position, start) < high {
			return fmt.Sprintf("group %s has finished %s up to offset %d of %d", gp.group, gp.tp, position, high), nil
		}
	}
	return r.tablesLag()
}

func (r *real) tablesLag() (string, error) {
	ts := &r.tester.tables
	ts.mu.Lock()
	stores := slices.Clone(ts.stores)
	ts.mu.Unlock()
	for _, s := range stores {
		start, high, err := r.offsets(s.topic, s.partition)
		if err != nil {
			return "", err
		}
		ts.mu.Lock()
		closed := s.closed
		ts.mu.Unlock()
		if closed || high <= start {
			continue
		}
		at, err := s.GetOffset(-1)
		if err != nil {
			return "", err
		}
		if memkafka.Offset(at)+1 < high {
			return fmt.Sprintf("table %s/%d has offset %d of %d", s.topic, s.partition, at, high-1), nil
		}
	}
	return "", nil
}

func (r *real) busy() bool { return r.settling.Load() > 0 }

func (r *real) wake() { r.changes.Add(1) }

// kill skips the test, since a crash cannot be had in one process with sarama's clients.
func (r *real) kill(clientID string) {
	r.tester.mark.Helper()
	r.tester.skip("a crash of " + clientID + " needs a simulated cluster")
}

// close deletes what the test made.
func (r *real) close() {
	var errs []error
	for _, topic := range r.made {
		if err := r.admin.DeleteTopic(topic); err != nil {
			errs = append(errs, fmt.Errorf("deleting topic %s: %w", topic, err))
		}
	}
	if err := r.poll("topics to be deleted", r.gone); err != nil {
		errs = append(errs, err)
	}
	for group := range r.groups {
		if err := r.admin.DeleteConsumerGroup(group); err != nil && !errors.Is(err, sarama.ErrGroupIDNotFound) {
			errs = append(errs, fmt.Errorf("deleting group %s: %w", group, err))
		}
	}
	errs = append(errs, r.sender.Close(), r.reader.Close(), r.admin.Close())
	if err := errors.Join(errs...); err != nil {
		r.tester.errorf("on %s: %v", strings.Join(r.brokers, ","), err)
	}
}

// gone reports whether the topics of the test are deleted.
func (r *real) gone() (bool, error) {
	topics, err := r.admin.ListTopics()
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(r.made, func(t string) bool { _, there := topics[t]; return there }), nil
}

// markedGroup lets the tester see how far the sessions of a member are.
type markedGroup struct {
	sarama.ConsumerGroup
	real  *real
	group string
}

// markedSession is a session whose marks are noted.
type markedSession struct {
	sarama.ConsumerGroupSession
	client string

	mu sync.Mutex // guards at
	at map[memkafka.TopicPartition]memkafka.Offset
}

func (s *markedSession) position(tp memkafka.TopicPartition) memkafka.Offset {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[tp]
}

func (s *markedSession) reached(topic string, partition int32, offset int64) {
	tp := memkafka.TopicPartition{Topic: topic, Partition: partition}
	s.mu.Lock()
	s.at[tp] = max(s.at[tp], memkafka.Offset(offset))
	s.mu.Unlock()
}

func (s *markedSession) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	s.ConsumerGroupSession.MarkOffset(topic, partition, offset, metadata)
	s.reached(topic, partition, offset)
}

func (s *markedSession) MarkMessage(m *sarama.ConsumerMessage, metadata string) {
	s.MarkOffset(m.Topic, m.Partition, m.Offset+1, metadata)
}

// notedConsumer notes which partitions a client reads.
type notedConsumer struct {
	sarama.Consumer
	real   *real
	client string
}

func (c *notedConsumer) ConsumePartition(topic string, partition int32, offset int64) (sarama.PartitionConsumer, error) {
	pc, err := c.Consumer.ConsumePartition(topic, partition, offset)
	if err != nil {
		return nil, err
	}
	s := memkafka.Subscription{ClientID: c.client, TP: memkafka.TopicPartition{Topic: topic, Partition: partition}}
	c.real.mu.Lock()
	c.real.readers[s]++
	c.real.mu.Unlock()
	c.real.changes.Add(1)
	return &notedPartition{PartitionConsumer: pc, ended: sync.OnceFunc(func() {
		c.real.mu.Lock()
		if c.real.readers[s]--; c.real.readers[s] == 0 {
			delete(c.real.readers, s)
		}
		c.real.mu.Unlock()
		c.real.changes.Add(1)
	})}, nil
}

type notedPartition struct {
	sarama.PartitionConsumer
	ended func()
}

func (p *notedPartition) AsyncClose()  { p.ended(); p.PartitionConsumer.AsyncClose() }
func (p *notedPartition) Close() error { p.ended(); return p.PartitionConsumer.Close() }

// ended forgets what a session held.
func (r *real) ended(group string, s *markedSession) {
	r.eachClaim(group, s, func(gp groupPartition) { delete(r.marks[gp], s) })
}

func (r *real) eachClaim(group string, s *markedSession, f func(gp groupPartition)) {
	r.mu.Lock()
	for topic, partitions := range s.Claims() {
		for _, p := range partitions {
			f(groupPartition{group, memkafka.TopicPartition{Topic: topic, Partition: p}})
		}
	}
	r.mu.Unlock()
	r.changes.Add(1)
}

// Consume wraps the sessions that handler sees.
func (g *markedGroup) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	client := ""
	if h, ok := handler.(*watchedHandler); ok {
		client = h.group.client
	}
	return g.ConsumerGroup.Consume(ctx, topics, &markingHandler{handler: handler, group: g, client: client})
}

type markingHandler struct {
	handler sarama.ConsumerGroupHandler
	group   *markedGroup
	client  string
	session *markedSession
}

func (h *markingHandler) Setup(session sarama.ConsumerGroupSession) error {
	s := &markedSession{ConsumerGroupSession: session, client: h.client, at: map[memkafka.TopicPartition]memkafka.Offset{}}
	h.session = s
	return h.handler.Setup(s)
}

func (h *markingHandler) Cleanup(sarama.ConsumerGroupSession) error {
	h.group.real.ended(h.group.group, h.session)
	return h.handler.Cleanup(h.session)
}

func (h *markingHandler) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	h.session.reached(claim.Topic(), claim.Partition(), claim.InitialOffset())
	h.group.real.claimed(h.group.group, h.session, claim)
	return h.handler.ConsumeClaim(h.session, claim)
}

// claimed notes that a session reads a partition.
func (r *real) claimed(group string, s *markedSession, claim sarama.ConsumerGroupClaim) {
	gp := groupPartition{group, memkafka.TopicPartition{Topic: claim.Topic(), Partition: claim.Partition()}}
	r.mu.Lock()
	if r.marks[gp] == nil {
		r.marks[gp] = map[*markedSession]bool{}
	}
	r.marks[gp][s] = true
	r.mu.Unlock()
	r.changes.Add(1)
}
