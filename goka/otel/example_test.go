package otel_test

import (
	"fmt"
	"log"
	"slices"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/otel"
	"github.com/gokasim/gokasim/tester"
)

// noTest stands in for the *testing.T that a test would give its tester.
type noTest struct{}

func (noTest) Errorf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatalf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatal(args ...interface{})                 { log.Fatal(args...) }

// A callback that emits makes two spans of one trace.
func ExampleNew() {
	spans := tracetest.NewInMemoryExporter() // where a program has the exporter of its collector
	tracer, err := otel.New(otel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))))
	if err != nil {
		log.Fatal(err)
	}
	tt := tester.New(noTest{})
	defer tt.Close()
	tt.StartProcessor(goka.DefineGroup("copies",
		goka.Input("words", new(codec.String), func(ctx goka.Context, word any) { ctx.Emit("copied", ctx.Key(), word) }),
		goka.Output("copied", new(codec.String)),
	), goka.WithObserver(tracer), goka.WithLogger(nil))
	tt.Consume("words", "k", "hello")

	var lines []string
	for _, s := range spans.GetSpans() {
		lines = append(lines, fmt.Sprint(s.Name, ", ", s.SpanKind))
	}
	slices.Sort(lines) // which ends first is not said
	for _, line := range lines {
		fmt.Println(line)
	}
	// Output:
	// process words, consumer
	// send copied, producer
}
