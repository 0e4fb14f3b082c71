package saramaclient

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// session is a sarama.ConsumerGroupSession: one generation of one member.
type session struct {
	group   *consumerGroup
	a       assignment
	handler sarama.ConsumerGroupHandler
	ctx     context.Context
	cancel  context.CancelFunc

	claiming sync.WaitGroup // ConsumeClaim calls
	beating  sync.WaitGroup // the heartbeat and auto-commit goroutines
	ending   chan struct{}  // closed when these two may end
	released bool

	mu      sync.Mutex // guards what is in offsets
	offsets map[kafka.TopicPartition]*position
}

// position is how far a partition was handled in this session.
type position struct {
	tp       kafka.TopicPartition
	next     int64 // the offset to commit; -1 for none
	metadata string
	dirty    bool
	sub      *seam.Subscription // nil until its claim began
}

// newSession sets handler up, and starts a ConsumeClaim for each claim.
func (g *consumerGroup) newSession(parent context.Context, a assignment, handler sarama.ConsumerGroupHandler) (*session, error) {
	s := &session{group: g, a: a, handler: handler, ending: make(chan struct{}), offsets: map[kafka.TopicPartition]*position{}}
	s.ctx, s.cancel = context.WithCancel(parent)
	s.beating.Add(1)
	go s.heartbeats()

	if err := s.fetchOffsets(parent); err != nil {
		_ = s.release(false) // the first error counts, as with sarama
		return nil, err
	}
	if g.config.Consumer.Offsets.AutoCommit.Enable {
		s.beating.Add(1)
		go s.autoCommit()
	}
	if err := handler.Setup(s); err != nil {
		_ = s.release(true) // the first error counts, as with sarama
		return nil, err
	}
	for _, topic := range slices.Sorted(maps.Keys(a.claims)) {
		for _, partition := range a.claims[topic] {
			s.claiming.Add(1)
			go func() {
				defer s.claiming.Done()
				defer s.cancel() // a claim that ends, ends the session
				s.consume(topic, partition)
			}()
		}
	}
	if a.leader {
		s.beating.Add(1)
		go s.watchPartitions()
	}
	return s, nil
}

// fetchOffsets asks for the committed offsets of all claims. A rebalance that begins meanwhile does not end it.
func (s *session) fetchOffsets(ctx context.Context) error {
	var tps []kafka.TopicPartition
	for topic, partitions := range s.a.claims {
		for _, p := range partitions {
			tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: p})
		}
	}
	if len(tps) == 0 {
		return nil
	}
	slices.SortFunc(tps, kafka.TopicPartition.Compare)
	v, err := s.group.ask(ctx, "fetch offsets", func(call *seam.Call) group.Command {
		return group.FetchOffsets{Tag: call, Partitions: tps}
	})
	if err != nil {
		return err
	}
	r := v.(group.FetchOffsetsResponse)
	if r.Err != kafka.None {
		return sarama.KError(r.Err)
	}
	for _, o := range r.Offsets {
		if o.Err != kafka.None {
			return sarama.KError(o.Err)
		}
		s.offsets[o.TP] = &position{tp: o.TP, next: int64(o.Offset), metadata: o.Metadata}
	}
	return nil
}

func (s *session) Claims() map[string][]int32 { return s.a.claims }

func (s *session) MemberID() string { return s.a.memberID }

func (s *session) GenerationID() int32 { return s.a.generation }

func (s *session) Context() context.Context { return s.ctx }

func (s *session) MarkMessage(m *sarama.ConsumerMessage, metadata string) {
	s.MarkOffset(m.Topic, m.Partition, m.Offset+1, metadata)
}

// MarkOffset moves the offset to commit forward. It does nothing for an offset below the present one.
func (s *session) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	s.mu.Lock()
	p := s.offsets[kafka.TopicPartition{Topic: topic, Partition: partition}]
	if p == nil {
		s.mu.Unlock()
		return
	}
	if offset > p.next {
		p.next, p.metadata, p.dirty = offset, metadata, true
	}
	sub := p.sub
	s.mu.Unlock()
	if sub != nil {
		sub.Handled(kafka.Offset(offset))
	}
}

// ResetOffset moves the offset to commit backwards. It does nothing for an offset above the present one.
func (s *session) ResetOffset(topic string, partition int32, offset int64, metadata string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.offsets[kafka.TopicPartition{Topic: topic, Partition: partition}]
	if p != nil && offset <= p.next {
		p.next, p.metadata, p.dirty = offset, metadata, true
	}
}

// Commit sends what was marked since the last commit and waits for the answer. Failures go to the group's Errors.
func (s *session) Commit() { s.commit() }

// commit reports whether nothing is left to commit that another attempt could.
func (s *session) commit() (clean bool) {
	s.mu.Lock()
	var commits []group.OffsetCommit
	for _, p := range s.offsets {
		if p.dirty && p.next >= 0 {
			commits = append(commits, group.OffsetCommit{TP: p.tp, Offset: kafka.Offset(p.next), LeaderEpoch: -1, Metadata: p.metadata})
		}
	}
	s.mu.Unlock()
	if len(commits) == 0 {
		return true
	}
	slices.SortFunc(commits, func(a, b group.OffsetCommit) int { return a.TP.Compare(b.TP) })
	op := seam.Op{Name: "offset-commit", Groups: []string{s.group.id}}
	for _, c := range commits {
		op.Partitions = append(op.Partitions, c.TP)
	}
	v, err := s.group.seam.AskOf(context.Background(), "commit", s.about(commits), op, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		core.GroupStep(now, s.group.id, group.Commit{
			Tag: call, MemberID: s.a.memberID, InstanceID: s.group.instance, Generation: s.a.generation, Offsets: commits,
		})
	})
	if err != nil {
		s.group.handleError(saramaError(err), "", -1)
		return errors.Is(err, seam.ErrClosed)
	}
	clean = true
	for i, c := range v.(group.CommitResponse).Partitions {
		if c.Err != kafka.None {
			s.group.handleError(sarama.KError(c.Err), c.TP.Topic, c.TP.Partition)
			clean = false
			continue
		}
		s.mu.Lock()
		if p := s.offsets[c.TP]; p != nil && p.next == int64(commits[i].Offset) && p.metadata == commits[i].Metadata {
			p.dirty = false
		}
		s.mu.Unlock()
	}
	return clean
}

// about describes a commit for traces, which only driven clusters keep.
func (s *session) about(commits []group.OffsetCommit) string {
	if !s.group.seam.Engine().Driven() {
		return s.group.id
	}
	var b strings.Builder
	b.WriteString(s.group.id)
	for _, c := range commits {
		b.WriteString(" " + c.TP.String() + "=" + strconv.FormatInt(int64(c.Offset), 10))
	}
	return b.String()
}

// consume runs ConsumeClaim for one partition.
func (s *session) consume(topic string, partition int32) {
	if s.ctx.Err() != nil {
		return
	}
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	s.mu.Lock()
	offset := int64(-1)
	if p := s.offsets[tp]; p != nil {
		offset = p.next
	}
	s.mu.Unlock()
	initial := s.group.config.Consumer.Offsets.Initial
	if offset < 0 {
		offset = initial
	}
	pc, err := s.group.consumer.consume(s.ctx, topic, partition, offset)
	if errors.Is(err, sarama.ErrOffsetOutOfRange) && s.group.config.Consumer.Group.ResetInvalidOffsets {
		offset = initial
		pc, err = s.group.consumer.consume(s.ctx, topic, partition, offset)
	}
	if err != nil {
		if s.ctx.Err() == nil {
			s.group.handleError(err, topic, partition)
		}
		return
	}
	s.mu.Lock()
	if p := s.offsets[tp]; p != nil {
		p.sub = pc.sub.Load()
	}
	s.mu.Unlock()

	var helpers sync.WaitGroup
	helpers.Add(1)
	go func() {
		defer helpers.Done()
		for e := range pc.errors {
			s.group.handleError(e, topic, partition)
		}
	}()
	stop := context.AfterFunc(s.ctx, pc.AsyncClose)
	defer stop()
	c := &claim{partitionConsumer: pc, topic: topic, partition: partition, initial: offset}
	if err := s.handler.ConsumeClaim(s, c); err != nil {
		s.group.handleError(err, topic, partition)
	}
	pc.AsyncClose()
	for range pc.messages { //nolint:revive // what the handler left is given up
	}
	helpers.Wait()
}

// release ends the session: claims first, then the handler's Cleanup, then the last commit, then the heartbeats.
func (s *session) release(withCleanup bool) (err error) {
	s.cancel()
	s.claiming.Wait()
	if s.released {
		return nil
	}
	s.released = true
	if withCleanup {
		if e := s.handler.Cleanup(s); e != nil {
			s.group.handleError(e, "", -1)
			err = e
		}
	}
	if s.group.config.Consumer.Offsets.AutoCommit.Enable {
		for retries := s.group.config.Consumer.Offsets.Retry.Max; !s.commit() && retries > 0; retries-- { //nolint:revive // commits
		}
	}
	close(s.ending)
	s.beating.Wait()
	return err
}

// heartbeats keeps the member alive until the session was released, and ends the session when the group rebalances or
// does not know the member any more.
func (s *session) heartbeats() {
	defer s.beating.Done()
	defer s.cancel()
	timer := time.NewTimer(s.group.config.Consumer.Group.Heartbeat.Interval)
	defer timer.Stop()
	retries := s.group.config.Metadata.Retry.Max
	beats := s.group.seam.Engine().Beats()
	if beats != nil {
		timer.Reset(0) // of a rebalance that began before beats
	}
	for {
		select {
		case <-s.ending:
			return
		case <-s.group.seam.Done():
			return
		case <-timer.C:
		case <-beats:
		}
		if s.over() {
			return
		}
		beats = s.group.seam.Engine().Beats()
		v, err := s.group.ask(context.Background(), "heartbeat", func(call *seam.Call) group.Command {
			return group.Heartbeat{Tag: call, MemberID: s.a.memberID, InstanceID: s.group.instance, Generation: s.a.generation}
		})
		if unanswered(err) {
			if retries <= 0 {
				s.group.handleError(err, "", -1)
				return
			}
			retries--
			timer.Reset(s.group.config.Metadata.Retry.Backoff)
			continue
		}
		if err != nil {
			return
		}
		switch code := v.(group.HeartbeatResponse).Err; code {
		case kafka.None:
			retries = s.group.config.Metadata.Retry.Max
		case kafka.RebalanceInProgress:
			s.cancel()
		case kafka.UnknownMemberID, kafka.IllegalGeneration:
			return
		default:
			s.group.handleError(sarama.KError(code), "", -1)
			return
		}
		timer.Reset(s.group.config.Consumer.Group.Heartbeat.Interval)
	}
}

// unanswered reports whether a request was lost, or its connection.
func unanswered(err error) bool {
	return errors.Is(err, seam.ErrDisconnected) || errors.Is(err, seam.ErrNoAnswer)
}

func (s *session) autoCommit() {
	defer s.beating.Done()
	ticker := time.NewTicker(s.group.config.Consumer.Offsets.AutoCommit.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-s.ending:
			return
		case <-ticker.C:
		}
		if s.over() {
			return
		}
		s.commit()
	}
}

// over reports whether the session was released: of two channels that are ready, a select takes any.
func (s *session) over() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}

// watchPartitions ends the session of the leader when a topic got more partitions than were planned with.
func (s *session) watchPartitions() {
	defer s.beating.Done()
	every := s.group.config.Metadata.RefreshFrequency
	if every == 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.ending:
			return
		case <-ticker.C:
		}
		if s.over() {
			return
		}
		for _, topic := range slices.Sorted(maps.Keys(s.a.topics)) {
			m, err := topicMetadata(s.group.seam, topic, false)
			if err != nil || len(m.partitions) != len(s.a.topics[topic]) {
				s.cancel()
				return
			}
		}
	}
}

// claim is a sarama.ConsumerGroupClaim.
type claim struct {
	*partitionConsumer
	topic     string
	partition int32
	initial   int64
}

func (c *claim) Topic() string { return c.topic }

func (c *claim) Partition() int32 { return c.partition }

func (c *claim) InitialOffset() int64 { return c.initial }
