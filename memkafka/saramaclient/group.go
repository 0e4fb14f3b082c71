package saramaclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// consumerGroup is a sarama.ConsumerGroup on a cluster: one member of a classic group.
type consumerGroup struct {
	sarama.ConsumerGroup
	config   *sarama.Config
	seam     *seam.Client
	consumer *consumer
	id       string
	instance string // group.instance.id of a static member (KIP-345)

	cooperative bool // claims go on while the group rebalances (KIP-429)

	errs      chan error
	closed    chan struct{} // closed by Close
	closeOnce sync.Once
	errsMu    sync.RWMutex    // held for reading to send on errs, for writing to close it
	report    func(err error) // is told in place of errs; nil for nobody

	joining atomic.Pointer[context.CancelCauseFunc] // ends the join that is under way; nil while none is

	turn     chan struct{} // capacity 1: held by Consume, and by Close to leave
	memberID string        // owned by who holds turn
	userData []byte        // owned by who holds turn
	cause    error         // why the last session ended; owned by who holds turn
}

// NewConsumerGroup mirrors sarama.NewConsumerGroup. A nil config is sarama's default.
func NewConsumerGroup(c *memkafka.Cluster, groupID string, config *sarama.Config) (sarama.ConsumerGroup, error) {
	if config != nil && !config.Version.IsAtLeast(sarama.V0_10_2_0) {
		return nil, errGroupVersion
	}
	s, config, err := open(c, config, "group "+groupID)
	if err != nil {
		return nil, err
	}
	return newConsumerGroup(s, groupID, config)
}

// NewConsumerGroupFromClient mirrors sarama.NewConsumerGroupFromClient: closing the group does not close the client. A
// client of another make gets sarama's own group.
func NewConsumerGroupFromClient(groupID string, c sarama.Client) (sarama.ConsumerGroup, error) {
	own, ok := c.(*client)
	switch {
	case !ok:
		return sarama.NewConsumerGroupFromClient(groupID, c)
	case !own.config.Version.IsAtLeast(sarama.V0_10_2_0):
		return nil, errGroupVersion
	}
	s, err := own.share("group " + groupID)
	if err != nil {
		return nil, err
	}
	return newConsumerGroup(s, groupID, own.config)
}

const errGroupVersion = sarama.ConfigurationError("consumer groups require Version to be >= V0_10_2_0")

func newConsumerGroup(s *seam.Client, groupID string, config *sarama.Config) (sarama.ConsumerGroup, error) {
	if len(strategies(config)) == 0 {
		s.Close()
		return nil, sarama.ConfigurationError("no Consumer.Group.Rebalance balance strategies configured")
	}
	consumer := newConsumer(s, config)
	g := &consumerGroup{
		config:      config,
		seam:        s,
		consumer:    consumer,
		id:          groupID,
		instance:    instanceOf(config),
		cooperative: !slices.ContainsFunc(strategies(config), eager),
		errs:        make(chan error, config.ChannelBufferSize),
		closed:      make(chan struct{}),
		turn:        make(chan struct{}, 1),
		userData:    config.Consumer.Group.Member.UserData,
	}
	consumer.claimFailed = func(e *sarama.ConsumerError) { g.handleError(e, e.Topic, e.Partition) }
	return g, nil
}

// eager reports whether a strategy needs members to give up all their claims for a rebalance.
func eager(s sarama.BalanceStrategy) bool {
	p, ok := s.(sarama.RebalanceProtocolBalanceStrategy)
	return !ok || !slices.Contains(p.SupportedProtocols(), sarama.RebalanceProtocolCooperative)
}

func strategies(config *sarama.Config) []sarama.BalanceStrategy {
	if s := config.Consumer.Group.Rebalance.Strategy; s != nil {
		return []sarama.BalanceStrategy{s}
	}
	return config.Consumer.Group.Rebalance.GroupStrategies
}

func (g *consumerGroup) Errors() <-chan error { return g.errs }

// ReportTo implements door.Reporting.
func (g *consumerGroup) ReportTo(report func(err error)) bool {
	if !g.config.Consumer.Return.Errors {
		return false
	}
	g.report = report
	return true
}

func (g *consumerGroup) Pause(p map[string][]int32) { g.consumer.Pause(p) }

func (g *consumerGroup) Resume(p map[string][]int32) { g.consumer.Resume(p) }

func (g *consumerGroup) PauseAll() { g.consumer.PauseAll() }

func (g *consumerGroup) ResumeAll() { g.consumer.ResumeAll() }

// Close ends the session, leaves the group unless the member is static, and returns the last error that nobody read.
func (g *consumerGroup) Close() (err error) {
	g.closeOnce.Do(func() {
		close(g.closed)
		if cancel := g.joining.Load(); cancel != nil {
			(*cancel)(nil)
		}
		g.turn <- struct{}{}
		err = g.leave()
		<-g.turn
		g.errsMu.Lock()
		close(g.errs)
		g.errsMu.Unlock()
		for e := range g.errs {
			err = e
		}
		g.seam.Close()
	})
	return err
}

func (g *consumerGroup) leave() error {
	if g.memberID == "" || g.instance != "" {
		g.memberID = ""
		return nil
	}
	_, err := g.ask(context.Background(), "leave", func(call *seam.Call) group.Command {
		return group.Leave{Tag: call, Members: []group.LeavingMember{{MemberID: g.memberID, Reason: "the consumer is being closed"}}}
	})
	g.memberID = ""
	if err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return err
	}
	return nil
}

// ask sends one command to the group's coordinator.
func (g *consumerGroup) ask(ctx context.Context, kind seam.Kind, command func(call *seam.Call) group.Command) (any, error) {
	v, err := g.seam.Ask(ctx, kind, g.id, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		core.GroupStep(now, g.id, command(call))
	})
	return v, saramaError(err)
}

// Consume joins the group and runs handler for one generation. It returns nil when that ends, be it by a rebalance, by
// ctx or by Close; call it again to go on.
func (g *consumerGroup) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	if g.isClosed() {
		return sarama.ErrClosedConsumerGroup
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.turn }()
	if g.isClosed() {
		return sarama.ErrClosedConsumerGroup
	}
	if len(topics) == 0 {
		return errors.New("no topics provided")
	}
	for _, t := range topics {
		if _, err := topicMetadata(g.seam, t, g.config.Metadata.AllowAutoTopicCreation); err != nil {
			return closedGroup(err)
		}
	}
	inner, cancel := context.WithCancelCause(ctx) // of the session
	a, err := g.joinUntilClosed(inner, cancel, topics, nil)
	if err != nil {
		cancel(nil)
		return err
	}
	s, err := g.newSession(ctx, inner, cancel, a, handler)
	if err != nil {
		return closedGroup(err)
	}
	if g.cooperative {
		err = s.cooperate(ctx, topics)
	} else {
		select {
		case <-g.closed:
		case <-s.ctx.Done():
		}
	}
	if e := s.release(true); err == nil {
		err = e
	}
	g.noteEnd(s)
	return err
}

// noteEnd keeps why a session ended, for the next request to join, or to leave (KIP-800).
func (g *consumerGroup) noteEnd(s *session) {
	g.cause = nil
	if cause := context.Cause(s.ctx); !errors.Is(cause, context.Canceled) {
		g.cause = cause
	}
}

// joinUntilClosed is joinAndSync, and fails once Close was called, which cancels ctx meanwhile.
func (g *consumerGroup) joinUntilClosed(ctx context.Context, cancel context.CancelCauseFunc, topics []string, held *assignment) (assignment, error) {
	g.joining.Store(&cancel)
	a, err := g.joinAndSync(ctx, topics, held) // looks first whether Close came before it could see cancel
	g.joining.Store(nil)
	if g.isClosed() {
		return a, sarama.ErrClosedConsumerGroup
	}
	return a, closedGroup(err)
}

func (g *consumerGroup) isClosed() bool {
	select {
	case <-g.closed:
		return true
	default:
		return false
	}
}

func closedGroup(err error) error {
	if errors.Is(err, sarama.ErrClosedClient) {
		return sarama.ErrClosedConsumerGroup
	}
	return err
}

// assignment is what a member holds in one generation.
type assignment struct {
	memberID   string
	generation int32
	claims     map[string][]int32
	leader     bool
	topics     map[string][]int32 // leader: the partitions it planned with
	beats      <-chan struct{}    // closed when a rebalance may have begun after this one
}

// joinAndSync takes part in a rebalance until it has an assignment, in the order of sarama's own member: errors that
// forget the member id join anew at once, errors that pass are retried after a pause. Held is what a cooperative member has,
// nil for one that begins; it is lost with its member id.
func (g *consumerGroup) joinAndSync(ctx context.Context, topics []string, held *assignment) (assignment, error) {
	retries := g.config.Consumer.Group.Rebalance.Retry.Max
	var protocols []group.Protocol
	for {
		if g.isClosed() {
			return assignment{}, sarama.ErrClosedConsumerGroup
		}
		var err error
		if protocols == nil {
			if protocols, err = g.protocols(topics, held); err != nil {
				return assignment{}, err
			}
		}
		a, err := g.tryJoin(ctx, protocols, held)
		switch {
		case err == nil:
			return a, nil
		case errors.Is(err, sarama.ErrMemberIdRequired):
			continue // with the same protocols
		case errors.Is(err, sarama.ErrUnknownMemberId), errors.Is(err, sarama.ErrIllegalGeneration):
			g.memberID = ""
			if held != nil && len(held.claims) > 0 {
				return assignment{}, err
			}
		case errors.Is(err, sarama.ErrRebalanceInProgress), errors.Is(err, sarama.ErrNotCoordinatorForConsumer),
			errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable), errors.Is(err, sarama.ErrOffsetsLoadInProgress):
			if retries <= 0 {
				return assignment{}, err
			}
			retries--
			if err := sleep(ctx, g.config.Consumer.Group.Rebalance.Retry.Backoff); err != nil {
				return assignment{}, err
			}
		default:
			return assignment{}, err
		}
		protocols = nil // held may be of another generation now
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *consumerGroup) tryJoin(ctx context.Context, protocols []group.Protocol, held *assignment) (assignment, error) {
	join, err := g.askToJoin(ctx, protocols)
	if err != nil {
		return assignment{}, err
	}
	return g.sync(ctx, join, held)
}

// askToJoin asks to take part in the next generation, and waits until that begins.
func (g *consumerGroup) askToJoin(ctx context.Context, protocols []group.Protocol) (*group.JoinResponse, error) {
	v, err := g.ask(ctx, "join", func(call *seam.Call) group.Command {
		return group.Join{
			Tag: call, MemberID: g.memberID, InstanceID: g.instance, ClientID: g.config.ClientID, ClientHost: "/127.0.0.1",
			RequireKnownMemberID: g.config.Version.IsAtLeast(sarama.V2_2_0_0), ProtocolType: "consumer", Protocols: protocols, Reason: g.reason(),
			SessionTimeout:   millis(g.config.Consumer.Group.Session.Timeout),
			RebalanceTimeout: millis(g.config.Consumer.Group.Rebalance.Timeout),
		}
	})
	if err != nil {
		return nil, err
	}
	join := v.(group.JoinResponse)
	if join.Err == kafka.MemberIDRequired {
		g.memberID = join.MemberID
	}
	if join.Err != kafka.None {
		return nil, sarama.KError(join.Err)
	}
	g.memberID, g.cause = join.MemberID, nil
	return &join, nil
}

// sync shares the partitions out if this member leads, and waits for what it is given.
func (g *consumerGroup) sync(ctx context.Context, join *group.JoinResponse, held *assignment) (assignment, error) {
	strategy, err := g.strategy(join.Protocol)
	if err != nil {
		return assignment{}, err
	}
	a := assignment{memberID: join.MemberID, generation: join.Generation, leader: join.Leader == join.MemberID && !join.SkipAssignment}
	var assignments []group.MemberAssignment
	if a.leader {
		if assignments, a.topics, err = g.plan(strategy, *join); err != nil {
			return assignment{}, err
		}
	}
	a.beats = g.seam.Engine().Beats() // a rebalance that has begun already is the answer to this
	v, err := g.ask(ctx, "sync", func(call *seam.Call) group.Command {
		return group.Sync{
			Tag: call, MemberID: join.MemberID, InstanceID: g.instance, Generation: join.Generation,
			ProtocolType: "consumer", Protocol: join.Protocol, Assignments: assignments,
		}
	})
	if err != nil {
		return assignment{}, err
	}
	answer := v.(group.SyncResponse)
	if answer.Err != kafka.None {
		if held != nil {
			held.generation = join.Generation // in which the member owns what it held, too
		}
		return assignment{}, sarama.KError(answer.Err)
	}
	return a, g.take(&a, strategy, answer.Assignment)
}

func millis(d time.Duration) kafka.Millis { return kafka.Millis(d.Milliseconds()) }

// reason is why the member joins, as it tells the coordinator (KIP-800).
func (g *consumerGroup) reason() string {
	switch cause := g.cause; {
	case cause == nil || !g.config.Version.IsAtLeast(sarama.V3_2_0_0):
		return ""
	case errors.Is(cause, sarama.ErrRebalanceInProgress):
		return "group is rebalancing"
	case errors.Is(cause, sarama.ErrSessionPartitionCountChanged):
		return "partitions were added to a subscribed topic"
	case errors.Is(cause, sarama.ErrSessionConsumeClaimExited):
		return "a ConsumeClaim handler has exited"
	default:
		return cause.Error()
	}
}

// subscriptionVersion is the version of what members say of themselves: 1 has the partitions that they own (KIP-429), 2 the
// generation that gave them those (KIP-792).
func (g *consumerGroup) subscriptionVersion() int16 {
	switch v := g.config.Version; {
	case v.IsAtLeast(sarama.V3_2_0_0):
		return 2
	case v.IsAtLeast(sarama.V2_4_0_0):
		return 1
	default:
		return 0
	}
}

func (g *consumerGroup) protocols(topics []string, held *assignment) ([]group.Protocol, error) {
	req := &sarama.JoinGroupRequest{}
	for _, s := range strategies(g.config) {
		meta := &sarama.ConsumerGroupMemberMetadata{Version: g.subscriptionVersion(), Topics: topics, UserData: g.userData, GenerationID: -1}
		if held != nil {
			meta.GenerationID = held.generation
			for _, topic := range slices.Sorted(maps.Keys(held.claims)) {
				meta.OwnedPartitions = append(meta.OwnedPartitions, &sarama.OwnedPartition{Topic: topic, Partitions: slices.Sorted(slices.Values(held.claims[topic]))})
			}
		}
		if u, ok := s.(sarama.SubscriptionUserDataBalanceStrategy); ok {
			if data, err := u.SubscriptionUserData(slices.Clone(topics)); err == nil {
				meta.UserData = data
			} else {
				sarama.Logger.Printf("consumergroup/%s: static user data for strategy %q, since its own failed: %v\n", g.id, s.Name(), err)
			}
		}
		if err := req.AddGroupProtocolMetadata(s.Name(), meta); err != nil {
			return nil, err
		}
	}
	protocols := make([]group.Protocol, len(req.OrderedGroupProtocols))
	for i, p := range req.OrderedGroupProtocols {
		protocols[i] = group.Protocol{Name: p.Name, Metadata: p.Metadata}
	}
	return protocols, nil
}

func (g *consumerGroup) strategy(name string) (sarama.BalanceStrategy, error) {
	for _, s := range strategies(g.config) {
		if s.Name() == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("unable to find selected strategy: %s", name)
}

// plan lets the strategy of the leader distribute the partitions of all topics that members ask for.
func (g *consumerGroup) plan(strategy sarama.BalanceStrategy, join group.JoinResponse) ([]group.MemberAssignment, map[string][]int32, error) {
	resp := &sarama.JoinGroupResponse{}
	for _, m := range join.Members {
		resp.Members = append(resp.Members, sarama.GroupMember{MemberId: m.MemberID, Metadata: m.Metadata})
	}
	members, err := resp.GetMembers()
	if err != nil {
		return nil, nil, err
	}
	topics := map[string][]int32{}
	for _, meta := range members {
		for _, t := range meta.Topics {
			topics[t] = nil
		}
	}
	for _, t := range slices.Sorted(maps.Keys(topics)) {
		m, err := topicMetadata(g.seam, t, g.config.Metadata.AllowAutoTopicCreation)
		if err != nil {
			return nil, nil, err
		}
		topics[t] = m.partitions
	}
	plan, err := strategy.Plan(members, topics)
	if err != nil {
		return nil, nil, err
	}
	req := &sarama.SyncGroupRequest{}
	for _, id := range slices.Sorted(maps.Keys(members)) {
		a := &sarama.ConsumerGroupMemberAssignment{}
		if mine, ok := plan[id]; ok {
			a.Topics = mine
			if a.UserData, err = strategy.AssignmentData(id, mine, join.Generation); err != nil {
				return nil, nil, err
			}
		}
		if err := req.AddGroupAssignmentMember(id, a); err != nil {
			return nil, nil, err
		}
	}
	assignments := make([]group.MemberAssignment, len(req.GroupAssignments))
	for i, a := range req.GroupAssignments {
		assignments[i] = group.MemberAssignment{MemberID: a.MemberId, Assignment: a.Assignment}
	}
	return assignments, topics, nil
}

// take decodes what the leader assigned to this member.
func (g *consumerGroup) take(a *assignment, strategy sarama.BalanceStrategy, encoded []byte) error {
	if len(encoded) == 0 {
		return nil
	}
	m, err := (&sarama.SyncGroupResponse{MemberAssignment: encoded}).GetMemberAssignment()
	if err != nil {
		return err
	}
	a.claims = m.Topics
	g.userData = g.config.Consumer.Group.Member.UserData
	if m.UserData != nil {
		g.userData = m.UserData
	}
	if s, ok := strategy.(sarama.OnAssignmentBalanceStrategy); ok {
		s.OnAssignment(m, a.generation)
	}
	for _, ps := range a.claims {
		slices.Sort(ps)
	}
	return nil
}

// handleError hands an error to Errors, or to the log when nobody wants it there.
func (g *consumerGroup) handleError(err error, topic string, partition int32) {
	var ce *sarama.ConsumerError
	if !errors.As(err, &ce) && topic != "" && partition >= 0 {
		err = &sarama.ConsumerError{Topic: topic, Partition: partition, Err: err}
	}
	if !g.config.Consumer.Return.Errors {
		sarama.Logger.Println(err)
		return
	}
	if g.report != nil {
		if !g.isClosed() {
			g.report(err)
		}
		return
	}
	g.errsMu.RLock()
	defer g.errsMu.RUnlock()
	if g.isClosed() {
		return
	}
	select {
	case g.errs <- err:
	default: // nobody listens
	}
}
