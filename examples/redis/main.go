// Command redis keeps a group's table in Redis: instances that come up elsewhere find it there.
//
//	go run ./examples/redis                        with a Redis in this process
//	go run ./examples/redis -redis localhost:6379
//	go run ./examples/redis -redis localhost:6379 -brokers localhost:9092
package main

import (
	"context"
	"flag"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	store "github.com/gokasim/gokasim/storage/redis"
)

var address = flag.String("redis", "", "`HOST:PORT` of a Redis server; one in this process unless given")

func main() { app.Main("redis", example) }

// Words counts words.
func Words() *goka.GroupGraph {
	return goka.DefineGroup("words",
		goka.Input("texts", new(codec.String), func(ctx goka.Context, _ any) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		goka.Persist(new(codec.Int64)),
	)
}

func example(ctx context.Context, a *app.App) error {
	if *address == "" {
		server, err := miniredis.Run()
		if err != nil {
			return err
		}
		defer server.Close()
		return count(ctx, a, server.Addr())
	}
	return count(ctx, a, *address)
}

func count(ctx context.Context, a *app.App, address string) error {
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	if err := a.Streams(1, "texts"); err != nil {
		return err
	}
	p, err := a.NewProcessor(Words(), goka.WithStorageBuilder(store.RedisBuilder(client, "example")))
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.Run(running) }()
	if err := p.WaitForReadyContext(ctx); err != nil {
		return err
	}
	before := map[string]int64{}
	for _, word := range []string{"goka", "kafka"} {
		if before[word], err = app.Count(p, word); err != nil { // of earlier runs
			return err
		}
	}
	if err := a.Emit("texts", new(codec.String),
		app.Message{Key: "goka", Value: ""}, app.Message{Key: "kafka", Value: ""}, app.Message{Key: "goka", Value: ""},
	); err != nil {
		return err
	}
	if err := a.UntilCount(p, "goka", before["goka"]+2); err != nil {
		return err
	}
	if err := a.UntilCount(p, "kafka", before["kafka"]+1); err != nil {
		return err
	}
	stop() // the table's last rows and their offset are in Redis when Run returns
	if err := <-done; err != nil {
		return err
	}

	rows, err := client.HGetAll(ctx, "{example:words-table:0}:rows").Result()
	if err != nil {
		return err
	}
	a.Printf("in Redis: goka %s, kafka %s", rows["goka"], rows["kafka"])
	return nil
}
