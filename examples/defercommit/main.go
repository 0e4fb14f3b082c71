// Command defercommit forwards messages through a client that goka knows nothing of, and commits each of them only when
// that client has answered. What was not answered comes again after a restart.
//
//	go run ./examples/defercommit
//	go run ./examples/defercommit -brokers localhost:9092
package main

import (
	"context"
	"sync"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() { app.Main("defercommit", example) }

// gateway stands for something slow beside Kafka, such as a mail server. It answers when it wants to.
type gateway struct {
	mu      sync.Mutex // guards the rest
	sent    []string
	pending []func(error)
}

// send hands a message over; done is called with the answer.
func (g *gateway) send(text string, done func(error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, text)
	g.pending = append(g.pending, done)
}

// answer answers the next n messages.
func (g *gateway) answer(n int) {
	g.mu.Lock()
	done := g.pending[:n]
	g.pending = g.pending[n:]
	g.mu.Unlock()
	for _, d := range done {
		d(nil)
	}
}

func (g *gateway) received() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.sent...)
}

// Mails sends each message on. A callback returns at once; its message is finished when the gateway has answered.
func Mails(g *gateway) *goka.GroupGraph {
	return goka.DefineGroup("mails",
		goka.Input("outbox", new(codec.String), func(ctx goka.Context, msg any) {
			g.send(msg.(string), ctx.DeferCommit())
		}),
	)
}

func example(ctx context.Context, a *app.App) error {
	if err := a.Streams(1, "outbox"); err != nil {
		return err
	}
	if err := a.Emit("outbox", new(codec.String),
		app.Message{Key: "ann", Value: "1: hello"}, app.Message{Key: "ann", Value: "2: your order"}, app.Message{Key: "ann", Value: "3: goodbye"},
	); err != nil {
		return err
	}
	if err := round(ctx, a, "the first run", 3, 1); err != nil {
		return err
	}
	return round(ctx, a, "the second run", 2, 2)
}

// round runs the group until the gateway has received some messages, has the first few answered, and stops.
func round(ctx context.Context, a *app.App, name string, receive, answer int) error {
	g := new(gateway)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p, err := a.NewProcessor(Mails(g), goka.WithShutdownTimeout(100*time.Millisecond)) // for answers that never come
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	err = a.Until("the gateway to receive messages", func() (bool, error) { return len(g.received()) == receive, nil })
	if err == nil {
		a.Printf("%s sends %q; %d answered", name, g.received(), answer)
		g.answer(answer)
	}
	stop()
	<-done // the shutdown gives up on answers that are missing, and says so
	return err
}
