package cluster

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// topicConfig is one setting of topics: its default in Kafka 4.3, and how a value is checked and put in force.
type topicConfig struct {
	name  string
	value string // the default
	apply func(c *plog.Config, value string) error
}

// topicConfigs are the settings of Apache Kafka 4.3's topics, by name. Those that concern disks, replication between
// brokers and remote storage are checked and shown, and change nothing that a client of this cluster could see.
var topicConfigs = []topicConfig{
	{"cleanup.policy", "delete", applyCleanupPolicy},
	{"compression.type", "producer", applyCompression},
	{"delete.retention.ms", "86400000", long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.DeleteRetentionMs = v })},
	{"file.delete.delay.ms", "60000", long(0, math.MaxInt64, nil)},
	{"flush.messages", "9223372036854775807", long(1, math.MaxInt64, nil)},
	{"flush.ms", "9223372036854775807", long(0, math.MaxInt64, nil)},
	{"follower.replication.throttled.replicas", "", nil},
	{"index.interval.bytes", "4096", long(0, math.MaxInt32, nil)},
	{"leader.replication.throttled.replicas", "", nil},
	{"max.compaction.lag.ms", "9223372036854775807", long(1, math.MaxInt64, func(c *plog.Config, v int64) { c.MaxCompactionLagMs = v })},
	{"max.message.bytes", "1048588", long(0, math.MaxInt32, func(c *plog.Config, v int64) { c.MaxMessageBytes = int(v) })},
	{"message.timestamp.after.max.ms", "3600000", long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.TimestampAfterMs = v })},
	{"message.timestamp.before.max.ms", "9223372036854775807", long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.TimestampBeforeMs = v })},
	{"message.timestamp.type", "CreateTime", applyTimestampType},
	{"min.cleanable.dirty.ratio", "0.5", applyDirtyRatio},
	{"min.compaction.lag.ms", "0", long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.MinCompactionLagMs = v })},
	{"min.insync.replicas", "1", long(1, math.MaxInt32, nil)},
	{"preallocate", "false", boolean},
	{"retention.bytes", "-1", long(math.MinInt64, math.MaxInt64, func(c *plog.Config, v int64) { c.RetentionBytes = v })},
	{"retention.ms", "604800000", long(-1, math.MaxInt64, func(c *plog.Config, v int64) { c.RetentionMs = v })},
	{"segment.bytes", "1073741824", long(1048576, math.MaxInt32, func(c *plog.Config, v int64) { c.SegmentBytes = v })},
	{"segment.index.bytes", "10485760", long(4, math.MaxInt32, nil)},
	{"segment.jitter.ms", "0", long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.SegmentJitterMs = v })},
	{"segment.ms", "604800000", long(1, math.MaxInt64, func(c *plog.Config, v int64) { c.SegmentMs = v })},
	{"unclean.leader.election.enable", "false", boolean},
}

func findTopicConfig(name string) *topicConfig {
	i, found := slices.BinarySearchFunc(topicConfigs, name, func(c topicConfig, n string) int { return strings.Compare(c.name, n) })
	if !found {
		return nil
	}
	return &topicConfigs[i]
}

// logConfig is the configuration of a topic's logs: the overrides on top of the defaults, each one checked.
func (c *Cluster) logConfig(topic string, overrides map[string]string) (plog.Config, error) {
	config := plog.DefaultConfig()
	config.Jitter = func(limitMs int64) int64 { return c.ids.Int64N(limitMs) }
	for _, values := range []map[string]string{c.settings.TopicDefaults, overrides} {
		for _, name := range sortedKeys(values) {
			t := findTopicConfig(name)
			if t == nil {
				return config, errorf(kafka.InvalidConfig, "topic %q: unknown topic config name: %s", topic, name)
			}
			if t.apply == nil {
				continue
			}
			if err := t.apply(&config, values[name]); err != nil {
				return config, errorf(kafka.InvalidConfig, "topic %q: invalid value %s for configuration %s: %v", topic, values[name], name, err)
			}
		}
	}
	return config, nil
}

// ConfigValue is one setting of a topic as it is in force.
type ConfigValue struct {
	Name, Value string
	Default     bool // not overridden
}

// TopicConfigs lists all settings of a topic, by name.
func (c *Cluster) TopicConfigs(t *Topic) []ConfigValue {
	values := make([]ConfigValue, 0, len(topicConfigs))
	for _, tc := range topicConfigs {
		v := ConfigValue{Name: tc.name, Value: tc.value, Default: true}
		if d, ok := c.settings.TopicDefaults[tc.name]; ok {
			v.Value = d
		}
		if o, ok := t.Configs[tc.name]; ok {
			v.Value, v.Default = o, false
		}
		values = append(values, v)
	}
	return values
}

// topicConfig is the value in force of one setting of a topic.
func (c *Cluster) topicConfig(topic, name string) string {
	if t := c.topics[topic]; t != nil {
		if v, set := t.Configs[name]; set {
			return v
		}
	}
	if v, set := c.settings.TopicDefaults[name]; set {
		return v
	}
	return findTopicConfig(name).value
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// long checks a whole number between least and most.
func long(least, most int64, set func(c *plog.Config, v int64)) func(*plog.Config, string) error {
	return func(c *plog.Config, value string) error {
		v, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		switch {
		case err != nil:
			return fmt.Errorf("not a number of type LONG")
		case v < least:
			return fmt.Errorf("value must be at least %d", least)
		case v > most:
			return fmt.Errorf("value must be no more than %d", most)
		}
		if set != nil {
			set(c, v)
		}
		return nil
	}
}

func boolean(_ *plog.Config, value string) error {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "false":
		return nil
	}
	return fmt.Errorf("expected value to be either true or false")
}

func applyCleanupPolicy(c *plog.Config, value string) error {
	c.Compact, c.Delete = false, false
	for _, p := range strings.Split(value, ",") {
		switch strings.TrimSpace(p) {
		case "compact":
			c.Compact = true
		case "delete":
			c.Delete = true
		case "":
		default:
			return fmt.Errorf("string must be one of: compact, delete")
		}
	}
	return nil
}

func applyCompression(c *plog.Config, value string) error {
	if value == "producer" {
		c.Recompress = false
		return nil
	}
	codecs := map[string]batch.Codec{
		"uncompressed": batch.None, "gzip": batch.Gzip, "snappy": batch.Snappy, "lz4": batch.LZ4, "zstd": batch.Zstd,
	}
	codec, ok := codecs[value]
	if !ok {
		return fmt.Errorf("string must be one of: uncompressed, zstd, lz4, snappy, gzip, producer")
	}
	c.Recompress, c.Compression = true, codec
	return nil
}

func applyTimestampType(c *plog.Config, value string) error {
	switch value {
	case "CreateTime":
		c.TimestampType = batch.CreateTime
	case "LogAppendTime":
		c.TimestampType = batch.LogAppendTime
	default:
		return fmt.Errorf("string must be one of: CreateTime, LogAppendTime")
	}
	return nil
}

func applyDirtyRatio(c *plog.Config, value string) error {
	v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return fmt.Errorf("not a number of type DOUBLE")
	}
	if v < 0 || v > 1 {
		return fmt.Errorf("value must be between 0 and 1")
	}
	c.MinCleanableDirtyRatio = v
	return nil
}
