package memkafka_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // never ends once sarama was used
}

func record(key, value string) memkafka.Record {
	return memkafka.Record{Key: []byte(key), Value: []byte(value), Timestamp: memkafka.NoTimestamp}
}

func TestProduceAndFetch(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("orders", 3); err != nil {
		t.Fatal(err)
	}
	at := memkafka.Millis(1357035420000)
	r := memkafka.Record{Key: nil, Value: []byte{}, Timestamp: at, Headers: []memkafka.Header{{Key: "a"}, {Key: "a", Value: []byte("1")}}}
	for want := range memkafka.Offset(2) {
		if got, err := c.Produce("orders", 2, r); err != nil || got != want {
			t.Fatalf("offset %d (%v), want %d", got, err, want)
		}
	}
	got, err := c.Fetch("orders", 2, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	r.Offset = 1
	if diff := cmp.Diff([]memkafka.Record{r}, got); diff != "" {
		t.Errorf("fetched (-want +got):\n%s", diff)
	}
	if start, high, err := c.Offsets("orders", 2); start != 0 || high != 2 || err != nil {
		t.Errorf("offsets are %d and %d (%v), want 0 and 2", start, high, err)
	}
}

// TestRecordsWithoutATimeAreOfNow leaves the time of a record out, and lets retention look at it.
func TestRecordsWithoutATimeAreOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		if err := c.CreateTopic("t", 1); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := c.Produce("t", 0, memkafka.Record{Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		records, err := c.Fetch("t", 0, 0, 1)
		if err != nil || len(records) != 1 || !records[0].Timestamp.Time().Equal(began) {
			t.Errorf("after an hour there is %v (%v), want the record of %v", records, err, began)
		}
	})
}

func TestErrorsNameThePlaceAndCarryKafkasCode(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		do   func() error
		code sarama.KError
		text string
	}{
		{"produce to an unknown topic", func() error { _, err := c.Produce("x", 0, record("k", "v")); return err }, sarama.ErrUnknownTopicOrPartition, "x/0"},
		{"produce to an unknown partition", func() error { _, err := c.Produce("t", 1, record("k", "v")); return err }, sarama.ErrUnknownTopicOrPartition, "t/1"},
		{"fetch past the end", func() error { _, err := c.Fetch("t", 0, 1, 1); return err }, sarama.ErrOffsetOutOfRange, ""},
		{"create it again", func() error { return c.CreateTopic("t", 1) }, sarama.ErrTopicAlreadyExists, "'t'"},
		{"a bad name", func() error { return c.CreateTopic("a/b", 1) }, sarama.ErrInvalidTopic, "a/b"},
		{"a colliding name", func() error {
			_ = c.CreateTopic("a.b", 1)
			return c.CreateTopic("a_b", 1)
		}, sarama.ErrInvalidTopic, "a.b"},
		{"an unknown config", func() error { return c.CreateTopic("u", 1, memkafka.WithConfig("retention", "1")) }, sarama.ErrInvalidConfig, "retention"},
		{"a bad config value", func() error { return c.CreateTopic("u", 1, memkafka.WithConfig("retention.ms", "soon")) }, sarama.ErrInvalidConfig, "soon"},
		{"too many replicas", func() error { return c.CreateTopic("u", 1, memkafka.WithReplication(2)) }, sarama.ErrInvalidReplicationFactor, "1 broker"},
		{"too few partitions", func() error { return c.CreateTopic("u", -7) }, sarama.ErrInvalidPartitions, "non-positive"},
		{"a record from the future", func() error {
			r := record("k", "v")
			r.Timestamp = memkafka.Millis(time.Now().Add(2 * time.Hour).UnixMilli())
			_, err := c.Produce("t", 0, r)
			return err
		}, sarama.ErrInvalidTimestamp, "t/0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			var code memkafka.ErrorCode
			if !errors.As(err, &code) || sarama.KError(code) != tt.code {
				t.Fatalf("error is %v, want code %d", err, tt.code)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q does not name %s", err, tt.text)
			}
		})
	}
}

func TestOpenNamesEveryWrongOption(t *testing.T) {
	_, err := memkafka.Open(memkafka.WithBrokers(0), memkafka.WithInitialRebalanceDelay(-1), memkafka.WithDefaultPartitions(0))
	for _, name := range []string{"brokers", "group.initial.rebalance.delay.ms", "num.partitions"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v does not name %s", err, name)
		}
	}
}

func TestSetNamed(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	release, err := memkafka.SetNamed("here", c)
	if err != nil {
		t.Fatal(err)
	}
	if memkafka.Named("here") != c {
		t.Error("the name leads to another cluster")
	}
	if _, err := memkafka.SetNamed("here", c); err == nil || !strings.Contains(err.Error(), "mem://here") {
		t.Errorf("taking the name twice gives %v", err)
	}
	release()
	release, err = memkafka.SetNamed("here", c)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// TestSettleNamesWhoIsStuck has a member that takes a record and never marks it.
func TestSettleNamesWhoIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.NewByHand(memkafka.WithInitialRebalanceDelay(0))
		defer c.Close()
		if err := c.CreateTopic("in", 1); err != nil {
			t.Fatal(err)
		}
		config := sarama.NewConfig()
		config.ClientID = "lazy"
		config.Consumer.Offsets.Initial = sarama.OffsetOldest
		cg, err := saramaclient.NewConsumerGroup(c, "g", config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- cg.Consume(ctx, []string{"in"}, taker{}) }()
		synctest.Wait()
		if _, err := c.Produce("in", 0, record("k", "v")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = c.Settle(ctx, time.Minute)
		if !errors.Is(err, memkafka.ErrStuck) || !strings.Contains(err.Error(), "lazy/group g in/0") || !strings.Contains(err.Error(), "offset 0") {
			t.Errorf("Settle says %v", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("Settle took %v of virtual time, want a minute", took)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := cg.Close(); err != nil {
			t.Error(err)
		}
	})
}

// taker takes messages and marks none.
type taker struct{}

func (taker) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (taker) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (taker) ConsumeClaim(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for range c.Messages() { //nolint:revive // taken, that is all
	}
	return nil
}

func TestCloseEndsEveryWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New() // the initial delay of three seconds is longer than this test
		if err := c.CreateTopic("in", 1); err != nil {
			t.Fatal(err)
		}
		cg, err := saramaclient.NewConsumerGroup(c, "g", nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cg.Consume(t.Context(), []string{"in"}, taker{}) }()
		synctest.Wait()
		c.Close()
		c.Close()
		if err := <-done; !errors.Is(err, sarama.ErrClosedConsumerGroup) {
			t.Errorf("Consume on a closed cluster returns %v", err)
		}
		if _, err := c.Produce("in", 0, record("k", "v")); !errors.Is(err, memkafka.ErrClosed) {
			t.Errorf("Produce on a closed cluster returns %v", err)
		}
		_ = cg.Close() // its cluster is gone; it must return all the same
	})
}
