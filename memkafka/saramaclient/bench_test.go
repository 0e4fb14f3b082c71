package saramaclient_test

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// BenchmarkProduce sends records of 100 bytes through an asynchronous producer.
func BenchmarkProduce(b *testing.B) {
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("t", 8); err != nil {
		b.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	p, err := saramaclient.NewAsyncProducer(c, config)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan int)
	go func() {
		n := 0
		for range p.Successes() {
			n++
		}
		done <- n
	}()
	value := make(sarama.ByteEncoder, 100)
	keys := make([]sarama.StringEncoder, 1000)
	for i := range keys {
		keys[i] = sarama.StringEncoder(fmt.Sprintf("key-%d", i))
	}
	b.ReportAllocs()
	sent := 0
	for b.Loop() {
		p.Input() <- &sarama.ProducerMessage{Topic: "t", Key: keys[sent%len(keys)], Value: value}
		sent++
	}
	p.AsyncClose()
	if got := <-done; got != sent {
		b.Fatalf("%d of %d records were acknowledged", got, sent)
	}
}

// BenchmarkConsume reads records of 100 bytes through a partition consumer.
func BenchmarkConsume(b *testing.B) {
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("t", 1); err != nil {
		b.Fatal(err)
	}
	const batch = 1000
	fill := func() {
		records := make([]memkafka.Record, batch)
		for i := range records {
			records[i] = memkafka.Record{Key: []byte("key"), Value: make([]byte, 100), Timestamp: memkafka.NoTimestamp}
		}
		if _, err := c.Produce("t", 0, records...); err != nil {
			b.Fatal(err)
		}
	}
	consumer, err := saramaclient.NewConsumer(c, nil)
	if err != nil {
		b.Fatal(err)
	}
	pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n%batch == 0 {
			b.StopTimer()
			fill()
			b.StartTimer()
		}
		<-pc.Messages()
		n++
	}
	if err := consumer.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStart is a cluster from nothing to the first record consumed.
func BenchmarkStart(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c := memkafka.New()
		if err := c.CreateTopic("t", 1); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Produce("t", 0, memkafka.Record{Value: []byte("v"), Timestamp: memkafka.NoTimestamp}); err != nil {
			b.Fatal(err)
		}
		consumer, err := saramaclient.NewConsumer(c, nil)
		if err != nil {
			b.Fatal(err)
		}
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			b.Fatal(err)
		}
		<-pc.Messages()
		c.Close()
	}
}
