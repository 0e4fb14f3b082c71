// Command reconnect has a view that lives through an outage: it comes up without Kafka, serves what it knows while Kafka is
// away, connects again with a growing pause, and catches up.
//
//	go run ./examples/reconnect
//	go run ./examples/reconnect -brokers localhost:9092    where the example cuts its own view off, and no one else
package main

import (
	"context"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/storage"
)

func main() { app.Main("reconnect", example) }

// Prices makes a view that never gives up. Its first pause is short and the longest is not long: yours will be longer.
func Prices(a *app.App, l *line) (*goka.View, error) {
	config := app.Config()
	config.Net.Proxy.Enable = true // for the outage; goka needs none of it
	config.Net.Proxy.Dialer = l
	return goka.NewView(a.Brokers, "prices", new(codec.Int64),
		goka.WithViewAutoReconnect(),
		goka.WithViewBackoffBuilder(func() (goka.Backoff, error) {
			return goka.NewSimpleBackoff(10*time.Millisecond, 100*time.Millisecond), nil
		}),
		goka.WithViewConfig(config),
		goka.WithViewTopicManagerBuilder(app.TopicsOver(config)),
		goka.WithViewStorageBuilder(storage.MemoryBuilder()),
		goka.WithViewLogger(logger.Discard()),
	)
}

func example(_ context.Context, a *app.App) error {
	if err := a.Tables(1, "prices"); err != nil {
		return err
	}
	if err := price(a, 300); err != nil {
		return err
	}

	line := newLine(a)
	if err := line.set(down); err != nil {
		return err
	}
	view, err := Prices(a, line)
	if err != nil {
		return err
	}
	a.Go(view.Run)
	in := func(state goka.ViewState) func() (bool, error) {
		return func() (bool, error) { return view.CurrentState() == state, nil }
	}
	if err := a.Until("the view to ask for Kafka", in(goka.ViewStateConnecting)); err != nil {
		return err
	}
	a.Printf("no Kafka yet: the view waits")

	if err := line.set(up); err != nil {
		return err
	}
	if err := a.Until("the view to run", in(goka.ViewStateRunning)); err != nil {
		return err
	}
	if err := a.UntilRow(view, "tea", int64(300)); err != nil {
		return err
	}
	a.Printf("running: tea is 300")

	// An outage: what the view knows, it serves.
	if err := line.set(down); err != nil {
		return err
	}
	known, err := view.Get("tea")
	if err != nil {
		return err
	}
	a.Printf("Kafka is gone: tea is still %v", known)

	if err := line.set(up); err != nil {
		return err
	}
	if err := price(a, 350); err != nil {
		return err
	}
	if err := a.UntilRow(view, "tea", int64(350)); err != nil {
		return err
	}
	a.Printf("Kafka is back: tea is 350")
	return nil
}

// price sets the price of tea.
func price(a *app.App, cents int64) error {
	return a.Emit("prices", new(codec.Int64), app.Message{Key: "tea", Value: cents})
}
