package metrics_test

import (
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/metrics"
	"github.com/gokasim/gokasim/tester"
)

// noTest stands in for the *testing.T that a test would give its tester.
type noTest struct{}

func (noTest) Errorf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatalf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatal(args ...interface{})                 { log.Fatal(args...) }

// A collector is the processor's observer, and looks at it when Prometheus asks.
func ExampleNew() {
	c := metrics.New()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)

	tt := tester.New(noTest{})
	defer tt.Close()
	processor := tt.StartProcessor(goka.DefineGroup("clicks",
		goka.Input("clicked", new(codec.String), func(goka.Context, any) {})), goka.WithObserver(c), goka.WithLogger(nil))
	c.AddProcessor(processor.Processor())
	tt.Consume("clicked", "ann", "home")
	tt.Consume("clicked", "bob", "home")

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "goka_processor_messages_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				fmt.Println(label.GetName(), "is", label.GetValue())
			}
			fmt.Println(f.GetName(), "is", m.GetCounter().GetValue())
		}
	}
	// Output:
	// group is clicks
	// partition is 0
	// topic is clicked
	// goka_processor_messages_total is 2
}
