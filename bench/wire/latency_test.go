package wire

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka"
)

// BenchmarkFirstRecord is from nothing to the first record that was produced and consumed over TCP, broker and client in one
// process.
func BenchmarkFirstRecord(b *testing.B) {
	for _, broker := range []struct {
		name  string
		start func(b *testing.B) (addr string, stop func())
	}{
		{"memkafka", startMemkafka},
		{"kfake", startKfake},
	} {
		b.Run(broker.name, func(b *testing.B) {
			for b.Loop() {
				addr, stop := broker.start(b)
				client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("bench"), kgo.ProducerLinger(0),
					kgo.ConsumeTopics("bench"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
				if err != nil {
					b.Fatal(err)
				}
				if err := client.ProduceSync(context.Background(), kgo.StringRecord("v")).FirstErr(); err != nil {
					b.Fatal(err)
				}
				for seen := 0; seen == 0; {
					seen = client.PollFetches(context.Background()).NumRecords()
				}
				client.Close()
				stop()
			}
		})
	}
}

func startMemkafka(b *testing.B) (addr string, stop func()) {
	b.Helper()
	cluster := memkafka.New()
	if err := cluster.CreateTopic("bench", 1); err != nil {
		b.Fatal(err)
	}
	l, err := cluster.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l.Bootstrap(), cluster.Close
}

func startKfake(b *testing.B) (addr string, stop func()) {
	b.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "bench"))
	if err != nil {
		b.Fatal(err)
	}
	return cluster.ListenAddrs()[0], cluster.Close
}

// BenchmarkProduceLatency is one record after the other with acks=all.
func BenchmarkProduceLatency(b *testing.B) {
	for _, kind := range kinds() {
		b.Run(kind, func(b *testing.B) {
			p := start(b, kind)
			defer p.stop(b)
			client, err := kgo.NewClient(kgo.SeedBrokers(p.addr), kgo.DefaultProduceTopic(newTopic(b, p.addr, 6)), kgo.ProducerLinger(0), kgo.UnknownTopicRetries(-1))
			if err != nil {
				b.Fatal(err)
			}
			defer client.Close()
			for range 100 { // until connections and metadata are there
				if err := client.ProduceSync(context.Background(), kgo.StringRecord("v")).FirstErr(); err != nil {
					b.Fatal(err)
				}
			}
			var took []time.Duration
			for b.Loop() {
				begin := time.Now()
				if err := client.ProduceSync(context.Background(), kgo.StringRecord("v")).FirstErr(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
		})
	}
}

// BenchmarkRebalance is three members of a classic group who join at once, until each has its two partitions.
func BenchmarkRebalance(b *testing.B) {
	for _, kind := range kinds() {
		b.Run(kind, func(b *testing.B) {
			p := start(b, kind)
			defer p.stop(b)
			topic := newTopic(b, p.addr, 6)
			for b.Loop() {
				rebalance(b, p.addr, topic)
			}
		})
	}
}

func rebalance(b *testing.B, addr, topic string) {
	b.Helper()
	var mu sync.Mutex // guards held
	held := map[int]int{}
	settled := make(chan struct{})
	change := func(member, by int) {
		mu.Lock()
		defer mu.Unlock()
		held[member] += by
		if held[0] == 2 && held[1] == 2 && held[2] == 2 {
			select {
			case <-settled:
			default:
				close(settled)
			}
		}
	}
	var members []*kgo.Client
	for i := range 3 {
		member, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(topic),
			kgo.HeartbeatInterval(50*time.Millisecond),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { change(i, len(parts[topic])) }),
			kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { change(i, -len(parts[topic])) }))
		if err != nil {
			b.Fatal(err)
		}
		members = append(members, member)
	}
	select {
	case <-settled:
	case <-time.After(time.Minute):
		b.Fatalf("after a minute members hold %v", held)
	}
	b.StopTimer()
	for _, m := range members {
		m.Close()
	}
	b.StartTimer()
}

// BenchmarkConnections is a thousand connections, each of which asks once.
func BenchmarkConnections(b *testing.B) {
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), 1)
	for _, kind := range kinds() {
		b.Run(kind, func(b *testing.B) {
			p := start(b, kind)
			defer p.stop(b)
			before := p.cpu(b)
			for b.Loop() {
				conns := make([]net.Conn, 1000)
				for i := range conns {
					conn, err := net.Dial("tcp", p.addr)
					if err != nil {
						b.Fatal(err)
					}
					conns[i] = conn
					if _, err := conn.Write(frame); err != nil {
						b.Fatal(err)
					}
				}
				answer := make([]byte, 4)
				for _, conn := range conns {
					if _, err := io.ReadFull(conn, answer); err != nil {
						b.Fatal(err)
					}
				}
				for _, conn := range conns {
					if err := conn.Close(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric((p.cpu(b)-before)/float64(b.N), "cpu-s")
		})
	}
}
