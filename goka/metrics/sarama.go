package metrics

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	gometrics "github.com/rcrowley/go-metrics"
)

// Sarama is a prometheus.Collector of what sarama measures: requests, bytes, batches. sarama has brokers and topics inside of names;
// here they are labels, and times and sizes are in seconds and bytes.
//
//	config := goka.DefaultConfig()
//	prometheus.MustRegister(metrics.NewSarama(config.MetricRegistry))
//
// A metric that sarama has by broker or by topic is told in these parts alone, and not as their sum too; sarama_consumer_fetches_total
// is there in both ways, each of which is the whole. Durations and sizes are summaries over sarama's sample of the last minutes, whose
// sum is an estimate: the mean of the sample times the count.
type Sarama struct{ registry gometrics.Registry }

// NewSarama returns a collector of a registry, the MetricRegistry of a *sarama.Config that clients were made with.
func NewSarama(registry gometrics.Registry) *Sarama { return &Sarama{registry} }

// Describe implements prometheus.Collector. Which metrics there are depends on what the clients do, so that it tells of none.
func (*Sarama) Describe(chan<- *prometheus.Desc) {}

// saramaMetric is what one of sarama's metrics becomes.
type saramaMetric struct {
	name, help string
	divide     float64 // values by this
}

var saramaMetrics = map[string]saramaMetric{
	"incoming-byte-rate":           {"incoming_bytes_total", "Bytes read from brokers.", 1},
	"outgoing-byte-rate":           {"outgoing_bytes_total", "Bytes written to brokers.", 1},
	"request-rate":                 {"requests_total", "Requests sent to brokers.", 1},
	"response-rate":                {"responses_total", "Responses received from brokers.", 1},
	"request-size":                 {"request_size_bytes", "Size of requests.", 1},
	"response-size":                {"response_size_bytes", "Size of responses.", 1},
	"request-latency-in-ms":        {"request_latency_seconds", "How long brokers took to answer.", 1000},
	"requests-in-flight":           {"requests_inflight", "Requests that were not answered yet.", 1},
	"protocol-requests-rate":       {"protocol_requests_total", "Requests sent to brokers, by API key.", 1},
	"batch-size":                   {"batch_size_bytes", "Size of what was sent of a partition in one request.", 1},
	"record-send-rate":             {"records_sent_total", "Records sent to brokers.", 1},
	"records-per-request":          {"records_per_request", "Records in a produce request.", 1},
	"compression-ratio":            {"compression_ratio", "Size of batches when they were compressed, against that before.", 100},
	"consumer-batch-size":          {"consumer_batch_records", "Records in an answer to a fetch request, of a partition.", 1},
	"consumer-fetch-rate":          {"consumer_fetches_total", "Fetch requests.", 1},
	"consumer-fetch-response-size": {"consumer_fetch_response_size_bytes", "Size of answers to fetch requests.", 1},
	"consumer-group-join-total":    {"consumer_group_joins_total", "Attempts to join the group.", 1},
	"consumer-group-join-failed":   {"consumer_group_join_failures_total", "Attempts to join the group that failed.", 1},
	"consumer-group-sync-total":    {"consumer_group_syncs_total", "Attempts to get an assignment.", 1},
	"consumer-group-sync-failed":   {"consumer_group_sync_failures_total", "Attempts to get an assignment that failed.", 1},
}

// measured is one of sarama's metrics, its name taken apart.
type measured struct {
	what   string // a key of saramaMetrics
	names  []string
	values []string // of the labels
	whole  bool     // over all brokers and topics
	metric any
}

// Collect implements prometheus.Collector.
func (s *Sarama) Collect(to chan<- prometheus.Metric) {
	var list []measured
	parts := map[string]bool{} // metrics that there are by broker or topic
	s.registry.Each(func(name string, metric any) {
		m := apart(name)
		if _, known := saramaMetrics[m.what]; !known {
			return
		}
		m.metric = metric
		parts[m.what] = parts[m.what] || !m.whole
		list = append(list, m)
	})
	slices.SortFunc(list, func(a, b measured) int {
		return cmp.Or(strings.Compare(a.what, b.what), slices.Compare(a.values, b.values))
	})
	for _, m := range list {
		if !m.whole || !parts[m.what] {
			m.collect(to)
		}
	}
}

// apart finds what is inside of a name.
func apart(name string) measured {
	name, broker, byBroker := strings.Cut(name, "-for-broker-")
	name, topic, byTopic := strings.Cut(name, "-for-topic-")
	if key, ok := strings.CutPrefix(name, "protocol-requests-rate-"); ok {
		return measured{what: "protocol-requests-rate", names: []string{"api_key", "broker"}, values: []string{key, broker}, whole: !byBroker}
	}
	for _, of := range []string{"consumer-group-join-total", "consumer-group-join-failed", "consumer-group-sync-total", "consumer-group-sync-failed"} {
		if group, ok := strings.CutPrefix(name, of+"-"); ok {
			return measured{what: of, names: []string{"group"}, values: []string{group}}
		}
	}
	return measured{what: name, names: []string{"broker", "topic"}, values: []string{broker, topic}, whole: !byBroker && !byTopic}
}

func (m measured) collect(to chan<- prometheus.Metric) {
	as := saramaMetrics[m.what]
	desc := prometheus.NewDesc("sarama_"+as.name, as.help, m.names, nil)
	kind := prometheus.GaugeValue
	if strings.HasSuffix(as.name, "_total") {
		kind = prometheus.CounterValue
	}
	switch metric := m.metric.(type) {
	case gometrics.Meter:
		to <- prometheus.MustNewConstMetric(desc, kind, float64(metric.Snapshot().Count())/as.divide, m.values...)
	case gometrics.Counter:
		to <- prometheus.MustNewConstMetric(desc, kind, float64(metric.Count())/as.divide, m.values...)
	case gometrics.Histogram:
		h := metric.Snapshot()
		quantiles := map[float64]float64{}
		for i, q := range []float64{0.5, 0.95, 0.99} {
			quantiles[q] = h.Percentiles([]float64{0.5, 0.95, 0.99})[i] / as.divide
		}
		to <- prometheus.MustNewConstSummary(desc, uint64(h.Count()), h.Mean()*float64(h.Count())/as.divide, quantiles, m.values...)
	}
}

var _ prometheus.Collector = (*Sarama)(nil)
