package plog

import (
	"math"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Unlimited stands for "never" and "no bound" in a Config, as Long.MAX_VALUE does in Kafka's.
const Unlimited = math.MaxInt64

// Config is the settings of a topic that its logs obey, in Kafka's units. Times are in milliseconds. A Config is
// not checked: whoever reads it from a topic's settings refuses what Kafka refuses.
type Config struct {
	Compact bool // cleanup.policy names compact
	Delete  bool // cleanup.policy names delete

	SegmentBytes    int64 // segment.bytes
	SegmentMs       int64 // segment.ms
	SegmentJitterMs int64 // segment.jitter.ms; Jitter draws from it

	RetentionMs    int64 // retention.ms; negative keeps for ever
	RetentionBytes int64 // retention.bytes; negative keeps any amount

	MinCleanableDirtyRatio float64 // min.cleanable.dirty.ratio
	MinCompactionLagMs     int64   // min.compaction.lag.ms
	MaxCompactionLagMs     int64   // max.compaction.lag.ms
	DeleteRetentionMs      int64   // delete.retention.ms

	TimestampType     batch.TimestampType // message.timestamp.type
	TimestampBeforeMs int64               // message.timestamp.before.max.ms
	TimestampAfterMs  int64               // message.timestamp.after.max.ms

	MaxMessageBytes int         // max.message.bytes: of a batch, compressed
	Recompress      bool        // compression.type is not producer
	Compression     batch.Codec // what compression.type is then

	ProducerIDExpirationMs int64 // producer.id.expiration.ms, a setting of the broker

	// Jitter gives a number from 0 up to, without, limitMs: how much earlier than segment.ms a new segment shall
	// roll. It is asked once for each segment if SegmentJitterMs is set, and has to be there then.
	Jitter func(limitMs int64) int64
}

const (
	hourMs = 3_600_000
	dayMs  = 24 * hourMs
)

// DefaultConfig is the settings of Kafka 4.3 for a topic that was given none.
func DefaultConfig() Config {
	return Config{
		Delete:                 true,
		SegmentBytes:           1 << 30,
		SegmentMs:              7 * dayMs,
		RetentionMs:            7 * dayMs,
		RetentionBytes:         -1,
		MinCleanableDirtyRatio: 0.5,
		MaxCompactionLagMs:     Unlimited,
		DeleteRetentionMs:      dayMs,
		TimestampBeforeMs:      Unlimited,
		TimestampAfterMs:       hourMs,
		MaxMessageBytes:        1<<20 + 12,
		ProducerIDExpirationMs: dayMs,
	}
}

// rollAfterMs is how old a segment may become: with compaction no older than max.compaction.lag.ms, for a record
// cannot be compacted while its segment is active.
func (c *Config) rollAfterMs() int64 {
	if c.Compact && c.MaxCompactionLagMs > 0 {
		return min(c.MaxCompactionLagMs, c.SegmentMs)
	}
	return c.SegmentMs
}

// outOfBounds reports whether a producer's timestamp is too far from the broker's time.
func (c *Config) outOfBounds(ts, now kafka.Millis) bool {
	if ts == kafka.NoTimestamp {
		return false
	}
	return int64(now-ts) > c.TimestampBeforeMs || int64(ts-now) > c.TimestampAfterMs
}
