package goka_test

import (
	"context"
	"fmt"
	"log"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient" // for mem://; with Kafka's addresses it is not needed
)

// A group that counts clicks by user, an emitter that makes some, and a view of the counts.
func Example() {
	brokers := []string{"mem://example"}
	topics, err := goka.DefaultTopicManagerBuilder(brokers)
	if err != nil {
		log.Fatal(err)
	}
	if err := topics.EnsureStreamExists("clicks", 4); err != nil {
		log.Fatal(err)
	}
	if err := topics.Close(); err != nil {
		log.Fatal(err)
	}

	graph := goka.DefineGroup("counter",
		goka.Input("clicks", new(codec.String), func(ctx goka.Context, msg interface{}) {
			clicks, _ := ctx.Value().(int64)
			ctx.SetValue(clicks + 1)
		}),
		goka.Persist(new(codec.Int64)),
	)
	config := goka.DefaultConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	processor, err := goka.NewProcessor(brokers, graph, goka.WithConfig(config), goka.WithLogger(logger.Discard()))
	if err != nil {
		log.Fatal(err)
	}
	view, err := goka.NewView(brokers, goka.GroupTable("counter"), new(codec.Int64), goka.WithViewLogger(logger.Discard()))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- processor.Run(ctx) }()
	go func() { done <- view.Run(ctx) }()

	emitter, err := goka.NewEmitter(brokers, "clicks", new(codec.String))
	if err != nil {
		log.Fatal(err)
	}
	for _, user := range []string{"anna", "ben", "anna"} {
		if err := emitter.EmitSync(user, "click"); err != nil {
			log.Fatal(err)
		}
	}
	if err := emitter.Finish(); err != nil {
		log.Fatal(err)
	}

	<-view.WaitRunning()
	for {
		clicks, err := view.Get("anna")
		if err != nil {
			log.Fatal(err)
		}
		if clicks == int64(2) {
			break
		}
	}
	fmt.Println("anna clicked twice")

	cancel()
	for range 2 {
		if err := <-done; err != nil {
			log.Fatal(err)
		}
	}
	// Output: anna clicked twice
}
