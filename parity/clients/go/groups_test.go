package clients

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/memkafka"
)

// fill creates a topic with n records.
func fill(t *testing.T, cluster *memkafka.Cluster, topic string, partitions int32, n int) {
	t.Helper()
	if err := cluster.CreateTopic(topic, partitions); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r := memkafka.Record{Timestamp: memkafka.NoTimestamp, Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, "v", i)}
		if _, err := cluster.Produce(topic, int32(i)%partitions, r); err != nil {
			t.Fatal(err)
		}
	}
}

// collector counts records by their keys, of several consumers.
type collector struct {
	mu   sync.Mutex // guards seen
	seen map[string]int
	want int
	done chan struct{} // closed when all were seen
}

func newCollector(want int) *collector {
	return &collector{seen: map[string]int{}, want: want, done: make(chan struct{})}
}

func (c *collector) add(key []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[string(key)]++
	if len(c.seen) == c.want && c.seen[string(key)] == 1 {
		closeChannel(c.done)
	}
}

func closeChannel(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

func (c *collector) wait(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		c.mu.Lock()
		defer c.mu.Unlock()
		t.Fatalf("%d of %d records came", len(c.seen), c.want)
	}
}

// TestFranzGoGroups has three members of franz-go share a topic, one of whom leaves, by either protocol.
func TestFranzGoGroups(t *testing.T) {
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			cluster := memkafka.New(memkafka.WithBrokers(2), memkafka.WithInitialRebalanceDelay(0), memkafka.WithSetting("group.consumer.heartbeat.interval.ms", "100"))
			t.Cleanup(cluster.Close)
			const n = 300
			fill(t, cluster, "orders", 6, n)
			all := newCollector(n)
			ctx := t.Context()
			if protocol == "consumer" {
				ctx = context.WithValue(ctx, "opt_in_kafka_next_gen_balancer_beta", true) //nolint:staticcheck // franz-go asks for this key
			}
			var members []*kgo.Client
			var polling sync.WaitGroup
			for range 3 {
				member := newFranz(t, kgo.WithContext(ctx), kgo.SeedBrokers(cluster.Addrs()...), kgo.Dialer(cluster.DialContext), kgo.ConsumerGroup("group"),
					kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(100*time.Millisecond))
				members = append(members, member)
				polling.Go(func() {
					for {
						fetches := member.PollFetches(ctx)
						if fetches.IsClientClosed() || ctx.Err() != nil {
							return
						}
						fetches.EachRecord(func(r *kgo.Record) { all.add(r.Key) })
					}
				})
			}
			all.wait(t)
			if err := members[0].CommitUncommittedOffsets(ctx); err != nil {
				t.Error(err)
			}
			for _, m := range members {
				m.Close()
			}
			polling.Wait()
		})
	}
}

// handler is a member of a group of sarama's.
type handler struct{ all *collector }

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		h.all.add(m.Key)
		session.MarkMessage(m, "")
	}
	return nil
}

func TestSaramaGroups(t *testing.T) {
	cluster := memkafka.New(memkafka.WithBrokers(2), memkafka.WithInitialRebalanceDelay(0))
	t.Cleanup(cluster.Close)
	const n = 300
	fill(t, cluster, "orders", 6, n)
	for _, v := range saramaVersions {
		t.Run(v.String(), func(t *testing.T) {
			group := "group-" + v.String()
			all := newCollector(n)
			ctx, cancel := context.WithCancel(t.Context())
			var consuming sync.WaitGroup
			for range 2 {
				config := sarama.NewConfig()
				config.Version = v
				config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, cluster
				config.Consumer.Offsets.Initial = sarama.OffsetOldest
				config.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
				config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRoundRobin()}
				member, err := sarama.NewConsumerGroup(cluster.Addrs(), group, config)
				if err != nil {
					t.Fatal(err)
				}
				consuming.Go(func() {
					for ctx.Err() == nil {
						if err := member.Consume(ctx, []string{"orders"}, handler{all}); err != nil {
							t.Error(err)
							break
						}
					}
					closing(t, member)
				})
			}
			all.wait(t)
			cancel()
			consuming.Wait()
			if offset, ok := cluster.Committed(group, "orders", 0); !ok || offset != n/6 {
				t.Errorf("committed offset %d (%t), want %d", offset, ok, n/6)
			}
		})
	}
}
