package goka_test

import (
	"log"
	"os"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

var (
	brokers = []string{"localhost:9092"}
	graph   = goka.DefineGroup("shop", goka.Input("orders", new(codec.String), func(goka.Context, any) {}))
)

// One configuration connects everything that a processor is made of.
func ExampleWithConfig() {
	config := goka.DefaultConfig()
	config.Net.TLS.Enable = true
	config.Net.SASL.Enable = true
	config.Net.SASL.User = "shop"
	config.Net.SASL.Password = os.Getenv("KAFKA_PASSWORD")
	config.Consumer.Offsets.Initial = sarama.OffsetOldest // a new group begins with the first record, not with the next

	processor, err := goka.NewProcessor(brokers, graph, goka.WithConfig(config))
	if err != nil {
		log.Fatal(err)
	}
	_ = processor // run it
}

// How topics are made that a processor needs and that are not there.
func ExampleWithTopicManagerBuilder() {
	topics := goka.NewTopicManagerConfig()
	topics.Table.Replication = 3
	topics.Stream.Replication = 3
	topics.Stream.Retention = 24 * time.Hour
	topics.MismatchBehavior = goka.TMConfigMismatchBehaviorFail

	processor, err := goka.NewProcessor(brokers, graph,
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithTopicManagerConfig(topics)))
	if err != nil {
		log.Fatal(err)
	}
	_ = processor // run it
}
