package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

var errOfTest = errors.New("an error of the test")

var groupCases = slices.Concat([]kase{
	{"a member gets all partitions, their messages, and commits", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		e.produce(topic, 0, "a", "b")
		e.produce(topic, 1, "c")
		m := e.join(group, []string{topic})
		m.untilGot("a", "b", "c")
		m.leave()
		o, _ := e.committed(group, topic, 0)
		equal(e, "committed of partition 0", o, 2)
		o, _ = e.committed(group, topic, 1)
		equal(e, "committed of partition 1", o, 1)
	}},
	{"who comes later goes on where the group was", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.produce(topic, 0, "a", "b")
		m := e.join(group, []string{topic})
		m.untilGot("a", "b")
		m.leave()
		e.produce(topic, 0, "c")
		m = e.join(group, []string{topic})
		m.untilGot("c")
		m.leave()
	}},
	{"a group may begin at the end", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.produce(topic, 0, "a")
		m := e.join(group, []string{topic}, func(c *sarama.Config) { c.Consumer.Offsets.Initial = sarama.OffsetNewest })
		m.untilHolds(topic, 1)
		e.until("a new message comes", func() bool { // the end is where it was when the claim began, sooner or later
			e.produce(topic, 0, "b")
			return len(m.gotValues()) > 0
		})
		equal(e, "the first value", m.gotValues()[0], "b")
		m.leave()
	}},
	{"several topics are consumed", func(e *env) {
		a, b, group := e.topic(1), e.topic(2), e.name("group")
		e.produce(a, 0, "a")
		e.produce(b, 1, "b")
		m := e.join(group, []string{a, b})
		m.untilGot("a", "b")
		same(e, "claims", m.current().Claims()[b], []int32{0, 1})
		m.leave()
	}},
	{"a session tells who and what it is", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		m := e.join(group, []string{topic}, func(c *sarama.Config) { c.ClientID = "somebody" })
		m.untilHolds(topic, 2)
		s := m.current()
		equal(e, "MemberID begins with the client's id", strings.HasPrefix(s.MemberID(), "somebody-"), true)
		equal(e, "GenerationID", s.GenerationID(), 1)
		equal(e, "topics of Claims", len(s.Claims()), 1)
		same(e, "Claims", s.Claims()[topic], []int32{0, 1})
		equal(e, "the context has ended", s.Context().Err() != nil, false)
		m.leave()
		equal(e, "the context has ended", s.Context().Err() != nil, true)
	}},
	{"a claim tells what it is", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.produce(topic, 0, "a", "b", "c")
		claims := make(chan string, 10)
		claim := func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			m := <-c.Messages()
			claims <- fmt.Sprintf("%v %d %d %d", c.Topic() == topic, c.Partition(), c.InitialOffset(), c.HighWaterMarkOffset())
			s.MarkMessage(m, "")
			<-s.Context().Done()
			return nil
		}
		m := e.joinWith(group, []string{topic}, claim)
		equal(e, "claim", receive(e, claims, "the first claim"), "true 0 -2 3")
		m.leave()
		m = e.joinWith(group, []string{topic}, claim)
		equal(e, "claim", receive(e, claims, "the second claim"), "true 0 1 3")
		m.leave()
	}},
	{"a member that joins gets its share", func(e *env) {
		topic, group := e.topic(4), e.name("group")
		a := e.join(group, []string{topic})
		a.untilHolds(topic, 4)
		b := e.join(group, []string{topic})
		a.untilHolds(topic, 2)
		b.untilHolds(topic, 2)
		equal(e, "generations are the same", a.current().GenerationID(), b.current().GenerationID())
		same(e, "all partitions", slices.Sorted(slices.Values(append(a.holds(topic), b.holds(topic)...))), []int32{0, 1, 2, 3})
		b.leave()
		a.untilHolds(topic, 4)
		a.leave()
		setups, cleanups := a.sessions()
		equal(e, "sessions set up and cleaned up", setups, cleanups)
	}},
	{"more members than partitions leave some without", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		a := e.join(group, []string{topic})
		a.untilHolds(topic, 1)
		b := e.join(group, []string{topic})
		e.until("both are in one generation, and one holds the partition", func() bool {
			sa, sb := a.current(), b.current()
			return sb != nil && sa.GenerationID() == sb.GenerationID() && len(a.holds(topic))+len(b.holds(topic)) == 1
		})
		a.leave()
		b.untilHolds(topic, 1)
		b.leave()
	}},
	{"no message is lost or repeated when members come and go", func(e *env) {
		topic, group := e.topic(4), e.name("group")
		var want []string
		send := func() {
			for range 4 {
				v := fmt.Sprint(len(want))
				want = append(want, v)
				e.produce(topic, int32(len(want)%4), v)
			}
		}
		a := e.join(group, []string{topic})
		var b, c *member
		all := func() []string {
			vs := a.gotValues()
			for _, m := range []*member{b, c} {
				if m != nil {
					vs = append(vs, m.gotValues()...)
				}
			}
			slices.Sort(vs)
			return vs
		}
		steady := func() {
			e.Helper()
			send()
			e.until("all messages have come", func() bool { return len(all()) >= len(want) })
			slices.Sort(want)
			same(e, "messages", all(), want)
		}
		steady()
		b = e.join(group, []string{topic})
		b.untilHolds(topic, 2)
		steady()
		c = e.join(group, []string{topic})
		e.until("three members share the partitions", func() bool {
			return len(c.holds(topic)) > 0 && len(a.holds(topic))+len(b.holds(topic))+len(c.holds(topic)) == 4
		})
		steady()
		a.leave()
		e.until("the others hold all", func() bool { return len(b.holds(topic))+len(c.holds(topic)) == 4 })
		steady()
		b.leave()
		c.untilHolds(topic, 4)
		steady()
		c.leave()
	}},
	{"a crashed member is missed when its session times out", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		a, b := e.join(group, []string{topic}, e.shortSession), e.join(group, []string{topic})
		a.untilHolds(topic, 1)
		b.untilHolds(topic, 1)
		crashed := time.Now()
		a.crash()
		b.untilHolds(topic, 2)
		if took := time.Since(crashed); took < e.pace.session/2 {
			e.Errorf("its partitions went over after %v, want the session time-out of %v", took, e.pace.session)
		}
		b.leave()
	}},
	{"a static member that is back in time finds its partitions, and nobody notices", func(e *env) {
		topic, group := e.topic(4), e.name("group")
		static := func(c *sarama.Config) { c.Consumer.Group.InstanceId = "me" }
		a, b := e.join(group, []string{topic}, static), e.join(group, []string{topic})
		a.untilHolds(topic, 2)
		b.untilHolds(topic, 2)
		before, _ := b.sessions()
		held, generation := a.holds(topic), a.current().GenerationID()
		a.leave() // a static member does not say so
		a = e.join(group, []string{topic}, static)
		a.untilHolds(topic, 2)
		same(e, "partitions", a.holds(topic), held)
		equal(e, "generation", a.current().GenerationID(), generation)
		after, _ := b.sessions()
		equal(e, "sessions of the other", after, before)
		a.leave()
		b.leave()
	}},
	{"a static member that stays away is missed when its session times out", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		a := e.join(group, []string{topic}, e.shortSession, func(c *sarama.Config) { c.Consumer.Group.InstanceId = "me" })
		b := e.join(group, []string{topic})
		a.untilHolds(topic, 1)
		b.untilHolds(topic, 1)
		a.leave()
		b.untilHolds(topic, 2)
		b.leave()
	}},
	{"of two members with one instance id the first is fenced", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		static := func(c *sarama.Config) { c.Consumer.Group.InstanceId = "me" }
		a := e.join(group, []string{topic}, static)
		a.untilHolds(topic, 1)
		b := e.join(group, []string{topic}, static)
		err := receive(e, a.group.Errors(), "an error of the first")
		e.wants(err, sarama.ErrFencedInstancedId, "Errors of the first")
		b.untilHolds(topic, 1)
		a.cancel()
		ended(e, a.done, "Consume")
		b.leave()
	}},
	{"a slow consumer is thrown out of the group, and cannot commit", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		e.produce(topic, 0, "a")
		e.produce(topic, 1, "b")
		goOn := make(chan none)
		hurry := func(c *sarama.Config) { c.Consumer.Group.Rebalance.Timeout = e.pace.session }
		busy := make(chan none, 2)
		a := e.joinWith(group, []string{topic}, func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			for m := range c.Messages() {
				s.MarkMessage(m, "slow")
				busy <- none{}
				<-goOn
				s.Commit()
			}
			return nil
		}, hurry, byHand)
		open := e.opening(goOn)
		receive(e, busy, "the first message")
		receive(e, busy, "the second message")
		b := e.join(group, []string{topic}, hurry)
		b.untilHolds(topic, 2)
		b.untilGot("a", "b")
		a.cancel() // after which it would not join again
		open()
		err := receive(e, a.group.Errors(), "an error of who was too slow")
		if !errors.Is(err, sarama.ErrUnknownMemberId) && !errors.Is(err, sarama.ErrIllegalGeneration) {
			e.Errorf("the error is %v, want one of a member that nobody knows", err)
		}
		ended(e, a.done, "Consume")
		b.leave()
		o, metadata := e.committed(group, topic, 0)
		equal(e, "committed", o, 1)
		equal(e, "metadata", metadata, "")
	}},
	{"marks are committed now and then", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.produce(topic, 0, "a", "b")
		m := e.join(group, []string{topic})
		e.until("the offset is committed", func() bool { o, _ := e.committed(group, topic, 0); return o == 2 })
		m.leave()
	}},
	{"Commit commits at once, with metadata", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.produce(topic, 0, "a", "b")
		done := make(chan none)
		m := e.joinWith(group, []string{topic}, func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			s.MarkMessage(<-c.Messages(), "how it stands")
			s.Commit()
			close(done)
			<-s.Context().Done()
			return nil
		}, byHand)
		ended(e, done, "Commit")
		o, metadata := e.committed(group, topic, 0)
		equal(e, "committed", o, 1)
		equal(e, "metadata", metadata, "how it stands")
		m.leave()
	}},
	{"metadata beyond Kafka's bound is an error", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.produce(topic, 0, "a")
		m := e.joinWith(group, []string{topic}, func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			s.MarkMessage(<-c.Messages(), strings.Repeat("m", 5000))
			s.Commit()
			<-s.Context().Done()
			return nil
		}, byHand)
		err := receive(e, m.group.Errors(), "an error")
		var ce *sarama.ConsumerError
		if !errors.As(err, &ce) || !errors.Is(err, sarama.ErrOffsetMetadataTooLarge) || ce.Topic != topic {
			e.Errorf("the error is %v (%T), want ErrOffsetMetadataTooLarge of the partition", err, err)
		}
		m.leave()
	}},
	{"an error of ConsumeClaim goes to Errors, and ends the session", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		cg := e.groupOf(group)
		err := cg.Consume(e.Context(), []string{topic}, handler{claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return errOfTest }})
		e.check(err, "Consume")
		err = receive(e, cg.Errors(), "an error")
		var ce *sarama.ConsumerError
		if !errors.As(err, &ce) || !errors.Is(err, errOfTest) || ce.Topic != topic || ce.Partition != 0 {
			e.Errorf("the error is %v (%T), want that of ConsumeClaim with its partition", err, err)
		}
		e.check(cg.Close(), "Close")
		ended(e, cg.Errors(), "Errors")
	}},
	{"without Return.Errors nothing goes to Errors", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		cg := e.groupOf(group, func(c *sarama.Config) { c.Consumer.Return.Errors = false })
		e.check(cg.Consume(e.Context(), []string{topic}, handler{claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return errOfTest }}), "Consume")
		e.check(cg.Close(), "Close")
		equal(e, "errors", len(ended(e, cg.Errors(), "Errors")), 0)
	}},
	{"Close returns the error that nobody read", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		cg := e.groupOf(group)
		e.check(cg.Consume(e.Context(), []string{topic}, handler{claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return errOfTest }}), "Consume")
		e.wants(cg.Close(), errOfTest, "Close")
	}},
	{"an error of Setup is that of Consume, and Cleanup is called", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		cg := e.groupOf(group)
		cleaned := false
		err := cg.Consume(e.Context(), []string{topic}, handler{
			setup:   func(sarama.ConsumerGroupSession) error { return errOfTest },
			cleanup: func(sarama.ConsumerGroupSession) error { cleaned = true; return nil },
			claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
				e.Errorf("a claim began after Setup had failed")
				return nil
			},
		})
		e.wants(err, errOfTest, "Consume")
		equal(e, "Cleanup was called", cleaned, true)
		e.check(cg.Close(), "Close")
	}},
	{"an error of Cleanup is that of Consume, and goes to Errors", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		cg := e.groupOf(group)
		err := cg.Consume(e.Context(), []string{topic}, handler{
			cleanup: func(sarama.ConsumerGroupSession) error { return errOfTest },
			claim:   func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return nil },
		})
		e.wants(err, errOfTest, "Consume")
		e.wants(receive(e, cg.Errors(), "an error"), errOfTest, "Errors")
		e.check(cg.Close(), "Close")
	}},
	{"a claim that ends, ends the session, and Consume may be called again", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		e.produce(topic, 0, "a")
		cg := e.groupOf(group)
		for range 2 {
			err := cg.Consume(e.Context(), []string{topic}, handler{claim: func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
				if c.Partition() == 0 {
					<-c.Messages()
					return nil
				}
				<-s.Context().Done()
				if !errors.Is(context.Cause(s.Context()), sarama.ErrSessionConsumeClaimExited) {
					e.Errorf("the session ended for %v, want ErrSessionConsumeClaimExited", context.Cause(s.Context()))
				}
				return nil
			}})
			e.check(err, "Consume")
		}
		e.check(cg.Close(), "Close")
	}},
	{"no topics are an error", func(e *env) {
		cg := e.groupOf(e.name("group"))
		if err := cg.Consume(e.Context(), nil, handler{}); err == nil {
			e.Errorf("Consume of no topics gives no error")
		}
		e.check(cg.Close(), "Close")
	}},
	{"a topic that there is not is an error", func(e *env) {
		cg := e.groupOf(e.name("group"), func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false; c.Metadata.Retry.Max = 1 })
		e.wants(cg.Consume(e.Context(), []string{e.name("nowhere")}, handler{}), sarama.ErrUnknownTopicOrPartition, "Consume")
		e.check(cg.Close(), "Close")
	}},
	{"a session time-out that the broker does not allow is an error", func(e *env) {
		topic := e.topic(1)
		cg := e.groupOf(e.name("group"), func(c *sarama.Config) { c.Consumer.Group.Session.Timeout = 1 << 30 * 1e6 })
		e.wants(cg.Consume(e.Context(), []string{topic}, handler{}), sarama.ErrInvalidSessionTimeout, "Consume")
		e.check(cg.Close(), "Close")
	}},
	{"a group is paused and resumed", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		m := e.join(group, []string{topic})
		m.untilHolds(topic, 2)
		e.produce(topic, 0, "a")
		e.produce(topic, 1, "b")
		m.untilGot("a", "b")
		m.group.Pause(map[string][]int32{topic: {0}})
		for i := range 2 { // fetches that were under way are over after the first
			v := fmt.Sprint("settled", i)
			e.produce(topic, 1, v)
			e.until("the other partition goes on", func() bool { return slices.Contains(m.gotValues(), v) })
		}
		e.produce(topic, 0, "c")
		e.rest(20)
		equal(e, "a message of the paused partition came", slices.Contains(m.gotValues(), "c"), false)
		m.group.Resume(map[string][]int32{topic: {0}})
		e.until("the resumed partition goes on", func() bool { return slices.Contains(m.gotValues(), "c") })
		m.group.PauseAll()
		m.group.ResumeAll()
		e.produce(topic, 0, "d")
		e.until("all goes on", func() bool { return slices.Contains(m.gotValues(), "d") })
		m.leave()
	}},
	{"partitions that come later are consumed", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		m := e.join(group, []string{topic}, func(c *sarama.Config) { c.Metadata.RefreshFrequency = 5 * e.pace.poll })
		m.untilHolds(topic, 1)
		e.check(e.clusterAdmin().CreatePartitions(topic, 3, nil, false), "CreatePartitions")
		m.untilHolds(topic, 3)
		m.leave()
	}},
	{"a committed offset that is gone is an error", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.goneOffset(topic, group)
		m := e.join(group, []string{topic}, func(c *sarama.Config) { c.Consumer.Group.ResetInvalidOffsets = false })
		e.wants(receive(e, m.group.Errors(), "an error"), sarama.ErrOffsetOutOfRange, "Errors")
		m.cancel()
		ended(e, m.done, "Consume")
	}},
	{"a committed offset that is gone is reset where that is wanted", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		e.goneOffset(topic, group)
		m := e.join(group, []string{topic}, func(c *sarama.Config) { c.Consumer.Group.ResetInvalidOffsets = true })
		m.untilGot("c")
		m.leave()
	}},
	{"closing a group ends Consume, and may be done twice", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		m := e.join(group, []string{topic})
		m.untilHolds(topic, 1)
		for range 2 {
			e.within("Close", func() { e.wants(m.group.Close(), nil, "Close") })
		}
		ended(e, m.done, "Consume")
		e.wants(m.result(), sarama.ErrClosedConsumerGroup, "Consume of a closed group")
		setups, cleanups := m.sessions()
		equal(e, "sessions cleaned up", cleanups, setups)
	}},
	{"closing the group in ConsumeClaim ends it", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		var m *member
		joined, closed := make(chan none), make(chan error, 1)
		m = e.joinWith(group, []string{topic}, func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			<-joined
			go func() { closed <- m.group.Close() }()
			<-c.Messages()
			return nil
		})
		close(joined)
		e.wants(receive(e, closed, "the end of Close"), nil, "Close")
		ended(e, m.done, "Consume")
	}},
	{"cancelling ends Consume without an error", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		m := e.join(group, []string{topic})
		m.untilHolds(topic, 1)
		m.cancel()
		ended(e, m.done, "Consume")
		e.wants(m.result(), nil, "Consume that was cancelled")
	}},
	{"a context that has ended is the error of Consume", func(e *env) {
		topic := e.topic(1)
		cg := e.groupOf(e.name("group"))
		ctx, cancel := context.WithCancel(e.Context())
		cancel()
		e.wants(cg.Consume(ctx, []string{topic}, handler{}), context.Canceled, "Consume")
		e.check(cg.Close(), "Close")
	}},
	{"a group that never consumed is closed", func(e *env) {
		cg := e.groupOf(e.name("group"))
		e.check(cg.Close(), "Close")
		e.check(cg.Close(), "Close again")
		ended(e, cg.Errors(), "Errors")
		e.wants(cg.Consume(e.Context(), []string{"t"}, handler{}), sarama.ErrClosedConsumerGroup, "Consume of a closed group")
	}},
}, markCases())

func byHand(c *sarama.Config) { c.Consumer.Offsets.AutoCommit.Enable = false }

// groupOf is a consumer group whose Consume the case calls itself.
func (e *env) groupOf(group string, changes ...func(*sarama.Config)) sarama.ConsumerGroup {
	e.Helper()
	cg, err := e.NewConsumerGroup(group, e.config(changes...))
	e.check(err, "NewConsumerGroup")
	e.closing(cg)
	return cg
}

// goneOffset leaves a group that committed offset 1, and a topic whose only record is c at 2.
func (e *env) goneOffset(topic, group string) {
	e.Helper()
	e.produce(topic, 0, "a", "b", "c")
	cg := e.groupOf(group)
	e.check(cg.Consume(e.Context(), []string{topic}, handler{claim: func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
		s.MarkOffset(topic, 0, 1, "")
		return nil
	}}), "Consume")
	e.check(cg.Close(), "Close")
	e.check(e.clusterAdmin().DeleteRecords(topic, map[int32]int64{0: 2}), "DeleteRecords")
}

// markCases are what MarkOffset and ResetOffset lead to.
func markCases() (cases []kase) {
	type marks func(s sarama.ConsumerGroupSession, topic string)
	mark := func(o int64) marks {
		return func(s sarama.ConsumerGroupSession, topic string) { s.MarkOffset(topic, 0, o, fmt.Sprint("mark ", o)) }
	}
	reset := func(o int64) marks {
		return func(s sarama.ConsumerGroupSession, topic string) { s.ResetOffset(topic, 0, o, fmt.Sprint("reset ", o)) }
	}
	commit := func(s sarama.ConsumerGroupSession, _ string) { s.Commit() }
	for _, c := range []struct {
		name     string
		before   int64 // committed by another generation, -1 for nothing
		marks    []marks
		manual   bool // no auto-commit
		want     int64
		metadata string
	}{
		{name: "nothing", before: -1, want: -1},
		{name: "offset 0", before: -1, marks: []marks{mark(0)}, want: 0, metadata: "mark 0"},
		{name: "forwards", before: -1, marks: []marks{mark(2), mark(4)}, want: 4, metadata: "mark 4"},
		{name: "not backwards", before: -1, marks: []marks{mark(4), mark(2)}, want: 4, metadata: "mark 4"},
		{name: "not below what is committed", before: 3, marks: []marks{mark(2)}, want: 3, metadata: "mark 3"},
		{name: "beyond the end of the partition", before: -1, marks: []marks{mark(99)}, want: 99, metadata: "mark 99"},
		{name: "reset backwards", before: 3, marks: []marks{reset(1)}, want: 1, metadata: "reset 1"},
		{name: "not reset forwards", before: 3, marks: []marks{reset(4)}, want: 3, metadata: "mark 3"},
		{name: "no reset from nothing", before: -1, marks: []marks{reset(2)}, want: -1},
		{name: "reset and go on", before: 4, marks: []marks{reset(1), mark(3)}, want: 3, metadata: "mark 3"},
		{name: "without auto-commit", before: -1, marks: []marks{mark(2)}, manual: true, want: -1},
		{name: "by Commit", before: -1, marks: []marks{mark(2), commit, mark(3)}, manual: true, want: 2, metadata: "mark 2"},
		{name: "of a partition that is not claimed", before: -1, marks: []marks{func(s sarama.ConsumerGroupSession, topic string) {
			s.MarkOffset("other", 7, 3, "")
			s.ResetOffset(topic, 7, 3, "")
		}}, want: -1},
	} {
		cases = append(cases, kase{"marks: " + c.name, func(e *env) {
			topic, group := e.topic(1), e.name("group")
			e.produce(topic, 0, "0", "1", "2", "3", "4")
			generation := func(change func(*sarama.Config), ms ...marks) {
				e.Helper()
				cg := e.groupOf(group, change)
				e.check(cg.Consume(e.Context(), []string{topic}, handler{claim: func(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
					for _, m := range ms {
						m(s, topic)
					}
					return nil
				}}), "Consume")
				e.check(cg.Close(), "Close")
			}
			if c.before >= 0 {
				generation(func(*sarama.Config) {}, mark(c.before))
			}
			generation(func(config *sarama.Config) { config.Consumer.Offsets.AutoCommit.Enable = !c.manual }, c.marks...)
			got, metadata := e.committed(group, topic, 0)
			equal(e, "committed", got, c.want)
			equal(e, "metadata", metadata, c.metadata)
		}})
	}
	return cases
}
