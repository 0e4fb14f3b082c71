package clients

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/memkafka"
)

// doors are the ways to a cluster.
func doors(t *testing.T, c *memkafka.Cluster) map[string][]kgo.Opt {
	t.Helper()
	l, err := c.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]kgo.Opt{
		"tcp":    {kgo.SeedBrokers(l.Addrs()...)},
		"memory": {kgo.SeedBrokers(c.Addrs()...), kgo.Dialer(c.DialContext)},
	}
}

func newFranz(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestFranzGoProducesAndConsumes(t *testing.T) {
	cluster := memkafka.New(memkafka.WithBrokers(3))
	t.Cleanup(cluster.Close)
	for name, opts := range doors(t, cluster) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			topic := "orders-" + name
			if err := cluster.CreateTopic(topic, 6); err != nil {
				t.Fatal(err)
			}
			producer := newFranz(t, append(opts, kgo.DefaultProduceTopic(topic))...)
			const n = 1000
			for i := range n {
				producer.Produce(ctx, &kgo.Record{Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, "v", i)}, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
			if err := producer.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			consumer := newFranz(t, append(opts, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
			seen := map[string]bool{}
			for len(seen) < n {
				fetches := consumer.PollFetches(ctx)
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Key)+"="+string(r.Value)] = true })
			}
		})
	}
}
