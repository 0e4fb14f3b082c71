package metrics

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gokasim/gokasim/goka"
)

// message is a message whose callback began. It is under way until the callback and all that it emitted have ended.
type message struct {
	c                       *Collector
	group, topic, partition string
	pending                 atomic.Int32
}

type messageKey struct{}

// Callback implements goka.Observer.
func (c *Collector) Callback(ctx goka.Context) (context.Context, func(error)) {
	m := &message{c: c, group: string(ctx.Group()), topic: string(ctx.Topic()), partition: strconv.Itoa(int(ctx.Partition()))}
	m.pending.Store(1)
	c.inflight.WithLabelValues(m.group).Inc()
	began := time.Now()
	return context.WithValue(ctx.Context(), messageKey{}, m), func(err error) {
		c.callbacks.WithLabelValues(m.group, m.topic).Observe(time.Since(began).Seconds())
		m.end("callback", err)
	}
}

// Emit implements goka.Observer.
func (c *Collector) Emit(ctx context.Context, e *goka.Emission) func(error) {
	if m, ok := ctx.Value(messageKey{}).(*message); ok && m.c == c {
		m.pending.Add(1)
		return func(err error) { m.end("emit", err) }
	}
	topic, began := e.Topic, time.Now()
	return func(err error) {
		result := "ok"
		if err != nil {
			result = "error"
		}
		c.emitted.WithLabelValues(topic, result).Inc()
		c.acks.WithLabelValues(topic, result).Observe(time.Since(began).Seconds())
	}
}

// end notes that the callback, or something that it emitted, has ended.
func (m *message) end(what string, err error) {
	if err != nil {
		if errors.Is(err, context.Canceled) {
			what = "canceled"
		}
		labels := []string{m.group, m.topic, m.partition, what}
		if !m.c.partitions {
			labels = []string{m.group, m.topic, what}
		}
		m.c.failures.WithLabelValues(labels...).Inc()
	}
	if m.pending.Add(-1) == 0 {
		m.c.inflight.WithLabelValues(m.group).Dec()
	}
}
