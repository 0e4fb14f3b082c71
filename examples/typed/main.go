// Command typed is a shop without type assertions: topics are declared once, with the Go types of their values.
//
//	go run ./examples/typed
//	go run ./examples/typed -brokers localhost:9092
package main

import (
	"context"
	"fmt"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/typed"
)

func main() { app.Main("typed", example) }

type order struct {
	Item  string
	Cents int64
}

// The topics of the shop, with their types.
var (
	orders = typed.NewStream[order]("shop-orders", new(codec.JSON[order]))
	spent  = typed.TableOf[int64]("spending", new(codec.Int64))
)

// Spending adds up what each customer spent. An order that cannot be is an error: it stops the processor, and is not lost.
func Spending() *goka.GroupGraph {
	return goka.DefineGroup("spending",
		typed.Input(orders, func(ctx typed.Context[int64], o order) error {
			if o.Cents < 0 {
				return fmt.Errorf("%s for %d cents", o.Item, o.Cents)
			}
			before, _ := ctx.Value()
			ctx.SetValue(before + o.Cents)
			return nil
		}),
		typed.Persist(spent),
	)
}

func example(_ context.Context, a *app.App) error {
	if err := a.Streams(2, "shop-orders"); err != nil {
		return err
	}
	processor, err := a.Process(Spending())
	if err != nil {
		return err
	}
	before, _, err := typed.Get(processor, spent, "ann") // in earlier runs
	if err != nil {
		return err
	}
	emitter, err := typed.NewEmitter(a.Brokers, orders)
	if err != nil {
		return err
	}
	for _, o := range []order{{"tea", 300}, {"cup", 700}} {
		if err := emitter.EmitSync("ann", o); err != nil {
			return err
		}
	}
	if err := emitter.Finish(); err != nil {
		return err
	}
	err = a.Until("both orders", func() (bool, error) {
		cents, _, err := typed.Get(processor, spent, "ann")
		return cents >= before+1000, err
	})
	if err != nil {
		return err
	}
	a.Printf("ann spent %d cents", before+1000)
	return nil
}
