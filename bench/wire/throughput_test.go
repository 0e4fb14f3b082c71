package wire

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The load: records of so many bytes in so many partitions, without compression.
const (
	records    = 1_000_000
	valueBytes = 100
	partitions = 8
)

// BenchmarkThroughput produces a million records and consumes them again.
func BenchmarkThroughput(b *testing.B) {
	clients := []struct {
		name             string
		produce, consume func(b *testing.B, addr, topic string)
	}{
		{"franz-go", produceFranz, consumeFranz},
		{"sarama", produceSarama, consumeSarama},
	}
	for _, kind := range kinds() { // Apache Kafka comes last, since it goes on with its files after a run
		for _, client := range clients {
			b.Run(client.name+"/"+kind, func(b *testing.B) {
				var in, out time.Duration
				var inCPU, outCPU float64
				for b.Loop() {
					p := start(b, kind)
					topic := newTopic(b, p.addr, partitions)
					cpu0, begin := p.cpu(b), time.Now()
					client.produce(b, p.addr, topic)
					in += time.Since(begin)
					cpu1, begin := p.cpu(b), time.Now()
					client.consume(b, p.addr, topic)
					out += time.Since(begin)
					inCPU, outCPU = inCPU+cpu1-cpu0, outCPU+p.cpu(b)-cpu1
					p.stop(b)
				}
				n := float64(b.N)
				b.ReportMetric(n*records/in.Seconds(), "in/s")
				b.ReportMetric(n*records/out.Seconds(), "out/s")
				b.ReportMetric(inCPU/n, "in-cpu-s")
				b.ReportMetric(outCPU/n, "out-cpu-s")
			})
		}
	}
}

func key(i int) []byte {
	return strconv.AppendInt(make([]byte, 0, 16), 1_000_000_000_000_000+int64(i), 10)
}

func produceFranz(b *testing.B, addr, topic string) {
	b.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.MaxBufferedRecords(100_000),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.UnknownTopicRetries(-1))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	value := make([]byte, valueBytes)
	ctx := context.Background()
	var failed atomic.Pointer[error]
	for i := range records {
		client.Produce(ctx, &kgo.Record{Key: key(i), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
}

func consumeFranz(b *testing.B, addr, topic string) {
	b.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for seen := 0; seen < records; {
		fetches := client.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		seen += fetches.NumRecords()
	}
}

func produceSarama(b *testing.B, addr, topic string) {
	b.Helper()
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	producer, err := sarama.NewAsyncProducer([]string{addr}, config)
	if err != nil {
		b.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for range producer.Successes() {
		}
	})
	done.Go(func() {
		for err := range producer.Errors() {
			b.Error(err)
		}
	})
	value := sarama.ByteEncoder(make([]byte, valueBytes))
	for i := range records {
		producer.Input() <- &sarama.ProducerMessage{Topic: topic, Key: sarama.ByteEncoder(key(i)), Value: value}
	}
	producer.AsyncClose()
	done.Wait()
}

func consumeSarama(b *testing.B, addr, topic string) {
	b.Helper()
	consumer, err := sarama.NewConsumer([]string{addr}, sarama.NewConfig())
	if err != nil {
		b.Fatal(err)
	}
	var seen atomic.Int64
	all := make(chan struct{})
	var done sync.WaitGroup
	for partition := range int32(partitions) {
		claim, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
		if err != nil {
			b.Fatal(err)
		}
		done.Go(func() {
			for {
				select {
				case <-claim.Messages():
					if seen.Add(1) == records {
						close(all)
					}
				case <-all:
					if err := claim.Close(); err != nil {
						b.Error(err)
					}
					return
				}
			}
		})
	}
	done.Wait()
	if err := consumer.Close(); err != nil {
		b.Fatal(err)
	}
}
