package saramaclient_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handler collects what a group's member gets, and marks it.
type handler struct {
	mu      sync.Mutex
	got     []string
	claims  []map[string][]int32
	changed chan struct{}
	setup   func() // called by the first Setup; may be nil
	cleanup func() // called by each Cleanup; may be nil
}

func newHandler() *handler { return &handler{changed: make(chan struct{}, 1)} }

func (h *handler) note(f func()) {
	h.mu.Lock()
	f()
	h.mu.Unlock()
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	h.note(func() { h.claims = append(h.claims, s.Claims()) })
	if f := h.setup; f != nil {
		h.setup = nil
		f()
	}
	return nil
}

func (h *handler) Cleanup(sarama.ConsumerGroupSession) error {
	if h.cleanup != nil {
		h.cleanup()
	}
	return nil
}

func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for m := range c.Messages() {
		h.note(func() { h.got = append(h.got, fmt.Sprintf("%s/%d:%d %s", m.Topic, m.Partition, m.Offset, m.Value)) })
		s.MarkMessage(m, "")
	}
	return nil
}

// until waits for a condition on what the handler saw.
func (h *handler) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		h.mu.Lock()
		ok := cond()
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-h.changed:
		case <-timeout:
			t.Fatalf("waited a minute for %s; got %v", what, h.got)
		}
	}
}

// member runs a member of a group until the returned function is called.
func member(t *testing.T, c *memkafka.Cluster, group, clientID string, h *handler, topics ...string) (stop func()) {
	t.Helper()
	config := sarama.NewConfig()
	config.ClientID = clientID
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	cg, err := saramaclient.NewConsumerGroup(c, group, config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := cg.Consume(ctx, topics, h); err != nil && ctx.Err() == nil {
				t.Errorf("Consume: %v", err)
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
		if err := cg.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func produce(t *testing.T, c *memkafka.Cluster, topic string, partition int32, values ...string) {
	t.Helper()
	for _, v := range values {
		if _, err := c.Produce(topic, partition, memkafka.Record{Timestamp: memkafka.NoTimestamp, Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
	}
}

func createTopic(t *testing.T, c *memkafka.Cluster, name string, partitions int32) {
	t.Helper()
	if err := c.CreateTopic(name, partitions); err != nil {
		t.Fatal(err)
	}
}

func TestGroupConsumesAndCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "in", 2)
		produce(t, c, "in", 0, "a", "b")
		h := newHandler()
		stop := member(t, c, "g", "m", h, "in")
		h.until(t, "two records", func() bool { return len(h.got) == 2 })
		produce(t, c, "in", 1, "c")
		h.until(t, "the third record", func() bool { return len(h.got) == 3 })
		stop()
		if o, ok := c.Committed("g", "in", 0); !ok || o != 2 {
			t.Errorf("committed offset of in/0 is %d (%v), want 2", o, ok)
		}
		if o, ok := c.Committed("g", "in", 1); !ok || o != 1 {
			t.Errorf("committed offset of in/1 is %d (%v), want 1", o, ok)
		}
		// who comes next starts behind
		h = newHandler()
		stop = member(t, c, "g", "m", h, "in")
		produce(t, c, "in", 0, "d")
		h.until(t, "the record that was not committed", func() bool { return len(h.got) == 1 })
		if h.got[0] != "in/0:2 d" {
			t.Errorf("got %v, want in/0:2 d", h.got)
		}
		stop()
	})
}

func TestGroupSharesPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "in", 4)
		a, b := newHandler(), newHandler()
		stopA := member(t, c, "g", "a", a, "in")
		a.until(t, "the first generation", func() bool { return len(a.claims) == 1 })
		stopB := member(t, c, "g", "b", b, "in")
		b.until(t, "the second generation", func() bool { return len(b.claims) == 1 })
		a.until(t, "the second generation", func() bool { return len(a.claims) == 2 })
		if n := len(a.claims[1]["in"]) + len(b.claims[0]["in"]); n != 4 {
			t.Errorf("both members together have %d partitions, want 4", n)
		}
		stopB()
		a.until(t, "all partitions back", func() bool { return len(a.claims) == 3 && len(a.claims[2]["in"]) == 4 })
		stopA()
	})
}

func TestSyncProducer(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	p, err := saramaclient.NewSyncProducer(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for want := range int64(3) {
		_, offset, err := p.SendMessage(&sarama.ProducerMessage{Topic: "auto", Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("v")})
		if err != nil || offset != want {
			t.Fatalf("offset %d, error %v; want offset %d", offset, err, want)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "auto"}); !errors.Is(err, sarama.ErrShuttingDown) {
		t.Errorf("a closed producer answers %v, want ErrShuttingDown", err)
	}
}

func TestPartitionConsumer(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	createTopic(t, c, "t", 1)
	produce(t, c, "t", 0, "a", "b")
	consumer, err := saramaclient.NewConsumer(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.ConsumePartition("t", 0, 7); !errors.Is(err, sarama.ErrOffsetOutOfRange) {
		t.Errorf("an offset past the end gives %v, want ErrOffsetOutOfRange", err)
	}
	pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a", "b"} {
		if m := <-pc.Messages(); string(m.Value) != want {
			t.Errorf("got %s, want %s", m.Value, want)
		}
	}
	if hw := pc.HighWaterMarkOffset(); hw != 2 {
		t.Errorf("high watermark is %d, want 2", hw)
	}
	if err := pc.Close(); err != nil {
		t.Fatal(err)
	}
	if err := consumer.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReceiverMayChangeWhatItGot has a consumer that decrypts values in place, so to speak.
func TestReceiverMayChangeWhatItGot(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	createTopic(t, c, "t", 1)
	r := memkafka.Record{Timestamp: memkafka.NoTimestamp, Key: []byte("key"), Value: []byte("value"), Headers: []memkafka.Header{{Key: "h", Value: []byte("header")}}}
	if _, err := c.Produce("t", 0, r); err != nil {
		t.Fatal(err)
	}
	consumer, err := saramaclient.NewConsumer(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		m := <-pc.Messages()
		if got := string(m.Key) + " " + string(m.Value) + " " + string(m.Headers[0].Value); got != "key value header" {
			t.Errorf("got %q", got)
		}
		for _, b := range [][]byte{m.Key, m.Value, m.Headers[0].Value} {
			copy(b, "xxxxxxxx")
		}
		if err := pc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := consumer.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestALeaderSeesNewPartitionsAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "in", 1)
		admin, err := saramaclient.NewClusterAdmin(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		h := newHandler()
		stop := member(t, c, "g", "m", h, "in")
		for n := int32(1); n <= 3; n++ {
			h.until(t, "all partitions", func() bool { return len(h.claims) > 0 && len(h.claims[len(h.claims)-1]["in"]) == int(n) })
			time.Sleep(25 * time.Minute) // twice Metadata.RefreshFrequency, without a change
			h.mu.Lock()
			if got := len(h.claims); got != int(n) {
				t.Errorf("%d generations with %d partitions, want %d", got, n, n)
			}
			h.mu.Unlock()
			if err := admin.CreatePartitions("in", n+1, nil, false); err != nil {
				t.Fatal(err)
			}
			time.Sleep(11 * time.Minute)
		}
		stop()
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
}
