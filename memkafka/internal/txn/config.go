package txn

import (
	"errors"
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Config holds the broker settings that bear on transactions. Start from [DefaultConfig].
type Config struct {
	// MaxTimeout is the longest transaction.timeout.ms that a producer may ask for (transaction.max.timeout.ms).
	MaxTimeout kafka.Millis
	// AbortInterval is how often transactions that took too long are looked for
	// (transaction.abort.timed.out.transaction.cleanup.interval.ms).
	AbortInterval kafka.Millis
	// IDExpiration is how long an unused transactional id is remembered (transactional.id.expiration.ms).
	IDExpiration kafka.Millis
	// IDExpirationInterval is how often unused transactional ids are looked for
	// (transaction.remove.expired.transaction.cleanup.interval.ms).
	IDExpirationInterval kafka.Millis
	// OffsetsTopicPartitions is the number of partitions of __consumer_offsets (offsets.topic.num.partitions).
	OffsetsTopicPartitions int32
	// Version is the feature transaction.version of the cluster: 2 bumps the epoch with every transaction (KIP-890), 1
	// writes flexible records, 0 is Kafka before 4.0.
	Version int16
}

// DefaultConfig is Kafka 4.3's settings.
func DefaultConfig() Config {
	return Config{
		MaxTimeout:             15 * 60 * 1000,
		AbortInterval:          10 * 1000,
		IDExpiration:           7 * 24 * 60 * 60 * 1000,
		IDExpirationInterval:   60 * 60 * 1000,
		OffsetsTopicPartitions: 50,
		Version:                2,
	}
}

// Validate names every setting that makes no sense, in one error.
func (c Config) Validate() error {
	var errs []error
	for _, s := range []struct {
		name  string
		value int64
	}{
		{"transaction.max.timeout.ms", int64(c.MaxTimeout)},
		{"transaction.abort.timed.out.transaction.cleanup.interval.ms", int64(c.AbortInterval)},
		{"transactional.id.expiration.ms", int64(c.IDExpiration)},
		{"transaction.remove.expired.transaction.cleanup.interval.ms", int64(c.IDExpirationInterval)},
		{"offsets.topic.num.partitions", int64(c.OffsetsTopicPartitions)},
	} {
		if s.value < 1 {
			errs = append(errs, fmt.Errorf("%s is %d; give 1 or more", s.name, s.value))
		}
	}
	if c.Version < 0 || c.Version > 2 {
		errs = append(errs, fmt.Errorf("transaction.version is %d; give 0, 1 or 2", c.Version))
	}
	return errors.Join(errs...)
}
