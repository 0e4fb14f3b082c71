package goka

import (
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

var globalConfig atomic.Pointer[sarama.Config]

func init() { globalConfig.Store(DefaultConfig()) }

// DefaultConfig returns a new configuration as goka uses it by default, to change and hand to ReplaceGlobalConfig or
// to one of the builders. It differs from sarama.NewConfig in these points:
//
//   - Consumer: errors are returned, Consumer.MaxProcessingTime is 1 s, partitions are assigned by
//     CopartitioningStrategy. Inputs begin at the newest offset (Consumer.Offsets.Initial), tables always at the
//     oldest. A member that is told while it joins that somebody else comes or goes tries again after 100 ms
//     (Consumer.Group.Rebalance.Retry.Backoff), not after 2 s, and as much more often (Retry.Max is 80).
//   - Net: a connection that does not come about is given up after 10 s, as Kafka's own clients do
//     (socket.connection.setup.timeout.ms), not after 30 s.
//   - Metadata: brokers are looked for during 30 s (Metadata.Timeout), which those share that take connections and do not
//     answer. Without that bound, such a broker is tried four times, a minute and a half each.
//   - Producer: idempotent, so that a retried batch never lands behind a newer one: RequiredAcks is WaitForAll,
//     Net.MaxOpenRequests 1 (for producers only, see ProducerBuilderWithConfig). Snappy, no linger: a
//     batch holds what came while the one before it was under way. A few settings have sarama's own producer do the work,
//     see NewProducer. Up to 10 retries within 26 s: the pauses before them grow from Producer.Retry.Backoff, 100 ms, to 5 s
//     (Producer.Retry.BackoffFunc), so that a record outlives a broker that is killed. It takes Kafka 9 s to miss
//     one (broker.session.timeout.ms), 18 s with ZooKeeper.
func DefaultConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0

	config.Net.DialTimeout = 10 * time.Second
	config.Metadata.Timeout = 30 * time.Second

	config.Consumer.Return.Errors = true
	config.Consumer.MaxProcessingTime = time.Second
	config.Consumer.Offsets.Initial = sarama.OffsetNewest
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{CopartitioningStrategy}

	config.Consumer.Group.Rebalance.Retry.Backoff = 100 * time.Millisecond
	config.Consumer.Group.Rebalance.Retry.Max = 80

	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Compression = sarama.CompressionSnappy
	config.Producer.Return.Successes = true
	config.Producer.Return.Errors = true
	config.Producer.Retry.Max = 10
	config.Producer.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return growing(config.Producer.Retry.Backoff, retries)
	}
	return config
}

// longestPause is between two retries of a record. Kafka's own clients pause for a second at most (retry.backoff.max.ms), and retry more often.
const longestPause = 5 * time.Second

// growing returns the pause before a retry, the first of which is 1: twice the one before, up to longestPause or what is first.
func growing(first time.Duration, retries int) time.Duration {
	pause := first
	for ; retries > 1 && 0 < pause && pause < longestPause; retries-- {
		pause *= 2
	}
	return min(pause, max(first, longestPause))
}

// ReplaceGlobalConfig makes config the one that is used where no other is given, by what is made from now on. It is copied; nil
// panics. It may be called from any goroutine.
func ReplaceGlobalConfig(config *sarama.Config) {
	if config == nil {
		panic("nil config registered as global config")
	}
	globalConfig.Store(copyConfig(config))
}

// copyConfig returns a copy whose fields can be set without the owner of config noticing.
func copyConfig(config *sarama.Config) *sarama.Config {
	c := *config
	return &c
}

// readingConfig is a copy of config for clients that do not produce. The idempotent producer's limit of one request in
// flight would make heartbeats wait for fetches.
func readingConfig(config *sarama.Config) *sarama.Config {
	c := copyConfig(config)
	if c.Producer.Idempotent {
		c.Producer.Idempotent = false
		c.Producer.Transaction.ID = ""
		c.Net.MaxOpenRequests = sarama.NewConfig().Net.MaxOpenRequests
	}
	return c
}
