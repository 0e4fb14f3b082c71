package goka_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
)

// A view of a table that something else writes: here an emitter.
func ExampleNewView() {
	brokers := []string{"mem://example-view"}
	topics, err := goka.DefaultTopicManagerBuilder(brokers)
	if err != nil {
		log.Fatal(err)
	}
	defer topics.Close()
	if err := topics.EnsureTableExists("prices", 2); err != nil {
		log.Fatal(err)
	}
	emitter, err := goka.NewEmitter(brokers, "prices", new(codec.Int64))
	if err != nil {
		log.Fatal(err)
	}
	for item, cents := range map[string]int64{"tea": 300, "teapot": 4500, "cup": 700} {
		if err := emitter.EmitSync(item, cents); err != nil {
			log.Fatal(err)
		}
	}
	if err := emitter.Finish(); err != nil {
		log.Fatal(err)
	}

	view, err := goka.NewView(brokers, "prices", new(codec.Int64), goka.WithViewLogger(logger.Discard()))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- view.Run(ctx) }()
	<-view.WaitRunning()

	cents, err := view.Get("cup")
	fmt.Println("cup", cents, err)
	missing, err := view.Get("spoon")
	fmt.Println("spoon", missing, err)
	rows, err := view.IteratorWithRange("tea", "") // all keys that begin with tea
	if err != nil {
		log.Fatal(err)
	}
	for rows.Next() {
		value, err := rows.Value()
		fmt.Println(rows.Key(), value, err)
	}
	rows.Release()

	stop()
	fmt.Println("ended:", <-done)
	// Output:
	// cup 700 <nil>
	// spoon <nil> <nil>
	// tea 300 <nil>
	// teapot 4500 <nil>
	// ended: <nil>
}

// An emitter that does not wait for each message: its promises tell how it went, and Finish waits for all of them.
func ExampleNewEmitter() {
	brokers := []string{"mem://example-emitter"}
	topics, err := goka.DefaultTopicManagerBuilder(brokers)
	if err != nil {
		log.Fatal(err)
	}
	defer topics.Close()
	if err := topics.EnsureStreamExists("clicks", 1); err != nil {
		log.Fatal(err)
	}
	emitter, err := goka.NewEmitter(brokers, "clicks", new(codec.String),
		goka.WithEmitterDefaultHeaders(goka.Headers{"from": []byte("web")}))
	if err != nil {
		log.Fatal(err)
	}
	for _, page := range []string{"home", "cart"} {
		promise, err := emitter.Emit("ann", page)
		if err != nil { // of the codec
			log.Fatal(err)
		}
		promise.ThenWithMessage(func(m *sarama.ProducerMessage, err error) {
			fmt.Println(page, "is at offset", m.Offset, err)
		})
	}
	if err := emitter.Finish(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("afterwards:", emitter.EmitSync("ann", "home"))
	// Output:
	// home is at offset 0 <nil>
	// cart is at offset 1 <nil>
	// afterwards: emitter already closed
}

// A visitor goes over all rows of the group's table while messages keep coming.
func ExampleProcessor_VisitAll() {
	brokers := []string{"mem://example-visitor"}
	topics, err := goka.DefaultTopicManagerBuilder(brokers)
	if err != nil {
		log.Fatal(err)
	}
	defer topics.Close()
	if err := topics.EnsureStreamExists("points", 2); err != nil {
		log.Fatal(err)
	}
	config := goka.DefaultConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	processor, err := goka.NewProcessor(brokers, goka.DefineGroup("scores",
		goka.Input("points", new(codec.Int64), func(ctx goka.Context, points any) {
			score, _ := ctx.Value().(int64)
			ctx.SetValue(score + points.(int64))
		}),
		goka.Visitor("reset", func(ctx goka.Context, to any) { ctx.SetValue(to) }),
		goka.Persist(new(codec.Int64)),
	), goka.WithConfig(config), goka.WithLogger(logger.Discard()))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- processor.Run(ctx) }()
	if err := processor.WaitForReadyContext(ctx); err != nil {
		log.Fatal(err)
	}

	emitter, err := goka.NewEmitter(brokers, "points", new(codec.Int64))
	if err != nil {
		log.Fatal(err)
	}
	if err := emitter.EmitSync("ann", int64(7)); err != nil {
		log.Fatal(err)
	}
	if err := emitter.Finish(); err != nil {
		log.Fatal(err)
	}
	for score := any(nil); score != int64(7); {
		if score, err = processor.Get("ann"); err != nil {
			log.Fatal(err)
		}
	}
	if err := processor.VisitAll(ctx, "reset", int64(0)); err != nil {
		log.Fatal(err)
	}
	score, err := processor.Get("ann")
	fmt.Println("ann", score, err)

	stop()
	if err := <-done; err != nil {
		log.Fatal(err)
	}
	// Output: ann 0 <nil>
}
