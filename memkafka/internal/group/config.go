package group

import (
	"errors"
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Config holds the broker settings that bear on groups. Start from [DefaultConfig]; a zero means no delay or no limit.
type Config struct {
	// InitialRebalanceDelay is how long the first rebalance of an empty group waits for more members
	// (group.initial.rebalance.delay.ms). Zero completes it with the first member.
	InitialRebalanceDelay kafka.Millis
	// MinSessionTimeout and MaxSessionTimeout bound the session time-outs that members may ask for
	// (group.min.session.timeout.ms, group.max.session.timeout.ms).
	MinSessionTimeout, MaxSessionTimeout kafka.Millis
	// MaxSize is the largest number of members (group.max.size).
	MaxSize int
	// NewMemberJoinTimeout is how long a new member's first join may wait before the member is given up, since
	// such a member sends no heartbeats yet. Kafka fixes it at 5 minutes.
	NewMemberJoinTimeout kafka.Millis
	// OffsetsRetention is how long offsets outlive their group's members (offsets.retention.minutes).
	OffsetsRetention kafka.Millis
	// OffsetsRetentionCheckInterval is how often expired offsets are looked for (offsets.retention.check.interval.ms).
	OffsetsRetentionCheckInterval kafka.Millis
	// OffsetMetadataMaxBytes is the longest metadata string of a committed offset (offset.metadata.max.bytes).
	OffsetMetadataMaxBytes int
}

// DefaultConfig is Kafka 4.3's settings.
func DefaultConfig() Config {
	return Config{
		InitialRebalanceDelay:         3_000,
		MinSessionTimeout:             6_000,
		MaxSessionTimeout:             1_800_000,
		NewMemberJoinTimeout:          300_000,
		OffsetsRetention:              7 * 24 * 60 * 60 * 1000,
		OffsetsRetentionCheckInterval: 600_000,
		OffsetMetadataMaxBytes:        4096,
	}
}

// Validate names every setting that makes no sense, in one error.
func (c Config) Validate() error {
	var errs []error
	for _, s := range []struct {
		name  string
		value kafka.Millis
	}{
		{"group.initial.rebalance.delay.ms", c.InitialRebalanceDelay},
		{"group.min.session.timeout.ms", c.MinSessionTimeout},
		{"group.max.session.timeout.ms", c.MaxSessionTimeout},
		{"group.max.size", kafka.Millis(c.MaxSize)},
		{"new member join time-out", c.NewMemberJoinTimeout},
		{"offsets.retention.minutes", c.OffsetsRetention},
		{"offsets.retention.check.interval.ms", c.OffsetsRetentionCheckInterval},
		{"offset.metadata.max.bytes", kafka.Millis(c.OffsetMetadataMaxBytes)},
	} {
		if s.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %d; give 0 or more", s.name, s.value))
		}
	}
	if c.MaxSessionTimeout > 0 && c.MinSessionTimeout > c.MaxSessionTimeout {
		errs = append(errs, fmt.Errorf("group.min.session.timeout.ms %d is above group.max.session.timeout.ms %d; raise the latter",
			c.MinSessionTimeout, c.MaxSessionTimeout))
	}
	return errors.Join(errs...)
}
