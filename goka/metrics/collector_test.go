package metrics_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/goka/metrics"
	"github.com/gokasim/gokasim/memkafka"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // never ends once sarama was used
}

// measured runs a processor that counts, a view of its table and an emitter, each watched by a collector.
func measured(t *testing.T, options []metrics.Option, f func(c *metrics.Collector, emit func(msg string), failed <-chan error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
		defer cluster.Close()
		release, err := memkafka.SetNamed(t.Name(), cluster)
		check(t, err)
		defer release()
		brokers := []string{"mem://" + t.Name()}
		check(t, cluster.CreateTopic("in", 2))
		check(t, cluster.CreateTopic("out", 2))
		c := metrics.New(options...)
		p, err := goka.NewProcessor(brokers, goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) {
				if msg == "bad" {
					ctx.Fail(errors.New("bad"))
				}
				ctx.SetValue(msg)
				ctx.Emit("out", ctx.Key(), msg)
			}),
			goka.Output("out", new(codec.String)), goka.Persist(new(codec.String)), goka.TableSuffix(".state")),
			goka.WithObserver(c), goka.WithLogger(logger.Discard()))
		check(t, err)
		v, err := goka.NewView(brokers, "g.state", new(codec.String), goka.WithViewLogger(logger.Discard()))
		check(t, err)
		e, err := goka.NewEmitter(brokers, "in", new(codec.String), goka.WithEmitterObserver(c), goka.WithEmitterLogger(logger.Discard()))
		check(t, err)
		c.AddProcessor(p)
		c.AddProcessor(p)
		c.AddView(v)
		ctx, cancel := context.WithCancel(t.Context())
		failed, viewed := make(chan error, 1), make(chan error, 1)
		go func() { failed <- p.Run(ctx) }()
		go func() { viewed <- v.Run(ctx) }()
		check(t, p.WaitForReady())
		<-v.WaitRunning()
		f(c, func(msg string) { check(t, e.EmitSync("k", msg)) }, failed)
		cancel()
		check(t, e.Finish())
		<-p.Done()
		check(t, <-viewed)
		c.RemoveProcessor(p)
		c.RemoveView(v)
		if n := testutil.CollectAndCount(c, "goka_processor_partitions", "goka_view_state"); n != 0 {
			t.Errorf("%d metrics of what was removed", n)
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatPrometheusIsTold(t *testing.T) {
	measured(t, nil, func(c *metrics.Collector, emit func(string), failed <-chan error) {
		check(t, prometheus.NewPedanticRegistry().Register(c))
		emit("a")
		emit("b")
		synctest.Wait()
		want := `
# HELP goka_emitter_messages_total Messages of emitters, by result: ok or error.
# TYPE goka_emitter_messages_total counter
goka_emitter_messages_total{result="ok",topic="in"} 2
# HELP goka_processor_inflight_messages Messages whose callback runs, or whose emits Kafka has not acknowledged.
# TYPE goka_processor_inflight_messages gauge
goka_processor_inflight_messages{group="g"} 0
# HELP goka_processor_lag Messages after the last one that a callback was given.
# TYPE goka_processor_lag gauge
goka_processor_lag{group="g",partition="0",topic="in"} 0
goka_processor_lag{group="g",partition="1",topic="in"} 0
# HELP goka_processor_messages_total Messages that callbacks were given, since the partition was opened.
# TYPE goka_processor_messages_total counter
goka_processor_messages_total{group="g",partition="0",topic="in"} 2
goka_processor_messages_total{group="g",partition="1",topic="in"} 0
# HELP goka_processor_partitions Partitions of this process, by state.
# TYPE goka_processor_partitions gauge
goka_processor_partitions{group="g",state="running"} 2
# HELP goka_processor_rebalances_total Generations of the group that this process took part in.
# TYPE goka_processor_rebalances_total counter
goka_processor_rebalances_total{group="g"} 1
# HELP goka_table_recovery_remaining_messages Records that are still to be read until the table is recovered.
# TYPE goka_table_recovery_remaining_messages gauge
goka_table_recovery_remaining_messages{partition="0",table="g.state"} 0
goka_table_recovery_remaining_messages{partition="1",table="g.state"} 0
# HELP goka_view_lag Records of the table that the view has not read yet.
# TYPE goka_view_lag gauge
goka_view_lag{partition="0",table="g.state"} 0
goka_view_lag{partition="1",table="g.state"} 0
# HELP goka_view_state 1 for the state that the view's partition is in.
# TYPE goka_view_state gauge
goka_view_state{partition="0",state="running",table="g.state"} 1
goka_view_state{partition="1",state="running",table="g.state"} 1
`
		err := testutil.CollectAndCompare(c, strings.NewReader(want), "goka_emitter_messages_total", "goka_processor_inflight_messages",
			"goka_processor_lag", "goka_processor_messages_total", "goka_processor_partitions", "goka_processor_rebalances_total",
			"goka_table_recovery_remaining_messages", "goka_view_lag", "goka_view_state")
		if err != nil {
			t.Error(err)
		}
		for name, n := range map[string]int{
			"goka_processor_callback_duration_seconds": 1, "goka_emitter_ack_duration_seconds": 1, "goka_processor_lag_seconds": 2,
			"goka_processor_rebalance_duration_seconds": 1, "goka_table_recovery_duration_seconds": 2, "goka_storage_operations_total": 2,
			"goka_table_recovery_messages_total": 2, "goka_storage_size_bytes": 1,
		} {
			if got := testutil.CollectAndCount(c, name); got != n {
				t.Errorf("%s has %d series, want %d", name, got, n)
			}
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
		emit("bad")
		if err := <-failed; err == nil {
			t.Error("the processor did not fail")
		}
		want = `
# HELP goka_processor_failures_total Messages that failed, by reason: callback, emit or canceled.
# TYPE goka_processor_failures_total counter
goka_processor_failures_total{group="g",partition="0",reason="callback",topic="in"} 1
`
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "goka_processor_failures_total"); err != nil {
			t.Error(err)
		}
	})
}

func TestSeriesWithoutPartitions(t *testing.T) {
	measured(t, []metrics.Option{metrics.WithoutPartitions(), metrics.WithNamespace("mine")}, func(c *metrics.Collector, emit func(string), _ <-chan error) {
		check(t, prometheus.NewPedanticRegistry().Register(c))
		emit("a")
		synctest.Wait()
		time.Sleep(time.Second)
		want := `
# HELP mine_processor_messages_total Messages that callbacks were given, since the partition was opened.
# TYPE mine_processor_messages_total counter
mine_processor_messages_total{group="g",topic="in"} 1
# HELP mine_view_state 1 for the state that the view's partition is in.
# TYPE mine_view_state gauge
mine_view_state{state="running",table="g.state"} 1
`
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "mine_processor_messages_total", "mine_view_state"); err != nil {
			t.Error(err)
		}
	})
}
