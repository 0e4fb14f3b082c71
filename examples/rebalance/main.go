// Command rebalance reads two streams with several instances of one group, and shows how they share the partitions as
// instances come and go. Nothing is lost or counted twice on the way.
//
//	go run ./examples/rebalance                                        one instance, two, three, two, one
//	go run ./examples/rebalance -random 30s                            instances come and go by chance
//	go run ./examples/rebalance -brokers localhost:9092
//	go run ./examples/rebalance -random 1m -brokers localhost:9092     in several terminals at once
package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

var random = flag.Duration("random", 0, "`TIME` for which instances come and go by chance, with other processes that do the same")

func main() {
	app.Main("rebalance", func(ctx context.Context, a *app.App) error {
		if *random > 0 {
			return comeAndGo(ctx, a, *random)
		}
		return example(ctx, a)
	})
}

const partitions = 6

// Stock counts what came in and what went out. Both streams have the same number of partitions, so that one instance has
// both sides of an article.
func Stock() *goka.GroupGraph {
	return goka.DefineGroup("stock",
		goka.Input("arrivals", new(codec.Int64), func(ctx goka.Context, msg any) { add(ctx, msg.(int64)) }),
		goka.Input("sales", new(codec.String), func(ctx goka.Context, _ any) { add(ctx, -1) }),
		goka.Persist(new(codec.Int64)),
	)
}

func add(ctx goka.Context, n int64) {
	pieces, _ := ctx.Value().(int64)
	ctx.SetValue(pieces + n)
}

// example has instances come and go one by one, and looks how they share the partitions each time.
func example(ctx context.Context, a *app.App) error {
	if err := a.Streams(partitions, "arrivals", "sales"); err != nil {
		return err
	}
	s := newShares()
	var running []*instance
	for n := 1; n <= 3; n++ {
		i, err := start(a, s, fmt.Sprintf("stock-%d", n))
		if err != nil {
			return err
		}
		running = append(running, i)
		if err := s.wait(a, n); err != nil {
			return err
		}
		if n > 1 {
			continue
		}
		// While there is one instance, its table is whole: what earlier runs left is added to.
		if err := i.processor.WaitForReadyContext(ctx); err != nil {
			return err
		}
		if s.before, err = inStock(i.processor); err != nil {
			return err
		}
		if err := trade(a, 1); err != nil {
			return err
		}
	}
	if err := trade(a, 2); err != nil {
		return err
	}
	for i := len(running) - 1; i > 0; i-- {
		running[i].stop()
		if err := s.wait(a, i); err != nil {
			return err
		}
	}
	if err := trade(a, 3); err != nil {
		return err
	}
	view, err := a.View(goka.GroupTable("stock"), new(codec.Int64))
	if err != nil {
		return err
	}
	for i := range articles {
		if err := a.UntilRow(view, article(i), s.before[i]+3*9); err != nil {
			return err
		}
	}
	a.Printf("each of %d articles: 3 times 10 in and 1 out, 27 more in stock", articles)
	running[0].stop()
	return nil
}

const articles = 20

func article(i int) string { return fmt.Sprintf("article-%d", i) }

// inStock returns how many pieces there are of each article.
func inStock(table app.Table) (pieces [articles]int64, err error) {
	for i := range articles {
		if pieces[i], err = app.Count(table, article(i)); err != nil {
			return pieces, err
		}
	}
	return pieces, nil
}

// trade has 10 pieces of each article arrive and sells one.
func trade(a *app.App, round int) error {
	var in, out []app.Message
	for i := range articles {
		in = append(in, app.Message{Key: article(i), Value: int64(10)})
		out = append(out, app.Message{Key: article(i), Value: fmt.Sprintf("round %d", round)})
	}
	if err := a.Emit("arrivals", new(codec.Int64), in...); err != nil {
		return err
	}
	return a.Emit("sales", new(codec.String), out...)
}
