package suite

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// shares writes what members hold, as 0 1 / 2.
func shares(topic string, ms ...*member) string {
	s := ""
	for i, m := range ms {
		if i > 0 {
			s += " / "
		}
		s += fmt.Sprint(m.holds(topic))
	}
	return s
}

func strategy(s func() sarama.BalanceStrategy) func(*sarama.Config) {
	return func(c *sarama.Config) {
		c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{s()}
	}
}

// called gives members ids whose order is known.
func called(id string) func(*sarama.Config) { return func(c *sarama.Config) { c.ClientID = id } }

// lastTakesAll is a user-written strategy: the last member by name gets everything. It notes what it sees.
type lastTakesAll struct {
	mu       sync.Mutex // guards all below
	seen     []string   // user data of members
	assigned []string   // what came with assignments
}

func (s *lastTakesAll) Name() string { return "last-takes-all" }

func (s *lastTakesAll) Plan(members map[string]sarama.ConsumerGroupMemberMetadata, topics map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	ids := make([]string, 0, len(members))
	s.mu.Lock()
	for id, m := range members {
		ids = append(ids, id)
		s.seen = append(s.seen, string(m.UserData))
	}
	s.mu.Unlock()
	plan := sarama.BalanceStrategyPlan{}
	for topic, partitions := range topics {
		plan.Add(slices.Max(ids), topic, partitions...)
	}
	return plan, nil
}

func (s *lastTakesAll) AssignmentData(string, map[string][]int32, int32) ([]byte, error) {
	return []byte("data of the leader"), nil
}

func (s *lastTakesAll) SubscriptionUserData(topics []string) ([]byte, error) {
	return fmt.Appendf(nil, "%d topics", len(topics)), nil
}

func (s *lastTakesAll) OnAssignment(a *sarama.ConsumerGroupMemberAssignment, _ int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assigned = append(s.assigned, string(a.UserData))
}

func (s *lastTakesAll) noted() (seen, assigned []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen), slices.Clone(s.assigned)
}

// noPlan is a user-written strategy that fails.
type noPlan struct{ lastTakesAll }

func (*noPlan) Name() string { return "no-plan" }

func (*noPlan) Plan(map[string]sarama.ConsumerGroupMemberMetadata, map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	return nil, errOfTest
}

var strategyCases = slices.Concat([]kase{
	{"sticky: members keep what they have", func(e *env) { stays(e, sarama.NewBalanceStrategySticky) }},
	{"cooperative: members keep what they have", func(e *env) { stays(e, sarama.NewBalanceStrategyCooperativeSticky) }},
	{"cooperative: a session goes on through rebalances", func(e *env) {
		topic, group := e.topic(4), e.name("group")
		a := e.join(group, []string{topic}, strategy(sarama.NewBalanceStrategyCooperativeSticky))
		a.untilHolds(topic, 4)
		session, before := a.current(), a.current().GenerationID()
		b := e.join(group, []string{topic}, strategy(sarama.NewBalanceStrategyCooperativeSticky))
		a.untilHolds(topic, 2)
		b.untilHolds(topic, 2)
		setups, cleanups := a.sessions()
		equal(e, "sessions set up and cleaned up", fmt.Sprint(setups, cleanups), "1 0")
		if session.GenerationID() <= before {
			e.Errorf("the generation is %d as it was, want a later one", before)
		}
		same(e, "claims of the session", session.Claims()[topic], a.holds(topic))
		equal(e, "the session has ended", session.Context().Err() != nil, false)
		e.produce(topic, 0, "a")
		e.produce(topic, 1, "b")
		e.produce(topic, 2, "c")
		e.produce(topic, 3, "d")
		e.until("all messages have come", func() bool { return len(a.gotValues())+len(b.gotValues()) == 4 })
		b.leave()
		a.untilHolds(topic, 4)
		setups, cleanups = a.sessions()
		equal(e, "sessions set up and cleaned up", fmt.Sprint(setups, cleanups), "1 0")
		a.leave()
	}},
	{"cooperative: what is revoked is committed first", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		e.produce(topic, 0, "a")
		e.produce(topic, 1, "b")
		slow := func(c *sarama.Config) { c.Consumer.Offsets.AutoCommit.Interval = 1000 * e.pace.commit }
		a := e.join(group, []string{topic}, strategy(sarama.NewBalanceStrategyCooperativeSticky), slow)
		a.untilGot("a", "b")
		b := e.join(group, []string{topic}, strategy(sarama.NewBalanceStrategyCooperativeSticky), slow)
		b.untilHolds(topic, 1)
		e.produce(topic, b.holds(topic)[0], "c")
		b.untilGot("c")
		a.leave()
		b.leave()
	}},
	{"cooperative: a member that crashes is missed", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		a := e.join(group, []string{topic}, strategy(sarama.NewBalanceStrategyCooperativeSticky), e.shortSession)
		b := e.join(group, []string{topic}, strategy(sarama.NewBalanceStrategyCooperativeSticky))
		a.untilHolds(topic, 1)
		b.untilHolds(topic, 1)
		a.crash()
		b.untilHolds(topic, 2)
		b.leave()
	}},
	{"user-written: data goes to the leader and to the members", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		sa, sb := &lastTakesAll{}, &lastTakesAll{}
		a := e.join(group, []string{topic}, called("a"), strategy(func() sarama.BalanceStrategy { return sa }))
		a.untilHolds(topic, 2)
		b := e.join(group, []string{topic}, called("b"), strategy(func() sarama.BalanceStrategy { return sb }))
		b.untilHolds(topic, 2)
		a.untilHolds(topic, 0)
		seenA, assignedA := sa.noted()
		seenB, assignedB := sb.noted()
		seen := append(seenA, seenB...)
		equal(e, "Plan sees what members say", len(seen) >= 3 && seen[len(seen)-1] == "1 topics", true)
		equal(e, "OnAssignment sees what the leader says", len(assignedA) >= 1 && assignedA[0] == "data of the leader", true)
		equal(e, "OnAssignment sees what the leader says", len(assignedB) >= 1 && assignedB[0] == "data of the leader", true)
		a.leave()
		b.leave()
	}},
	{"user-written: an error is that of Consume", func(e *env) {
		topic := e.topic(1)
		cg := e.groupOf(e.name("group"), strategy(func() sarama.BalanceStrategy { return &noPlan{} }))
		e.wants(cg.Consume(e.Context(), []string{topic}, handler{}), errOfTest, "Consume")
		_ = cg.Close() // whose error is that of a member that was never told its partitions, or none
	}},
	{"the strategy is one that all members have", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		several := func(ss ...sarama.BalanceStrategy) func(*sarama.Config) {
			return func(c *sarama.Config) { c.Consumer.Group.Rebalance.GroupStrategies = ss }
		}
		a := e.join(group, []string{topic}, several(sarama.NewBalanceStrategySticky(), sarama.NewBalanceStrategyRange()))
		a.untilHolds(topic, 2)
		b := e.join(group, []string{topic}, several(sarama.NewBalanceStrategyRange()))
		a.untilHolds(topic, 1)
		b.untilHolds(topic, 1)
		ds, err := e.clusterAdmin().DescribeConsumerGroups([]string{group})
		e.check(err, "DescribeConsumerGroups")
		equal(e, "protocol", ds[0].Protocol, "range")
		cg := e.groupOf(group, several(sarama.NewBalanceStrategyRoundRobin()))
		e.wants(cg.Consume(e.Context(), []string{topic}, handler{}), sarama.ErrInconsistentGroupProtocol, "Consume with a strategy that nobody else has")
		e.check(cg.Close(), "Close")
		a.leave()
		b.leave()
	}},
	{"no strategy is an error", func(e *env) {
		_, err := e.NewConsumerGroup(e.name("group"), e.config(func(c *sarama.Config) { c.Consumer.Group.Rebalance.GroupStrategies = nil }))
		if !errors.As(err, new(sarama.ConfigurationError)) {
			e.Errorf("NewConsumerGroup gives %v (%T), want a ConfigurationError", err, err)
		}
	}},
	{"members may want different topics", func(e *env) {
		one, two, group := e.topic(2), e.topic(2), e.name("group")
		a, b := e.join(group, []string{one}), e.join(group, []string{one, two})
		a.untilHolds(one, 1)
		b.untilHolds(one, 1)
		b.untilHolds(two, 2)
		equal(e, "partitions of a topic that nobody asked for", len(a.holds(two)), 0)
		a.leave()
		b.leave()
	}},
	{"the data of a member is seen by admins", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		m := e.join(group, []string{topic}, func(c *sarama.Config) { c.Consumer.Group.Member.UserData = []byte("mine") })
		m.untilHolds(topic, 2)
		ds, err := e.clusterAdmin().DescribeConsumerGroups([]string{group})
		e.check(err, "DescribeConsumerGroups")
		d := ds[0].Members[m.current().MemberID()]
		if d == nil {
			e.Fatalf("the member is not among %v", ds[0].Members)
		}
		meta, err := d.GetMemberMetadata()
		e.check(err, "GetMemberMetadata")
		same(e, "topics", meta.Topics, []string{topic})
		equal(e, "user data", string(meta.UserData), "mine")
		a, err := d.GetMemberAssignment()
		e.check(err, "GetMemberAssignment")
		same(e, "assignment", a.Topics[topic], []int32{0, 1})
		m.leave()
	}},
}, planCases())

// stays has a third member come to two, and looks that nothing moves which need not.
func stays(e *env, s func() sarama.BalanceStrategy) {
	e.Helper()
	topic, group := e.topic(6), e.name("group")
	a := e.join(group, []string{topic}, strategy(s))
	a.untilHolds(topic, 6)
	b := e.join(group, []string{topic}, strategy(s))
	a.untilHolds(topic, 3)
	b.untilHolds(topic, 3)
	before := map[*member][]int32{a: a.holds(topic), b: b.holds(topic)}
	c := e.join(group, []string{topic}, strategy(s))
	for _, m := range []*member{a, b, c} {
		m.untilHolds(topic, 2)
	}
	for m, had := range before {
		for _, p := range m.holds(topic) {
			if !slices.Contains(had, p) {
				e.Errorf("a member has partition %d now, want two of its %v", p, had)
			}
		}
	}
	a.leave()
	b.leave()
	c.leave()
}

// planCases are what two members get of two topics of three partitions.
func planCases() (cases []kase) {
	for _, c := range []struct {
		name     string
		strategy func() sarama.BalanceStrategy
		one, two string
	}{
		{"range", sarama.NewBalanceStrategyRange, "[0 1] / [2]", "[0 1] / [2]"},
		{"roundrobin", sarama.NewBalanceStrategyRoundRobin, "[0 2] / [1]", "[1] / [0 2]"},
		{"user-written", func() sarama.BalanceStrategy { return &lastTakesAll{} }, "[] / [0 1 2]", "[] / [0 1 2]"},
	} {
		cases = append(cases, kase{c.name + ": two members share two topics", func(e *env) {
			one, two, group := e.topic(3), e.topic(3), e.name("group")
			a := e.join(group, []string{one, two}, called("a"), strategy(c.strategy))
			b := e.join(group, []string{one, two}, called("b"), strategy(c.strategy))
			e.until("they hold "+c.one+" and "+c.two, func() bool { return shares(one, a, b) == c.one && shares(two, a, b) == c.two })
			a.leave()
			b.leave()
		}})
	}
	for _, c := range []struct {
		name     string
		strategy func() sarama.BalanceStrategy
	}{{"sticky", sarama.NewBalanceStrategySticky}, {"cooperative", sarama.NewBalanceStrategyCooperativeSticky}} {
		cases = append(cases, kase{c.name + ": two members share two topics", func(e *env) {
			one, two, group := e.topic(3), e.topic(3), e.name("group")
			a := e.join(group, []string{one, two}, strategy(c.strategy))
			b := e.join(group, []string{one, two}, strategy(c.strategy))
			e.until("each holds three partitions", func() bool {
				return len(a.holds(one))+len(a.holds(two)) == 3 && len(b.holds(one))+len(b.holds(two)) == 3
			})
			a.leave()
			b.leave()
		}})
	}
	return cases
}
