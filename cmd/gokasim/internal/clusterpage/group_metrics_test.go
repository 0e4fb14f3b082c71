package clusterpage

import (
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/gokasim/gokasim/memkafka"
)

// TestMetricsOfGroupsAreReadByPrometheus has its library read what is written by hand, with ids that need escapes.
func TestMetricsOfGroupsAreReadByPrometheus(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 2))
	_, err := s.cluster.Produce("t", 1, memkafka.Record{Value: []byte("v"), Timestamp: memkafka.NoTimestamp})
	check(t, err)
	ids := []string{`a"b\c`, "new\nline", "plain"}
	for _, id := range ids {
		check(t, s.cluster.ResetOffset(id, "t", 0, 0))
		check(t, s.cluster.ResetOffset(id, "t", 1, 0))
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(s.get("/metrics")))
	check(t, err)
	for name, samples := range map[string]int{
		"kafka_consumergroup_members": 3, "kafka_consumergroup_current_offset": 6, "kafka_consumergroup_lag": 6, "kafka_consumergroup_lag_sum": 3,
		"kafka_consumergroup_current_offset_sum": 3, "kafka_brokers": 1, "kafka_topic_partitions": 1,
	} {
		f := families[name]
		if f == nil || len(f.GetMetric()) != samples {
			t.Errorf("%s has %d samples, want %d: %v", name, len(f.GetMetric()), samples, f)
		}
	}
	for i, m := range families["kafka_consumergroup_lag_sum"].GetMetric() {
		if got := m.GetLabel()[0].GetValue(); got != ids[i] && len(ids) > i || m.GetGauge().GetValue() != 1 {
			t.Errorf("group %d is %q with a lag of %v, want %q", i, got, m.GetGauge().GetValue(), ids[i])
		}
	}
}
