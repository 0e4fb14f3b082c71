// Package metrics tells Prometheus about processors, views and emitters.
//
//	c := metrics.New()
//	prometheus.MustRegister(c)
//	proc, err := goka.NewProcessor(brokers, graph, goka.WithObserver(c))
//	c.AddProcessor(proc)
//	emitter, err := goka.NewEmitter(brokers, topic, codec, goka.WithEmitterObserver(c))
//
// What processors and views know by themselves is read when Prometheus asks. Durations of callbacks, failures, messages under
// way and everything about emitters are known only to a Collector that is their observer.
package metrics

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gokasim/gokasim/goka"
)

// Collector is a prometheus.Collector, and a goka.Observer. All methods may be called from any goroutine.
type Collector struct {
	names      names
	partitions bool // series have a partition each

	callbacks  *prometheus.HistogramVec
	failures   *prometheus.CounterVec
	inflight   *prometheus.GaugeVec
	emitted    *prometheus.CounterVec
	acks       *prometheus.HistogramVec
	rebalances *prometheus.HistogramVec
	recoveries *prometheus.HistogramVec

	mu         sync.Mutex // guards what follows
	processors map[*goka.Processor]*processor
	views      map[*goka.View]struct{}
	recovered  map[recovery]struct{} // that recoveries has: those that the last Collect saw
	seen       map[recovery]struct{} // by the Collect under way
}

// processor is what was told of a processor so far.
type processor struct {
	rebalances int // that the histogram has
}

// recovery is one recovery of a table's partition.
type recovery struct {
	table     string
	partition int32
	ended     int64
}

// Option is a setting of a Collector.
type Option func(*options)

type options struct {
	namespace  string
	partitions bool
}

// WithNamespace sets what the names of all metrics begin with, before an underscore: goka unless set.
func WithNamespace(namespace string) Option { return func(o *options) { o.namespace = namespace } }

// WithoutPartitions leaves the label partition out: counters and lags are sums over partitions then, lags in time and those
// of views their maximum. It is for groups with thousands of partitions.
func WithoutPartitions() Option { return func(o *options) { o.partitions = false } }

// buckets are the bounds of histograms, in seconds: those that OpenTelemetry's conventions have for messaging.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// callbackBuckets go further down, since most callbacks take microseconds.
var callbackBuckets = append([]float64{0.00001, 0.0001, 0.001}, buckets...)

// longBuckets go further up, for rebalances and recoveries.
var longBuckets = append(slices.Clone(buckets), 30, 60, 300, 900, 3600)

// New returns a collector of nothing yet.
func New(opts ...Option) *Collector {
	o := options{namespace: "goka", partitions: true}
	for _, option := range opts {
		option(&o)
	}
	c := &Collector{
		partitions: o.partitions,
		processors: map[*goka.Processor]*processor{},
		views:      map[*goka.View]struct{}{},
		recovered:  map[recovery]struct{}{},
	}
	histogram := func(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: o.namespace, Name: name, Help: help, Buckets: bounds}, c.labels(labels))
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: o.namespace, Name: name, Help: help}, c.labels(labels))
	}
	c.callbacks = histogram("processor_callback_duration_seconds", "How long callbacks took.", callbackBuckets, "group", "topic")
	c.failures = counter("processor_failures_total", "Messages that failed, by reason: callback, emit or canceled.", "group", "topic", "partition", "reason")
	c.inflight = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: o.namespace, Name: "processor_inflight_messages", Help: "Messages whose callback runs, or whose emits Kafka has not acknowledged.",
	}, []string{"group"})
	c.rebalances = histogram("processor_rebalance_duration_seconds", "How long generations of the group took to be set up.", longBuckets, "group")
	c.recoveries = histogram("table_recovery_duration_seconds", "How long recoveries of tables took.", longBuckets, "table", "partition")
	c.emitted = counter("emitter_messages_total", "Messages of emitters, by result: ok or error.", "topic", "result")
	c.acks = histogram("emitter_ack_duration_seconds", "How long it took until emitters knew the result.", buckets, "topic", "result")
	c.names = newNames(o.namespace, c.labels)
	return c
}

// labels leaves partition out where that is wanted.
func (c *Collector) labels(labels []string) []string {
	if c.partitions {
		return labels
	}
	return slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == "partition" })
}

// names are the metrics that are made anew each time.
type names struct {
	messages, lag, lagSeconds, partitions, rebalances metric
	remaining, recovered, operations, size            metric
	viewLag, viewState                                metric
}

type metric struct {
	name      string
	desc      *prometheus.Desc
	partition int // which of the labels is the partition, negative for none
}

func newNames(namespace string, keep func([]string) []string) names {
	desc := func(name, help string, labels ...string) metric {
		return metric{name, prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, keep(labels), nil), slices.Index(labels, "partition")}
	}
	return names{
		messages:   desc("processor_messages_total", "Messages that callbacks were given, since the partition was opened.", "group", "topic", "partition"),
		lag:        desc("processor_lag", "Messages after the last one that a callback was given.", "group", "topic", "partition"),
		lagSeconds: desc("processor_lag_seconds", "Age of the last message that a callback was given, if there are more; else 0.", "group", "topic", "partition"),
		partitions: desc("processor_partitions", "Partitions of this process, by state.", "group", "state"),
		rebalances: desc("processor_rebalances_total", "Generations of the group that this process took part in.", "group"),
		remaining:  desc("table_recovery_remaining_messages", "Records that are still to be read until the table is recovered.", "table", "partition"),
		recovered:  desc("table_recovery_messages_total", "Records of the table's topic that were read, since the partition was opened.", "table", "partition"),
		operations: desc("storage_operations_total", "Rows written to tables: by callbacks (set) and from Kafka (update).", "table", "op"),
		size:       desc("storage_size_bytes", "Size of the table's storage, where that can tell.", "table", "partition"),
		viewLag:    desc("view_lag", "Records of the table that the view has not read yet.", "table", "partition"),
		viewState:  desc("view_state", "1 for the state that the view's partition is in.", "table", "partition", "state"),
	}
}

// AddProcessor has a processor looked at, until RemoveProcessor. To add it again does nothing.
func (c *Collector) AddProcessor(p *goka.Processor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.processors[p] == nil {
		c.processors[p] = &processor{}
	}
}

// RemoveProcessor ends AddProcessor.
func (c *Collector) RemoveProcessor(p *goka.Processor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.processors, p)
}

// AddView has a view looked at, until RemoveView. Lookup tables of processors need not be added.
func (c *Collector) AddView(v *goka.View) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.views[v] = struct{}{}
}

// RemoveView ends AddView.
func (c *Collector) RemoveView(v *goka.View) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.views, v)
}

func (c *Collector) vectors() []prometheus.Collector {
	return []prometheus.Collector{c.callbacks, c.failures, c.inflight, c.emitted, c.acks, c.rebalances, c.recoveries}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, v := range c.vectors() {
		v.Describe(to)
	}
	n := c.names
	for _, m := range []metric{
		n.messages, n.lag, n.lagSeconds, n.partitions, n.rebalances, n.remaining, n.recovered, n.operations, n.size, n.viewLag, n.viewState,
	} {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	s := &samples{of: map[string]*sample{}, partitions: c.partitions}
	c.mu.Lock()
	c.seen = map[recovery]struct{}{}
	for p, known := range c.processors {
		c.processor(s, p, known)
	}
	for v := range c.views {
		c.view(s, v.Topic(), v.Stats(context.Background()))
	}
	c.recovered = c.seen
	c.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.of)) {
		m := s.of[key]
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value, m.labels...)
	}
	for _, v := range c.vectors() {
		v.Collect(to)
	}
}

// processor adds what a processor knows. Called with mu held.
func (c *Collector) processor(s *samples, p *goka.Processor, known *processor) {
	group, stats := string(p.Graph().Group()), p.Stats()
	for partition, part := range stats.Group {
		number := strconv.Itoa(int(partition))
		s.add(c.names.partitions, prometheus.GaugeValue, 1, group, stateOf(part))
		if part.RunMode == 0 {
			for topic, in := range part.Input {
				s.add(c.names.messages, prometheus.CounterValue, float64(in.Count), group, topic, number)
				s.add(c.names.lag, prometheus.GaugeValue, float64(in.OffsetLag), group, topic, number)
				s.most(c.names.lagSeconds, in.LagTime(part.Now).Seconds(), group, topic, number)
			}
		}
		if part.TableStats != nil {
			c.table(s, p.Graph().GroupTable().Topic(), partition, part.TableStats)
		}
		for topic, table := range part.Joined {
			c.table(s, topic, partition, table)
		}
	}
	for topic, lookup := range stats.Lookup {
		c.view(s, topic, lookup)
	}
	rebalances := p.Rebalances()
	for _, r := range rebalances {
		if r.Number > known.rebalances && !r.Ready.IsZero() {
			c.rebalances.WithLabelValues(group).Observe(r.Ready.Sub(r.Began).Seconds())
			known.rebalances = r.Number
		}
	}
	total := 0
	if n := len(rebalances); n > 0 {
		total = rebalances[n-1].Number
	}
	s.add(c.names.rebalances, prometheus.CounterValue, float64(total), group)
}

// stateOf names what a partition does.
func stateOf(part *goka.PartitionProcStats) string {
	switch {
	case part.TableStats != nil && part.TableStats.Stalled:
		return "stalled"
	case part.State == goka.PPStateRunning && part.RunMode != 0:
		return "standby"
	}
	switch part.State {
	case goka.PPStateRecovering:
		return "recovering"
	case goka.PPStateRunning:
		return "running"
	case goka.PPStateStopping:
		return "stopping"
	case goka.PPStateStopped:
		return "stopped"
	default:
		return "idle"
	}
}

// table adds what is known of a table's partition. Called with mu held.
func (c *Collector) table(s *samples, table string, partition int32, t *goka.TableStats) {
	number := strconv.Itoa(int(partition))
	left := 0.0
	if r := t.Recovery; r != nil {
		if r.RecoveryTime.IsZero() && !r.StartTime.IsZero() {
			left = float64(max(0, r.Hwm-r.Offset))
		}
		if !r.RecoveryTime.IsZero() {
			done := recovery{table, partition, r.RecoveryTime.UnixNano()}
			_, told := c.recovered[done]
			_, seen := c.seen[done]
			c.seen[done] = struct{}{}
			if !told && !seen {
				labels := []string{table}
				if c.partitions {
					labels = append(labels, number)
				}
				c.recoveries.WithLabelValues(labels...).Observe(max(0, r.RecoveryTime.Sub(r.StartTime).Seconds()))
			}
		}
	}
	s.add(c.names.remaining, prometheus.GaugeValue, left, table, number)
	s.add(c.names.recovered, prometheus.CounterValue, float64(t.Input.Count), table, number)
	s.add(c.names.operations, prometheus.CounterValue, float64(t.Input.Count), table, "update")
	s.add(c.names.operations, prometheus.CounterValue, float64(t.Writes.Count), table, "set")
	if t.Size > 0 {
		s.add(c.names.size, prometheus.GaugeValue, float64(t.Size), table, number)
	}
}

// view adds what a view knows. Called with mu held.
func (c *Collector) view(s *samples, table string, stats *goka.ViewStats) {
	for partition, t := range stats.Partitions {
		number := strconv.Itoa(int(partition))
		c.table(s, table, partition, t)
		s.most(c.names.viewLag, float64(t.Input.OffsetLag), table, number)
		s.most(c.names.viewState, 1, table, number, viewState(t))
	}
}

func viewState(t *goka.TableStats) string {
	if t.Stalled {
		return "stalled"
	}
	switch t.Status {
	case goka.PartitionRunning:
		return "running"
	case goka.PartitionRecovering:
		return "recovering"
	case goka.PartitionPreparing:
		return "preparing"
	case goka.PartitionConnecting:
		return "connecting"
	case goka.PartitionInitializing:
		return "initializing"
	default:
		return "stopped"
	}
}

// samples are the values of metrics by name and labels, so that none is there twice.
type samples struct {
	of         map[string]*sample
	partitions bool
}

type sample struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	value  float64
	labels []string
}

func (s *samples) at(m metric, kind prometheus.ValueType, labels []string) *sample {
	if m.partition >= 0 && !s.partitions {
		labels = slices.Delete(labels, m.partition, m.partition+1)
	}
	key := m.name + "\x00" + strings.Join(labels, "\x00")
	x := s.of[key]
	if x == nil {
		x = &sample{desc: m.desc, kind: kind, labels: labels}
		s.of[key] = x
	}
	return x
}

func (s *samples) add(m metric, kind prometheus.ValueType, value float64, labels ...string) {
	s.at(m, kind, labels).value += value
}

// most keeps the greatest value.
func (s *samples) most(m metric, value float64, labels ...string) {
	x := s.at(m, prometheus.GaugeValue, labels)
	x.value = max(x.value, value)
}

var _ interface {
	prometheus.Collector
	goka.Observer
} = (*Collector)(nil)
