package goka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
)

// ending is a group whose generations end when the test says so.
type ending struct {
	sarama.ConsumerGroup
	end   chan struct{}
	calls chan time.Time
}

func (e *ending) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	e.calls <- time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-e.end:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := e.ConsumerGroup.Consume(ctx, topics, handler)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func TestP5_TheNextGenerationBeginsAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		e := &ending{end: make(chan struct{}), calls: make(chan time.Time, 100)}
		w.run(holder("g"), goka.WithConsumerGroupBuilder(func(b []string, group, id string) (_ sarama.ConsumerGroup, err error) {
			e.ConsumerGroup, err = goka.DefaultConsumerGroupBuilder(b, group, id)
			return e, err
		})).ready()
		<-e.calls
		for range 3 {
			ended := time.Now()
			e.end <- struct{}{}
			if pause := (<-e.calls).Sub(ended); pause > 100*time.Millisecond {
				t.Errorf("Consume was called %s after the generation ended", pause)
			}
			time.Sleep(time.Second)
		}
	})
}

// With sarama's own pause a partition would stand still for two seconds whenever a third member comes or goes while two share.
func TestARebalanceThatBeginsAnewTakesNoSecond(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.check(w.cluster.AddFaults("on sync-group times=3: error REBALANCE_IN_PROGRESS"))
		began := time.Now()
		w.run(stateless("g")).ready()
		if took := time.Since(began); took < 300*time.Millisecond || took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestP9_CleanupReturnsTheErrorsOfAllPartitionsAndKeepsTheTables(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		stores := newMemory()
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				if msg == "bad" {
					ctx.DeferCommit()
					ctx.Fail(fmt.Errorf("of partition %d", ctx.Partition()))
				}
				ctx.SetValue(msg)
			}),
			goka.Persist(new(codec.String))), goka.WithStorageBuilder(stores.build)).ready()
		w.sendTo("in", 0, "a", "x")
		w.sendTo("in", 1, "b", "x")
		w.until("both rows are there", func() bool { return len(w.rows("g-table")) == 2 })

		other := w.run(holder("g"), goka.WithClientID("other")).ready() // two generations more
		w.check(other.stop())
		w.until("it has both again", func() bool { return len(partitionsOf(p)) == 2 && p.Recovered() })
		opened := stores.opened["g-table/0"] + stores.opened["g-table/1"]
		if opened != 3 { // the one that moved away came back
			t.Errorf("the tables were opened %d times", opened)
		}
		w.sendTo("in", 0, "a", "bad")
		w.sendTo("in", 1, "b", "bad")
		w.refused(p.wait(), "error consuming from group consumer", "error processing message (partition=", "of partition")
		if !p.StateReader().IsState(goka.ProcStateStopped) || len(p.Stats().Group) != 0 {
			t.Error("partitions are left")
		}
	})
}

func TestN1_TheOrderInWhichAProcessorIsMade(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("looked-up", 1)
		var order []string
		note := func(what string) { order = append(order, what) }
		options := []goka.ProcessorOption{
			goka.WithGroupGraphHook(func(*goka.GroupGraph) { note("options") }),
			goka.WithTopicManagerBuilder(func(b []string) (goka.TopicManager, error) {
				note("topics")
				return goka.DefaultTopicManagerBuilder(b)
			}),
			goka.WithConsumerSaramaBuilder(func(b []string, id string) (sarama.Consumer, error) {
				note("consumer")
				return goka.DefaultSaramaConsumerBuilder(b, id)
			}),
			goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) {
				note("storage")
				return storage.NewMemory(), nil
			}),
		}
		if _, err := goka.NewProcessor(w.brokers, goka.DefineGroup("g"), options...); !errors.Is(err, goka.ErrInvalidGraph) || len(order) != 0 {
			t.Errorf("a graph that is wrong: %v, after %v", err, order)
		}
		gg := goka.DefineGroup("g", goka.Input("in", new(codec.String), ignore), goka.Lookup("looked-up", new(codec.String)), goka.Persist(new(codec.String)))
		_, err := goka.NewProcessor(w.brokers, gg, options...)
		w.check(err)
		if got := fmt.Sprint(order); got != "[options topics topics]" { // of the processor, and of the view behind the lookup
			t.Errorf("the order was %s", got)
		}
		order = nil
		_, err = goka.NewProcessor(w.brokers, gg, append(options, goka.WithTopicManagerBuilder(nil))...)
		w.refused(err, "error applying options", "TopicManagerBuilder not set")
		if fmt.Sprint(order) != "[options]" {
			t.Errorf("after options that fail: %v", order)
		}
	})
}

func TestD31_JoinsWaitAsTheBackoffSays(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("joined", 1)
		var waits []time.Time // guarded by reads.mu, like broken
		broken := false
		reads := &consumers{wrap: true, refuse: func(topic string, _ int64) error {
			if !broken {
				return nil
			}
			waits = append(waits, time.Now())
			return errInjected
		}}
		w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), ignore), goka.Join("joined", new(codec.String))),
			reads.option(), goka.WithBackoffResetTimeout(5*time.Minute),
			goka.WithBackoffBuilder(func() (goka.Backoff, error) {
				return goka.NewSimpleBackoff(time.Minute, 3*time.Minute), nil
			})).ready()
		// failing returns when the join tried to connect while that failed for a time
		failing := func(d time.Duration) []time.Time {
			reads.mu.Lock()
			broken, waits = true, nil
			reads.mu.Unlock()
			reads.last().end()
			time.Sleep(d)
			reads.mu.Lock()
			defer reads.mu.Unlock()
			broken = false
			return waits
		}
		time.Sleep(time.Hour)
		var pauses []time.Duration
		tries := failing(20 * time.Minute)
		for i := range 5 {
			pauses = append(pauses, tries[i+1].Sub(tries[i]).Round(time.Second))
		}
		if want := "[1m0s 2m0s 3m0s 3m0s 3m0s]"; fmt.Sprint(pauses) != want {
			t.Errorf("pauses of %v, want %s", pauses, want)
		}
		time.Sleep(time.Hour) // healthy for longer than five minutes: the backoff begins anew
		tries = failing(5 * time.Minute)
		if pause := tries[1].Sub(tries[0]); pause != time.Minute {
			t.Errorf("after an hour of health the first pause is %s", pause)
		}
	})
}

func TestPP8_AJoinFollowsItsTopicOnStandbyToo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		w.table("joined", 2)
		gg := func() *goka.GroupGraph {
			return goka.DefineGroup("g", goka.Input("in", new(codec.String), ignore), goka.Join("joined", new(codec.String)))
		}
		stores := newMemory()
		a := w.run(gg(), goka.WithClientID("a"), goka.WithHotStandby(), goka.WithStorageBuilder(stores.build)).ready()
		b := w.run(gg(), goka.WithClientID("b"), goka.WithHotStandby()).ready()
		w.until("they share", func() bool { return a.Recovered() && b.Recovered() && len(a.Stats().Group) == 2 })
		for i := range 20 {
			w.send("joined", fmt.Sprint(i), "v")
		}
		w.until("both partitions of the join have all rows", func() bool {
			return len(rowsOf(t, stores.of("joined", 0)))+len(rowsOf(t, stores.of("joined", 1))) == 20
		})
	})
}
