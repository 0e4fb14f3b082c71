package goka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// fromNewest makes a processor with goka's own configuration: its inputs begin at the newest offset.
func (w *world) fromNewest(gg *goka.GroupGraph, options ...goka.ProcessorOption) *instance {
	w.Helper()
	p, err := goka.NewProcessor(w.brokers, gg, append([]goka.ProcessorOption{goka.WithLogger(w.log)}, options...)...)
	w.check(err)
	return w.start(p)
}

func TestD2_TheFirstMessageOfAGroupFailsAndComesAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		refuse, got := true, ""
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				if refuse {
					ctx.Fail(errors.New("not yet"))
				}
				got += msg.(string)
			}))
		}
		w.send("in", "k", "old")
		p := w.fromNewest(graph()).ready()
		synctest.Wait() // until the claim has begun
		w.send("in", "k", "new")
		w.refused(p.wait(), "not yet")

		refuse = false
		w.fromNewest(graph()).ready()
		w.until("the message comes again", func() bool { return got == "new" })
	})
}

func TestWhatComesWhileAGroupThatHasReadNothingIsAwayIsRead(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		got := ""
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g", goka.Input("in", new(codec.String), func(_ goka.Context, msg interface{}) { got += msg.(string) }))
		}
		w.send("in", "k", "old")
		p := w.fromNewest(graph()).ready()
		synctest.Wait() // until the claim has begun
		w.check(p.stop())
		w.send("in", "k", "new")
		w.fromNewest(graph()).ready()
		w.until("the message is read", func() bool { return got != "" })
		if got != "new" {
			t.Errorf("got %q", got)
		}
	})
}

func TestALoopBeginsWithItsFirstMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		got := ""
		w.topic("g-loop", 1)
		w.send("g-loop", "k", "from an instance that was quicker")
		w.fromNewest(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), ignore),
			goka.Loop(new(codec.String), func(_ goka.Context, msg interface{}) { got = msg.(string) }),
		)).ready()
		w.until("the message is read", func() bool { return got != "" })
	})
}

// admin does something that only an admin client can.
func (w *world) admin(do func(a sarama.ClusterAdmin) error) {
	w.Helper()
	a, err := newAdmin(w.brokers)
	w.check(err)
	w.check(errors.Join(do(a), a.Close()))
}

// recreate deletes a topic and creates it again with n records.
func (w *world) recreate(topic string, partitions int32, n int) {
	w.Helper()
	w.admin(func(a sarama.ClusterAdmin) error { return a.DeleteTopic(topic) })
	w.topic(topic, partitions)
	for i := range n {
		w.send(topic, fmt.Sprint(i), "new")
	}
}

func TestACommitOfATopicThatWasCreatedAgainSkipsNothing(t *testing.T) {
	for _, c := range []struct {
		name      string
		old, now  int
		fromStart bool
	}{
		{"shorter, from the newest", 50, 5, false},
		{"shorter, from the oldest", 50, 5, true},
		{"longer, from the newest", 5, 50, false},
		{"longer, from the oldest", 5, 50, true},
		{"as long, from the newest", 5, 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				run := w.fromNewest
				if c.fromStart {
					run = w.run
				}
				got := 0
				graph := func() *goka.GroupGraph {
					return goka.DefineGroup("g", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { got++ }))
				}
				// what it has handled is committed after the topic is another one
				last := &lateCommit{}
				p := run(graph(), goka.WithConsumerGroupBuilder(last.builder(c.fromStart))).ready()
				synctest.Wait() // until the claim has begun, since goka cannot look into this group
				for range c.old {
					w.send("in", "k", "old")
				}
				w.until("all are handled", func() bool { return got == c.old })
				last.before = func() { w.recreate("in", 1, c.now) }
				w.check(p.stop())
				if at := w.committed("g", "in", 0); int(at) != c.old {
					t.Fatalf("the commit of the old topic is %d", at)
				}

				got = 0
				p = run(graph()).ready()
				w.until("all of the new topic are handled and committed", func() bool { return got == c.now && int(w.committed("g", "in", 0)) == c.now })
				w.check(p.stop())
				run(graph()).ready()
				w.send("in", "k", "one more")
				w.until("it is handled", func() bool { return int(w.committed("g", "in", 0)) == c.now+1 })
				if got != c.now+1 {
					t.Errorf("handled %d messages of %d", got, c.now+1)
				}
			})
		})
	}
}

// lateCommit is a group whose members do something before their last commit.
type lateCommit struct {
	sarama.ConsumerGroup
	before func()
}

func (l *lateCommit) builder(fromStart bool) goka.ConsumerGroupBuilder {
	return func(brokers []string, group, clientID string) (_ sarama.ConsumerGroup, err error) {
		c := goka.DefaultConfig()
		if fromStart {
			c.Consumer.Offsets.Initial = sarama.OffsetOldest
		}
		l.ConsumerGroup, err = goka.ConsumerGroupBuilderWithConfig(c)(brokers, group, clientID)
		return l, err
	}
}

func (l *lateCommit) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	return l.ConsumerGroup.Consume(ctx, topics, lateHandler{handler, l})
}

type lateHandler struct {
	sarama.ConsumerGroupHandler
	l *lateCommit
}

func (h lateHandler) Cleanup(s sarama.ConsumerGroupSession) error {
	err := h.ConsumerGroupHandler.Cleanup(s)
	if h.l.before != nil {
		h.l.before()
		h.l.before = nil
	}
	return err
}

func TestACommitBelowTheBeginningSkipsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		got := 0
		graph := func() *goka.GroupGraph {
			return goka.DefineGroup("g", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { got++ }))
		}
		p := w.fromNewest(graph()).ready()
		w.send("in", "k", "x")
		w.until("it is handled", func() bool { return w.committed("g", "in", 0) == 1 })
		w.check(p.stop())
		for range 9 {
			w.send("in", "k", "x")
		}
		w.admin(func(a sarama.ClusterAdmin) error { return a.DeleteRecords("in", map[int32]int64{0: 5}) })
		w.fromNewest(graph()).ready()
		w.until("what is left is handled", func() bool { return w.committed("g", "in", 0) == 10 })
		if got != 6 {
			t.Errorf("handled %d", got)
		}
	})
}

func TestATopicThatIsCreatedAgainWhileItIsRead(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		got := map[interface{}]int{}
		w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(_ goka.Context, msg interface{}) { got[msg]++ }))).ready()
		for range 10 {
			w.send("in", "k", "old")
		}
		w.until("the old ones are handled", func() bool { return got["old"] == 10 && w.committed("g", "in", 0) == 10 })
		w.recreate("in", 1, 20)
		w.until("the new ones are handled", func() bool { return got["new"] == 20 && w.committed("g", "in", 0) == 20 })
	})
}

func TestNothingIsMissedBetweenReadyAndTheFirstFetch(t *testing.T) {
	for range 20 {
		inWorld(t, func(w *world) {
			w.topic("in", 4)
			got := make(chan interface{}, 100)
			w.fromNewest(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(_ goka.Context, msg interface{}) { got <- msg }))).ready()
			for i := range 10 {
				w.send("in", fmt.Sprint(i), "x")
			}
			w.until("all are handled", func() bool { return len(got) == 10 })
		})
	}
}
