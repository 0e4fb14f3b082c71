// Package otel traces callbacks and what they and emitters send, with OpenTelemetry, and carries traces in the headers of messages
// (W3C traceparent and tracestate).
//
//	tracer, err := otel.New(otel.WithTracerProvider(provider))
//	proc, err := goka.NewProcessor(brokers, graph, goka.WithObserver(tracer), goka.WithRecoveryCallback(tracer.Recovery))
//	emitter, err := goka.NewEmitter(brokers, topic, codec, goka.WithEmitterObserver(tracer))
//
// A callback is a span "process TOPIC", linked to the one that sent the message; inside of it Context.Context carries the span. What
// it emits is a span "send TOPIC" below it, whose context is in the message's headers unless the callback has put one there.
package otel

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/IBM/sarama"
	otelapi "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/kafka"
)

// Tracer is a goka.Observer that makes spans and metrics. All methods may be called from any goroutine.
type Tracer struct {
	settings
	tracer             trace.Tracer
	sent, consumed     metric.Int64Counter
	processed, operate metric.Float64Histogram

	mu         sync.Mutex // guards recoveries
	recoveries map[recovery]time.Time
}

type recovery struct {
	topic     goka.Table
	partition int32
}

type settings struct {
	tracers     trace.TracerProvider
	meters      metric.MeterProvider
	propagator  propagation.TextMapPropagator
	parent      bool
	tableWrites bool
	clientID    string
}

// Option is a setting of New.
type Option func(*settings)

// WithTracerProvider sets what makes spans: OpenTelemetry's global provider unless set.
func WithTracerProvider(p trace.TracerProvider) Option { return func(s *settings) { s.tracers = p } }

// WithMeterProvider sets what makes metrics: OpenTelemetry's global provider unless set.
func WithMeterProvider(p metric.MeterProvider) Option { return func(s *settings) { s.meters = p } }

// WithPropagator sets how headers carry traces: W3C trace context unless set.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(s *settings) { s.propagator = p }
}

// WithParent makes the span of a callback a child of the one that sent the message, in the same trace, and not only linked to it.
func WithParent() Option { return func(s *settings) { s.parent = true } }

// WithTableWrites makes spans for writes to the group's table too.
func WithTableWrites() Option { return func(s *settings) { s.tableWrites = true } }

// WithClientID sets the client.id that spans tell of: none unless set.
func WithClientID(id string) Option { return func(s *settings) { s.clientID = id } }

// New returns a tracer. It fails when the meter provider does not make its metrics.
func New(options ...Option) (*Tracer, error) {
	t := &Tracer{
		settings:   settings{tracers: otelapi.GetTracerProvider(), meters: otelapi.GetMeterProvider(), propagator: propagation.TraceContext{}},
		recoveries: map[recovery]time.Time{},
	}
	for _, o := range options {
		o(&t.settings)
	}
	t.tracer = t.tracers.Tracer(scope, trace.WithSchemaURL(schemaURL))
	meter := t.meters.Meter(scope, metric.WithSchemaURL(schemaURL))
	var errs [4]error
	t.sent, errs[0] = meter.Int64Counter(sentMessages, metric.WithUnit("{message}"))
	t.consumed, errs[1] = meter.Int64Counter(consumedMessages, metric.WithUnit("{message}"))
	t.processed, errs[2] = meter.Float64Histogram(processDuration, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(durationBounds...))
	t.operate, errs[3] = meter.Float64Histogram(operationDuration, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(durationBounds...))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("making the metrics of OpenTelemetry: %w", err)
	}
	return t, nil
}

// Callback implements goka.Observer.
func (t *Tracer) Callback(ctx goka.Context) (context.Context, func(error)) {
	topic, group := string(ctx.Topic()), string(ctx.Group())
	outer := ctx.Context()
	from := t.propagator.Extract(context.Background(), headers(ctx.Headers()))
	attributes := append(t.common("process", "process", topic),
		consumerGroup.String(group), partitionID.String(strconv.Itoa(int(ctx.Partition()))), kafkaOffset.Int64(ctx.Offset()))
	if key := ctx.Key(); key != "" && utf8.ValidString(key) {
		attributes = append(attributes, kafkaKey.String(key))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...)}
	if remote := trace.SpanContextFromContext(from); remote.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: remote}))
		if t.parent {
			outer = trace.ContextWithRemoteSpanContext(outer, remote)
		}
	}
	began := time.Now()
	inside, span := t.tracer.Start(outer, "process "+topic, options...)
	return inside, func(err error) {
		ended(span, err)
		set := metric.WithAttributes(append(t.common("process", "process", topic), consumerGroup.String(group))...)
		t.consumed.Add(inside, 1, set)
		t.processed.Record(inside, time.Since(began).Seconds(), set)
	}
}

// Emit implements goka.Observer.
func (t *Tracer) Emit(ctx context.Context, e *goka.Emission) func(error) {
	if !t.tableWrites && e.Source.Topic != "" && e.Partition != goka.AnyPartition {
		return nil // of all that callbacks send, only rows of the table are for a partition
	}
	attributes := t.common("send", "send", e.Topic)
	if len(e.Key) > 0 && utf8.Valid(e.Key) {
		attributes = append(attributes, kafkaKey.String(string(e.Key)))
	}
	if e.Value == nil {
		attributes = append(attributes, kafkaTombstone.Bool(true))
	}
	if e.Partition >= 0 {
		attributes = append(attributes, partitionID.String(strconv.Itoa(int(e.Partition))))
	}
	began, topic := time.Now(), e.Topic
	within, span := t.tracer.Start(ctx, "send "+topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attributes...))
	t.inject(within, e)
	return func(err error) {
		ended(span, err)
		list := t.common("send", "send", topic)
		if err != nil {
			list = append(list, errorType.String(typeOf(err)))
		}
		set := metric.WithAttributes(list...)
		t.sent.Add(within, 1, set)
		t.operate.Record(within, time.Since(began).Seconds(), set)
	}
}

// inject puts a trace into the headers, unless there is one.
func (t *Tracer) inject(ctx context.Context, e *goka.Emission) {
	for _, field := range t.propagator.Fields() {
		for _, h := range e.Headers {
			if string(h.Key) == field {
				return
			}
		}
	}
	t.propagator.Inject(ctx, emission{e})
}

// Recovery makes a span "goka.recover TABLE" of each recovery of a partition. It is a goka.RecoveryCallback, for processors and views.
func (t *Tracer) Recovery(p goka.RecoveryProgress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := recovery{p.Topic, p.Partition}
	began, known := t.recoveries[at]
	if !known { // it is told of a second after its beginning, or at its end
		began = time.Now()
		if !p.Done {
			began = began.Add(-time.Second)
		}
		t.recoveries[at] = began
	}
	if !p.Done {
		return
	}
	delete(t.recoveries, at)
	_, span := t.tracer.Start(context.Background(), "goka.recover "+string(p.Topic), trace.WithSpanKind(trace.SpanKindInternal), trace.WithTimestamp(began),
		trace.WithAttributes(system.String("kafka"), destination.String(string(p.Topic)), partitionID.String(strconv.Itoa(int(p.Partition))), kafkaOffset.Int64(p.Offset)))
	span.End()
}

// common are the attributes that spans and metrics of an operation have.
func (t *Tracer) common(name, kind, topic string) []attribute.KeyValue {
	list := []attribute.KeyValue{system.String("kafka"), operationName.String(name), operationType.String(kind), destination.String(topic)}
	if t.clientID != "" {
		list = append(list, clientIDKey.String(t.clientID))
	}
	return list
}

// ended ends a span with what went wrong.
func ended(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(errorType.String(typeOf(err)))
	}
	span.End()
}

// typeOf is the name of Kafka's error, if it is one.
func typeOf(err error) string {
	var code sarama.KError
	if errors.As(err, &code) {
		return kafka.ErrorCode(code).Name()
	}
	return "_OTHER"
}

// headers are a message's headers, to be read.
type headers goka.Headers

func (h headers) Get(key string) string { return string(h[key]) }
func (h headers) Set(key, value string) { h[key] = []byte(value) }
func (h headers) Keys() []string {
	keys := make([]string, 0, len(h))
	for key := range h {
		keys = append(keys, key)
	}
	return keys
}

// emission is a message that is to be sent, to have headers added.
type emission struct{ e *goka.Emission }

func (m emission) Get(key string) string {
	for _, h := range m.e.Headers {
		if string(h.Key) == key {
			return string(h.Value)
		}
	}
	return ""
}

func (m emission) Set(key, value string) { m.e.AddHeader(key, []byte(value)) }

func (m emission) Keys() []string {
	keys := make([]string, 0, len(m.e.Headers))
	for _, h := range m.e.Headers {
		keys = append(keys, string(h.Key))
	}
	return keys
}

var _ goka.Observer = (*Tracer)(nil)
