package kafkamock

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// DefaultTimeout is how long mocks wait for the code under test before they fail the test, unless told otherwise.
const DefaultTimeout = 10 * time.Second

// reporter is what mocks need of *testing.T.
type reporter interface {
	Helper()
	Errorf(format string, args ...interface{})
	Cleanup(f func())
}

// ensurePartitions makes a topic, or lets it grow, so that it has at least n partitions. Its logs take what a test may
// want to send, whatever its time or size, and keep it.
func ensurePartitions(c *memkafka.Cluster, topic string, n int32) error {
	if c.Partitions(topic) == 0 {
		err := c.CreateTopic(topic, n,
			memkafka.WithConfig("retention.ms", "-1"),
			memkafka.WithConfig("max.message.bytes", strconv.Itoa(math.MaxInt32)),
			memkafka.WithConfig("message.timestamp.after.max.ms", strconv.Itoa(math.MaxInt64)))
		if err != nil && c.Partitions(topic) == 0 {
			return err
		}
	}
	if c.Partitions(topic) >= n {
		return nil
	}
	admin, err := saramaclient.NewClusterAdmin(c, sarama.NewConfig())
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }() // it holds nothing
	if err := admin.CreatePartitions(topic, n, nil, false); err != nil {
		return fmt.Errorf("more partitions for topic %s: %w", topic, err)
	}
	return nil
}

// recordOf is the record that holds a message. Kafka keeps times in milliseconds; no time at all is kept as such.
func recordOf(m *sarama.ConsumerMessage) memkafka.Record {
	r := memkafka.Record{Key: m.Key, Value: m.Value, Timestamp: memkafka.NoTimestamp}
	if !m.Timestamp.IsZero() {
		r.Timestamp = memkafka.Millis(m.Timestamp.UnixMilli())
	}
	for _, h := range m.Headers {
		if h != nil {
			r.Headers = append(r.Headers, memkafka.Header{Key: string(h.Key), Value: h.Value})
		}
	}
	return r
}
