package clients

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"github.com/gokasim/gokasim/memkafka"
)

func init() { metrics.UseNilMetrics = true } // its meters would never end

// saramaVersions are the versions that sarama poses as: they decide which versions of requests it sends.
var saramaVersions = []sarama.KafkaVersion{sarama.V2_1_0_0, sarama.V2_8_0_0, sarama.V3_6_0_0, sarama.V4_0_0_0, sarama.MaxVersion}

// saramaDoors are the ways to a cluster: addresses, with a configuration that reaches them.
func saramaDoors(t *testing.T, c *memkafka.Cluster, v sarama.KafkaVersion) map[string]struct {
	addrs  []string
	config *sarama.Config
} {
	t.Helper()
	l, err := c.Listen("127.0.0.1:0", memkafka.WithListenerName("SARAMA-"+v.String()))
	if err != nil {
		t.Fatal(err)
	}
	config := func() *sarama.Config {
		config := sarama.NewConfig()
		config.Version = v
		config.Producer.Return.Successes = true
		return config
	}
	memory := config()
	memory.Net.Proxy.Enable, memory.Net.Proxy.Dialer = true, c
	return map[string]struct {
		addrs  []string
		config *sarama.Config
	}{
		"tcp":    {l.Addrs(), config()},
		"memory": {c.Addrs(), memory},
	}
}

func TestSaramaProducesAndConsumes(t *testing.T) {
	cluster := memkafka.New(memkafka.WithBrokers(2))
	t.Cleanup(cluster.Close)
	for _, v := range saramaVersions {
		for name, door := range saramaDoors(t, cluster, v) {
			t.Run(v.String()+"/"+name, func(t *testing.T) {
				topic := "orders-" + v.String() + "-" + name
				door.config.Producer.Idempotent = true
				door.config.Producer.RequiredAcks = sarama.WaitForAll
				door.config.Net.MaxOpenRequests = 1
				producer, err := sarama.NewSyncProducer(door.addrs, door.config)
				if err != nil {
					t.Fatal(err)
				}
				defer closing(t, producer)
				const n = 100
				for i := range n { // the first one makes the topic
					m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(fmt.Sprint("k", i)), Value: sarama.StringEncoder(fmt.Sprint("v", i))}
					if _, offset, err := producer.SendMessage(m); err != nil || offset != int64(i) {
						t.Fatalf("message %d: offset %d, %v", i, offset, err)
					}
				}
				consumer, err := sarama.NewConsumer(door.addrs, door.config)
				if err != nil {
					t.Fatal(err)
				}
				defer closing(t, consumer)
				partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
				if err != nil {
					t.Fatal(err)
				}
				defer closing(t, partition)
				patience := time.After(time.Minute)
				for i := range n {
					select {
					case m := <-partition.Messages():
						if want := fmt.Sprint("v", i); m.Offset != int64(i) || string(m.Value) != want {
							t.Fatalf("message %d: offset %d, value %q", i, m.Offset, m.Value)
						}
					case <-patience:
						t.Fatalf("message %d did not come", i)
					}
				}
			})
		}
	}
}

func closing(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
