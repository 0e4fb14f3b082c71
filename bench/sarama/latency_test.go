package sarama

import (
	"context"
	"slices"
	"sync"
	"syscall"
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

// shares is how many claims each member of a group has.
type shares struct {
	mu      sync.Mutex // guards what follows
	held    []int
	want    []int
	settled chan struct{} // closed once everybody has what is wanted
}

// expect returns a channel that is closed once members have so many claims each, as many as want names.
func (s *shares) expect(want ...int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want, s.settled = want, make(chan struct{})
	s.look()
	return s.settled
}

func (s *shares) change(member, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.held) <= member {
		s.held = append(s.held, 0)
	}
	s.held[member] += by
	s.look()
}

// look tells whoever expects something. Called with mu held.
func (s *shares) look() {
	if s.settled != nil && slices.Equal(s.held, s.want) {
		close(s.settled)
		s.settled = nil
	}
}

// member is a handler that holds claims until the session ends.
type member struct {
	shares *shares
	number int
}

func (member) Setup(sarama.ConsumerGroupSession) error { return nil }

func (member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m member) ConsumeClaim(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	m.shares.change(m.number, 1)
	defer m.shares.change(m.number, -1)
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
				var left sync.WaitGroup
				var has shares
				join := func(i int) {
					config := newConfig()
					config.Consumer.Group.Heartbeat.Interval = time.Millisecond
					config.Consumer.Group.Rebalance.Retry.Backoff = time.Millisecond
					cg, err := d.group("g-"+topic, config)
					if err != nil {
						b.Fatal(err)
					}
					left.Go(func() {
						defer cg.Close()
						for ctx.Err() == nil {
							_ = cg.Consume(ctx, []string{topic}, member{&has, i})
						}
					})
				}
				join(0)
				join(1)
				<-has.expect(6, 6)
				b.StartTimer()
				join(2)
				<-has.expect(4, 4, 4)
				b.StopTimer()
				cancel()
				left.Wait()
				d.close()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkVirtualRebalance has three members share twelve partitions in a bubble, with Kafka's own times: they wait three
// virtual seconds for each other, and hear of a rebalance by a heartbeat each three. An operation is all of the cluster's life;
// join-ns is of it what passes on real clocks while a third member joins two and all have their claims, leave-ns while it
// leaves them.
func BenchmarkVirtualRebalance(b *testing.B) {
	var join, leave time.Duration
	for b.Loop() {
		synctest.Test(new(testing.T), func(*testing.T) {
			c := memkafka.New()
			defer c.Close()
			if err := c.CreateTopic("t", 12); err != nil {
				b.Fatal(err)
			}
			var has shares
			var left sync.WaitGroup
			var end [3]context.CancelFunc
			start := func(i int) {
				ctx, cancel := context.WithCancel(context.Background())
				end[i] = cancel
				cg, err := saramaclient.NewConsumerGroup(c, "g", newConfig())
				if err != nil {
					b.Fatal(err)
				}
				left.Go(func() {
					defer cg.Close()
					for ctx.Err() == nil {
						_ = cg.Consume(ctx, []string{"t"}, member{&has, i})
					}
				})
			}
			start(0)
			start(1)
			<-has.expect(6, 6)
			join += realTime(func() {
				start(2)
				<-has.expect(4, 4, 4)
			})
			leave += realTime(func() {
				end[2]()
				<-has.expect(6, 6, 0)
			})
			end[0]()
			end[1]()
			left.Wait()
		})
	}
	b.ReportMetric(float64(join.Nanoseconds())/float64(b.N), "join-ns")
	b.ReportMetric(float64(leave.Nanoseconds())/float64(b.N), "leave-ns")
}

// realTime is how long f takes on a clock that no bubble has.
func realTime(f func()) time.Duration {
	var before, after syscall.Timeval
	if err := syscall.Gettimeofday(&before); err != nil {
		panic(err)
	}
	f()
	if err := syscall.Gettimeofday(&after); err != nil {
		panic(err)
	}
	return time.Duration(after.Nano() - before.Nano())
}
