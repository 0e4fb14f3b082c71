package seam

import (
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// anonymous is the user that clients without a socket are, as all are who do not log in.
const anonymous = "ANONYMOUS"

// perRecord and perBatch are about what records and batches have beside keys, values and headers.
const (
	perRecord = 7
	perBatch  = 61
)

func bytesOf(r *kafka.Record) int {
	n := perRecord + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 2
	}
	return n
}

// muted is how long brokers do not listen to the client yet, because it used more than its quotas let it. Called with mu held.
func (c *Client) muted() time.Duration {
	if c.quiet.IsZero() {
		return 0
	}
	return max(time.Until(c.quiet), 0)
}

// chargeBatch notes what a client produced.
func (e *Engine) chargeBatch(now kafka.Millis, c *Client, emits []*Emit) {
	bytes := perBatch
	for _, m := range emits {
		bytes += bytesOf(&m.Record)
	}
	e.charge(now, c, cluster.ProducerByteRate, emits[0].TP, bytes)
}

// chargeFetch notes what a subscription fetched. Called with mu held.
func (s *Subscription) chargeFetch(records []kafka.Record) {
	if len(records) == 0 || !s.c.e.throttles.Load() {
		return
	}
	bytes := perBatch
	for i := range records {
		bytes += bytesOf(&records[i])
	}
	s.c.e.charge(nowMillis(), s.c, cluster.ConsumerByteRate, s.tp, bytes)
}

func (e *Engine) charge(now kafka.Millis, c *Client, key string, tp kafka.TopicPartition, bytes int) {
	broker := e.brokerOf(Op{Partitions: []kafka.TopicPartition{tp}})
	if throttle := e.core.Use(now, broker, key, anonymous, c.id, float64(bytes)); throttle > 0 {
		if until := time.Now().Add(time.Duration(throttle) * time.Millisecond); until.After(c.quiet) {
			c.quiet = until
		}
	}
}
