package sarama

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// BenchmarkFirstRecord is a cluster from nothing, or from what there is, to the first record that was consumed.
func BenchmarkFirstRecord(b *testing.B) {
	for _, open := range doors() {
		probe := open(b)
		probe.close()
		b.Run(probe.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := open(b)
				topic := d.topic(b, 1)
				p, err := d.producer(newConfig())
				if err != nil {
					b.Fatal(err)
				}
				p.Input() <- &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("v")}
				c, err := d.consumer(newConfig())
				if err != nil {
					b.Fatal(err)
				}
				pc, err := c.ConsumePartition(topic, 0, sarama.OffsetOldest)
				if err != nil {
					b.Fatal(err)
				}
				<-pc.Messages()
				b.StopTimer()
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
				if err := pc.Close(); err != nil {
					b.Fatal(err)
				}
				if err := c.Close(); err != nil {
					b.Fatal(err)
				}
				d.close()
				b.StartTimer()
			}
		})
	}
}

// member counts the claims of all members.
type member struct{ claims *atomic.Int32 }

func (m member) Setup(s sarama.ConsumerGroupSession) error { return nil }

func (m member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m member) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	m.claims.Add(1)
	defer m.claims.Add(-1)
	<-s.Context().Done()
	return nil
}

// BenchmarkRebalance has three members share twelve partitions: from the joining of the third, while two have them, until all
// have their claims. Members hear of a rebalance by their next heartbeat, which comes every millisecond.
func BenchmarkRebalance(b *testing.B) {
	for _, open := range doors() {
		probe := open(b)
		probe.close()
		b.Run(probe.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				d := open(b)
				topic := d.topic(b, 12)
				ctx, cancel := context.WithCancel(context.Background())
				var claims atomic.Int32
				var left sync.WaitGroup
				var sessions [3]atomic.Int32
				join := func(i int) {
					config := newConfig()
					config.Consumer.Group.Heartbeat.Interval = time.Millisecond
					config.Consumer.Group.Rebalance.Retry.Backoff = time.Millisecond
					cg, err := d.group("g-"+topic, config)
					if err != nil {
						b.Fatal(err)
					}
					left.Add(1)
					go func() {
						defer left.Done()
						defer cg.Close()
						for ctx.Err() == nil {
							_ = cg.Consume(ctx, []string{topic}, counting{member{&claims}, &sessions[i]})
						}
					}()
				}
				until := func(members int) {
					for {
						n, held := claims.Load(), int32(0)
						all := true
						for i := range members {
							has := sessions[i].Load()
							held += has
							all = all && has == int32(12/members)
						}
						if n == 12 && held == 12 && all {
							return
						}
						time.Sleep(20 * time.Microsecond)
					}
				}
				join(0)
				join(1)
				until(2)
				b.StartTimer()
				join(2)
				until(3)
				b.StopTimer()
				cancel()
				left.Wait()
				d.close()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkVirtualRebalance is a whole cluster in a bubble, with Kafka's own times: three members join a group, wait 3 s for
// each other, share twelve partitions, one of them leaves, and the others share what it had after their next heartbeat.
func BenchmarkVirtualRebalance(b *testing.B) {
	for b.Loop() {
		synctest.Test(new(testing.T), func(*testing.T) {
			c := memkafka.New()
			defer c.Close()
			if err := c.CreateTopic("t", 12); err != nil {
				panic(err)
			}
			var claims atomic.Int32
			var left sync.WaitGroup
			var leave [3]context.CancelFunc
			for i := range leave {
				ctx, cancel := context.WithCancel(context.Background())
				leave[i] = cancel
				cg, err := saramaclient.NewConsumerGroup(c, "g", newConfig())
				if err != nil {
					panic(err)
				}
				left.Go(func() {
					defer cg.Close()
					for ctx.Err() == nil {
						_ = cg.Consume(ctx, []string{"t"}, member{&claims})
					}
				})
			}
			shared := func(what string) {
				time.Sleep(20 * time.Second) // of virtual time
				if n := claims.Load(); n != 12 {
					panic(what + ": not all partitions are claimed")
				}
			}
			shared("three members")
			leave[0]()
			shared("two members")
			leave[1]()
			leave[2]()
			left.Wait()
		})
	}
}

// counting is a member that tells how many claims it has.
type counting struct {
	member
	mine *atomic.Int32
}

func (c counting) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	c.mine.Add(1)
	defer c.mine.Add(-1)
	return c.member.ConsumeClaim(s, claim)
}
