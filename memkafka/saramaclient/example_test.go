package saramaclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// A producer commits one transaction and aborts another; a consumer of committed records sees the first.
func ExampleNewSyncProducer() {
	cluster := memkafka.New()
	defer cluster.Close()
	if err := cluster.CreateTopic("orders", 1); err != nil {
		log.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Producer.Transaction.ID = "orders-1"
	config.Net.MaxOpenRequests = 1
	config.Consumer.IsolationLevel = sarama.ReadCommitted

	producer, err := saramaclient.NewSyncProducer(cluster, config)
	if err != nil {
		log.Fatal(err)
	}
	defer producer.Close()
	send := func(value string, end func() error) {
		if err := producer.BeginTxn(); err != nil {
			log.Fatal(err)
		}
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "orders", Value: sarama.StringEncoder(value)}); err != nil {
			log.Fatal(err)
		}
		if err := end(); err != nil {
			log.Fatal(err)
		}
	}
	send("a mistake", producer.AbortTxn)
	send("two teapots", producer.CommitTxn)

	consumer, err := saramaclient.NewConsumer(cluster, config)
	if err != nil {
		log.Fatal(err)
	}
	defer consumer.Close()
	orders, err := consumer.ConsumePartition("orders", 0, sarama.OffsetOldest)
	if err != nil {
		log.Fatal(err)
	}
	order := <-orders.Messages()
	fmt.Printf("offset %d: %s\n", order.Offset, order.Value)
	// Output:
	// offset 2: two teapots
}

// counting is a handler of a consumer group that counts what it is given, and leaves when there is no more.
type counting struct {
	want, seen int
	leave      func()
}

func (*counting) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*counting) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (c *counting) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		session.MarkMessage(m, "")
		if c.seen++; c.seen == c.want {
			c.leave()
		}
	}
	return nil
}

// A member of a group reads a topic, and leaves; its offsets are committed.
func ExampleNewConsumerGroup() {
	cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0)) // Kafka's own 3 s are for groups of many
	defer cluster.Close()
	if err := cluster.CreateTopic("orders", 1); err != nil {
		log.Fatal(err)
	}
	for _, value := range []string{"tea", "cup"} {
		if _, err := cluster.Produce("orders", 0, memkafka.Record{Value: []byte(value)}); err != nil {
			log.Fatal(err)
		}
	}
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	group, err := saramaclient.NewConsumerGroup(cluster, "billing", config)
	if err != nil {
		log.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	c := &counting{want: 2, leave: leave}
	if err := group.Consume(ctx, []string{"orders"}, c); err != nil {
		log.Fatal(err)
	}
	if err := group.Close(); err != nil {
		log.Fatal(err)
	}
	offset, _ := cluster.Committed("billing", "orders", 0)
	fmt.Println(c.seen, "orders, committed:", offset)
	// Output: 2 orders, committed: 2
}
