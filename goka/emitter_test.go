package goka_test

import (
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func (w *world) emitter(topic goka.Stream, options ...goka.EmitterOption) *goka.Emitter {
	w.Helper()
	e, err := goka.NewEmitter(w.brokers, topic, new(codec.String), append([]goka.EmitterOption{goka.WithEmitterLogger(w.log)}, options...)...)
	w.check(err)
	return e
}

func TestE1_EmittingWithAndWithoutHeaders(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		e := w.emitter("out", goka.WithEmitterDefaultHeaders(goka.Headers{"a": []byte("1"), "b": []byte("2")}))
		w.check(e.EmitSync("k", "plain"))
		w.check(e.EmitSyncWithHeaders("k", "more", goka.Headers{"b": []byte("3"), "c": nil}))
		w.check(e.EmitSync("k", nil))
		w.check(e.EmitSync("", "empty key"))
		w.check(e.Finish())
		plain := w.emitter("out")
		w.check(plain.EmitSync("k", "bare"))
		w.check(plain.Finish())
		var got []string
		for _, r := range w.records("out") {
			text := fmt.Sprintf("%q=%s", r.Key, r.Value)
			for _, h := range r.Headers {
				text += fmt.Sprintf(" %s:%s", h.Key, h.Value)
			}
			if r.Value == nil {
				text += " tombstone"
			}
			got = append(got, text)
		}
		want := []string{`"k"=plain a:1 b:2`, `"k"=more a:1 b:3 c:`, `"k"= a:1 b:2 tombstone`, `""=empty key a:1 b:2`, `"k"=bare`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
		if r := w.records("out")[3]; r.Key == nil {
			t.Error("E4: an empty key became null")
		}
	})
}

func TestE1_AValueThatCannotBeEncoded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		e := w.emitter("out")
		_, err := e.Emit("k", 1)
		w.refused(err, "Error encoding value for key k in topic out")
		w.refused(e.EmitSync("k", 1), "not of type string but int")
		w.check(e.Finish())
	})
}

func TestE2_AfterFinishNothingIsEmitted(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		e := w.emitter("out")
		w.check(e.Finish())
		w.check(e.Finish()) // D40
		p, err := e.Emit("k", "v")
		w.check(err)
		p.Then(func(err error) {
			if !errors.Is(err, goka.ErrEmitterAlreadyClosed) {
				t.Errorf("the promise has %v", err)
			}
		})
		if err := e.EmitSync("k", "v"); !errors.Is(err, goka.ErrEmitterAlreadyClosed) {
			t.Errorf("EmitSync returned %v", err)
		}
	})
}

func TestE2_FinishWaitsForResults(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		held := &producer{hold: func(*goka.Emission) bool { return true }}
		e := w.emitter("out", goka.WithEmitterProducerBuilder(held.builder))
		done := false
		p, err := e.Emit("k", "v")
		w.check(err)
		p.Then(func(error) { done = true })
		time.AfterFunc(time.Second, held.release)
		w.check(e.Finish())
		if !done {
			t.Error("Finish returned before the result was there")
		}
	})
}

func TestD40_FinishIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		held := &producer{hold: func(*goka.Emission) bool { return true }}
		e := w.emitter("out", goka.WithEmitterProducerBuilder(held.builder))
		_, err := e.Emit("k", "v")
		w.check(err)
		began := time.Now()
		w.check(e.Finish())
		if took := time.Since(began); took < 50*time.Second || took > 3*time.Minute {
			t.Errorf("it took %s", took)
		}
		held.release() // its result comes when nobody waits any more
	})
}

// closingSlowly is a producer whose Close takes its time.
type closingSlowly struct {
	*producer
	takes  time.Duration
	closed chan struct{}
}

func (p closingSlowly) Close() error {
	defer close(p.closed)
	time.Sleep(p.takes)
	return p.producer.Close()
}

func TestD40_FinishIsBoundedWhereTheProducerWaitsToo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		held := &producer{hold: func(*goka.Emission) bool { return true }}
		closed := make(chan struct{})
		e := w.emitter("out", goka.WithEmitterProducerBuilder(func(brokers []string, id string, hasher func() hash.Hash32) (goka.Producer, error) {
			_, err := held.builder(brokers, id, hasher)
			return closingSlowly{held, time.Minute, closed}, err
		}))
		_, err := e.Emit("k", "v")
		w.check(err)
		began := time.Now()
		w.refused(e.Finish(), "emitter for out", "1 messages have no result after 1m0s")
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %s", took)
		}
		held.release()
		<-closed
	})
}

func TestE4_AcksOfOnePartitionComeInTheOrderOfOffsets(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 4)
		e := w.emitter("out")
		var mu sync.Mutex
		acks := map[int32][]int64{}
		for i := range 1000 {
			p, err := e.Emit(fmt.Sprint(i%50), "v")
			w.check(err)
			p.ThenWithMessage(func(msg *sarama.ProducerMessage, err error) {
				mu.Lock()
				defer mu.Unlock()
				acks[msg.Partition] = append(acks[msg.Partition], msg.Offset)
			})
		}
		w.check(e.Finish())
		n := 0
		for p, offsets := range acks {
			n += len(offsets)
			if !slices.IsSorted(offsets) {
				t.Errorf("partition %d: %v", p, offsets)
			}
		}
		if n != 1000 {
			t.Errorf("%d of 1000 results", n)
		}
	})
}

func TestE4_TheErrorOfAPromiseIsSaramas(t *testing.T) {
	inWorld(t, func(w *world) {
		config := goka.DefaultConfig()
		config.Metadata.AllowAutoTopicCreation = false
		e := w.emitter("no-such-topic", goka.WithEmitterProducerBuilder(goka.ProducerBuilderWithConfig(config)))
		err := e.EmitSync("k", "v")
		var failed *sarama.ProducerError
		if !errors.As(err, &failed) || failed.Msg == nil {
			t.Errorf("got %T %v", err, err)
		}
		w.check(e.Finish())
	})
}

func TestAnEmitterThatChecksItsTopic(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := goka.NewEmitter(w.brokers, "missing", new(codec.String), goka.WithEmitterTopicManagerBuilder(goka.DefaultTopicManagerBuilder))
		w.refused(err, "error creating emitter for missing")
		if !errors.Is(err, goka.ErrTopicNotFound) {
			t.Error("the cause is lost")
		}
		_, err = goka.NewEmitter(w.brokers, "t", nil)
		w.refused(err, "needs a codec")
		_, err = goka.NewEmitter(w.brokers, "", new(codec.String))
		w.refused(err, "needs a topic")
	})
}

func TestD40_AProducerThatWasClosed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		p, err := goka.DefaultProducerBuilder(w.brokers, "id", goka.DefaultHasher())
		w.check(err)
		var results []error
		for range 3 {
			p.Emit("out", "k", []byte("v")).Then(func(err error) { results = append(results, err) })
		}
		w.check(p.Close())
		w.check(p.Close())
		p.Emit("out", "k", []byte("v")).Then(func(err error) { results = append(results, err) })
		if diff := cmp.Diff("[<nil> <nil> <nil> emitter already closed]", fmt.Sprint(results)); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	})
}

func TestD41_ConfigurationsAreCopied(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		config := goka.DefaultConfig()
		config.ClientID = "mine"
		config.Producer.Return.Successes = false
		before := *config
		p, err := goka.ProducerBuilderWithConfig(config)(w.brokers, "other", goka.DefaultHasher())
		w.check(err)
		acked := make(chan error, 1)
		p.Emit("out", "k", nil).Then(func(err error) { acked <- err })
		w.check(<-acked)
		w.check(p.Close())
		c, err := goka.SaramaConsumerBuilderWithConfig(config)(w.brokers, "other")
		w.check(err)
		w.check(c.Close())
		g, err := goka.ConsumerGroupBuilderWithConfig(config)(w.brokers, "g", "other")
		w.check(err)
		w.check(g.Close())
		m, err := goka.TopicManagerBuilderWithConfig(config, goka.NewTopicManagerConfig())(w.brokers)
		w.check(err)
		w.check(m.Close())
		if config.ClientID != before.ClientID || config.Producer.Return.Successes || config.Net.MaxOpenRequests != before.Net.MaxOpenRequests {
			t.Error("a builder has changed the configuration")
		}
		for name, err := range map[string]error{
			"producer":       second(goka.ProducerBuilderWithConfig(nil)(w.brokers, "", goka.DefaultHasher())),
			"consumer":       second(goka.SaramaConsumerBuilderWithConfig(nil)(w.brokers, "")),
			"consumer group": second(goka.ConsumerGroupBuilderWithConfig(nil)(w.brokers, "", "")),
			"topic manager":  second(goka.TopicManagerBuilderWithConfig(nil, nil)(w.brokers)),
		} {
			if err == nil {
				t.Errorf("%s: no error without a configuration", name)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestD5_TheDefaultProducerIsIdempotent(t *testing.T) {
	config := goka.DefaultConfig()
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	if !config.Producer.Idempotent || config.Producer.RequiredAcks != sarama.WaitForAll || config.Net.MaxOpenRequests != 1 {
		t.Error("a retried batch can land behind a newer one")
	}
	if config.Net.DialTimeout != 10*time.Second || config.Metadata.Timeout != 30*time.Second || !config.Consumer.Return.Errors || config.Consumer.MaxProcessingTime != time.Second || config.Consumer.Offsets.Initial != sarama.OffsetNewest ||
		config.Consumer.Group.Rebalance.GroupStrategies[0] != goka.CopartitioningStrategy ||
		!config.Producer.Return.Successes || !config.Producer.Return.Errors || config.Producer.Retry.Max != 10 || config.Producer.Compression != sarama.CompressionSnappy {
		t.Errorf("the defaults are %+v", config)
	}
}

// Kafka may take as long as zookeeper.session.timeout.ms, 18 s, until it misses a broker that was killed.
func TestRecordsOutliveTheirLeader(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		e, err := goka.NewEmitter(w.brokers, "out", new(codec.String), goka.WithEmitterLogger(w.log))
		w.check(err)
		for _, outage := range []struct{ lasts, noticed time.Duration }{
			{50 * time.Millisecond, 100 * time.Millisecond},
			{time.Second, 1500 * time.Millisecond},
			{20 * time.Second, 21300 * time.Millisecond},
		} {
			w.check(w.cluster.BrokerDown(1))
			start := time.Now()
			up := time.AfterFunc(outage.lasts, func() { w.check(w.cluster.BrokerUp(1)) })
			w.check(e.EmitSync("k", "v"))
			if took := time.Since(start); took != outage.noticed {
				t.Errorf("after %s without a leader the record is written after %s", outage.lasts, took)
			}
			up.Stop()
		}
		w.check(e.Finish())
	})
}

func TestPausesBetweenRetriesGrow(t *testing.T) {
	config := goka.DefaultConfig()
	pause := func(retries int) time.Duration {
		return config.Producer.Retry.BackoffFunc(retries, config.Producer.Retry.Max)
	}
	for retries, want := range map[int]int64{1: 100, 2: 200, 3: 400, 6: 3200, 7: 5000, 10: 5000, 1 << 40: 5000} {
		if got := pause(retries); got.Milliseconds() != want {
			t.Errorf("retry %d comes after %s", retries, got)
		}
	}
	config.Producer.Retry.Backoff = 0
	if got := pause(10); got != 0 {
		t.Errorf("without a backoff a retry comes after %s", got)
	}
	config.Producer.Retry.Backoff = time.Minute
	for retries := range 3 {
		if got := pause(retries); got != time.Minute {
			t.Errorf("with a backoff of a minute retry %d comes after %s", retries, got)
		}
	}
}

func TestAProducerWithoutAcksIsRefused(t *testing.T) {
	config := goka.DefaultConfig()
	config.Producer.Idempotent, config.Producer.RequiredAcks = false, sarama.NoResponse
	_, err := goka.NewProducer([]string{"mem://x"}, config)
	refused(t, err, "NoResponse")
}

func TestAProducerThatNeedsTransactionsIsRefused(t *testing.T) {
	config := goka.DefaultConfig()
	config.Producer.Transaction.ID = "mine"
	_, err := goka.NewProducer([]string{"mem://x"}, config)
	refused(t, err, `Producer.Transaction.ID is "mine"`, "leave it empty")
}

func TestReplaceGlobalConfigRefusesNil(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it did not panic")
		}
	}()
	goka.ReplaceGlobalConfig(nil)
}

func TestWhatIsEmittedIsTheCallersOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 1)
		p := &producer{hold: func(*goka.Emission) bool { return true }}
		e, err := goka.NewEmitter(w.brokers, "out", new(codec.Bytes), goka.WithEmitterLogger(w.log), goka.WithEmitterProducerBuilder(p.builder))
		w.check(err)
		key, value, header := []byte("key"), []byte("value"), []byte("header")
		_, err = e.EmitKey(key, value, goka.WithEmitHeaders(goka.Headers{"h": header}))
		w.check(err)
		for _, b := range [][]byte{key, value, header} {
			copy(b, "XXXXXX") // while the record is on its way
		}
		p.release()
		w.check(e.Finish())
		r := w.records("out")[0]
		if got := fmt.Sprintf("%s=%s h:%s", r.Key, r.Value, r.Headers[0].Value); got != "key=value h:header" {
			t.Errorf("the record is %s", got)
		}
	})
}

func TestEmissionsGoWhereTheyAreTold(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 5)
		p, err := goka.DefaultProducerBuilder(w.brokers, "id", goka.DefaultHasher())
		w.check(err)
		defer func() { w.check(p.Close()) }()
		emit := func(partition int32, key []byte) (int32, int64, error) {
			done := make(chan error, 1)
			e := &goka.Emission{
				Topic: "out", Key: key, Value: []byte("v"), Partition: partition,
				Done: func(e *goka.Emission, err error) { done <- err },
			}
			p.(goka.EmissionProducer).Produce(e)
			err := <-done
			return e.Partition, e.Offset, err
		}
		for want := range int32(5) {
			got, offset, err := emit(want, []byte("k"))
			if got != want || offset != 0 || err != nil {
				t.Errorf("partition %d: got %d@%d, %v", want, got, offset, err)
			}
		}
		got, _, err := emit(goka.AnyPartition, []byte("k"))
		if got != w.partition("out", "k") || err != nil {
			t.Errorf("by hash: got %d, %v", got, err)
		}
		for _, partition := range []int32{5, -2, -7} {
			if _, _, err := emit(partition, []byte("k")); !errors.Is(err, sarama.ErrInvalidPartition) || !strings.Contains(err.Error(), `"out", which has 5 partitions`) {
				t.Errorf("partition %d, which does not exist: %v", partition, err)
			}
		}
		seen := map[int32]bool{}
		for range 5 {
			got, _, err := emit(goka.AnyPartition, nil)
			w.check(err)
			seen[got] = true
		}
		if len(seen) != 5 {
			t.Errorf("records without a key went to %v only", seen)
		}
		for _, r := range w.records("out") {
			if r.Key == nil {
				return
			}
		}
		t.Error("a null key became something else")
	})
}

func TestD8_AHashWithoutANegative(t *testing.T) {
	const key = "1468509572224" // its FNV-1a hash is 0x80000000
	h := goka.DefaultHasher()()
	_, _ = h.Write([]byte(key))
	if h.Sum32() != 0x80000000 {
		t.Fatalf("the hash is %x", h.Sum32())
	}
	inWorld(t, func(w *world) {
		w.topic("in", 3)
		p := w.run(counter("g", "in")).ready()
		e := w.emitter("in")
		w.check(e.EmitSync(key, "x"))
		w.check(e.Finish())
		v := w.view("g-table", new(codec.Int64))
		w.until("the view has the count", func() bool {
			got, err := v.Get(key)
			return err == nil && got == int64(1)
		})
		w.until("the processor has it", func() bool { got, err := p.Get(key); return err == nil && got == int64(1) })
	})
}

func TestH1_KeysGoWhereSaramaSendsThem(t *testing.T) {
	reference := sarama.NewCustomHashPartitioner(func() hash.Hash32 { return goka.DefaultHasher()() })("t")
	for i := range 1000 {
		key := fmt.Sprint(i)
		for _, n := range []int32{1, 2, 3, 7, 12} {
			want, err := reference.Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, n)
			if err != nil {
				t.Fatal(err)
			}
			got, err := goka.PartitionForKey(goka.DefaultHasher(), []byte(key), n)
			if got != want || err != nil {
				t.Fatalf("key %s of %d: %d, %v; want %d", key, n, got, err, want)
			}
		}
	}
}

func TestAPartitionThatNoTopicHas(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("out", 2)
		e := w.emitter("out")
		for _, partition := range []int32{-2, 2} {
			p, err := e.EmitKey([]byte("k"), "v", goka.WithEmitPartition(partition))
			w.check(err)
			result := make(chan error, 1)
			p.Then(func(err error) { result <- err })
			if err := <-result; !errors.Is(err, sarama.ErrInvalidPartition) {
				t.Errorf("partition %d: %v", partition, err)
			}
		}
		w.check(e.Finish())
		if n := len(w.records("out")); n != 0 {
			t.Errorf("%d records went elsewhere", n)
		}
	})
}

func TestDefaultHeadersAreThoseOfTheBeginning(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		h := goka.Headers{"h": []byte("old")}
		e := w.emitter("in", goka.WithEmitterDefaultHeaders(h))
		p := w.make(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
				ctx.Emit("out", ctx.Key(), msg, goka.WithCtxEmitHeaders(goka.Headers{"a": nil}))
				ctx.Emit("out", ctx.Key(), msg)
			}),
			goka.Output("out", new(codec.String))), goka.WithProducerDefaultHeaders(h))
		copy(h["h"], "new")
		h["more"] = nil
		w.start(p).ready()
		w.check(e.EmitSync("k", "v"))
		w.check(e.Finish())
		w.until("it is handled", func() bool { return len(w.records("out")) == 2 })
		for _, r := range append(w.records("in"), w.records("out")...) {
			last := r.Headers[len(r.Headers)-1]
			if last.Key != "h" || string(last.Value) != "old" {
				t.Errorf("a record has the headers %v", r.Headers)
			}
		}
	})
}

func TestPartitionForKeyRefusesWhatCannotBe(t *testing.T) {
	_, err := goka.PartitionForKey(nil, []byte("k"), 1)
	refused(t, err, "Hasher not set")
	_, err = goka.PartitionForKey(goka.DefaultHasher(), []byte("k"), 0)
	refused(t, err, "there are 0 partitions")
}
