// Command counter is the simplest application: it counts the messages of each key.
//
//	go run ./examples/counter
//	go run ./examples/counter -brokers localhost:9092
package main

import (
	"context"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() { app.Main("counter", example) }

// Counter is the group: it reads visits and keeps, for each key, how many there were.
func Counter() *goka.GroupGraph {
	return goka.DefineGroup("counter",
		goka.Input("visits", new(codec.String), func(ctx goka.Context, msg any) {
			n, _ := ctx.Value().(int64) // nil, and so 0, for a key that is new
			ctx.SetValue(n + 1)
		}),
		goka.Persist(new(codec.Int64)),
	)
}

func example(_ context.Context, a *app.App) error {
	if err := a.Streams(4, "visits"); err != nil {
		return err
	}
	processor, err := a.Process(Counter())
	if err != nil {
		return err
	}
	ann, err := app.Count(processor, "ann") // from earlier runs: the table is in Kafka, and comes back from there
	if err != nil {
		return err
	}
	bob, err := app.Count(processor, "bob")
	if err != nil {
		return err
	}
	if err := a.Emit("visits", new(codec.String),
		app.Message{Key: "ann", Value: "home"}, app.Message{Key: "bob", Value: "home"}, app.Message{Key: "ann", Value: "cart"},
	); err != nil {
		return err
	}
	if err := a.UntilCount(processor, "ann", ann+2); err != nil {
		return err
	}
	if err := a.UntilCount(processor, "bob", bob+1); err != nil {
		return err
	}
	a.Printf("ann came %d times, bob %d", ann+2, bob+1)
	return nil
}
