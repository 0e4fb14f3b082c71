package tester_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"testing"

	lovoo "github.com/lovoo/goka"
	lovoocodec "github.com/lovoo/goka/codec"
	lovootester "github.com/lovoo/goka/tester"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/tester"
)

func TestMain(m *testing.M) {
	code := m.Run()
	endJVMs()
	os.Exit(code)
}

// silent is where the other one's processors write.
var silent = log.New(io.Discard, "", 0)

// BenchmarkConsume is one message through a tester into a stateful counter: decode, read the row, write it, and return when
// all that has finished.
func BenchmarkConsume(b *testing.B) {
	b.Run("gokasim", func(b *testing.B) { consumeGokasim(b, 1) })
	b.Run("lovoo", func(b *testing.B) { consumeLovoo(b, 1) })
	b.Run("kafka-streams", func(b *testing.B) { topologyTestDriver(b, "consume", 100_000) })
	b.Run("kafka-streams-rocksdb", func(b *testing.B) { topologyTestDriver(b, "consume-rocksdb", 100_000) })
}

// BenchmarkPipeline is one message through three stateful counters, each with a topic before it.
func BenchmarkPipeline(b *testing.B) {
	b.Run("gokasim", func(b *testing.B) { consumeGokasim(b, 3) })
	b.Run("lovoo", func(b *testing.B) { consumeLovoo(b, 3) })
	b.Run("kafka-streams", func(b *testing.B) { topologyTestDriver(b, "pipeline", 30_000) })
}

// BenchmarkStartAndStop is a tester with a stateful counter, from nothing until it runs, and its end.
func BenchmarkStartAndStop(b *testing.B) {
	b.Run("gokasim", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tt := tester.New(quiet{b})
			p, err := goka.NewProcessor(nil, graphOf(0, 1), goka.WithTester(tt), goka.WithLogger(logger.Discard()))
			if err != nil {
				b.Fatal(err)
			}
			startAndStop(b, p.Run, p.WaitForReady)
			tt.Close()
		}
	})
	b.Run("lovoo", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := lovoo.NewProcessor(nil, lovooGraphOf(0, 1), lovoo.WithTester(lovootester.New(quiet{b})), lovoo.WithLogger(silent))
			if err != nil {
				b.Fatal(err)
			}
			startAndStop(b, p.Run, p.WaitForReady)
		}
	})
	b.Run("kafka-streams", func(b *testing.B) { topologyTestDriver(b, "start-and-stop", 300) })
}

// quiet is a T without Cleanup, so that a tester is not kept until the benchmark ends.
type quiet struct{ b *testing.B }

func (q quiet) Errorf(format string, args ...interface{}) { q.b.Errorf(format, args...) }
func (q quiet) Fatalf(format string, args ...interface{}) { q.b.Fatalf(format, args...) }
func (q quiet) Fatal(args ...interface{})                 { q.b.Fatal(args...) }

func startAndStop(b *testing.B, run func(ctx context.Context) error, ready func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	if err := ready(); err != nil {
		b.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// graphOf is counter number i of n in a row.
func graphOf(i, n int) *goka.GroupGraph {
	next := goka.Stream(fmt.Sprint("t", i+1))
	edges := []goka.Edge{
		goka.Input(goka.Stream(fmt.Sprint("t", i)), new(codec.String), func(ctx goka.Context, msg any) {
			count, _ := ctx.Value().(int64)
			ctx.SetValue(count + 1)
			if n > 1 {
				ctx.Emit(next, ctx.Key(), msg)
			}
		}),
		goka.Persist(new(codec.Int64)),
	}
	if n > 1 {
		edges = append(edges, goka.Output(next, new(codec.String)))
	}
	return goka.DefineGroup(goka.Group(fmt.Sprint("count", i)), edges...)
}

func lovooGraphOf(i, n int) *lovoo.GroupGraph {
	next := lovoo.Stream(fmt.Sprint("t", i+1))
	edges := []lovoo.Edge{
		lovoo.Input(lovoo.Stream(fmt.Sprint("t", i)), new(lovoocodec.String), func(ctx lovoo.Context, msg any) {
			count, _ := ctx.Value().(int64)
			ctx.SetValue(count + 1)
			if n > 1 {
				ctx.Emit(next, ctx.Key(), msg)
			}
		}),
		lovoo.Persist(new(lovoocodec.Int64)),
	}
	if n > 1 {
		edges = append(edges, lovoo.Output(next, new(lovoocodec.String)))
	}
	return lovoo.DefineGroup(lovoo.Group(fmt.Sprint("count", i)), edges...)
}

func consumeGokasim(b *testing.B, n int) {
	tt := tester.New(b)
	var runs []func(ctx context.Context) error
	for i := range n {
		p, err := goka.NewProcessor(nil, graphOf(i, n), goka.WithTester(tt), goka.WithLogger(logger.Discard()))
		if err != nil {
			b.Fatal(err)
		}
		runs = append(runs, p.Run)
	}
	measure(b, runs, func() { tt.Consume("t0", "k", "x") })
}

func consumeLovoo(b *testing.B, n int) {
	tt := lovootester.New(b)
	var runs []func(ctx context.Context) error
	for i := range n {
		p, err := lovoo.NewProcessor(nil, lovooGraphOf(i, n), lovoo.WithTester(tt), lovoo.WithLogger(silent))
		if err != nil {
			b.Fatal(err)
		}
		runs = append(runs, p.Run)
	}
	measure(b, runs, func() { tt.Consume("t0", "k", "x") })
}

func measure(b *testing.B, runs []func(ctx context.Context) error, consume func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, len(runs))
	for _, run := range runs {
		go func() { done <- run(ctx) }()
	}
	consume()
	b.ReportAllocs()
	for b.Loop() {
		consume()
	}
	cancel()
	for range runs {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}
