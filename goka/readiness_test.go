package goka_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/storage"
)

func failingConsumers([]string, string) (sarama.Consumer, error) { return nil, errInjected }

func TestD26_WaitForReadyReturnsWhatTheProcessorFailedWith(t *testing.T) {
	failing := func(string, int32) (storage.Storage, error) { return nil, errInjected }
	for name, option := range map[string]goka.ProcessorOption{
		"before the group is joined": goka.WithConsumerSaramaBuilder(failingConsumers),
		"in a generation's setup":    goka.WithStorageBuilder(failing),
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				p := w.make(holder("g"), option)
				early := make(chan error, 2)
				go func() { early <- p.WaitForReady() }()
				go func() { early <- p.WaitForReadyContext(context.Background()) }()
				synctest.Wait() // both wait before Run
				i := w.start(p)
				for range 2 {
					if err := <-early; !errors.Is(err, errInjected) {
						t.Errorf("who waited before got %v", err)
					}
				}
				w.refused(i.wait(), "injected")
				if err := p.WaitForReady(); !errors.Is(err, errInjected) {
					t.Errorf("who came later got %v", err)
				}
			})
		})
	}
}

func TestD27_ARunThatFailsEarlyEndsInStopped(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.make(holder("g"), goka.WithConsumerSaramaBuilder(failingConsumers))
		stopped := p.StateReader().WaitForState(goka.ProcStateStopped)
		i := w.start(p)
		w.refused(i.wait(), "error creating Kafka consumer")
		select {
		case <-stopped:
		case <-time.After(time.Minute):
			t.Errorf("who waits for the end waits for ever: the state is %v", p.StateReader().State())
		}
	})
}

func TestP12_TheStatesOfAProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.make(holder("g"))
		reader := p.StateReader()
		if !reader.IsState(goka.ProcStateIdle) {
			t.Errorf("before Run the state is %v", reader.State())
		}
		o := reader.ObserveStateChange()
		defer o.Stop()
		seen := make(chan struct{})
		go func() {
			defer close(seen)
			for s := range o.C() {
				if s == goka.ProcStateStopped {
					return
				}
			}
		}()
		i := w.start(p).ready()
		select {
		case <-reader.WaitForStateMin(goka.ProcStateSetup):
		default:
			t.Error("running, but not in setup or later")
		}
		w.check(i.stop())
		<-seen // a slow reader misses some, and never the last one
	})
	inWorld(t, func(w *world) { // a run without a session
		w.topic("in", 1)
		p := w.make(holder("g"))
		p.Stop()
		w.check(p.Run(context.Background()))
		if !p.StateReader().IsState(goka.ProcStateStopped) {
			t.Errorf("after a run without a session the state is %v", p.StateReader().State())
		}
	})
}

func TestD23_ErrorsOfTheGroupNeitherStopItNorKeepAGoroutine(t *testing.T) {
	for name, end := range map[string]func(chan error){
		"open":   func(chan error) {},
		"closed": func(errs chan error) { close(errs) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) { // the bubble fails if a goroutine is left
				w.topic("in", 1)
				errs := make(chan error)
				p := w.run(holder("g"), goka.WithConsumerGroupBuilder(func(b []string, group, id string) (sarama.ConsumerGroup, error) {
					c := goka.DefaultConfig()
					c.Consumer.Offsets.Initial = sarama.OffsetOldest
					g, err := goka.ConsumerGroupBuilderWithConfig(c)(b, group, id)
					return &consumerGroup{ConsumerGroup: g, errors: errs}, err
				})).ready()
				for range 1000 { // more than any buffer has room for
					errs <- errInjected
				}
				end(errs)
				w.send("in", "k", "v")
				w.until("messages are handled", func() bool { return w.committed("g", "in", 0) == 1 })
				w.check(p.stop())
			})
		})
	}
}
