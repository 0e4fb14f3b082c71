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
	var want [players]int64
	for i := range players {
		before, err := app.Count(view, player(i)) // 0, unless an earlier run was cut short
		if err != nil {
			return err
		}
		points = append(points, app.Message{Key: player(i), Value: int64(100 + i)})
		want[i] = before + int64(100+i)
	}
	if err := a.Emit("points", new(codec.Int64), points...); err != nil {
		return err
	}
	if err := untilAll(a, processor, want); err != nil { // a visitor comes to rows that the processor has stored
		return err
	}
	a.Printf("before: player-7 has %d points", want[7])

	visited, err := processor.VisitAllWithStats(ctx, "reset", int64(0))
	if err != nil {
		return err
	}
	if err := untilAll(a, view, [players]int64{}); err != nil {
		return err
	}
	a.Printf("the visitor came to %d players; player-7 has 0 points", visited)
	return nil
}

// players is how many there are.
const players = 10

func player(i int) string { return fmt.Sprintf("player-%d", i) }

func untilAll(a *app.App, table app.Table, want [players]int64) error {
	for i := range players {
		if err := a.UntilRow(table, player(i), want[i]); err != nil {
			return err
		}
	}
	return nil
}
