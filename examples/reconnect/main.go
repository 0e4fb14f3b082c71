// Command reconnect has a view that lives through an outage of Kafka: it serves what it knows, connects again with a
// growing pause, and catches up.
//
//	go run ./examples/reconnect
//	go run ./examples/reconnect -brokers localhost:9092    and stop your broker for a while
package main

import (
	"context"
	"strings"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/storage"
)

func main() { app.Main("reconnect", example) }

func example(_ context.Context, a *app.App) error {
	if err := a.Tables(1, "prices"); err != nil {
		return err
	}
	if err := a.Emit("prices", new(codec.Int64), app.Message{Key: "tea", Value: int64(300)}); err != nil {
		return err
	}
	name, inProcess := strings.CutPrefix(a.Brokers[0], "mem://")
	kafka := func(up bool) error {
		switch {
		case !inProcess:
			return nil // yours to stop and start
		case up:
			return memkafka.Named(name).BrokerUp(1)
		}
		return memkafka.Named(name).BrokerDown(1)
	}

	// The view starts without Kafka.
	if err := kafka(false); err != nil {
		return err
	}
	view, err := goka.NewView(a.Brokers, "prices", new(codec.Int64),
		goka.WithViewAutoReconnect(),
		goka.WithViewBackoffBuilder(func() (goka.Backoff, error) {
			return goka.NewSimpleBackoff(10*time.Millisecond, 100*time.Millisecond), nil
		}),
		goka.WithViewConfig(app.Config()),
		goka.WithViewTopicManagerBuilder(app.Topics),
		goka.WithViewStorageBuilder(storage.MemoryBuilder()),
		goka.WithViewLogger(logger.Discard()),
	)
	if err != nil {
		return err
	}
	a.Go(view.Run)
	connecting := func() (bool, error) { return view.CurrentState() == goka.ViewStateConnecting, nil }
	if inProcess {
		if err := a.Until("the view to ask for Kafka", connecting); err != nil {
			return err
		}
	}
	a.Printf("no Kafka yet: the view waits")
	if err := kafka(true); err != nil {
		return err
	}
	if err := a.UntilRow(view, "tea", int64(300)); err != nil {
		return err
	}
	a.Printf("running: tea is 300")

	// An outage: what the view knows, it serves.
	if err := kafka(false); err != nil {
		return err
	}
	price, err := view.Get("tea")
	if err != nil {
		return err
	}
	a.Printf("Kafka is gone: tea is still %v", price)

	if err := kafka(true); err != nil {
		return err
	}
	if err := a.Emit("prices", new(codec.Int64), app.Message{Key: "tea", Value: int64(350)}); err != nil {
		return err
	}
	if err := a.UntilRow(view, "tea", int64(350)); err != nil {
		return err
	}
	a.Printf("Kafka is back: tea is 350")
	return nil
}
