package saramaclient_test

import (
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
