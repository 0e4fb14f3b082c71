// Command alarms is an application that is here for its tests: see alarms_test.go, and examples/testing for more.
//
//	go test -v ./examples/alarms
//	go run ./examples/alarms
//	go run ./examples/alarms -brokers localhost:9092
package main

import (
	"context"
	"errors"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() { app.Main("alarms", example) }

var errNegative = errors.New("a measurement below zero")

// Alarms keeps the highest temperature of each room, and raises an alarm when it is over the room's limit.
func Alarms() *goka.GroupGraph {
	return goka.DefineGroup("alarms",
		goka.InputErr("temperatures", new(codec.Int64), func(ctx goka.Context, msg any) error {
			degrees := msg.(int64)
			if degrees < 0 {
				return errNegative
			}
			highest, _ := ctx.Value().(int64)
			if degrees <= highest {
				return nil
			}
			ctx.SetValue(degrees)
			if limit, ok := ctx.Join("limits").(int64); ok && degrees > limit {
				ctx.Emit("alarm", ctx.Key(), degrees-limit)
			}
			return nil
		}),
		goka.Join("limits", new(codec.Int64)),
		goka.Output("alarm", new(codec.Int64)),
		goka.Persist(new(codec.Int64)),
	)
}

// Counts counts alarms by room.
func Counts() *goka.GroupGraph {
	return goka.DefineGroup("alarm-counts",
		goka.Input("alarm", new(codec.Int64), func(ctx goka.Context, _ any) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		goka.Persist(new(codec.Int64)),
	)
}

func example(_ context.Context, a *app.App) error {
	if err := a.Tables(2, "limits"); err != nil {
		return err
	}
	if err := a.Streams(2, "temperatures", "alarm"); err != nil {
		return err
	}
	if err := a.Emit("limits", new(codec.Int64), app.Message{Key: "kitchen", Value: int64(30)}); err != nil {
		return err
	}
	for _, gg := range []*goka.GroupGraph{Alarms(), Counts()} {
		if _, err := a.Process(gg); err != nil {
			return err
		}
	}
	counts, err := a.View(goka.GroupTable("alarm-counts"), new(codec.Int64))
	if err != nil {
		return err
	}
	for _, degrees := range []int64{20, 31, 25, 35} {
		if err := a.Emit("temperatures", new(codec.Int64), app.Message{Key: "kitchen", Value: degrees}); err != nil {
			return err
		}
	}
	if err := a.UntilRow(counts, "kitchen", int64(2)); err != nil {
		return err
	}
	a.Printf("kitchen: 2 alarms")
	return nil
}
