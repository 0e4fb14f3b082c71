package suite

import (
	"context"
	"sync/atomic"

	"github.com/IBM/sarama"
)

// momentCases end a member at every moment of its life, in every way. Nothing hangs, and what was set up is cleaned up.
var momentCases = func() (cases []kase) {
	type moment struct {
		name string
		stop func(block func()) handler // calls block when the moment has come
	}
	moments := []moment{
		{"before it has joined", nil},
		{"in Setup", func(block func()) handler {
			return handler{setup: func(sarama.ConsumerGroupSession) error { block(); return nil }}
		}},
		{"in ConsumeClaim", func(block func()) handler {
			return handler{claim: func(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
				block()
				for range c.Messages() { //nolint:revive // until it is over
				}
				return nil
			}}
		}},
		{"in Cleanup", func(block func()) handler {
			return handler{
				claim:   func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return nil },
				cleanup: func(sarama.ConsumerGroupSession) error { block(); return nil },
			}
		}},
	}
	for _, m := range moments {
		for _, end := range []string{"cancelled", "closed", "closed twice", "left without a client"} {
			cases = append(cases, kase{"a member is " + end + " " + m.name, func(e *env) {
				topic := e.topic(2)
				client := e.client()
				cg, err := e.NewConsumerGroupFromClient(e.name("group"), client)
				e.check(err, "NewConsumerGroupFromClient")
				ctx, cancel := context.WithCancel(context.WithoutCancel(e.Context()))
				e.Cleanup(cancel)
				entered, gate := make(chan none, 1), make(chan none)
				open := e.opening(gate)
				var h handler
				if m.stop != nil {
					h = m.stop(func() {
						select {
						case entered <- none{}:
						default:
						}
						<-gate
					})
				}
				c := &counted{handler: h}
				consumed := make(chan none)
				go func() {
					defer close(consumed)
					for ctx.Err() == nil {
						if err := cg.Consume(ctx, []string{topic}, c); err != nil {
							return
						}
					}
				}()
				if m.stop != nil {
					receive(e, entered, "the moment")
				}
				ending := make(chan none)
				go func() {
					defer close(ending)
					switch end {
					case "cancelled":
						cancel()
					case "closed":
						_ = cg.Close() // Consume may not have joined
					case "closed twice":
						_ = cg.Close()
						_ = cg.Close()
					default:
						_ = client.Close()
					}
				}()
				open()
				ended(e, ending, "the end")
				cancel()
				ended(e, consumed, "Consume")
				e.within("Close", func() { _ = cg.Close() }) // which cannot say good-bye without a client
				ended(e, cg.Errors(), "Errors")
				equal(e, "sessions that were cleaned up", c.cleanups.Load(), c.setups.Load())
			}})
		}
	}
	return cases
}()

// counted is a handler that counts.
type counted struct {
	handler
	setups, cleanups atomic.Int32
}

func (c *counted) Setup(s sarama.ConsumerGroupSession) error {
	c.setups.Add(1)
	return c.handler.Setup(s)
}

func (c *counted) Cleanup(s sarama.ConsumerGroupSession) error {
	c.cleanups.Add(1)
	return c.handler.Cleanup(s)
}
