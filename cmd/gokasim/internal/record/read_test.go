package record

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/memkafka"
)

// TestNothingLeft asks the leader itself whether records are left, which is how a recording ends whose last offsets hold none.
func TestNothingLeft(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Produce("ticks", 0, memkafka.Record{Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.Dialer(c.DialContext))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	found, err := kadm.NewClient(client).ListTopics(ctx, "ticks")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{client: client}
	for _, tc := range []struct {
		next, to int64
		want     bool
	}{{0, 3, false}, {2, 3, false}, {3, 3, true}, {3, 4, false}} {
		p := &part{Part: Part{Topic: "ticks", To: tc.to}, next: tc.next}
		if got, err := r.nothingFrom(ctx, p, found["ticks"]); err != nil || got != tc.want {
			t.Errorf("from %d to %d: %v, %v", tc.next, tc.to, got, err)
		}
	}
}

// TestRecordsThatNeverComeAreNotWaitedForForEver reads a partition that is to have more offsets than it has.
func TestRecordsThatNeverComeAreNotWaitedForForEver(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Produce("ticks", 0, memkafka.Record{Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.Dialer(c.DialContext))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := newReader(client, begin(plan{Parts: []Part{{Topic: "ticks", To: 4}}}), false)
	r.patience = time.Millisecond
	r.write, r.show = func(*dump.Record, *part) error { return nil }, func() {}
	if err := r.run(ctx); err == nil || !strings.Contains(err.Error(), "topic ticks partition 0: no records have come for") || !strings.Contains(err.Error(), "at offset 1 of 4") {
		t.Errorf("got %v", err)
	}
}
