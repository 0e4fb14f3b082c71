package memkafka_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// hundredBytes are records of 100 bytes, key and value together.
func hundredBytes(n int) []memkafka.Record {
	records := make([]memkafka.Record, n)
	for i := range records {
		records[i] = memkafka.Record{Timestamp: memkafka.NoTimestamp, Key: fmt.Appendf(nil, "key-%012d", i), Value: make([]byte, 84)}
	}
	return records
}

func newTopic(b *testing.B) *memkafka.Cluster {
	b.Helper()
	c := memkafka.New()
	if err := c.CreateTopic("t", 1); err != nil {
		b.Fatal(err)
	}
	return c
}

const fullAt = 1 << 20 // records, after which a benchmark takes a new cluster

// BenchmarkProduce appends records of 100 bytes.
func BenchmarkProduce(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			records := hundredBytes(n)
			c, in := newTopic(b), 0
			b.ReportAllocs()
			for b.Loop() {
				if in += n; in > fullAt {
					c.Close()
					c, in = newTopic(b), n
				}
				if _, err := c.Produce("t", 0, records...); err != nil {
					b.Fatal(err)
				}
			}
			c.Close()
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
		})
	}
}

// fillUp produces records of 100 bytes in batches of 1,000.
func fillUp(b *testing.B, c *memkafka.Cluster, records int) {
	b.Helper()
	some := hundredBytes(1000)
	for n := 0; n < records; n += len(some) {
		if _, err := c.Produce("t", 0, some...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetch reads records of 100 bytes, 1,000 at a time.
func BenchmarkFetch(b *testing.B) {
	const stored, at = 1 << 17, 1000
	c := newTopic(b)
	defer c.Close()
	fillUp(b, c, stored)
	var from memkafka.Offset
	read := 0
	b.ReportAllocs()
	for b.Loop() {
		records, err := c.Fetch("t", 0, from, at)
		if err != nil {
			b.Fatal(err)
		}
		read += len(records)
		if from += memkafka.Offset(len(records)); len(records) < at {
			from = 0
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
}

// BenchmarkStoredRecord measures what a record of 100 bytes costs beside them, in batches of several sizes, as more of them are
// stored: cost has to stay the same.
func BenchmarkStoredRecord(b *testing.B) {
	for _, records := range []int{1e4, 1e5, 1e6, 1e7} {
		b.Run(fmt.Sprintf("records=%.0e", float64(records)), func(b *testing.B) {
			for b.Loop() {
				before := heapBytes()
				c := newTopic(b)
				fillUp(b, c, records)
				after := heapBytes()
				b.ReportMetric(float64(after-before)/float64(records)-100, "overhead-B/record")
				c.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
		})
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkStart makes a cluster with 100 topics of 10 partitions.
func BenchmarkStart(b *testing.B) {
	names := make([]string, 100)
	for i := range names {
		names[i] = "topic-" + strconv.Itoa(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		c := memkafka.New()
		for _, name := range names {
			if err := c.CreateTopic(name, 10); err != nil {
				b.Fatal(err)
			}
		}
		c.Close()
	}
}

// BenchmarkRebalance lets 100 members join a group that reads 1,000 partitions, through sarama's interfaces and with all of
// Kafka's waits in virtual time, until each has its claims. The cluster's making and end are in the time.
func BenchmarkRebalance(b *testing.B) {
	const members, partitions = 100, 1000
	b.ReportAllocs()
	for b.Loop() {
		synctest.Test(new(testing.T), func(*testing.T) {
			c := memkafka.New()
			if err := c.CreateTopic("t", partitions); err != nil {
				b.Fatal(err)
			}
			ready, done := make(chan int, members), make(chan struct{}, members)
			for range members {
				g, err := saramaclient.NewConsumerGroup(c, "g", nil)
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					_ = g.Consume(context.Background(), []string{"t"}, claimer{ready}) // it ends with the cluster
					_ = g.Close()
					done <- struct{}{}
				}()
			}
			claims := 0
			for range members {
				claims += <-ready
			}
			if claims != partitions {
				b.Fatalf("the members hold %d partitions, want %d", claims, partitions)
			}
			c.Close()
			for range members {
				<-done
			}
		})
	}
}

// claimer tells how many partitions it got.
type claimer struct{ ready chan int }

func (c claimer) Setup(s sarama.ConsumerGroupSession) error {
	select {
	case c.ready <- len(s.Claims()["t"]):
	default: // a later generation, while others leave
	}
	return nil
}

func (claimer) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (claimer) ConsumeClaim(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for range c.Messages() { //nolint:revive // there are none
	}
	return nil
}
