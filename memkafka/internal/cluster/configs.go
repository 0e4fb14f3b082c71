package cluster

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// topicConfig is one setting of topics: its default in Kafka 4.3, and how a value is checked and put in force.
type topicConfig struct {
	name     string
	value    string // the default
	kind     ConfigType
	apply    func(c *plog.Config, value string) error
	synonyms []synonym // the brokers' settings that are its default, the strongest first
}

// synonym is a broker's setting that topics take a default from.
type synonym struct {
	name  string
	value string // its own default; empty if that is null
	ms    int64  // the unit, if it is one of time and not that of the topics' setting
}

// as is a value of the synonym in the unit of the topics' setting. It was checked before.
func (y synonym) as(value string) string {
	if y.ms == 0 {
		return value
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil || n < 0 {
		return "-1" // never, as in log.retention.minutes
	}
	return strconv.FormatInt(n*y.ms, 10)
}

func same(name, value string) []synonym { return []synonym{{name: name, value: value}} }

const (
	minuteMs = 60_000
	hourMs   = 60 * minuteMs
)

// topicConfigs are the settings of Apache Kafka 4.3's topics, by name. Those that concern disks, levels of compression,
// replication between brokers and remote storage are checked and shown, and change nothing that a client of this cluster could see.
var topicConfigs = []topicConfig{
	{"cleanup.policy", "delete", ConfigList, applyCleanupPolicy, same("log.cleanup.policy", "delete")},
	{"compression.gzip.level", "-1", ConfigInt, gzipLevel, same("compression.gzip.level", "-1")},
	{"compression.lz4.level", "9", ConfigInt, integer(1, 17, nil), same("compression.lz4.level", "9")},
	{"compression.type", "producer", ConfigString, applyCompression, same("compression.type", "producer")},
	{"compression.zstd.level", "3", ConfigInt, integer(-131072, 22, nil), same("compression.zstd.level", "3")},
	{"delete.retention.ms", "86400000", ConfigLong, long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.DeleteRetentionMs = v }), same("log.cleaner.delete.retention.ms", "86400000")},
	{"file.delete.delay.ms", "60000", ConfigLong, long(0, math.MaxInt64, nil), same("log.segment.delete.delay.ms", "60000")},
	{"flush.messages", "9223372036854775807", ConfigLong, long(1, math.MaxInt64, nil), same("log.flush.interval.messages", "9223372036854775807")},
	{"flush.ms", "9223372036854775807", ConfigLong, long(0, math.MaxInt64, nil), same("log.flush.interval.ms", "")},
	{"follower.replication.throttled.replicas", "", ConfigList, throttledReplicas("follower.replication.throttled.replicas"), nil},
	{"index.interval.bytes", "4096", ConfigInt, integer(0, math.MaxInt32, nil), same("log.index.interval.bytes", "4096")},
	{"leader.replication.throttled.replicas", "", ConfigList, throttledReplicas("leader.replication.throttled.replicas"), nil},
	{"local.retention.bytes", "-2", ConfigLong, long(-2, math.MaxInt64, nil), same("log.local.retention.bytes", "-2")},
	{"local.retention.ms", "-2", ConfigLong, long(-2, math.MaxInt64, nil), same("log.local.retention.ms", "-2")},
	{"max.compaction.lag.ms", "9223372036854775807", ConfigLong, long(1, math.MaxInt64, func(c *plog.Config, v int64) { c.MaxCompactionLagMs = v }), same("log.cleaner.max.compaction.lag.ms", "9223372036854775807")},
	{"max.message.bytes", "1048588", ConfigInt, integer(0, math.MaxInt32, func(c *plog.Config, v int64) { c.MaxMessageBytes = int(v) }), same("message.max.bytes", "1048588")},
	{"message.timestamp.after.max.ms", "3600000", ConfigLong, long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.TimestampAfterMs = v }), same("log.message.timestamp.after.max.ms", "3600000")},
	{"message.timestamp.before.max.ms", "9223372036854775807", ConfigLong, long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.TimestampBeforeMs = v }), same("log.message.timestamp.before.max.ms", "9223372036854775807")},
	{"message.timestamp.type", "CreateTime", ConfigString, applyTimestampType, same("log.message.timestamp.type", "CreateTime")},
	{"min.cleanable.dirty.ratio", "0.5", ConfigDouble, applyDirtyRatio, same("log.cleaner.min.cleanable.ratio", "0.5")},
	{"min.compaction.lag.ms", "0", ConfigLong, long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.MinCompactionLagMs = v }), same("log.cleaner.min.compaction.lag.ms", "0")},
	{"min.insync.replicas", "1", ConfigInt, integer(1, math.MaxInt32, nil), same("min.insync.replicas", "1")},
	{"preallocate", "false", ConfigBoolean, boolean, same("log.preallocate", "false")},
	{"remote.log.copy.disable", "false", ConfigBoolean, boolean, nil},
	{"remote.log.delete.on.disable", "false", ConfigBoolean, boolean, nil},
	{"remote.storage.enable", "false", ConfigBoolean, boolean, nil},
	{"retention.bytes", "-1", ConfigLong, long(math.MinInt64, math.MaxInt64, func(c *plog.Config, v int64) { c.RetentionBytes = v }), same("log.retention.bytes", "-1")},
	{"retention.ms", "604800000", ConfigLong, long(-1, math.MaxInt64, func(c *plog.Config, v int64) { c.RetentionMs = v }), []synonym{
		{name: "log.retention.ms"}, {name: "log.retention.minutes", ms: minuteMs}, {name: "log.retention.hours", value: "168", ms: hourMs},
	}},
	{"segment.bytes", "1073741824", ConfigInt, integer(1048576, math.MaxInt32, func(c *plog.Config, v int64) { c.SegmentBytes = v }), same("log.segment.bytes", "1073741824")},
	{"segment.index.bytes", "10485760", ConfigInt, integer(4, math.MaxInt32, nil), same("log.index.size.max.bytes", "10485760")},
	{"segment.jitter.ms", "0", ConfigLong, long(0, math.MaxInt64, func(c *plog.Config, v int64) { c.SegmentJitterMs = v }), []synonym{
		{name: "log.roll.jitter.ms"}, {name: "log.roll.jitter.hours", value: "0", ms: hourMs},
	}},
	{"segment.ms", "604800000", ConfigLong, long(1, math.MaxInt64, func(c *plog.Config, v int64) { c.SegmentMs = v }), []synonym{
		{name: "log.roll.ms"}, {name: "log.roll.hours", value: "168", ms: hourMs},
	}},
	{"unclean.leader.election.enable", "false", ConfigBoolean, boolean, same("unclean.leader.election.enable", "false")},
}

func findTopicConfig(name string) *topicConfig {
	i, found := slices.BinarySearchFunc(topicConfigs, name, func(c topicConfig, n string) int { return strings.Compare(c.name, n) })
	if !found {
		return nil
	}
	return &topicConfigs[i]
}

// check says what is wrong with a value, in Kafka's words.
func (t *topicConfig) check(value string) error {
	if err := t.apply(&plog.Config{}, value); err != nil {
		return t.refused(value, err)
	}
	return nil
}

// refused is the error of a value, in Kafka's words.
func (t *topicConfig) refused(value string, err error) error {
	if v, e := strconv.ParseFloat(strings.TrimSpace(value), 64); e == nil && t.kind == ConfigDouble {
		value = strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(value, ".") {
			value += ".0" // as Java writes it
		}
	}
	if bad := (*badElement)(nil); errors.As(err, &bad) {
		value = bad.value
	}
	return errorf(kafka.InvalidConfig, "Invalid value %s for configuration %s: %v", value, t.name, err)
}

// badElement is what is wrong with one value of a list.
type badElement struct{ value, text string }

func (e *badElement) Error() string { return e.text }

// logConfig is the configuration of a topic's logs: the overrides on top of the brokers' defaults, each one checked.
func (c *Cluster) logConfig(overrides map[string]string) (plog.Config, error) {
	config := plog.DefaultConfig()
	config.Jitter = func(limitMs int64) int64 { return c.ids.Int64N(limitMs) }
	config.ProducerIDExpirationMs = int64(c.settings.ProducerIDExpiration)
	if c.settings.setsTopicDefaults() {
		for i := range topicConfigs {
			t := &topicConfigs[i]
			value := c.settings.topicDefault(t)
			if value == t.value {
				continue // it is what config began with
			}
			if _, set := overrides[t.name]; set {
				continue
			}
			if err := t.apply(&config, value); err != nil {
				return config, errorf(kafka.InvalidConfig, "Invalid value %s for configuration %s: %v", value, t.name, err)
			}
		}
	}
	for _, name := range sortedKeys(overrides) {
		t := findTopicConfig(name)
		if t == nil {
			return config, errorf(kafka.InvalidConfig, "Unknown topic config name: %s", name)
		}
		if err := t.apply(&config, overrides[name]); err != nil {
			return config, t.refused(overrides[name], err)
		}
	}
	if strings.EqualFold(strings.TrimSpace(overrides["remote.storage.enable"]), "true") {
		return config, errorf(kafka.InvalidConfig, "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
	}
	if config.MinCompactionLagMs > config.MaxCompactionLagMs {
		return config, errorf(kafka.InvalidConfig, "conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)",
			config.MinCompactionLagMs, config.MaxCompactionLagMs)
	}
	return config, nil
}

// setsTopicDefaults reports whether topics may have defaults other than Kafka's.
func (s *Settings) setsTopicDefaults() bool {
	return len(s.Dynamic) > 0 || len(s.Static) > 0 || len(s.TopicDefaults) > 0
}

// topicDefault is what a topic has that does not override a setting.
func (s *Settings) topicDefault(t *topicConfig) string {
	for _, set := range []map[string]string{s.Dynamic, s.Static} {
		for _, y := range t.synonyms {
			if v, ok := set[y.name]; ok {
				return y.as(v)
			}
		}
	}
	if v, ok := s.TopicDefaults[t.name]; ok {
		return v
	}
	return t.value
}

// ConfigValue is one setting of a topic as it is in force.
type ConfigValue struct {
	Name, Value string
	Default     bool // not overridden
}

// TopicConfigs lists all settings of a topic, by name.
func (c *Cluster) TopicConfigs(t *Topic) []ConfigValue {
	values := make([]ConfigValue, 0, len(topicConfigs))
	for i := range topicConfigs {
		tc := &topicConfigs[i]
		v := ConfigValue{Name: tc.name, Value: c.settings.topicDefault(tc), Default: true}
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
	return c.settings.topicDefault(findTopicConfig(name))
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// long checks a whole number of 64 bits between least and most.
func long(least, most int64, set func(c *plog.Config, v int64)) func(*plog.Config, string) error {
	return number("LONG", 64, least, most, set)
}

// integer checks a whole number of 32 bits between least and most.
func integer(least, most int64, set func(c *plog.Config, v int64)) func(*plog.Config, string) error {
	return number("INT", 32, least, most, set)
}

func number(kind string, bits int, least, most int64, set func(c *plog.Config, v int64)) func(*plog.Config, string) error {
	return func(c *plog.Config, value string) error {
		v, err := parseWhole(kind, bits, least, most, value)
		if err != nil {
			return err
		}
		if set != nil {
			set(c, v)
		}
		return nil
	}
}

// parseWhole reads a whole number, or says in Kafka's words what is wrong with it.
func parseWhole(kind string, bits int, least, most int64, value string) (int64, error) {
	v, err := strconv.ParseInt(strings.TrimSpace(value), 10, bits)
	switch {
	case err != nil:
		return 0, fmt.Errorf("Not a number of type %s", kind) //nolint:staticcheck // Kafka's words
	case v < least:
		return 0, fmt.Errorf("Value must be at least %d", least) //nolint:staticcheck // Kafka's words
	case v > most:
		return 0, fmt.Errorf("Value must be no more than %d", most) //nolint:staticcheck // Kafka's words
	}
	return v, nil
}

func boolean(_ *plog.Config, value string) error {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "false":
		return nil
	}
	return fmt.Errorf("Expected value to be either true or false") //nolint:staticcheck // Kafka\'s words
}

var throttledReplica = regexp.MustCompile(`^([0-9]+:[0-9]+)?$`)

// throttledReplicas checks the list of replicas whose replication is throttled.
func throttledReplicas(name string) func(*plog.Config, string) error {
	return func(_ *plog.Config, value string) error {
		list := strings.Split(value, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		if slices.Equal(list, []string{"*"}) || !slices.ContainsFunc(list, func(r string) bool { return !throttledReplica.MatchString(r) }) {
			return nil
		}
		return &badElement{"[" + strings.Join(list, ", ") + "]", name + " must be the literal '*' or a list of replicas in the following format: " +
			"[partitionId]:[brokerId],[partitionId]:[brokerId],..."}
	}
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
			return &badElement{strings.TrimSpace(p), "String must be one of: compact, delete"}
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
		return fmt.Errorf("String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer") //nolint:staticcheck // Kafka\'s words
	}
	c.Recompress, c.Compression = true, codec
	return nil
}

// gzipLevel checks a level of gzip, of which -1 stands for the default.
func gzipLevel(_ *plog.Config, value string) error {
	v, err := parseWhole("INT", 32, math.MinInt32, math.MaxInt32, value)
	if err == nil && v != -1 && (v < 1 || v > 9) {
		return fmt.Errorf("Value must be between 1 and 9 or equal to -1") //nolint:staticcheck // Kafka's words
	}
	return err
}

func applyTimestampType(c *plog.Config, value string) error {
	switch value {
	case "CreateTime":
		c.TimestampType = batch.CreateTime
	case "LogAppendTime":
		c.TimestampType = batch.LogAppendTime
	default:
		return fmt.Errorf("String must be one of: CreateTime, LogAppendTime") //nolint:staticcheck // Kafka\'s words
	}
	return nil
}

func applyDirtyRatio(c *plog.Config, value string) error {
	v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return fmt.Errorf("Not a number of type DOUBLE") //nolint:staticcheck // Kafka\'s words
	}
	if v < 0 {
		return fmt.Errorf("Value must be at least 0") //nolint:staticcheck // Kafka's words
	}
	if v > 1 {
		return fmt.Errorf("Value must be no more than 1") //nolint:staticcheck // Kafka's words
	}
	c.MinCleanableDirtyRatio = v
	return nil
}
