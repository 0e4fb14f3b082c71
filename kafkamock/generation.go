package kafkamock

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

// generation is the handler of one generation: it shows the real handler this package's session and claims.
type generation struct {
	group   *MockConsumerGroup
	handler sarama.ConsumerGroupHandler
	session *MockConsumerGroupSession // set by Setup

	mu     sync.Mutex // guards failed
	failed []error    // of the claims
}

// run joins the group for one generation and returns what went wrong in it. Over says that there will be no other one:
// ctx ended, or the group is closed.
func (g *generation) run(ctx context.Context, topics []string) (over bool, err error) {
	err = g.group.member.Consume(ctx, topics, g)
	g.group.setSession(nil)
	if g.session != nil {
		g.session.ended.Store(true)
	}
	over = ctx.Err() != nil
	if over && errors.Is(err, ctx.Err()) {
		err = nil
	}
	if errors.Is(err, sarama.ErrClosedConsumerGroup) {
		over, err = true, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.failed) == 0 {
		return over, err
	}
	return over, errors.Join(append(g.failed, err)...)
}

func (g *generation) Setup(s sarama.ConsumerGroupSession) error {
	g.session = &MockConsumerGroupSession{group: g.group, member: s}
	g.group.setSession(g.session)
	return g.handler.Setup(g.session)
}

func (g *generation) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	err := g.handler.ConsumeClaim(g.session, claimOf(c))
	if err == nil || s.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed = append(g.failed, fmt.Errorf("consume %s/%d: %w", c.Topic(), c.Partition(), err))
	return nil // run returns it; sarama would only log it, or send it on Errors
}

func (g *generation) Cleanup(sarama.ConsumerGroupSession) error { return g.handler.Cleanup(g.session) }

func (cg *MockConsumerGroup) setSession(s *MockConsumerGroupSession) {
	cg.mu.Lock()
	defer cg.mu.Unlock()
	cg.session = s
}
