package goka

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/storage"
)

// emptyTopics is a cluster of empty topics.
type emptyTopics struct{ TopicManager }

func (emptyTopics) GetOffset(string, int32, int64) (int64, error) { return 0, nil }

// idleConsumer never delivers anything.
type idleConsumer struct{ sarama.Consumer }

func (idleConsumer) ConsumePartition(topic string, _ int32, _ int64) (sarama.PartitionConsumer, error) {
	return &idlePartition{messages: make(chan *sarama.ConsumerMessage), errors: make(chan *sarama.ConsumerError)}, nil
}

type idlePartition struct {
	sarama.PartitionConsumer
	messages chan *sarama.ConsumerMessage
	errors   chan *sarama.ConsumerError
}

func (p *idlePartition) Messages() <-chan *sarama.ConsumerMessage { return p.messages }
func (p *idlePartition) Errors() <-chan *sarama.ConsumerError     { return p.errors }
func (p *idlePartition) AsyncClose()                              { close(p.messages); close(p.errors) }

func newTestPartition(t *testing.T, gg *GroupGraph, p Producer) *PartitionProcessor {
	t.Helper()
	opts, err := newProcessorOptions(gg, []ProcessorOption{WithStorageBuilder(storage.MemoryBuilder())})
	if err != nil {
		t.Fatal(err)
	}
	pp, err := newPartitionProcessor(&shared{
		graph: gg, opts: opts, log: logger.Discard(), producer: emissionsOf(p), consumer: idleConsumer{}, topics: emptyTopics{},
	}, 3)
	if err != nil {
		t.Fatal(err)
	}
	return pp
}

func TestAPartitionProcessorOnItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		gg := DefineGroup("g",
			Input("in", new(codec.String), func(ctx Context, msg interface{}) {
				seen = append(seen, fmt.Sprint(ctx.Partition(), ctx.Key(), msg))
				ctx.SetValue(msg)
				if msg == "broken" {
					ctx.Fail(errors.New("broken"))
				}
			}),
			Join("joined", new(codec.String)),
			Persist(new(codec.String)))
		pp := newTestPartition(t, gg, new(ackingProducer))
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "in"}) // without a generation: dropped
		if pp.Recovered() {
			t.Error("recovered before Setup")
		}
		if err := pp.Setup(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := pp.Start(context.Background(), context.Background()); err == nil {
			t.Error("PP1: started twice")
		}
		if !pp.Recovered() {
			t.Error("not recovered after Setup")
		}
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "in", Key: []byte("k"), Value: []byte("v")})
		synctest.Wait()
		if v, err := pp.table.Get("k"); string(v) != "v" || err != nil {
			t.Errorf("the row is %q, %v", v, err)
		}
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "in", Key: []byte("k"), Value: []byte("broken"), Offset: 1})
		if err := <-pp.Errors(); err == nil {
			t.Error("no error")
		}
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "in", Key: []byte("k"), Value: []byte("late"), Offset: 2})
		err := pp.Stop()
		if err == nil || fmt.Sprint(seen) != "[3kv 3kbroken]" {
			t.Errorf("Stop returned %v, seen %v", err, seen)
		}
		if err := pp.Stop(); err != nil {
			t.Errorf("a second Stop returned %v", err)
		}
		if err := pp.Setup(context.Background()); err == nil {
			t.Error("started after Stop")
		}
	})
}

func TestD16_StoppingAPartitionThatNeverStarted(t *testing.T) {
	pp := newTestPartition(t, DefineGroup("g", Input("in", new(codec.String), func(Context, interface{}) {}), Persist(new(codec.String))), new(ackingProducer))
	if err := pp.Stop(); err != nil {
		t.Error(err)
	}
	if !pp.state.IsState(PPStateStopped) {
		t.Errorf("the state is %v", pp.state.State())
	}
}

func TestPP6_ATopicThatNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pp := newTestPartition(t, DefineGroup("g", Input("in", new(codec.String), func(Context, interface{}) {})), new(ackingProducer))
		if err := pp.Setup(context.Background()); err != nil {
			t.Fatal(err)
		}
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "other"})
		if err := <-pp.Errors(); err == nil || err.Error() != "cannot handle topic other" {
			t.Errorf("got %v", err)
		}
		_ = pp.Stop() // the same error
	})
}

func TestPP7_TheEndOfAContextEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		pp := newTestPartition(t, DefineGroup("g", Input("in", new(codec.String), func(Context, interface{}) { n++ })), new(ackingProducer))
		ctx, cancel := context.WithCancel(context.Background())
		if err := pp.Start(context.Background(), ctx); err != nil {
			t.Fatal(err)
		}
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "in", Value: []byte("v")})
		synctest.Wait()
		cancel()
		synctest.Wait()
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "in", Value: []byte("v"), Offset: 1})
		synctest.Wait()
		if n != 1 {
			t.Errorf("%d messages were handled", n)
		}
		if err := pp.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// plainProducer is a producer as a mock is one: it knows promises only.
type plainProducer struct{ emitted []string }

func (p *plainProducer) Emit(topic string, key string, value []byte) *Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

func (p *plainProducer) EmitWithHeaders(topic string, key string, value []byte, headers Headers) *Promise {
	p.emitted = append(p.emitted, fmt.Sprintf("%s %s=%s %v", topic, key, value, headers))
	if headers == nil {
		return NewPromise().Finish(nil, nil) // it does not tell where the message is
	}
	return NewPromise().Finish(&sarama.ProducerMessage{Partition: 3, Offset: 5}, nil)
}

func (p *plainProducer) Close() error { return nil }

func TestAProducerThatKnowsPromisesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		producer := new(plainProducer)
		pp := newTestPartition(t, DefineGroup("g",
			Input("in", new(codec.String), func(ctx Context, msg interface{}) {
				ctx.SetValue(msg)
				ctx.Emit("out", "o", msg)
				ctx.SetValue("with", WithCtxEmitHeaders(Headers{"h": []byte("1")}))
			}),
			Output("out", new(codec.String)), Persist(new(codec.String))), producer)
		if err := pp.Setup(context.Background()); err != nil {
			t.Fatal(err)
		}
		pp.EnqueueMessage(&sarama.ConsumerMessage{Topic: "in", Key: []byte("k"), Value: []byte("v")})
		synctest.Wait()
		if got, want := fmt.Sprint(producer.emitted), "[g-table k=v map[] out o=v map[] g-table k=with map[h:[49]]]"; got != want {
			t.Errorf("emitted %s, want %s", got, want)
		}
		value, err := pp.table.Get("k")
		offset, err2 := pp.table.GetOffset(-3)
		if string(value) != "with" || offset != 5 || err != nil || err2 != nil {
			t.Errorf("the storage has %q at %d, %v, %v", value, offset, err, err2)
		}
		if err := pp.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestT1_ATableOnItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []PartitionStatus
		var table *PartitionTable
		table = newPartitionTable(tableConfig{
			topic: "t", partition: 1, consumers: idleConsumer{}, topics: emptyTopics{}, build: storage.MemoryBuilder(),
			backoff: NewSimpleBackoff(time.Second, time.Minute), resetAfter: time.Minute, follows: true, log: logger.Discard(), start: sarama.OffsetOldest,
			changed: func() { states = append(states, table.CurrentState()) },
		})
		if _, err := table.Get("k"); !errors.Is(err, ErrNotRunning) {
			t.Errorf("T6: before the setup Get returned %v", err)
		}
		if err := table.SetupAndRecover(context.Background(), false); err != nil {
			t.Fatal(err)
		}
		<-table.WaitRecovered()
		if !table.IsRecovered() {
			t.Error("not recovered")
		}
		for _, err := range []error{table.Set("a", []byte("1")), table.Set("b", []byte("2")), table.Delete("a"), table.SetOffset(7)} {
			if err != nil {
				t.Error(err)
			}
		}
		has, err := table.Has("b")
		offset, err2 := table.GetOffset(-3)
		if !has || offset != 7 || err != nil || err2 != nil {
			t.Errorf("has %v at %d, %v, %v", has, offset, err, err2)
		}
		it, err := table.IteratorWithRange([]byte("a"), nil)
		if err != nil || !it.Next() || string(it.Key()) != "b" || it.Next() {
			t.Errorf("the iterator has %v", err)
		}
		table.TrackMessageWrite(context.Background(), 3)
		if s := table.stats(time.Now()); s.Writes.Count != 1 || s.Writes.Bytes != 3 {
			t.Errorf("stats are %+v", s.Writes)
		}
		if err := table.SetOffset(-1); err != nil { // as the empty topic has it
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- table.CatchupForever(ctx, true) }()
		go table.RunStatsLoop(ctx)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("CatchupForever returned %v", err)
		}
		if err := errors.Join(table.Close(), table.Close()); err != nil {
			t.Error(err)
		}
		want := "[1 2 4 5 5 0 0]"
		if fmt.Sprint(states) != want {
			t.Errorf("the states were %v, want %s", states, want)
		}
		if err := table.SetupAndRecover(context.Background(), false); !errors.Is(err, storage.ErrClosed) {
			t.Errorf("after Close SetupAndRecover returned %v", err)
		}
	})
}
