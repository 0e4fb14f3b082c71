package otel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/goka/otel"
	"github.com/gokasim/gokasim/memkafka"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// traced emits one message to a processor that passes it on and writes a row, and returns all spans.
func traced(t *testing.T, msg string, options ...otel.Option) (spans tracetest.SpanStubs, records []memkafka.Record, inside trace.SpanContext, metrics metricdata.ResourceMetrics) {
	t.Helper()
	exporter, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	synctest.Test(t, func(t *testing.T) {
		tracer, err := otel.New(append([]otel.Option{
			otel.WithTracerProvider(provider), otel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))), otel.WithClientID("me"),
		}, options...)...)
		check(t, err)
		cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
		defer cluster.Close()
		release, err := memkafka.SetNamed(t.Name(), cluster)
		check(t, err)
		defer release()
		brokers := []string{"mem://" + t.Name()}
		check(t, cluster.CreateTopic("in", 1))
		check(t, cluster.CreateTopic("out", 1))
		p, err := goka.NewProcessor(brokers, goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) {
				inside = trace.SpanContextFromContext(ctx.Context())
				ctx.SetValue(msg)
				ctx.Emit("out", ctx.Key(), nil)
				if msg == "bad" {
					ctx.Fail(errors.New("bad"))
				}
			}),
			goka.Output("out", new(codec.String)), goka.Persist(new(codec.String)), goka.TableSuffix(".state")),
			goka.WithObserver(tracer), goka.WithRecoveryCallback(tracer.Recovery), goka.WithLogger(logger.Discard()))
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		check(t, p.WaitForReady())
		e, err := goka.NewEmitter(brokers, "in", new(codec.String), goka.WithEmitterObserver(tracer), goka.WithEmitterLogger(logger.Discard()))
		check(t, err)
		check(t, e.EmitSync("k", msg))
		check(t, e.Finish())
		synctest.Wait()
		for _, topic := range []string{"in", "out", "g.state"} {
			r, err := cluster.Fetch(topic, 0, 0, 10)
			check(t, err)
			records = append(records, r...)
		}
		cancel()
		if err := <-done; (err != nil) != (msg == "bad") {
			t.Errorf("the processor ended with %v", err)
		}
	})
	check(t, reader.Collect(t.Context(), &metrics))
	return exporter.GetSpans(), records, inside, metrics
}

func named(t *testing.T, spans tracetest.SpanStubs, name string) tracetest.SpanStub {
	t.Helper()
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no span %q", name)
	return tracetest.SpanStub{}
}

func attributes(s tracetest.SpanStub) map[attribute.Key]string {
	m := map[attribute.Key]string{}
	for _, a := range s.Attributes {
		m[a.Key] = a.Value.String()
	}
	return m
}

func TestATraceGoesThroughHeaders(t *testing.T) {
	spans, records, inside, metrics := traced(t, "good")
	var names []string
	for _, s := range spans {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	if got := strings.Join(names, ", "); got != "goka.recover g.state, process in, send in, send out" {
		t.Fatalf("spans are %s", got)
	}
	sent, processed, passed := named(t, spans, "send in"), named(t, spans, "process in"), named(t, spans, "send out")
	if sent.SpanKind != trace.SpanKindProducer || processed.SpanKind != trace.SpanKindConsumer {
		t.Errorf("kinds are %v and %v", sent.SpanKind, processed.SpanKind)
	}
	if processed.Parent.IsValid() || len(processed.Links) != 1 || processed.Links[0].SpanContext.SpanID() != sent.SpanContext.SpanID() {
		t.Errorf("the callback's span has the parent %v and the links %v", processed.Parent, processed.Links)
	}
	if inside.SpanID() != processed.SpanContext.SpanID() || passed.Parent.SpanID() != inside.SpanID() {
		t.Error("the span of the callback is not the one inside of it and above what it sends")
	}
	want := fmt.Sprintf("00-%s-%s-01", sent.SpanContext.TraceID(), sent.SpanContext.SpanID())
	if h := records[0].Headers; len(h) != 1 || h[0].Key != "traceparent" || string(h[0].Value) != want {
		t.Errorf("headers are %v, want traceparent %s", h, want)
	}
	if h := records[2].Headers; len(h) != 0 {
		t.Errorf("the row has headers: %v", h)
	}
	got := attributes(processed)
	for key, value := range map[attribute.Key]string{
		"messaging.system": "kafka", "messaging.operation.name": "process", "messaging.operation.type": "process", "messaging.destination.name": "in",
		"messaging.destination.partition.id": "0", "messaging.consumer.group.name": "g", "messaging.kafka.offset": "0", "messaging.kafka.message.key": "k", "messaging.client.id": "me",
	} {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	if attributes(passed)["messaging.kafka.message.tombstone"] != "true" || attributes(sent)["messaging.kafka.message.tombstone"] != "" {
		t.Error("tombstones are not told from others")
	}
	var metricNames []string
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		metricNames = append(metricNames, m.Name)
	}
	slices.Sort(metricNames)
	if got := strings.Join(metricNames, " "); got != "messaging.client.consumed.messages messaging.client.operation.duration messaging.client.sent.messages messaging.process.duration" {
		t.Errorf("metrics are %s", got)
	}
}

func TestOneTraceAndTableWritesByOption(t *testing.T) {
	spans, records, _, _ := traced(t, "good", otel.WithParent(), otel.WithTableWrites())
	sent, processed := named(t, spans, "send in"), named(t, spans, "process in")
	if processed.Parent.SpanID() != sent.SpanContext.SpanID() || processed.SpanContext.TraceID() != sent.SpanContext.TraceID() {
		t.Error("the callback is in another trace")
	}
	named(t, spans, "send g.state")
	if len(records[2].Headers) != 1 {
		t.Errorf("the row has the headers %v", records[2].Headers)
	}
}

func TestAFailedCallbackIsAnErrorOfItsSpan(t *testing.T) {
	spans, _, _, _ := traced(t, "bad")
	if s := named(t, spans, "process in"); s.Status.Code.String() != "Error" || attributes(s)["error.type"] != "_OTHER" {
		t.Errorf("the span has the status %v and %v", s.Status, s.Attributes)
	}
}
