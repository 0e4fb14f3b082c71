package saramaclient

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/stack"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// session is a sarama.ConsumerGroupSession: one generation of one member, or all of them where the group rebalances
// cooperatively (KIP-429).
type session struct {
	group   *consumerGroup
	handler sarama.ConsumerGroupHandler
	ctx     context.Context
	cancel  context.CancelCauseFunc
	offsets *offsets

	claiming sync.WaitGroup                         // ConsumeClaim calls
	beating  sync.WaitGroup                         // heartbeats, and what is done periodically
	ending   chan struct{}                          // closed when heartbeats may end
	rejoin   chan error                             // capacity 1: a cooperative member is to join again, and why
	beatTurn chan struct{}                          // capacity 1: held by heartbeats, and by who joins again
	running  map[kafka.TopicPartition]*runningClaim // of the goroutine of Consume
	commits  *periodic                              // nil without auto-commits; of the goroutine of Consume
	watched  *periodic                              // checkPartitions; nil unless leader; of the goroutine of Consume
	released bool

	mu         sync.Mutex // guards all below
	a          assignment
	reading    map[kafka.TopicPartition]*partitionConsumer // claims whose records endClaims ends
	claimsOver bool                                        // endClaims was called
}

// runningClaim is a ConsumeClaim under way.
type runningClaim struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it has returned
}

// errRevoked is why a claim ends that a cooperative rebalance took away. The session goes on.
var errRevoked = errors.New("the partition was revoked")

// newSession sets handler up, and starts a ConsumeClaim for each claim. ctx is the session's, which cancel ends; its parent is
// that of Consume.
func (g *consumerGroup) newSession(parent, ctx context.Context, cancel context.CancelCauseFunc, a assignment, handler sarama.ConsumerGroupHandler) (*session, error) {
	s := &session{
		group: g, a: a, handler: handler, ctx: ctx, cancel: cancel, ending: make(chan struct{}), rejoin: make(chan error, 1), beatTurn: make(chan struct{}, 1),
		running: map[kafka.TopicPartition]*runningClaim{}, reading: map[kafka.TopicPartition]*partitionConsumer{},
		offsets: newOffsets(g.config, g.seam, g.id, a.memberID, a.generation),
	}
	s.offsets.failed = func(p *position, err error) { g.handleError(err, p.tp.Topic, p.tp.Partition) }
	s.offsets.fenced = s.cancel
	s.beating.Go(func() { s.heartbeats(a.beats) })

	// a rebalance that begins meanwhile does not end it
	if err := s.offsets.add(parent, partitionsOf(a.claims)); err != nil {
		_ = s.release(false) // the first error counts, as with sarama
		return nil, err
	}
	if g.config.Consumer.Offsets.AutoCommit.Enable {
		s.commits = s.periodically(2, g.config.Consumer.Offsets.AutoCommit.Interval, func() bool { s.offsets.commit(nil); return true })
	}
	if err := handler.Setup(s); err != nil {
		_ = s.release(true) // the first error counts, as with sarama
		return nil, err
	}
	s.start(a.claims)
	s.watch(a)
	return s, nil
}

// partitionsOf lists claims, sorted.
func partitionsOf(claims map[string][]int32) []kafka.TopicPartition {
	var tps []kafka.TopicPartition
	for topic, partitions := range claims {
		for _, p := range partitions {
			tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: p})
		}
	}
	slices.SortFunc(tps, kafka.TopicPartition.Compare)
	return tps
}

func (s *session) assigned() assignment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.a
}

func (s *session) Claims() map[string][]int32 { return s.assigned().claims }

func (s *session) MemberID() string { return s.assigned().memberID }

func (s *session) GenerationID() int32 { return s.assigned().generation }

func (s *session) Context() context.Context { return s.ctx }

func (s *session) MarkMessage(m *sarama.ConsumerMessage, metadata string) {
	s.MarkOffset(m.Topic, m.Partition, m.Offset+1, metadata)
}

// MarkOffset moves the offset to commit forward. It does nothing for an offset below the present one.
func (s *session) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	s.offsets.markAt(kafka.TopicPartition{Topic: topic, Partition: partition}, offset, metadata)
}

// ResetOffset moves the offset to commit backwards. It does nothing for an offset above the present one.
func (s *session) ResetOffset(topic string, partition int32, offset int64, metadata string) {
	if p := s.offsets.find(topic, partition); p != nil {
		s.offsets.reset(p, offset, metadata)
	}
}

// Commit sends what was marked since the last commit and waits for the answer. Failures go to the group's Errors.
func (s *session) Commit() { s.offsets.commit(nil) }

// start runs ConsumeClaim for each claim.
func (s *session) start(claims map[string][]int32) {
	for _, tp := range partitionsOf(claims) {
		ctx, cancel := s.ctx, context.CancelCauseFunc(func(error) {})
		if s.group.cooperative { // where a claim may end alone
			ctx, cancel = context.WithCancelCause(s.ctx)
		}
		c := &runningClaim{cancel: cancel, done: make(chan struct{})}
		s.running[tp] = c
		s.claiming.Add(1)
		go func() {
			stack.Grow4K()
			defer s.claiming.Done()
			defer close(c.done)
			defer cancel(nil)
			s.consume(ctx, tp)
			if !errors.Is(context.Cause(ctx), errRevoked) {
				s.cancel(sarama.ErrSessionConsumeClaimExited) // a claim that ends, ends the session
			}
		}()
	}
}

// unreadable is how often a claim looks whether its partition has a leader.
const unreadable = 5 * time.Second

// consume runs ConsumeClaim for one partition.
func (s *session) consume(ctx context.Context, tp kafka.TopicPartition) {
	if ctx.Err() != nil {
		return
	}
	p := s.offsets.find(tp.Topic, tp.Partition)
	offset, _ := s.offsets.nextOf(p)
	initial := s.group.config.Consumer.Offsets.Initial
	pc, err := s.group.consumer.consume(ctx, tp.Topic, tp.Partition, offset)
	for errors.Is(err, sarama.ErrLeaderNotAvailable) && sleep(ctx, unreadable) == nil {
		pc, err = s.group.consumer.consume(ctx, tp.Topic, tp.Partition, offset)
	}
	if errors.Is(err, sarama.ErrOffsetOutOfRange) && s.group.config.Consumer.Group.ResetInvalidOffsets {
		offset = initial
		pc, err = s.group.consumer.consume(ctx, tp.Topic, tp.Partition, offset)
	}
	if err != nil {
		if ctx.Err() == nil {
			s.group.handleError(err, tp.Topic, tp.Partition)
		}
		return
	}
	s.offsets.mu.Lock()
	p.sub = pc.sub.Load()
	s.offsets.mu.Unlock()

	stop := s.endWithSession(pc)
	if s.group.cooperative { // where a claim may end alone
		defer context.AfterFunc(ctx, pc.AsyncClose)()
	}
	c := &claim{partitionConsumer: pc, topic: tp.Topic, partition: tp.Partition, initial: offset}
	if err := s.handler.ConsumeClaim(s, c); err != nil {
		s.group.handleError(err, tp.Topic, tp.Partition)
	}
	stop()
	pc.AsyncClose()
	for range pc.messages { //nolint:revive // what the handler left is given up
	}
}

// endWithSession has a claim's records end once the session does, or the group is closed, until stop is called.
func (s *session) endWithSession(pc *partitionConsumer) (stop func()) {
	s.mu.Lock()
	over := s.claimsOver
	if !over {
		s.reading[pc.tp] = pc
	}
	s.mu.Unlock()
	if over {
		pc.AsyncClose()
	}
	return func() {
		s.mu.Lock()
		delete(s.reading, pc.tp)
		s.mu.Unlock()
	}
}

// endClaims ends the records of all claims, also of those that begin later.
func (s *session) endClaims() {
	s.mu.Lock()
	s.claimsOver = true
	reading := slices.SortedFunc(maps.Values(s.reading), func(a, b *partitionConsumer) int { return a.tp.Compare(b.tp) })
	s.mu.Unlock()
	for _, pc := range reading {
		pc.AsyncClose()
	}
}

// cooperate goes on with a session through rebalances, until it ends (KIP-429).
func (s *session) cooperate(ctx context.Context, topics []string) error {
	for {
		select {
		case <-s.group.closed:
			return nil
		case <-s.ctx.Done(): // also that of ctx
			return nil
		case s.group.cause = <-s.rejoin:
		}
		for again := true; again; {
			a, err := s.joinAgain(ctx, topics)
			if err != nil {
				return err
			}
			if again, err = s.reconcile(ctx, a); err != nil {
				return err
			}
		}
	}
}

// joinAgain takes part in a rebalance while claims go on. Neither heartbeats nor commits come in between.
func (s *session) joinAgain(ctx context.Context, topics []string) (a assignment, err error) {
	s.beatTurn <- struct{}{}
	defer func() { <-s.beatTurn }()
	select {
	case s.group.cause = <-s.rejoin: // this join covers it
	default:
	}
	held := s.assigned()
	joining, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = s.offsets.change(func() (string, int32, error) {
		if a, err = s.group.joinUntilClosed(joining, cancel, topics, &held); err != nil {
			return "", 0, err
		}
		s.mu.Lock()
		s.a.memberID, s.a.generation = a.memberID, a.generation
		s.mu.Unlock()
		return a.memberID, a.generation, nil
	})
	return a, err
}

// reconcile lets go of the claims that a new assignment lacks, and begins those that it adds. It reports whether the member
// has to join again, which hands on what it let go of.
func (s *session) reconcile(ctx context.Context, a assignment) (again bool, err error) {
	owned := s.Claims()
	revoked, added := without(owned, a.claims), without(a.claims, owned)
	if len(revoked) > 0 {
		if err := s.revoke(revoked); err != nil {
			return false, err
		}
		s.offsets.finish(partitionsOf(revoked))
	}
	if err := s.offsets.add(ctx, partitionsOf(added)); err != nil {
		return false, err
	}
	s.mu.Lock()
	s.a = a
	s.mu.Unlock()
	s.start(added)
	s.watch(a)
	return len(revoked) > 0, nil
}

// without is the claims of a that b has not.
func without(a, b map[string][]int32) map[string][]int32 {
	rest := map[string][]int32{}
	for topic, partitions := range a {
		for _, p := range partitions {
			if !slices.Contains(b[topic], p) {
				rest[topic] = append(rest[topic], p)
			}
		}
	}
	return rest
}

// revoke ends claims, and waits for them as long as Consumer.Group.Rebalance.Timeout says.
func (s *session) revoke(claims map[string][]int32) error {
	var stopping []*runningClaim
	for _, tp := range partitionsOf(claims) {
		if c := s.running[tp]; c != nil {
			c.cancel(errRevoked)
			stopping = append(stopping, c)
			delete(s.running, tp)
		}
	}
	timer := time.NewTimer(s.group.config.Consumer.Group.Rebalance.Timeout)
	defer timer.Stop()
	for _, c := range stopping {
		select {
		case <-c.done:
		case <-timer.C:
			s.group.handleError(sarama.ErrRebalanceTimedOut, "", -1)
			s.cancel(sarama.ErrRebalanceTimedOut)
			return sarama.ErrRebalanceTimedOut
		}
	}
	return nil
}

// rebalance ends the session, or has a cooperative member join again.
func (s *session) rebalance(cause error) {
	if !s.group.cooperative {
		s.cancel(cause)
		return
	}
	select {
	case s.rejoin <- cause:
	default:
	}
}

// release ends the session: claims first, then the handler's Cleanup, then the last commit, then the heartbeats.
func (s *session) release(withCleanup bool) (err error) {
	s.cancel(nil)
	s.endClaims()
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
	s.offsets.finish(nil)
	close(s.ending)
	s.commits.stop()
	s.watched.stop()
	s.beating.Wait()
	return err
}

// heartbeats keeps the member alive until the session was released, and ends the session when the group rebalances or
// does not know the member any more. beats asks for the first one before its time.
func (s *session) heartbeats(beats <-chan struct{}) {
	defer s.cancel(sarama.ErrSessionHeartbeatFailed)
	config := s.group.config
	every := config.Consumer.Group.Heartbeat.Interval + s.group.seam.Engine().Apart(1)
	timer := time.NewTimer(every)
	defer timer.Stop()
	retries := config.Metadata.Retry.Max
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
		switch err := s.beat(); {
		case err == nil, errors.Is(err, sarama.ErrRebalanceInProgress):
			retries = config.Metadata.Retry.Max
			timer.Reset(every)
		case retries > 0 && (unanswered(err) || errors.Is(err, sarama.ErrNotCoordinatorForConsumer) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable)):
			retries--
			timer.Reset(config.Metadata.Retry.Backoff)
		case errors.Is(err, sarama.ErrUnknownMemberId), errors.Is(err, sarama.ErrIllegalGeneration):
			s.cancel(err)
			return
		case errors.Is(err, sarama.ErrClosedClient):
			return
		default:
			s.group.handleError(err, "", -1)
			s.cancel(err)
			return
		}
	}
}

// beat sends one heartbeat. The answer that the group rebalances counts before anybody joins again, or not at all.
func (s *session) beat() error {
	s.beatTurn <- struct{}{}
	defer func() { <-s.beatTurn }()
	a := s.assigned()
	v, err := s.group.ask(context.Background(), "heartbeat", func(call *seam.Call) group.Command {
		return group.Heartbeat{Tag: call, MemberID: a.memberID, InstanceID: s.group.instance, Generation: a.generation}
	})
	if err != nil {
		return err
	}
	switch code := v.(group.HeartbeatResponse).Err; code {
	case kafka.None:
		return nil
	case kafka.RebalanceInProgress:
		s.rebalance(sarama.ErrRebalanceInProgress)
		fallthrough
	default:
		return sarama.KError(code)
	}
}

// unanswered reports whether a request was lost, or its connection.
func unanswered(err error) bool {
	return errors.Is(err, seam.ErrDisconnected) || errors.Is(err, seam.ErrNoAnswer)
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

// watch has the leader of a generation look for changes of what it planned with.
func (s *session) watch(a assignment) {
	s.watched.stop()
	s.watched = nil
	if every := s.group.config.Metadata.RefreshFrequency; a.leader && every != 0 {
		s.watched = s.periodically(3, every, func() bool { return s.checkPartitions(a.topics) })
	}
}

// checkPartitions has the group rebalance when a topic got more partitions than were planned with, and reports whether all
// is as it was.
func (s *session) checkPartitions(topics map[string][]int32) bool {
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		m, err := topicMetadata(s.group.seam, topic, false)
		if err != nil || len(m.partitions) != len(topics[topic]) {
			s.rebalance(sarama.ErrSessionPartitionCountChanged)
			return false
		}
	}
	return true
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
