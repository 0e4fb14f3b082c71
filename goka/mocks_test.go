package goka_test

import (
	"context"
	"errors"
	"hash"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
)

// mockedProducer answers an emit as a mock may do.
type mockedProducer struct {
	answer  func() *goka.Promise
	headers []goka.Headers // of each emit
}

func (p *mockedProducer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, goka.Headers{"by": []byte("Emit")})
}

func (p *mockedProducer) EmitWithHeaders(_, _ string, _ []byte, headers goka.Headers) *goka.Promise {
	p.headers = append(p.headers, headers)
	return p.answer()
}

func (p *mockedProducer) Close() error { return nil }

func (p *mockedProducer) build([]string, string, func() hash.Hash32) (goka.Producer, error) {
	return p, nil
}

// forwarder emits what comes to another topic.
func forwarder(group goka.Group) *goka.GroupGraph {
	return goka.DefineGroup(group,
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("out", ctx.Key(), msg) }),
		goka.Output("out", new(codec.String)))
}

func TestAProducerThatTakesNothingEndsTheProcessorAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		answer func() *goka.Promise
		want   string
	}{
		"it panics":  {func() *goka.Promise { panic("unexpected call") }, "panic in callback: unexpected call"},
		"no promise": {func() *goka.Promise { return nil }, "error emitting to out: the producer gave no promise"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				p := w.run(forwarder("g"), goka.WithProducerBuilder((&mockedProducer{answer: test.answer}).build)).ready()
				w.send("in", "k", "v")
				sent := time.Now()
				w.refused(p.wait(), "error processing message (partition=0)", test.want)
				if took := time.Since(sent); took > time.Second {
					t.Errorf("it took %s", took)
				}
				if n := w.committed("g", "in", 0); n > 0 {
					t.Errorf("committed up to %d", n)
				}
			})
		})
	}
}

func TestAnObserverThatPanicsEndsTheProcessorAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		p := w.run(forwarder("g"), goka.WithObserver(panickingObserver{})).ready()
		w.send("in", "k", "v")
		sent := time.Now()
		w.refused(p.wait(), "error processing message (partition=0)", "panic in callback: cannot see")
		if took := time.Since(sent); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

type panickingObserver struct{}

func (panickingObserver) Callback(ctx goka.Context) (context.Context, func(error)) {
	return ctx.Context(), nil
}

func (panickingObserver) Emit(context.Context, *goka.Emission) func(error) { panic("cannot see") }

func TestAStorageThatEndsItsGoroutineFailsTheProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		err := w.run(holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) {
			panicless()
			return nil, nil
		})).wait()
		w.refused(err, "opening storage for g-table/0 ended its goroutine", "FailNow")
	})
}

func TestAnEmitterDoesNotWaitForWhatItsProducerDidNotTake(t *testing.T) {
	inWorld(t, func(w *world) {
		producer := &mockedProducer{answer: func() *goka.Promise { panic("unexpected call") }}
		e, err := goka.NewEmitter(w.brokers, "out", new(codec.String), goka.WithEmitterProducerBuilder(producer.build))
		w.check(err)
		for name, emit := range map[string]func(){
			"Emit":            func() { _, _ = e.Emit("k", "v") },
			"EmitWithHeaders": func() { _, _ = e.EmitWithHeaders("k", "v", goka.Headers{"h": nil}) },
			"EmitKey":         func() { _, _ = e.EmitKey([]byte("k"), "v") },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: the panic was lost", name)
					}
				}()
				emit()
			}()
		}
		began := time.Now()
		w.check(e.Finish())
		if took := time.Since(began); took > 0 {
			t.Errorf("Finish took %s", took)
		}
	})
}

func TestAnEmitFailsForWhichTheProducerGaveNoPromise(t *testing.T) {
	inWorld(t, func(w *world) {
		producer := &mockedProducer{answer: func() *goka.Promise { return nil }}
		observer := goka.WithEmitterObserver(witness{"o", new(sync.Mutex), new([]string)})
		for _, options := range [][]goka.EmitterOption{nil, {observer}} {
			e, err := goka.NewEmitter(w.brokers, "out", new(codec.String), append(options, goka.WithEmitterProducerBuilder(producer.build))...)
			w.check(err)
			w.refused(e.EmitSync("k", "v"), "the producer gave no promise")
			w.refused(e.EmitSyncWithHeaders("k", "v", goka.Headers{"h": nil}), "the producer gave no promise")
			promise, err := e.EmitKey([]byte("k"), "v")
			w.check(err)
			promise.Then(func(err error) { w.refused(err, "the producer gave no promise") })
			w.check(e.Finish())
		}
	})
}

// Mocks of producers are told by their methods what to expect: an emitter calls Emit where there are no headers, and callbacks call
// EmitWithHeaders, with nil.
func TestC4_CallbacksEmitWithHeadersEvenIfThereAreNone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		producer := &mockedProducer{answer: func() *goka.Promise { return goka.NewPromise().Finish(&sarama.ProducerMessage{}, nil) }}
		w.run(forwarder("g"), goka.WithProducerBuilder(producer.build)).ready()
		w.send("in", "k", "v")
		w.until("it is emitted", func() bool { return w.committed("g", "in", 0) == 1 })
		if len(producer.headers) != 1 || producer.headers[0] != nil {
			t.Errorf("emitted with headers %v", producer.headers)
		}
	})
}

func TestOptionsThatCannotBe(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("rows", 1)
		_, err := goka.NewProcessor(w.brokers, forwarder("g"), goka.WithTester(nil), nil)
		w.refused(err, "error applying options", "Tester not set", "option 2 is nil")
		_, err = goka.NewView(w.brokers, "rows", new(codec.String), goka.WithViewTester(nil))
		w.refused(err, "Tester not set")
		_, err = goka.NewEmitter(w.brokers, "in", new(codec.String), goka.WithEmitterTester(nil))
		w.refused(err, "Tester not set")
		_, err = goka.NewProcessor(w.brokers, forwarder("g"), goka.WithGroupGraphHook(func(*goka.GroupGraph) { panic("hook") }))
		w.refused(err, "panic in group graph hook: hook")
		_, err = goka.NewProcessor(w.brokers, forwarder("g"), goka.WithGroupGraphHook(nil))
		w.check(err)
	})
}

func TestWarningsAboutTopicsGoToTheLoggerOfTheProcessor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("g-table", 1) // cleanup.policy is delete
		w.make(counter("g", "in"))
		if want := "unexpected config value for topic g-table. Expected cleanup.policy=compact"; !w.log.has(want) {
			t.Errorf("the log lacks %q: %q", want, w.log.lines)
		}
	})
}

// Whoever waits for the end sees Stopping and then Stopped, and nothing in between.
func TestP9_AProcessorThatEndsDoesNotStartAgain(t *testing.T) {
	for name, end := range map[string]func(w *world, p *instance) error{
		"stopped": func(_ *world, p *instance) error { return p.stop() },
		"failed": func(w *world, p *instance) error {
			w.send("in", "k", "bad")
			if err := p.wait(); !errors.Is(err, errBad) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				closing := make(chan goka.State, 1)
				config := goka.DefaultConfig()
				config.Consumer.Offsets.Initial = sarama.OffsetOldest
				build := goka.ConsumerGroupBuilderWithConfig(config)
				var p *instance
				p = w.start(w.make(goka.DefineGroup("g", goka.InputErr("in", new(codec.String), func(goka.Context, interface{}) error { return errBad })),
					goka.WithConsumerGroupBuilder(func(b []string, group, id string) (sarama.ConsumerGroup, error) {
						member, err := build(b, group, id)
						return memberWithClose{member, func() { closing <- p.StateReader().State() }}, err
					})))
				p.ready()
				w.check(end(w, p))
				if s := <-closing; s != goka.ProcStateStopping {
					t.Errorf("when it leaves the group its state is %d", s)
				}
				if s := p.StateReader().State(); s != goka.ProcStateStopped {
					t.Errorf("at its end its state is %d", s)
				}
			})
		})
	}
}

var errBad = errors.New("bad")

// memberWithClose is a member that says when it is closed.
type memberWithClose struct {
	sarama.ConsumerGroup
	closing func()
}

func (m memberWithClose) Close() error {
	m.closing()
	return m.ConsumerGroup.Close()
}
