package goka_test

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
)

func ignore(goka.Context, interface{}) {}

// stateless is a group that does nothing with what it gets.
func stateless(group goka.Group) *goka.GroupGraph {
	return goka.DefineGroup(group, goka.Input("in", new(codec.String), ignore))
}

func TestP1_RunOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.run(stateless("g")).ready()
		w.refused(p.Run(context.Background()), "error running processor", "running already")
		w.check(p.stop())
		w.refused(p.Run(context.Background()), "error running processor: it was already run and terminated. Run can only be called once")
		select {
		case <-p.Done():
		default:
			t.Error("Done is not closed after Run")
		}
	})
}

func TestP3_StopInEveryState(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(w *world) goka.ProcessorOption // delays something
		after time.Duration
	}{
		{"while the consumer is made", func(*world) goka.ProcessorOption {
			return goka.WithConsumerSaramaBuilder(func(b []string, id string) (sarama.Consumer, error) {
				time.Sleep(time.Second)
				return goka.DefaultSaramaConsumerBuilder(b, id)
			})
		}, time.Millisecond},
		{"while a storage opens", func(*world) goka.ProcessorOption {
			return goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) {
				return &slowStorage{Storage: storage.NewMemory(), open: func() error { time.Sleep(time.Second); return nil }}, nil
			})
		}, 100 * time.Millisecond},
		{"while a table is read", func(w *world) goka.ProcessorOption {
			w.send("g-table", "k", "v")
			return (&consumers{wrap: true, skip: func(*sarama.ConsumerMessage) bool { time.Sleep(time.Second); return false }}).option()
		}, 100 * time.Millisecond},
		{"while it runs", func(*world) goka.ProcessorOption { return goka.WithPartitionChannelSize(1) }, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 2)
				w.table("g-table", 2)
				p := w.run(holder("g"), c.begin(w))
				time.Sleep(c.after)
				p.Stop()
				p.Stop()
				if err := p.wait(); err != nil {
					t.Errorf("Run returned %v", err)
				}
				if s := p.StateReader().State(); s != goka.ProcStateStopped {
					t.Errorf("the state is %v", s)
				}
			})
		})
	}
}

func TestD18_StopBeforeRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.make(holder("g"))
		p.Stop()
		w.check(p.Run(context.Background()))
		w.check(p.Error())

		p = w.make(holder("g"), goka.WithProducerBuilder(new(producer).failing)) // so that Kafka is not asked
		p.Stop()
		w.check(p.Run(context.Background()))
		<-p.Done()
	})
}

func TestD29_StoppingAllInstancesAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 10)
		var all []*instance
		for i := range 5 {
			all = append(all, w.run(counter("g", "in"), goka.WithClientID(fmt.Sprint("c", i)), goka.WithHotStandby()))
		}
		for _, i := range all {
			i.ready()
		}
		for i := range 100 {
			w.send("in", fmt.Sprint(i), "x")
		}
		for _, i := range all {
			i.Stop()
		}
		for _, i := range all {
			if err := i.wait(); err != nil {
				t.Errorf("Run returned %v", err)
			}
		}
	})
}

func TestD20_AFailedSetupIsNeverRunning(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		p := w.make(holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) { return nil, errInjected }))
		var states []goka.State
		o := p.StateReader().ObserveStateChange()
		observed := make(chan struct{})
		go func() {
			defer close(observed)
			for s := range o.C() {
				states = append(states, s)
			}
		}()
		i := w.start(p)
		if err := p.WaitForReady(); !errors.Is(err, errInjected) {
			t.Errorf("D26: WaitForReady returned %v", err)
		}
		w.refused(i.wait(), "error setting up (partition=0)", "error building storage")
		synctest.Wait()
		o.Stop()
		<-observed
		if slices.Contains(states, goka.ProcStateRunning) {
			t.Errorf("the states were %v", states)
		}
		if p.Recovered() || !p.StateReader().IsState(goka.ProcStateStopped) {
			t.Errorf("D27: the state is %v", p.StateReader().State())
		}
	})
}

func TestP11_WaitForReadyEndsWithItsContext(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.make(holder("g"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.WaitForReadyContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestD21_ALookupThatFailsEndsRunWithItsError(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("looked-up", 1)
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), ignore),
			goka.Lookup("looked-up", new(codec.String))),
			goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) { return nil, errInjected }))
		err := p.wait()
		w.refused(err, "error running lookup table looked-up")
		if !errors.Is(err, errInjected) {
			t.Errorf("the cause is lost: %v", err)
		}
	})
}

func TestD21_StoppedWhileALookupStarts(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("looked-up", 1)
		reads := &consumers{refuse: func(string, int64) error { return errInjected }}
		w.send("looked-up", "k", "v")
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), ignore),
			goka.Lookup("looked-up", new(codec.String))), reads.option())
		time.Sleep(time.Minute)
		w.check(p.stop())
	})
}

func TestD14_APanicInACodecIsAnError(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.run(goka.DefineGroup("g", goka.Input("in", panicking{}, ignore))).ready()
		w.send("in", "the key", "x")
		w.refused(p.wait(), "error processing message (partition=0)", "error decoding message for key the key from in/0", "panic in codec: broken")
	})
}

type panicking struct{}

func (panicking) Encode(interface{}) ([]byte, error) { panic("broken") }
func (panicking) Decode([]byte) (interface{}, error) { panic("broken") }

func TestP15_WhatAFailureSays(t *testing.T) {
	for _, c := range []struct {
		name  string
		cb    goka.ProcessCallback
		value string
		want  []string
	}{
		{
			"panic", func(goka.Context, interface{}) { panic("broken") }, "1",
			[]string{"error processing message (partition=0): panic in callback: broken\n", "TestP15_WhatAFailureSays", "lifecycle_test.go:"},
		},
		{"error as panic", func(goka.Context, interface{}) { panic(errInjected) }, "1", []string{"panic in callback: injected"}},
		{
			"invalid operation", func(ctx goka.Context, _ interface{}) { ctx.Emit("nowhere", "k", 1) }, "1",
			[]string{"error processing message (partition=0)", "topic nowhere is not configured for output", "lifecycle_test.go:"},
		},
		{"codec", ignore, "no number", []string{"error processing message (partition=0)", "error decoding message for key k from in/0", "(offset 0)"}},
		{"Goexit", func(goka.Context, interface{}) { panicless() }, "1", []string{"the callback ended its goroutine"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.Int64), c.cb))).ready()
				w.send("in", "k", c.value)
				err := p.wait()
				w.refused(err, c.want...)
				if strings.Contains(err.Error(), "partition_run.go") || strings.Contains(err.Error(), "runtime/panic.go") {
					t.Errorf("the stack has frames that are none of the user's:\n%v", err)
				}
				if !errors.Is(p.Error(), err) {
					t.Errorf("Error is %v", p.Error())
				}
			})
		})
	}
}

func TestP7_AGenerationWithoutPartitions(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		var assigned []goka.Assignment
		a := w.run(counter("g", "in"), goka.WithClientID("a")).ready()
		b := w.run(counter("g", "in"), goka.WithClientID("b"),
			goka.WithRebalanceCallback(func(got goka.Assignment) { assigned = append(assigned, got) })).ready()
		w.until("the owner has its table in the new generation, too", func() bool { return a.Recovered() && b.Recovered() })
		if len(a.Stats().Group)+len(b.Stats().Group) != 1 {
			t.Fatal("one partition on two instances")
		}
		if !b.Recovered() || len(assigned) != 1 {
			t.Errorf("the second instance is in state %v, assigned %v", b.StateReader().State(), assigned)
		}
		_, erra := a.Get("k")
		_, errb := b.Get("k")
		if !errors.Is(errors.Join(erra, errb), goka.ErrNotAssigned) || (erra != nil) == (errb != nil) {
			t.Errorf("P13: Get returned %v and %v", erra, errb)
		}
	})
}

func TestP6_TheRebalanceCallbackKnowsThePartitions(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 3)
		var got []goka.Assignment
		w.run(counter("g", "in"), goka.WithRebalanceCallback(func(a goka.Assignment) { got = append(got, a) })).ready()
		want := "[map[0:-1 1:-1 2:-1]]"
		if fmt.Sprint(got) != want {
			t.Errorf("assigned %v, want %s", got, want)
		}
	})
}

func TestP13_Get(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		_, err := w.run(stateless("none")).ready().Get("k")
		w.refused(err, "can't get a value from stateless processor")
		p := w.make(holder("g"))
		if _, err := p.Get("k"); !errors.Is(err, goka.ErrNotAssigned) {
			t.Errorf("D17: before Run, Get returned %v", err)
		}
		i := w.start(p).ready()
		if v, err := i.Get("k"); v != nil || err != nil {
			t.Errorf("a missing key is %v, %v", v, err)
		}
		w.check(i.stop())
		if _, err := i.Get("k"); !errors.Is(err, goka.ErrNotAssigned) {
			t.Errorf("D17: after Run, Get returned %v", err)
		}
	})
}

func TestD17_GetDuringRecovery(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		for i := range 10 {
			w.send("g-table", fmt.Sprint(i), "v")
		}
		slow := &consumers{wrap: true, skip: func(*sarama.ConsumerMessage) bool { time.Sleep(time.Second); return false }}
		p := w.run(holder("g"), slow.option())
		time.Sleep(5500 * time.Millisecond)
		if v, err := p.Get("0"); !errors.Is(err, goka.ErrNotRunning) {
			t.Errorf("half recovered, Get returned %v, %v", v, err)
		}
		p.ready()
		if v, err := p.Get("0"); v != "v" || err != nil {
			t.Errorf("recovered, Get returned %v, %v", v, err)
		}
	})
}

func TestP4_ErrorsOfTheGroupAreLogged(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		errs := make(chan error)
		p := w.run(stateless("g"), goka.WithConsumerGroupBuilder(func(b []string, group, id string) (sarama.ConsumerGroup, error) {
			g, err := goka.DefaultConsumerGroupBuilder(b, group, id)
			return &consumerGroup{ConsumerGroup: g, errors: errs}, err
		})).ready()
		errs <- errInjected
		w.until("it is in the log", func() bool { return w.log.has("injected") })
		if !p.Recovered() {
			t.Error("the processor has stopped")
		}
	})
}

func TestP4_AnErrorOfConsumeStopsTheProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.run(stateless("g"), goka.WithConsumerGroupBuilder(func(b []string, group, id string) (sarama.ConsumerGroup, error) {
			g, err := goka.DefaultConsumerGroupBuilder(b, group, id)
			return &consumerGroup{ConsumerGroup: g, consume: func() error { return errInjected }}, err
		}))
		err := p.wait()
		w.refused(err, "error consuming from group consumer")
		if !errors.Is(err, errInjected) {
			t.Error("the cause is lost")
		}
	})
}

func TestACoordinatorThatMovesDoesNotStopTheProcessor(t *testing.T) {
	for name, c := range map[string]struct {
		failures int
		ends     bool
	}{"soon back": {3, false}, "gone for good": {1 << 30, true}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				var group *consumerGroup
				left := c.failures
				p := w.run(stateless("g"), goka.WithConsumerGroupBuilder(func(b []string, name, id string) (sarama.ConsumerGroup, error) {
					g, err := goka.DefaultConsumerGroupBuilder(b, name, id)
					group = &consumerGroup{ConsumerGroup: g, consume: func() error {
						if left--; left == 0 {
							group.consume = nil
						}
						return sarama.ErrNotCoordinatorForConsumer
					}}
					return group, err
				}))
				if !c.ends {
					p.ready()
					return
				}
				if err := p.wait(); !errors.Is(err, sarama.ErrNotCoordinatorForConsumer) {
					t.Errorf("Run returned %v", err)
				}
			})
		})
	}
}

// An outage is nothing that a program could mend; addresses that are wrong are.
func TestAMomentWithoutBrokersDoesNotStopAProcessorThatHasRun(t *testing.T) {
	for name, c := range map[string]struct {
		err             error
		failures        int64
		healthy, passes bool
	}{
		"a moment":              {sarama.ErrOutOfBrokers, 5, true, true},
		"a broken connection":   {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, 5, true, true},
		"for good":              {sarama.ErrOutOfBrokers, 1 << 30, true, false},
		"before it has run":     {sarama.ErrOutOfBrokers, 1, false, false},
		"something else, later": {errInjected, 1, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				e := &ending{end: make(chan struct{}), calls: make(chan time.Time, 1000)}
				var left atomic.Int64 // failures that are still to come
				group := failing{e, func() error {
					if left.Load() > 0 {
						left.Add(-1)
						return c.err
					}
					return nil
				}}
				if !c.healthy {
					left.Store(c.failures)
				}
				p := w.run(stateless("g"), goka.WithConsumerGroupBuilder(func(b []string, name, id string) (_ sarama.ConsumerGroup, err error) {
					e.ConsumerGroup, err = goka.DefaultConsumerGroupBuilder(b, name, id)
					return group, err
				}))
				if c.healthy {
					p.ready()
					left.Store(c.failures)
					e.end <- struct{}{}
				}
				if !c.passes {
					if err := p.wait(); !errors.Is(err, c.err) {
						t.Errorf("Run returned %v", err)
					}
					return
				}
				w.until("it runs again", func() bool { return left.Load() == 0 && p.Recovered() })
				w.check(p.stop())
			})
		})
	}
}

// failing is a group whose Consume fails first, as long as fail says so.
type failing struct {
	sarama.ConsumerGroup
	fail func() error
}

func (f failing) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.ConsumerGroup.Consume(ctx, topics, handler)
}

func TestAGroupThatNeverStartsASessionIsNotAskedWithoutAPause(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		calls := 0
		p := w.run(stateless("g"), goka.WithConsumerGroupBuilder(func(b []string, group, id string) (sarama.ConsumerGroup, error) {
			g, err := goka.DefaultConsumerGroupBuilder(b, group, id)
			return &consumerGroup{ConsumerGroup: g, consume: func() error { calls++; return nil }}, err
		}))
		time.Sleep(time.Minute)
		w.check(p.stop())
		if calls > 10 {
			t.Errorf("%d calls of Consume in a minute", calls)
		}
	})
}

// consumerGroup is a group with a test in between.
type consumerGroup struct {
	sarama.ConsumerGroup
	errors  chan error
	consume func() error
}

func (g *consumerGroup) Errors() <-chan error { return g.errors }

func (g *consumerGroup) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	if g.consume != nil {
		return g.consume()
	}
	return g.ConsumerGroup.Consume(ctx, topics, handler)
}

func TestP2_BuildersThatFail(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		for _, c := range []struct {
			option goka.ProcessorOption
			want   string
		}{
			{goka.WithConsumerSaramaBuilder(func([]string, string) (sarama.Consumer, error) { return nil, errInjected }), "error creating Kafka consumer"},
			{goka.WithProducerBuilder((&producer{}).failing), "error creating Kafka producer"},
			{goka.WithConsumerGroupBuilder(func([]string, string, string) (sarama.ConsumerGroup, error) { return nil, errInjected }), "error creating consumer group"},
			{goka.WithBackoffBuilder(func() (goka.Backoff, error) { return nil, errInjected }), "error building backoff"},
		} {
			p := w.run(stateless("g"), c.option)
			err := p.wait()
			w.refused(err, c.want)
			if !errors.Is(err, errInjected) {
				t.Errorf("%s: the cause is lost", c.want)
			}
		}
	})
}

func TestShutdownIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		stuck := make(chan struct{})
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { <-stuck })),
			goka.WithShutdownTimeout(5*time.Second)).ready()
		w.send("in", "k", "x")
		synctest.Wait()
		began := time.Now()
		w.check(p.stop())
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
		if !w.log.has("partition processor did not shutdown in time") {
			t.Errorf("the log does not tell: %q", w.log.lines)
		}
		close(stuck)
	})
}

func TestP2_WhatIsClosedAndInWhichOrder(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		var closed []string
		note := func(what string, c interface{ Close() error }) error {
			closed = append(closed, what)
			return errors.Join(c.Close(), fmt.Errorf("%s: %w", what, errInjected))
		}
		p := w.run(stateless("g"),
			goka.WithConsumerSaramaBuilder(func(b []string, id string) (sarama.Consumer, error) {
				c, err := goka.DefaultSaramaConsumerBuilder(b, id)
				return &closingConsumer{c, note}, err
			}),
			goka.WithProducerBuilder(func(b []string, id string, h func() hash.Hash32) (goka.Producer, error) {
				p, err := goka.DefaultProducerBuilder(b, id, h)
				return &closingProducer{p, note}, err
			}),
			goka.WithConsumerGroupBuilder(func(b []string, group, id string) (sarama.ConsumerGroup, error) {
				g, err := goka.DefaultConsumerGroupBuilder(b, group, id)
				return &closingGroup{g, note}, err
			})).ready()
		err := p.stop()
		w.refused(err, "error closing consumer group", "error closing producer", "error closing consumer")
		if got := fmt.Sprint(closed); got != "[group producer consumer]" {
			t.Errorf("closed %s", got)
		}
	})
}

type (
	closingConsumer struct {
		sarama.Consumer
		note func(string, interface{ Close() error }) error
	}
	closingProducer struct {
		goka.Producer
		note func(string, interface{ Close() error }) error
	}
	closingGroup struct {
		sarama.ConsumerGroup
		note func(string, interface{ Close() error }) error
	}
)

func (c *closingConsumer) Close() error { return c.note("consumer", c.Consumer) }
func (c *closingProducer) Close() error { return c.note("producer", c.Producer) }
func (c *closingGroup) Close() error    { return c.note("group", c.ConsumerGroup) }

func TestP8_AClaimThatNobodyHandles(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.make(stateless("g"))
		w.refused(p.ConsumeClaim(session{ctx: context.Background()}, claim{}), "no partition (7) to handle input in topic in")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w.check(p.ConsumeClaim(session{ctx: ctx}, claim{}))
		w.check(p.Cleanup(session{ctx: ctx}))
	})
}

type (
	session struct {
		sarama.ConsumerGroupSession
		ctx    context.Context
		claims map[string][]int32
	}
	claim struct{ sarama.ConsumerGroupClaim }
)

func (s session) Context() context.Context   { return s.ctx }
func (s session) Claims() map[string][]int32 { return s.claims }
func (s session) GenerationID() int32        { return 1 }
func (claim) Topic() string                  { return "in" }
func (claim) Partition() int32               { return 7 }

func TestP6_ClaimsThatAreNotCopartitioned(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("a", 2)
		w.topic("b", 2)
		p := w.make(counter("g", "a", "b"))
		err := p.Setup(session{ctx: context.Background(), claims: map[string][]int32{"a": {0, 1}, "b": {0}}})
		w.refused(err, "session claims are not copartitioned", "[0 1] of a", "[0] of b")
		if !errors.Is(err, goka.ErrNotCopartitioned) {
			t.Error("the error is not an ErrNotCopartitioned")
		}
	})
}

func TestP10_RecoveredIsFalseBetweenGenerations(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		blocked := make(chan struct{})
		began := false
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(goka.Context, interface{}) {
			began = true
			<-blocked
		})), goka.WithClientID("a")).ready()
		w.send("in", "k", "x")
		w.until("the callback runs", func() bool { return began })
		other := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), ignore)), goka.WithClientID("b"))
		w.until("the generation ends", func() bool { return !p.Recovered() })
		if s := p.StateReader().State(); s != goka.ProcStateStopping {
			t.Errorf("the state is %v", s)
		}
		close(blocked)
		other.ready()
		w.until("the next one has begun", p.Recovered)
		w.until("the message is committed", func() bool { return w.committed("g", "in", w.partition("in", "k")) == 1 })
	})
}

func TestPP2_CallbacksOfAPartitionNeverOverlap(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("a", 2)
		w.topic("b", 2)
		var inside, most [2]atomic.Int64
		var both atomic.Int64
		cb := func(ctx goka.Context, msg interface{}) {
			n := &inside[ctx.Partition()]
			if now := n.Add(1); now > most[ctx.Partition()].Load() {
				most[ctx.Partition()].Store(now)
			}
			if inside[0].Load() > 0 && inside[1].Load() > 0 {
				both.Add(1)
			}
			time.Sleep(time.Second)
			n.Add(-1)
			if ctx.Topic() != "g-loop" {
				ctx.Loopback(ctx.Key(), msg)
			}
		}
		c := new(codec.String)
		p := w.run(goka.DefineGroup("g", goka.Inputs(goka.Streams{"a", "b"}, c, cb), goka.Loop(c, cb),
			goka.Persist(c), goka.Visitor("visit", cb))).ready()
		for i := range 20 {
			w.send("a", fmt.Sprint(i), "x")
			w.send("b", fmt.Sprint(i), "x")
		}
		w.until("all is committed", func() bool {
			return w.committed("g", "g-loop", 0)+w.committed("g", "g-loop", 1) == 40
		})
		w.check(p.VisitAll(context.Background(), "visit", nil))
		if most[0].Load() != 1 || most[1].Load() != 1 {
			t.Errorf("%d and %d callbacks at the same time", most[0].Load(), most[1].Load())
		}
		if both.Load() == 0 {
			t.Error("the partitions took turns")
		}
	})
}
