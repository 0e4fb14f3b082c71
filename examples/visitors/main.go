// Command visitors resets every row of a table: a visitor runs over all keys while messages keep coming.
//
//	go run ./examples/visitors
//	go run ./examples/visitors -brokers localhost:9092
package main

import (
	"context"
	"fmt"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() { app.Main("visitors", example) }

// Scores adds up points by player. Its visitor sets every score to what it is told.
func Scores() *goka.GroupGraph {
	return goka.DefineGroup("scores",
		goka.Input("points", new(codec.Int64), func(ctx goka.Context, msg any) {
			score, _ := ctx.Value().(int64)
			ctx.SetValue(score + msg.(int64))
		}),
		goka.Visitor("reset", func(ctx goka.Context, to any) { ctx.SetValue(to) }),
		goka.Persist(new(codec.Int64)),
	)
}

func example(ctx context.Context, a *app.App) error {
	if err := a.Streams(3, "points"); err != nil {
		return err
	}
	processor, err := a.Process(Scores())
	if err != nil {
		return err
	}
	view, err := a.View(goka.GroupTable("scores"), new(codec.Int64))
	if err != nil {
		return err
	}

	var points []app.Message
	for i := range players {
		points = append(points, app.Message{Key: fmt.Sprintf("player-%d", i), Value: int64(100 + i)})
	}
	if err := a.Emit("points", new(codec.Int64), points...); err != nil {
		return err
	}
	if err := untilAll(a, view, func(i int) int64 { return int64(100 + i) }); err != nil {
		return err
	}
	a.Printf("before: player-7 has 107 points")

	visited, err := processor.VisitAllWithStats(ctx, "reset", int64(0))
	if err != nil {
		return err
	}
	if err := untilAll(a, view, func(int) int64 { return 0 }); err != nil {
		return err
	}
	a.Printf("the visitor came to %d players; player-7 has 0 points", visited)
	return nil
}

// players is how many there are.
const players = 10

func untilAll(a *app.App, view *goka.View, want func(i int) int64) error {
	for i := range players {
		if err := a.UntilRow(view, fmt.Sprintf("player-%d", i), want(i)); err != nil {
			return err
		}
	}
	return nil
}
