package tester_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/tester"
)

// BenchmarkPipeline is a message through three processors, each with a table.
func BenchmarkPipeline(b *testing.B) {
	tt := tester.New(b)
	for i := range 3 {
		tt.StartProcessor(goka.DefineGroup(goka.Group(fmt.Sprint("g", i)),
			goka.Input(goka.Stream(fmt.Sprint("t", i)), new(codec.String), func(ctx goka.Context, msg any) {
				n, _ := ctx.Value().(int64)
				ctx.SetValue(n + 1)
				ctx.Emit(goka.Stream(fmt.Sprint("t", i+1)), ctx.Key(), msg)
			}),
			goka.Output(goka.Stream(fmt.Sprint("t", i+1)), new(codec.String)),
			goka.Persist(new(codec.Int64)),
		), goka.WithLogger(logger.Discard()))
	}
	b.ReportAllocs()
	for b.Loop() {
		tt.Consume("t0", "k", "x")
	}
}

// BenchmarkSimulatedHour is an hour of three instances that send heartbeats.
func BenchmarkSimulatedHour(b *testing.B) {
	t := new(testing.T)
	b.ReportAllocs()
	for b.Loop() {
		tester.Simulate(t, func(s *tester.Sim) {
			for i := range 3 {
				s.StartProcessor(fmt.Sprint("p", i), counter("count", "in"), goka.WithLogger(logger.Discard()))
			}
			s.Advance(time.Hour)
		}, tester.WithPartitions(4))
	}
}

// seedOf2000 runs one seed of 2,000 events of three instances, and returns how many there were.
func seedOf2000(t *testing.T) (events uint64) {
	tester.Simulate(t, func(s *tester.Sim) {
		for i := range 3 {
			s.StartProcessor(fmt.Sprint("p", i), counter("count", "in"), goka.WithLogger(logger.Discard()))
		}
		records := make([]tester.Record, 0, 430)
		for i := range 430 {
			records = append(records, tester.Msg(fmt.Sprint("k", i%25), "x"))
		}
		s.Workload("in", "in", records...)
		s.Idle()
		events = s.Events()
	}, tester.WithPartitions(4))
	return events
}

// BenchmarkSeed is one seed after the other, all in.
func BenchmarkSeed(b *testing.B) {
	t := new(testing.T)
	b.ReportAllocs()
	events := uint64(0)
	for b.Loop() {
		events += seedOf2000(t)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
	b.ReportMetric(float64(events)/float64(b.N), "events")
}

// BenchmarkSeeds is seeds on all cores.
func BenchmarkSeeds(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		t := new(testing.T)
		for pb.Next() {
			seedOf2000(t)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "seeds/s")
}
