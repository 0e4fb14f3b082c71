package seam

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a sink over a channel, which tells who failed it and whether it ended.
type receiver struct {
	records chan kafka.Record
	failed  chan error
	ended   chan struct{}
}

func newReceiver() *receiver {
	return &receiver{make(chan kafka.Record), make(chan error, 1), make(chan struct{})}
}

func (r *receiver) TrySend(rec *kafka.Record) bool {
	select {
	case r.records <- *rec:
		return true
	default:
		return false
	}
}

func (r *receiver) Send(rec *kafka.Record, stop <-chan struct{}, giveUp <-chan time.Time) bool {
	select {
	case r.records <- *rec:
		return true
	case <-stop:
	case <-giveUp:
	}
	return false
}

func (r *receiver) TryBarrier() bool { return r.TrySend(&kafka.Record{Offset: -1}) }

func (r *receiver) Barrier(stop <-chan struct{}) bool {
	select {
	case r.records <- kafka.Record{Offset: -1}:
		return true
	case <-stop:
		return false
	}
}

func (r *receiver) Fail(err error) { r.failed <- err }

func (r *receiver) End() { close(r.ended) }

// world is an engine with a topic t of two partitions.
func world(t *testing.T, mode Mode) *Engine {
	t.Helper()
	e := New(cluster.Settings{}, mode)
	if err := e.Do(func(core *cluster.Cluster, _ kafka.Millis) {
		if _, err := core.CreateTopic(cluster.TopicSpec{Name: "t", Partitions: 2}); err != nil {
			t.Fatal(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return e
}

var t0 = kafka.TopicPartition{Topic: "t"}

func client(t *testing.T, e *Engine, id string) *Client {
	t.Helper()
	c, err := e.Client(id, "test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func subscribe(t *testing.T, c *Client, o SubscribeOptions) (*Subscription, *receiver) {
	t.Helper()
	r := newReceiver()
	s, err := c.Subscribe(context.Background(), t0, kafka.OffsetEarliest, r, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func write(t *testing.T, e *Engine, n int) {
	t.Helper()
	for i := range n {
		if _, err := e.AppendOne(t0, kafka.Record{Value: fmt.Append(nil, i), Timestamp: kafka.NoTimestamp}); err != nil {
			t.Fatal(err)
		}
	}
}
