package testing_test

import (
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

// Two groups in a row, an emitter before them and a view behind them.
func TestChain(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, goka.DefineGroup("split",
		goka.Input("bills", new(codec.Int64), func(ctx goka.Context, msg interface{}) { ctx.Loopback(ctx.Key(), msg) }),
		goka.Loop(new(codec.Int64), func(ctx goka.Context, msg interface{}) { // pays one after the other
			ctx.Emit("coins", ctx.Key(), int64(1))
			if n := msg.(int64); n > 1 {
				ctx.Loopback(ctx.Key(), n-1)
			}
		}),
		goka.Output("coins", new(codec.Int64))))
	run(t, tt, goka.DefineGroup("purse",
		goka.Input("coins", new(codec.Int64), func(ctx goka.Context, msg interface{}) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + msg.(int64))
		}),
		goka.Persist(new(codec.Int64))))
	view, err := goka.NewView(nil, goka.GroupTable("purse"), new(codec.Int64), goka.WithViewTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- view.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	emitter, err := goka.NewEmitter(nil, "bills", new(codec.Int64), goka.WithEmitterTester(tt))
	if err != nil {
		t.Fatal(err)
	}

	if err := emitter.EmitSync("ann", int64(5)); err != nil {
		t.Fatal(err)
	}
	if got, err := view.Get("ann"); err != nil || got != int64(5) {
		t.Errorf("ann's purse has %v (%v)", got, err)
	}
	if err := emitter.Finish(); err != nil {
		t.Error(err)
	}
}
