package suite

import (
	"context"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// member is a member of a group that consumes until it is stopped.
type member struct {
	e      *env
	client sarama.Client
	group  sarama.ConsumerGroup
	cancel context.CancelFunc
	done   chan none

	// claim, if set, is the handler's ConsumeClaim; without, messages are noted and marked.
	claim func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error

	mu       sync.Mutex // guards all below
	session  sarama.ConsumerGroupSession
	setups   int
	cleanups int
	held     map[string][]int32 // partitions whose ConsumeClaim runs
	got      []*sarama.ConsumerMessage
	results  []error // of Consume
}

// handler makes a sarama.ConsumerGroupHandler of functions; nil ones do nothing, and without claim messages are dropped.
type handler struct {
	setup, cleanup func(sarama.ConsumerGroupSession) error
	claim          func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error
}

func (h handler) Setup(s sarama.ConsumerGroupSession) error {
	if h.setup == nil {
		return nil
	}
	return h.setup(s)
}

func (h handler) Cleanup(s sarama.ConsumerGroupSession) error {
	if h.cleanup == nil {
		return nil
	}
	return h.cleanup(s)
}

func (h handler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	if h.claim != nil {
		return h.claim(s, c)
	}
	for range c.Messages() { //nolint:revive // as said
	}
	return nil
}

// join has a new member consume topics, until it is stopped or the case ends.
func (e *env) join(group string, topics []string, changes ...func(*sarama.Config)) *member {
	e.Helper()
	return e.joinWith(group, topics, nil, changes...)
}

// joinWith is join with a ConsumeClaim.
func (e *env) joinWith(group string, topics []string, claim func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error, changes ...func(*sarama.Config)) *member {
	e.Helper()
	m := &member{e: e, claim: claim, done: make(chan none), held: map[string][]int32{}}
	m.client = e.client(changes...)
	var err error
	m.group, err = e.NewConsumerGroupFromClient(group, m.client)
	e.check(err, "NewConsumerGroupFromClient %s", group)
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.Context()))
	m.cancel = cancel
	go m.run(ctx, topics)
	e.Cleanup(func() {
		cancel()
		_ = m.group.Close() // may be closed already
		<-m.done
		_ = m.client.Close() // as well
	})
	return m
}

func (m *member) run(ctx context.Context, topics []string) {
	defer close(m.done)
	h := handler{setup: m.setup, cleanup: m.cleanup, claim: m.consume}
	for ctx.Err() == nil && len(m.results) < 100 {
		err := m.group.Consume(ctx, topics, h)
		m.mu.Lock()
		m.results = append(m.results, err)
		m.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (m *member) setup(s sarama.ConsumerGroupSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session = s
	m.setups++
	return nil
}

func (m *member) cleanup(sarama.ConsumerGroupSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cleanups++
	return nil
}

func (m *member) consume(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	m.mu.Lock()
	m.held[c.Topic()] = append(m.held[c.Topic()], c.Partition())
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.held[c.Topic()] = slices.DeleteFunc(m.held[c.Topic()], func(p int32) bool { return p == c.Partition() })
	}()
	if m.claim != nil {
		return m.claim(s, c)
	}
	for msg := range c.Messages() {
		m.note(msg)
		s.MarkMessage(msg, "")
	}
	return nil
}

// note remembers that a message came.
func (m *member) note(msg *sarama.ConsumerMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, msg)
}

// holds are the partitions of a topic whose ConsumeClaim runs, in order.
func (m *member) holds(topic string) []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(slices.Values(m.held[topic]))
}

// sessions is how many sessions there were, and how many of them have ended.
func (m *member) sessions() (setups, cleanups int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.setups, m.cleanups
}

// current is the session that began last, nil before the first.
func (m *member) current() sarama.ConsumerGroupSession {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session
}

// gotValues are the values that came, in order.
func (m *member) gotValues() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	vs := make([]string, len(m.got))
	for i, msg := range m.got {
		vs[i] = string(msg.Value)
	}
	return vs
}

// result is what Consume returned last.
func (m *member) result() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.results) == 0 {
		return nil
	}
	return m.results[len(m.results)-1]
}

// untilHolds waits until the member consumes n partitions of a topic, which are all that its session has: claims of a larger session start one
// after the other, too.
func (m *member) untilHolds(topic string, n int) {
	m.e.Helper()
	m.e.until("a member holds that many partitions of "+topic, func() bool {
		return len(m.holds(topic)) == n && (n == 0 || len(m.current().Claims()[topic]) == n)
	})
}

// untilGot waits for values, which may come in any order between partitions.
func (m *member) untilGot(values ...string) {
	m.e.Helper()
	want := slices.Sorted(slices.Values(values))
	m.e.until("all values have come", func() bool {
		return slices.Equal(slices.Sorted(slices.Values(m.gotValues())), want)
	})
}

// leave stops the member in good order.
func (m *member) leave() {
	m.e.Helper()
	m.cancel()
	m.e.within("ConsumerGroup.Close", func() {
		if err := m.group.Close(); err != nil {
			m.e.Errorf("ConsumerGroup.Close gives %v (%T)", err, err)
		}
	})
	ended(m.e, m.done, "Consume")
	m.e.check(m.client.Close(), "Client.Close")
}

// crash takes the member's connections away, so that it cannot even say good-bye.
func (m *member) crash() {
	m.e.Helper()
	m.e.check(m.client.Close(), "Client.Close")
	m.cancel()
	m.e.within("a crashed member's Close", func() { _ = m.group.Close() }) // it fails, or not, without a connection
	ended(m.e, m.done, "a crashed member's Consume")
}
