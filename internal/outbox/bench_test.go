package outbox

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// BenchmarkProduce writes records of 100 bytes to 8 partitions of a cluster in the same process, whose part is in the figures too: by an
// outbox, and by sarama's producer.
func BenchmarkProduce(b *testing.B) {
	for _, by := range []string{"outbox", "sarama"} {
		b.Run(by, func(b *testing.B) {
			c := memkafka.New()
			defer c.Close()
			if err := c.CreateTopic("t", 8, memkafka.WithConfig("retention.bytes", "1000000")); err != nil {
				b.Fatal(err)
			}
			l, err := c.Listen("127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			config := quick()
			config.Producer.Compression = sarama.CompressionSnappy
			messages := make([]sarama.ProducerMessage, b.N)
			value := sarama.ByteEncoder(make([]byte, 100))
			for i := range messages {
				messages[i] = sarama.ProducerMessage{Topic: "t", Partition: int32(i % 8), Key: sarama.StringEncoder(fmt.Sprint("key-", i%10_000)), Value: value}
			}
			produce, finish := byOutbox(b, l.Addrs(), config)
			if by == "sarama" {
				produce, finish = bySarama(b, l.Addrs(), config)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range messages {
				produce(&messages[i])
			}
			finish()
		})
	}
}

func byOutbox(b *testing.B, brokers []string, config *sarama.Config) (produce func(*sarama.ProducerMessage), finish func()) {
	b.Helper()
	client, wires, err := connect(brokers, config)
	if err != nil {
		b.Fatal(err)
	}
	box, err := New(client, config, wires.cut, func(_ *sarama.ProducerMessage, err error) {
		if err != nil {
			b.Error(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return box.Produce, func() {
		if failed, err := box.Close(time.Minute); failed > 0 || err != nil {
			b.Error(failed, err)
		}
	}
}

func bySarama(b *testing.B, brokers []string, config *sarama.Config) (produce func(*sarama.ProducerMessage), finish func()) {
	b.Helper()
	producer, err := sarama.NewAsyncProducer(brokers, config)
	if err != nil {
		b.Fatal(err)
	}
	var drains sync.WaitGroup
	drains.Go(func() {
		for range producer.Successes() {
		}
	})
	drains.Go(func() {
		for err := range producer.Errors() {
			b.Error(err)
		}
	})
	return func(msg *sarama.ProducerMessage) { producer.Input() <- msg }, func() {
		producer.AsyncClose()
		drains.Wait()
	}
}
