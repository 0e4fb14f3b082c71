package group

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/assign"
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
	// such a member sends no heartbeats yet. Kafka fixes it at 5 minutes. Zero waits for ever.
	NewMemberJoinTimeout kafka.Millis
	// OffsetsRetention is how long offsets outlive their group's members (offsets.retention.minutes).
	OffsetsRetention kafka.Millis
	// OffsetsRetentionCheckInterval is how often expired offsets are looked for (offsets.retention.check.interval.ms).
	OffsetsRetentionCheckInterval kafka.Millis
	// OffsetMetadataMaxBytes is the longest metadata string of a committed offset (offset.metadata.max.bytes).
	OffsetMetadataMaxBytes int

	// ConsumerSessionTimeout is how long a member of a KIP-848 group may be silent (group.consumer.session.timeout.ms).
	ConsumerSessionTimeout kafka.Millis
	// ConsumerHeartbeatInterval is how often it is told to speak (group.consumer.heartbeat.interval.ms).
	ConsumerHeartbeatInterval kafka.Millis
	// ConsumerMaxSize is the largest number of its members (group.consumer.max.size).
	ConsumerMaxSize int
	// ConsumerAssignors is the assignors that members may ask for, the first one being the default
	// (group.consumer.assignors). Those that [assign.Server] does not know are passed over.
	ConsumerAssignors []string
	// ConsumerRegexRefreshInterval is how often the topics that regular expressions stand for are looked up though no
	// topic was created or deleted (group.consumer.regex.refresh.interval.ms).
	ConsumerRegexRefreshInterval kafka.Millis
	// Migration says whether groups change between the classic protocol and KIP-848 while they have members
	// (group.consumer.migration.policy).
	Migration MigrationPolicy
}

// MigrationPolicy is which way groups with members may go when a member of the other protocol comes or the last one of
// their own goes.
type MigrationPolicy string

// The policies, under the names that the setting has. An empty one is disabled.
const (
	MigrationDisabled      MigrationPolicy = "disabled"
	MigrationUpgrade       MigrationPolicy = "upgrade"   // from classic to KIP-848
	MigrationDowngrade     MigrationPolicy = "downgrade" // from KIP-848 to classic
	MigrationBidirectional MigrationPolicy = "bidirectional"
)

func (p MigrationPolicy) upgrades() bool { return p == MigrationUpgrade || p == MigrationBidirectional }

func (p MigrationPolicy) downgrades() bool {
	return p == MigrationDowngrade || p == MigrationBidirectional
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
		ConsumerSessionTimeout:        45_000,
		ConsumerHeartbeatInterval:     5_000,
		ConsumerAssignors:             []string{"uniform", "range"},
		ConsumerRegexRefreshInterval:  600_000,
		Migration:                     MigrationBidirectional,
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
		{"group.consumer.session.timeout.ms", c.ConsumerSessionTimeout},
		{"group.consumer.heartbeat.interval.ms", c.ConsumerHeartbeatInterval},
		{"group.consumer.max.size", kafka.Millis(c.ConsumerMaxSize)},
		{"group.consumer.regex.refresh.interval.ms", c.ConsumerRegexRefreshInterval},
	} {
		if s.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %d; give 0 or more", s.name, s.value))
		}
	}
	if c.MaxSessionTimeout > 0 && c.MinSessionTimeout > c.MaxSessionTimeout {
		errs = append(errs, fmt.Errorf("group.min.session.timeout.ms %d is above group.max.session.timeout.ms %d; raise the latter",
			c.MinSessionTimeout, c.MaxSessionTimeout))
	}
	for _, name := range c.ConsumerAssignors {
		if assign.Server()[name] == nil {
			errs = append(errs, fmt.Errorf("group.consumer.assignors has %q; there are %s", name,
				strings.Join(slices.Sorted(maps.Keys(assign.Server())), ", ")))
		}
	}
	switch c.Migration {
	case "", MigrationDisabled, MigrationUpgrade, MigrationDowngrade, MigrationBidirectional:
	default:
		errs = append(errs, fmt.Errorf("group.consumer.migration.policy is %q; give disabled, upgrade, downgrade or bidirectional", c.Migration))
	}
	return errors.Join(errs...)
}
