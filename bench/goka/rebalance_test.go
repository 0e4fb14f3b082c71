package goka

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// stillness is the longest time in which a partition's messages were not handled.
type stillness struct {
	last [partitions]atomic.Int64 // nanoseconds since 1970
	gap  atomic.Int64             // nanoseconds
}

func (s *stillness) reset() {
	for p := range s.last {
		s.last[p].Store(time.Now().UnixNano())
	}
	s.gap.Store(0)
}

func (s *stillness) handled(partition int32) {
	now := time.Now().UnixNano()
	gap := now - s.last[partition].Swap(now)
	for {
		longest := s.gap.Load()
		if gap <= longest || s.gap.CompareAndSwap(longest, gap) {
			return
		}
	}
}

// group is a bare consumer group of sarama: what a rebalance costs without goka.
type group struct {
	spec
	config *sarama.Config
}

func (g *group) Run(ctx context.Context) error {
	c, err := sarama.NewConsumerGroup(g.brokers, g.group, g.config)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := c.Consume(ctx, []string{g.in}, g); err != nil && ctx.Err() == nil {
			return errors.Join(err, c.Close())
		}
	}
	return c.Close()
}

func (g *group) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (g *group) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (g *group) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		g.handled(m.Partition)
		session.MarkMessage(m, "")
	}
	return nil
}

var bare = library{name: "sarama", processor: func(s spec) (runner, error) {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = heartbeat
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	return &group{s, config}, nil
}}

// BenchmarkRebalance measures for how long a partition stands still when an instance joins a group of one, and when it leaves
// again. Beside goka's processors, which count, stands a bare consumer group of sarama: that is the broker's and the
// client's own part.
func BenchmarkRebalance(b *testing.B) {
	for _, p := range places {
		b.Run(p.name, func(b *testing.B) {
			for _, l := range append([]library{bare}, libraries...) {
				b.Run(l.name, func(b *testing.B) {
					var joins, leaves time.Duration
					for b.Loop() {
						join, leave := rebalance(b, p, l)
						joins, leaves = joins+join, leaves+leave
					}
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(float64(joins.Milliseconds())/float64(b.N), "join-ms")
					b.ReportMetric(float64(leaves.Milliseconds())/float64(b.N), "leave-ms")
				})
			}
		})
	}
}

func rebalance(b *testing.B, p *place, l library) (join, leave time.Duration) {
	b.Helper()
	var still stillness
	s := spec{application: counter, store: "memory", brokers: p.addrs, group: unique("group"), in: p.topic(b, unique("in"), partitions, false)}
	p.topic(b, s.group+"-table", partitions, true)
	s.handled = still.handled
	instance := func(client string) *running {
		s.client, s.dir = client, b.TempDir()
		r, err := l.processor(s)
		must(b, err)
		return start(r)
	}
	defer feed(b, p, s.in)()
	// phase waits until all partitions are handled after a change, and a while longer, so that the change is over.
	phase := func() time.Duration {
		time.Sleep(6 * time.Second)
		still.handled(0) // a partition that still stands
		for partition := range int32(partitions) {
			still.handled(partition)
		}
		return time.Duration(still.gap.Load())
	}
	first := instance("first")
	defer first.stop(b)
	still.reset()
	phase()
	still.reset()
	second := instance("second")
	join = phase()
	still.reset()
	second.stop(b)
	leave = phase()
	return join, leave
}

// feed writes a message to each partition every 5 ms until the function that it returns is called.
func feed(b *testing.B, p *place, topic string) func() {
	b.Helper()
	config := sarama.NewConfig()
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewAsyncProducer(p.addrs, config)
	must(b, err)
	stop := make(chan struct{})
	var fed sync.WaitGroup
	fed.Go(func() {
		for err := range producer.Errors() {
			b.Error(err)
		}
	})
	fed.Go(func() {
		defer producer.AsyncClose()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for partition := range int32(partitions) {
				producer.Input() <- &sarama.ProducerMessage{
					Topic: topic, Partition: partition, Key: sarama.StringEncoder(key(int(partition))), Value: sarama.StringEncoder("v"),
				}
			}
		}
	})
	return func() { close(stop); fed.Wait() }
}
