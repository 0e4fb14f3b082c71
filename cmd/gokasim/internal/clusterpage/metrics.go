package clusterpage

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/gokasim/gokasim/internal/kafka"
)

// exporter tells Prometheus about a cluster, under the names and labels of kafka_exporter, so that its dashboards work.
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
	groupMembers    = desc("kafka_consumergroup_members", "Number of members of the group.", "consumergroup")
	groupOffset     = desc("kafka_consumergroup_current_offset", "Offset that the group committed.", "consumergroup", "partition", "topic")
	groupOffsetSum  = desc("kafka_consumergroup_current_offset_sum", "Offsets that the group committed, over all partitions.", "consumergroup", "topic")
	groupLag        = desc("kafka_consumergroup_lag", "Records after the offset that the group committed.", "consumergroup", "partition", "topic")
	groupLagSum     = desc("kafka_consumergroup_lag_sum", "Records after the offsets that the group committed, over all partitions.", "consumergroup", "topic")
)

// Describe implements prometheus.Collector.
func (e exporter) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		brokers, brokerInfo, partitionsOf, currentOffset, oldestOffset, leaderOf, replicasOf, inSync, preferred, underReplicated,
		groupMembers, groupOffset, groupOffsetSum, groupLag, groupLagSum,
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
	e.collectGroups(to)
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

// collectGroups tells of groups. There may be tens of thousands, so that what they have in common is made once.
func (e exporter) collectGroups(to chan<- prometheus.Metric) {
	label := func(name string) func(value string) *dto.LabelPair {
		known := map[string]*dto.LabelPair{}
		return func(value string) *dto.LabelPair {
			if known[value] == nil {
				known[value] = &dto.LabelPair{Name: &name, Value: &value}
			}
			return known[value]
		}
	}
	topics, partitions := label("topic"), label("partition")
	for _, g := range e.s.cluster.GroupProgresses() {
		group := label("consumergroup")(g.ID)
		to <- gauge{groupMembers, []*dto.LabelPair{group}, float64(g.Members)}
		for i := 0; i < len(g.Offsets); {
			topic := topics(g.Offsets[i].Topic)
			var offsets, lags float64
			known := false
			for ; i < len(g.Offsets) && g.Offsets[i].Topic == topic.GetValue(); i++ {
				o := &g.Offsets[i]
				of := []*dto.LabelPair{group, partitions(strconv.Itoa(int(o.Partition))), topic}
				to <- gauge{groupOffset, of, float64(o.Offset)}
				offsets += float64(o.Offset)
				if o.High != kafka.NoOffset {
					to <- gauge{groupLag, of, float64(o.Lag)}
					lags += float64(o.Lag)
					known = true
				}
			}
			of := []*dto.LabelPair{group, topic}
			to <- gauge{groupOffsetSum, of, offsets}
			if known {
				to <- gauge{groupLagSum, of, lags}
			}
		}
	}
}

// gauge is a gauge at one moment, with its labels in the order of their names.
type gauge struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	value  float64
}

// Desc implements prometheus.Metric.
func (g gauge) Desc() *prometheus.Desc { return g.desc }

// Write implements prometheus.Metric.
func (g gauge) Write(to *dto.Metric) error {
	to.Label, to.Gauge = g.labels, &dto.Gauge{Value: &g.value}
	return nil
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

func (s *Server) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(exporter{s})
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
