package clusterpage

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// exporter tells Prometheus about brokers and topics of a cluster, under the names and labels of kafka_exporter, so that its dashboards work.
type exporter struct{ s *Server }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	brokers         = desc("kafka_brokers", "Number of brokers that are up.")
	brokerInfo      = desc("kafka_broker_info", "A broker that is up.", "address", "id")
	partitionsOf    = desc("kafka_topic_partitions", "Number of partitions of the topic.", "topic")
	currentOffset   = desc("kafka_topic_partition_current_offset", "High watermark of the partition.", "partition", "topic")
	oldestOffset    = desc("kafka_topic_partition_oldest_offset", "Log start offset of the partition.", "partition", "topic")
	leaderOf        = desc("kafka_topic_partition_leader", "Broker that leads the partition.", "partition", "topic")
	replicasOf      = desc("kafka_topic_partition_replicas", "Number of replicas of the partition.", "partition", "topic")
	inSync          = desc("kafka_topic_partition_in_sync_replica", "Number of replicas of the partition that are in sync.", "partition", "topic")
	preferred       = desc("kafka_topic_partition_leader_is_preferred", "1 if the partition is led by its preferred replica.", "partition", "topic")
	underReplicated = desc("kafka_topic_partition_under_replicated_partition", "1 if replicas of the partition are not in sync.", "partition", "topic")
)

// Describe implements prometheus.Collector.
func (e exporter) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		brokers, brokerInfo, partitionsOf, currentOffset, oldestOffset, leaderOf, replicasOf, inSync, preferred, underReplicated,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (e exporter) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	e.collectTopics(gauge)
}

func (e exporter) collectTopics(gauge func(d *prometheus.Desc, value float64, labels ...string)) {
	c := e.s.cluster
	up := c.Brokers()
	gauge(brokers, float64(len(up)))
	for i, addr := range e.s.addrs {
		if id := int32(i) + 1; slices.Contains(up, id) {
			gauge(brokerInfo, 1, addr, strconv.Itoa(int(id)))
		}
	}
	for _, t := range c.DescribeTopics() {
		gauge(partitionsOf, float64(t.Partitions), t.Name)
		partitions, err := c.DescribePartitions(t.Name)
		if err != nil {
			continue // it was deleted meanwhile
		}
		for _, p := range partitions {
			number := strconv.Itoa(int(p.Partition))
			gauge(currentOffset, float64(p.HighWatermark), number, t.Name)
			gauge(oldestOffset, float64(p.LogStart), number, t.Name)
			gauge(leaderOf, float64(p.Leader), number, t.Name)
			gauge(replicasOf, float64(len(p.Replicas)), number, t.Name)
			gauge(inSync, float64(len(p.ISR)), number, t.Name)
			gauge(preferred, flag(len(p.Replicas) > 0 && p.Leader == p.Replicas[0]), number, t.Name)
			gauge(underReplicated, flag(len(p.ISR) < len(p.Replicas)), number, t.Name)
		}
	}
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// metrics answers Prometheus, in its text format: topics by its library, and then groups.
func (s *Server) metrics() http.HandlerFunc {
	r := prometheus.NewRegistry()
	r.MustRegister(exporter{s})
	topics := promhttp.HandlerFor(r, promhttp.HandlerOpts{DisableCompression: true})
	return func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Del("Accept") // the text format
		topics.ServeHTTP(w, r)
		_, _ = w.Write(groupMetrics(s.cluster.GroupProgresses())) // the client may be gone
	}
}
