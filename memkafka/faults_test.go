package memkafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// faulty is a cluster with topic t and faults, in a bubble.
func faulty(t *testing.T, plan string, run func(t *testing.T, c *memkafka.Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
		defer c.Close()
		if err := c.CreateTopic("t", 2); err != nil {
			t.Fatal(err)
		}
		if err := c.SetFaults(plan); err != nil {
			t.Fatal(err)
		}
		run(t, c)
		for _, f := range c.FaultCounts() {
			if f.Err != nil {
				t.Errorf("%s: %v", f.Fault, f.Err)
			}
		}
		if missed := c.MissedFaults(); len(missed) > 0 {
			t.Errorf("these never happened: %q", missed)
		}
	})
}

// send sends one message for each value to t/0, and tells what came of them and how long it took.
func send(t *testing.T, c *memkafka.Cluster, change func(*sarama.Config), values ...string) (errs []error, took time.Duration) {
	t.Helper()
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	if change != nil {
		change(config)
	}
	p, err := saramaclient.NewSyncProducer(c, config)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	start := time.Now()
	for _, v := range values {
		_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder(v)})
		errs = append(errs, err)
	}
	return errs, time.Since(start)
}

func values(t *testing.T, c *memkafka.Cluster) string {
	t.Helper()
	records, err := c.Fetch("t", 0, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	return strings.Join(all, " ")
}

func idempotent(config *sarama.Config) {
	config.Version = sarama.V2_8_0_0
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
}

func once(config *sarama.Config) { config.Producer.Retry.Max = 0 }

func TestFaultsOfProducers(t *testing.T) {
	for name, test := range map[string]struct {
		plan   string
		change func(*sarama.Config)
		want   string // in the log
		err    error  // of the second message
		took   time.Duration
	}{
		"an error is retried":                          {"on produce nth=2: error NOT_LEADER_OR_FOLLOWER", nil, "a b c", nil, 100 * time.Millisecond},
		"an error that lasts":                          {"on produce nth=2: error NOT_LEADER_OR_FOLLOWER", once, "a c", sarama.ErrNotLeaderForPartition, 0},
		"an error that is final":                       {"on produce nth=2: error TOPIC_AUTHORIZATION_FAILED", nil, "a c", sarama.ErrTopicAuthorizationFailed, 0},
		"an error after the effect":                    {"on produce nth=2: error REQUEST_TIMED_OUT after-effect", nil, "a b b c", nil, 100 * time.Millisecond},
		"an error after the effect, idempotent":        {"on produce nth=2: error REQUEST_TIMED_OUT after-effect", idempotent, "a b c", nil, 100 * time.Millisecond},
		"a request is lost":                            {"on produce nth=2: drop-request", nil, "a b c", nil, 30100 * time.Millisecond},
		"a response is lost":                           {"on produce nth=2: drop-response", nil, "a b b c", nil, 30100 * time.Millisecond},
		"a response is lost, idempotent":               {"on produce nth=2: drop-response", idempotent, "a b c", nil, 30100 * time.Millisecond},
		"a response is lost, without retries":          {"on produce nth=2: drop-response", once, "a b c", memkafka.ErrNoAnswer, 30 * time.Second},
		"a connection breaks":                          {"on produce nth=2: disconnect", once, "a c", io.EOF, 0},
		"a connection breaks after the effect":         {"on produce nth=2: disconnect after-effect", nil, "a b b c", nil, 100 * time.Millisecond},
		"a request takes long":                         {"on produce nth=2: delay-request for=5s", nil, "a b c", nil, 5 * time.Second},
		"a request takes longer than anybody waits":    {"on produce nth=2: delay-request for=31s", nil, "a b c b", nil, 30100 * time.Millisecond},
		"a response takes long":                        {"on produce nth=2: delay-response for=5s", nil, "a b c", nil, 5 * time.Second},
		"a request arrives twice":                      {"on produce nth=2: duplicate", nil, "a b b c", nil, 0},
		"a request arrives twice, idempotent":          {"on produce nth=2: duplicate", idempotent, "a b c", nil, 0},
		"a broker is slow":                             {"on produce nth=2: slow-broker by=1s for=1500ms", nil, "a b c", nil, 2 * time.Second},
		"a broker dies":                                {"on produce nth=2: stop-broker for=150ms", nil, "a b c", nil, 200 * time.Millisecond},
		"a broker dies for good":                       {"on produce nth=2: stop-broker", once, "a", sarama.ErrNotLeaderForPartition, 0},
		"faults of another partition":                  {"on produce topic=t partition=0 nth=2: delay-response for=1s", nil, "a b c", nil, time.Second},
		"an answer that waits for another, in vain":    {"on produce nth=2: hold-response behind=2", once, "a b c", memkafka.ErrNoAnswer, 30 * time.Second},
		"nothing is heard, and nothing is waited for":  {"on produce nth=2: drop-request", noAcks, "a c", nil, 0},
		"an answer is lost that nobody would have got": {"on produce nth=2: drop-response", noAcks, "a b c", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			faulty(t, test.plan, func(t *testing.T, c *memkafka.Cluster) {
				errs, took := send(t, c, test.change, "a", "b", "c")
				if !errors.Is(errs[1], test.err) {
					t.Errorf("the second message gave %v, want %v", errs[1], test.err)
				}
				if errs[0] != nil {
					t.Errorf("the first message gave %v", errs[0])
				}
				if test.took != took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				time.Sleep(2 * time.Second) // until nothing is on its way
				if got := values(t, c); got != test.want {
					t.Errorf("the log has %q, want %q", got, test.want)
				}
			})
		})
	}
}

func noAcks(config *sarama.Config) { config.Producer.RequiredAcks = sarama.NoResponse }

func TestFaultsOfConsumers(t *testing.T) {
	for name, test := range map[string]struct {
		plan string
		errs []error // that the consumer is told
		took time.Duration
	}{
		"a leader that moved":  {"on fetch nth=1: error NOT_LEADER_OR_FOLLOWER", nil, 2 * time.Second},
		"an unexpected error":  {"on fetch nth=1: error UNKNOWN_SERVER_ERROR", []error{sarama.ErrUnknown}, 2 * time.Second},
		"a connection breaks":  {"on fetch nth=1: disconnect", []error{io.EOF}, 2 * time.Second},
		"an answer is lost":    {"on fetch nth=1: drop-response", []error{memkafka.ErrNoAnswer}, 32 * time.Second},
		"an answer takes long": {"on fetch nth=1: delay-response for=3s", nil, 3 * time.Second},
		"twice":                {"on fetch nth=1 nth=2: error NOT_LEADER_OR_FOLLOWER", nil, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			faulty(t, test.plan, func(t *testing.T, c *memkafka.Cluster) {
				if _, err := c.Produce("t", 0, record("k", "a"), record("k", "b")); err != nil {
					t.Fatal(err)
				}
				config := sarama.NewConfig()
				config.Consumer.Return.Errors = true
				consumer, err := saramaclient.NewConsumer(c, config)
				if err != nil {
					t.Fatal(err)
				}
				defer consumer.Close()
				start := time.Now()
				pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range []string{"a", "b"} {
					if m := <-pc.Messages(); string(m.Value) != want {
						t.Errorf("got %q, want %q", m.Value, want)
					}
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				for _, want := range test.errs {
					if e := <-pc.Errors(); !errors.Is(e.Err, want) {
						t.Errorf("got error %v, want %v", e, want)
					}
				}
			})
		})
	}
}

func TestOffsetOutOfRangeEndsAConsumer(t *testing.T) {
	faulty(t, "on fetch nth=1: error OFFSET_OUT_OF_RANGE", func(t *testing.T, c *memkafka.Cluster) {
		if _, err := c.Produce("t", 0, record("k", "a")); err != nil {
			t.Fatal(err)
		}
		config := sarama.NewConfig()
		config.Consumer.Return.Errors = true
		consumer, err := saramaclient.NewConsumer(c, config)
		if err != nil {
			t.Fatal(err)
		}
		defer consumer.Close()
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		if e := <-pc.Errors(); !errors.Is(e.Err, sarama.ErrOffsetOutOfRange) {
			t.Errorf("got error %v", e)
		}
		if m, ok := <-pc.Messages(); ok {
			t.Errorf("got a message %q", m.Value)
		}
	})
}

func TestErrorsOfFaultsAreNetErrors(t *testing.T) {
	var timeout net.Error
	if !errors.As(memkafka.ErrNoAnswer, &timeout) || !timeout.Timeout() {
		t.Errorf("%v is no time-out", memkafka.ErrNoAnswer)
	}
}

func TestFaultsAreNamedAndCounted(t *testing.T) {
	c := memkafka.New(memkafka.WithBrokers(2))
	defer c.Close()
	if err := c.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	if err := c.SetFaults("on produce every=2 name=odd: delay-response for=1ms\non fetch: disconnect"); err != nil {
		t.Fatal(err)
	}
	if err := c.AddFaults("on produce nth=1 name=gone: move-leader topic=t partition=7"); err != nil {
		t.Fatal(err)
	}
	if err := c.AddFaults("on fetch name=odd: disconnect"); err == nil || !strings.Contains(err.Error(), `"odd" of a fault is taken`) {
		t.Errorf("a second fault named odd: %v", err)
	}
	if errs, _ := send(t, c, nil, "a", "b", "c"); errors.Join(errs...) != nil {
		t.Fatal(errs)
	}
	var got []string
	for _, f := range c.FaultCounts() {
		got = append(got, fmt.Sprintf("%s: %d of %d, %v", f.Fault, f.Injected, f.Seen, f.Err))
	}
	want := []string{
		"odd: 1 of 3, <nil>", "on fetch: disconnect: 0 of 0, <nil>",
		"gone: 1 of 3, UNKNOWN_TOPIC_OR_PARTITION: partition t/7 does not exist",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"on fetch: disconnect"}, c.MissedFaults()); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
	c.ClearFaults()
	if counts := c.FaultCounts(); counts != nil {
		t.Errorf("after clearing there are %v", counts)
	}
	err := c.SetFaults("on produce: drop-respons")
	if err == nil || !strings.Contains(err.Error(), "drop-response") {
		t.Errorf("a plan that is misspelt: %v", err)
	}
}

// TestSettleWaitsForWhatFaultsPutOff has a cluster by hand whose member forwards what it gets.
func TestSettleWaitsForWhatFaultsPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.NewByHand(memkafka.WithInitialRebalanceDelay(0))
		defer c.Close()
		for _, topic := range []string{"in", "t"} {
			if err := c.CreateTopic(topic, 1); err != nil {
				t.Fatal(err)
			}
		}
		config := sarama.NewConfig()
		config.Consumer.Offsets.Initial = sarama.OffsetOldest
		config.Producer.Return.Successes = true
		cg, err := saramaclient.NewConsumerGroup(c, "g", config)
		if err != nil {
			t.Fatal(err)
		}
		p, err := saramaclient.NewSyncProducer(c, config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- cg.Consume(ctx, []string{"in"}, copier{p}) }()
		synctest.Wait()
		if err := c.SetFaults("on fetch nth=1: error NOT_LEADER_OR_FOLLOWER\non produce nth=2: drop-request"); err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{"a", "b"} {
			if _, err := c.Produce("in", 0, record("k", v)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := c.Settle(ctx, time.Second); err != nil { // which is less than any of the faults takes
			t.Fatal(err)
		}
		if took := time.Since(start); took != 32100*time.Millisecond {
			t.Errorf("Settle took %v", took)
		}
		if got := values(t, c); got != "a b" {
			t.Errorf("the log has %q", got)
		}
		if missed := c.MissedFaults(); missed != nil {
			t.Errorf("missed %q", missed)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := errors.Join(cg.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
}

// copier writes what it gets to topic t, and marks it.
type copier struct{ p sarama.SyncProducer }

func (copier) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (copier) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (c copier) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		if _, _, err := c.p.SendMessage(&sarama.ProducerMessage{Topic: "t", Value: sarama.ByteEncoder(m.Value)}); err != nil {
			return err
		}
		s.MarkMessage(m, "")
	}
	return nil
}

func TestProducersWaitForReplicas(t *testing.T) {
	for name, test := range map[string]struct {
		acks    sarama.RequiredAcks
		retries int
		held    time.Duration
		err     error
		took    time.Duration
	}{
		"all, until they have it":       {sarama.WaitForAll, 0, 5 * time.Second, nil, 5 * time.Second},
		"all, until the time is up":     {sarama.WaitForAll, 0, 20 * time.Second, sarama.ErrRequestTimedOut, 10 * time.Second},
		"all, until they are not asked": {sarama.WaitForAll, 3, time.Hour, nil, 30 * time.Second}, // replica.lag.time.max.ms
		"the leader alone":              {sarama.WaitForLocal, 0, time.Hour, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := memkafka.New(memkafka.WithBrokers(2))
				defer c.Close()
				if err := c.CreateTopic("t", 1, memkafka.WithReplication(2)); err != nil {
					t.Fatal(err)
				}
				if err := c.HoldReplication("t", 0); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(test.held, func() { _ = c.ReleaseReplication("t", 0) })
				errs, took := send(t, c, func(config *sarama.Config) {
					config.Producer.RequiredAcks, config.Producer.Retry.Max = test.acks, test.retries
				}, "a")
				if !errors.Is(errs[0], test.err) || took.Round(time.Second) != test.took {
					t.Errorf("it gave %v after %v, want %v after %v", errs[0], took, test.err, test.took)
				}
			})
		})
	}
}

func TestConsumersWaitForALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New(memkafka.WithBrokers(2))
		defer c.Close()
		if err := c.CreateTopic("t", 1); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Produce("t", 0, record("k", "a")); err != nil {
			t.Fatal(err)
		}
		consumer, err := saramaclient.NewConsumer(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer consumer.Close()
		m, err := c.PartitionMetadata("t", 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.BrokerDown(m.Leader); err != nil {
			t.Fatal(err)
		}
		if _, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest); !errors.Is(err, sarama.ErrLeaderNotAvailable) {
			t.Errorf("a partition without a leader is opened: %v", err)
		}
		if err := c.BrokerUp(m.Leader); err != nil {
			t.Fatal(err)
		}
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		got := func() string {
			synctest.Wait()
			select {
			case m := <-pc.Messages():
				return string(m.Value)
			default:
				return ""
			}
		}
		if v := got(); v != "a" {
			t.Fatalf("got %q, want a", v)
		}
		if _, err := c.Produce("t", 0, record("k", "b")); err != nil {
			t.Fatal(err)
		}
		if v := got(); v != "b" {
			t.Fatalf("got %q, want b", v)
		}
		pc.Pause()
		if _, err := c.Produce("t", 0, record("k", "c")); err != nil {
			t.Fatal(err)
		}
		if err := c.BrokerDown(m.Leader); err != nil {
			t.Fatal(err)
		}
		pc.Resume()
		if v := got(); v != "" {
			t.Errorf("got %q from a partition without a leader", v)
		}
		if err := c.BrokerUp(m.Leader); err != nil {
			t.Fatal(err)
		}
		if v := got(); v != "c" {
			t.Errorf("got %q, want c", v)
		}
	})
}

// TestMetadataIsAskedForAgain has a producer that finds its topic at the fourth attempt, and one that gives up.
func TestMetadataIsAskedForAgain(t *testing.T) {
	for plan, want := range map[string]struct {
		err  error
		took time.Duration
	}{
		"on metadata times=3: disconnect":                 {nil, 750 * time.Millisecond},
		"on metadata times=4: disconnect":                 {io.EOF, 750 * time.Millisecond},
		"on metadata times=1: error LEADER_NOT_AVAILABLE": {nil, 250 * time.Millisecond},
		"on metadata times=1: drop-response":              {nil, 30250 * time.Millisecond},
	} {
		t.Run(plan, func(t *testing.T) {
			faulty(t, plan, func(t *testing.T, c *memkafka.Cluster) {
				errs, took := send(t, c, nil, "a")
				if !errors.Is(errs[0], want.err) || took != want.took {
					t.Errorf("it gave %v after %v, want %v after %v", errs[0], took, want.err, want.took)
				}
			})
		})
	}
}
