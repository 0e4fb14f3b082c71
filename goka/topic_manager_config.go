package goka

import (
	"strconv"
	"time"
)

// TMConfigMismatchBehavior says what a topic manager does about a topic that exists and is not as asked for.
type TMConfigMismatchBehavior int

const (
	// TMConfigMismatchBehaviorIgnore takes the topic as it is. A group's own table and loop still have to have as many
	// partitions as its inputs.
	TMConfigMismatchBehaviorIgnore TMConfigMismatchBehavior = iota
	// TMConfigMismatchBehaviorWarn logs the difference.
	TMConfigMismatchBehaviorWarn
	// TMConfigMismatchBehaviorFail makes it an error.
	TMConfigMismatchBehaviorFail
)

// defaultReplication is the number of replicas where nothing else is said. A cluster of fewer brokers gets as many as
// it has brokers.
const defaultReplication = 2

// TopicManagerConfig says how topics are created, and how existing ones are checked. The defaults are those of NewTopicManagerConfig:
// the zero value, with no replicas and no retention, is of no use.
type TopicManagerConfig struct {
	// Logger gets warnings. Where it is nil, the logger of the processor or view does that the topic manager is made for, or
	// standard error.
	Logger Logger

	// Table is about tables.
	Table struct {
		// Replication is the number of replicas (replication factor), 2 by default.
		Replication int
		// CleanupPolicy is cleanup.policy, "compact" when empty.
		CleanupPolicy string
	}

	// Stream is about streams, the loop of a group among them.
	Stream struct {
		// Replication is the number of replicas (replication factor), 2 by default.
		Replication int
		// Retention is retention.ms, 1 hour by default; negative keeps messages for ever.
		Retention time.Duration
		// CleanupPolicy is cleanup.policy, "delete" when empty.
		CleanupPolicy string
	}

	// CreateTopicTimeout is how long to wait until a created topic can be seen, 10 s by default. Zero does not wait.
	CreateTopicTimeout time.Duration

	// MismatchBehavior is about existing topics that are not as asked for; they are taken as they are by default.
	MismatchBehavior TMConfigMismatchBehavior

	// NoCreate forbids to create topics: a missing one is an error.
	NoCreate bool
}

// NewTopicManagerConfig returns the defaults: two replicas (or as many as there are brokers, if that is less), streams
// kept for an hour.
func NewTopicManagerConfig() *TopicManagerConfig {
	c := new(TopicManagerConfig)
	c.Table.Replication = defaultReplication
	c.Stream.Replication = defaultReplication
	c.Stream.Retention = time.Hour
	c.CreateTopicTimeout = 10 * time.Second
	return c
}

func (c *TopicManagerConfig) tableSettings() map[string]string {
	policy := c.Table.CleanupPolicy
	if policy == "" {
		policy = "compact"
	}
	return map[string]string{"cleanup.policy": policy}
}

func (c *TopicManagerConfig) streamSettings() map[string]string {
	policy := c.Stream.CleanupPolicy
	if policy == "" {
		policy = "delete"
	}
	retention := c.Stream.Retention.Milliseconds()
	if c.Stream.Retention < 0 {
		retention = -1
	}
	return map[string]string{
		"cleanup.policy": policy,
		"retention.ms":   strconv.FormatInt(retention, 10),
	}
}
