package tester_test

import (
	"context"
	"testing"

	lovoo "github.com/lovoo/goka"
	lovoocodec "github.com/lovoo/goka/codec"
	lovootester "github.com/lovoo/goka/tester"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/tester"
)

// BenchmarkConsume is one message through a tester into a stateful counter: decode, read the row, write it, and return when
// all that has finished.
func BenchmarkConsume(b *testing.B) {
	b.Run("gokasim", func(b *testing.B) {
		tt := tester.New(b)
		p, err := goka.NewProcessor(nil, goka.DefineGroup("count",
			goka.Input("in", new(codec.String), func(ctx goka.Context, _ any) {
				n, _ := ctx.Value().(int64)
				ctx.SetValue(n + 1)
			}),
			goka.Persist(new(codec.Int64)),
		), goka.WithTester(tt), goka.WithLogger(logger.Discard()))
		if err != nil {
			b.Fatal(err)
		}
		measure(b, p.Run, func() { tt.Consume("in", "k", "x") })
	})
	b.Run("lovoo", func(b *testing.B) {
		tt := lovootester.New(b)
		p, err := lovoo.NewProcessor(nil, lovoo.DefineGroup("count",
			lovoo.Input("in", new(lovoocodec.String), func(ctx lovoo.Context, _ any) {
				n, _ := ctx.Value().(int64)
				ctx.SetValue(n + 1)
			}),
			lovoo.Persist(new(lovoocodec.Int64)),
		), lovoo.WithTester(tt))
		if err != nil {
			b.Fatal(err)
		}
		measure(b, p.Run, func() { tt.Consume("in", "k", "x") })
	})
}

func measure(b *testing.B, run func(ctx context.Context) error, consume func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	consume()
	b.ReportAllocs()
	for b.Loop() {
		consume()
	}
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
