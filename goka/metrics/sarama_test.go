package metrics_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	gometrics "github.com/rcrowley/go-metrics"

	"github.com/gokasim/gokasim/goka/metrics"
)

func TestWhatSaramaMeasures(t *testing.T) {
	r := gometrics.NewRegistry()
	meter := func(name string, n int64) {
		m := gometrics.NewMeter()
		t.Cleanup(m.Stop)
		m.Mark(n)
		check(t, r.Register(name, m))
	}
	counter := func(name string, n int64) {
		c := gometrics.NewCounter()
		c.Inc(n)
		check(t, r.Register(name, c))
	}
	meter("request-rate", 7)
	meter("request-rate-for-broker-1", 5)
	meter("request-rate-for-broker-2", 1)
	meter("record-send-rate", 3)
	meter("record-send-rate-for-topic-my_orders", 3)
	meter("outgoing-byte-rate", 100)
	meter("protocol-requests-rate-3", 9)
	meter("protocol-requests-rate-3-for-broker-2", 8)
	meter("somebody-elses", 1)
	counter("requests-in-flight-for-broker-1", 2)
	counter("consumer-group-join-total-counts", 4)
	latency := gometrics.NewHistogram(gometrics.NewUniformSample(10))
	for _, ms := range []int64{10, 20, 30} {
		latency.Update(ms)
	}
	check(t, r.Register("request-latency-in-ms-for-broker-1", latency))

	c := metrics.NewSarama(r)
	check(t, prometheus.NewPedanticRegistry().Register(c))
	want := `
# HELP sarama_consumer_group_joins_total Attempts to join the group.
# TYPE sarama_consumer_group_joins_total counter
sarama_consumer_group_joins_total{group="counts"} 4
# HELP sarama_outgoing_bytes_total Bytes written to brokers.
# TYPE sarama_outgoing_bytes_total counter
sarama_outgoing_bytes_total{broker="",topic=""} 100
# HELP sarama_protocol_requests_total Requests sent to brokers, by API key.
# TYPE sarama_protocol_requests_total counter
sarama_protocol_requests_total{api_key="3",broker="2"} 8
# HELP sarama_records_sent_total Records sent to brokers.
# TYPE sarama_records_sent_total counter
sarama_records_sent_total{broker="",topic="my_orders"} 3
# HELP sarama_request_latency_seconds How long brokers took to answer.
# TYPE sarama_request_latency_seconds summary
sarama_request_latency_seconds{broker="1",topic="",quantile="0.5"} 0.02
sarama_request_latency_seconds{broker="1",topic="",quantile="0.95"} 0.03
sarama_request_latency_seconds{broker="1",topic="",quantile="0.99"} 0.03
sarama_request_latency_seconds_sum{broker="1",topic=""} 0.06
sarama_request_latency_seconds_count{broker="1",topic=""} 3
# HELP sarama_requests_inflight Requests that were not answered yet.
# TYPE sarama_requests_inflight gauge
sarama_requests_inflight{broker="1",topic=""} 2
# HELP sarama_requests_total Requests sent to brokers.
# TYPE sarama_requests_total counter
sarama_requests_total{broker="1",topic=""} 5
sarama_requests_total{broker="2",topic=""} 1
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
