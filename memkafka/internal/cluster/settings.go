package cluster

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/group"
)

// ConfigType is the type of a setting, with the numbers of DescribeConfigs.
type ConfigType int8

// The types of settings.
const (
	ConfigBoolean ConfigType = 1
	ConfigString  ConfigType = 2
	ConfigInt     ConfigType = 3
	ConfigLong    ConfigType = 5
	ConfigDouble  ConfigType = 6
	ConfigList    ConfigType = 7
)

// setting is a setting of brokers that this cluster obeys: how it is shown, and how a value is checked and put in force.
type setting struct {
	name string
	kind ConfigType
	show func(s *Settings) string
	set  func(s *Settings, value string) error
	live bool // it may be changed while brokers run
}

// millis is a setting in milliseconds, or, with a unit, in so many of them.
func millis(name string, kind ConfigType, unit, least int64, at func(s *Settings) *kafka.Millis) setting {
	word, bits, most := wordOf(kind)
	return setting{
		name: name, kind: kind,
		show: func(s *Settings) string { return strconv.FormatInt(int64(*at(s))/unit, 10) },
		set: func(s *Settings, value string) error {
			v, err := parseWhole(word, bits, least, most/unit, value)
			if err == nil {
				*at(s) = kafka.Millis(v * unit)
			}
			return err
		},
	}
}

func wordOf(kind ConfigType) (word string, bits int, most int64) {
	if kind == ConfigInt {
		return "INT", 32, math.MaxInt32
	}
	return "LONG", 64, math.MaxInt64
}

// count is a whole number. Where none, which is 0, means no limit, it is shown as Kafka's largest.
func count[N int | int16 | int32](name string, least, most int64, unlimited bool, at func(s *Settings) *N) setting {
	return setting{
		name: name, kind: ConfigInt,
		show: func(s *Settings) string {
			if n := *at(s); n != 0 || !unlimited {
				return strconv.FormatInt(int64(n), 10)
			}
			return strconv.Itoa(math.MaxInt32)
		},
		set: func(s *Settings, value string) error {
			v, err := parseWhole("INT", 32, least, most, value)
			if err == nil {
				*at(s) = N(v)
			}
			return err
		},
	}
}

func flag(name string, at func(s *Settings) *bool) setting {
	return setting{
		name: name, kind: ConfigBoolean,
		show: func(s *Settings) string { return strconv.FormatBool(*at(s)) },
		set: func(s *Settings, value string) error {
			if err := boolean(nil, value); err != nil {
				return err
			}
			*at(s) = strings.EqualFold(strings.TrimSpace(value), "true")
			return nil
		},
	}
}

func whileRunning(s setting) setting {
	s.live = true
	return s
}

// settings are the brokers' own settings, beside those that topics take defaults from.
var settings = []setting{
	flag("auto.create.topics.enable", func(s *Settings) *bool { return &s.AutoCreateTopics }),
	flag("auto.leader.rebalance.enable", func(s *Settings) *bool { return &s.AutoLeaderRebalance }),
	count("max.connections", 0, math.MaxInt32, false, func(s *Settings) *int32 { return &s.MaxConnections }),
	count("max.connections.per.ip", 0, math.MaxInt32, false, func(s *Settings) *int32 { return &s.MaxConnectionsPerIP }),
	millis("connections.max.idle.ms", ConfigLong, 1, -1, func(s *Settings) *kafka.Millis { return &s.MaxIdle }),
	count("default.replication.factor", 1, math.MaxInt16, false, func(s *Settings) *int16 { return &s.DefaultReplication }),
	{
		name: "group.consumer.assignors", kind: ConfigList,
		show: func(s *Settings) string { return strings.Join(s.Group.ConsumerAssignors, ",") },
		set: func(s *Settings, value string) error {
			s.Group.ConsumerAssignors = listOf(value)
			return s.Group.Validate()
		},
	},
	millis("group.consumer.heartbeat.interval.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Group.ConsumerHeartbeatInterval }),
	count("group.consumer.max.size", 1, math.MaxInt32, true, func(s *Settings) *int { return &s.Group.ConsumerMaxSize }),
	{
		name: "group.consumer.migration.policy", kind: ConfigString,
		show: func(s *Settings) string { return string(s.Group.Migration) },
		set: func(s *Settings, value string) error {
			s.Group.Migration = group.MigrationPolicy(strings.ToLower(value))
			return s.Group.Validate()
		},
	},
	millis("group.consumer.regex.refresh.interval.ms", ConfigInt, 1, 10_000, func(s *Settings) *kafka.Millis { return &s.Group.ConsumerRegexRefreshInterval }),
	millis("group.consumer.session.timeout.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Group.ConsumerSessionTimeout }),
	millis("group.initial.rebalance.delay.ms", ConfigInt, 1, 0, func(s *Settings) *kafka.Millis { return &s.Group.InitialRebalanceDelay }),
	millis("group.max.session.timeout.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Group.MaxSessionTimeout }),
	count("group.max.size", 1, math.MaxInt32, true, func(s *Settings) *int { return &s.Group.MaxSize }),
	millis("group.min.session.timeout.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Group.MinSessionTimeout }),
	millis("leader.imbalance.check.interval.seconds", ConfigLong, 1000, 1, func(s *Settings) *kafka.Millis { return &s.LeaderCheckInterval }),
	whileRunning(millis("log.cleaner.backoff.ms", ConfigLong, 1, 1, func(s *Settings) *kafka.Millis { return &s.CleanerBackoff })),
	millis("log.retention.check.interval.ms", ConfigLong, 1, 1, func(s *Settings) *kafka.Millis { return &s.RetentionCheckInterval }),
	count("num.partitions", 1, maxPartitions, false, func(s *Settings) *int32 { return &s.NumPartitions }),
	count("offset.metadata.max.bytes", 1, math.MaxInt32, false, func(s *Settings) *int { return &s.Group.OffsetMetadataMaxBytes }),
	millis("offsets.retention.check.interval.ms", ConfigLong, 1, 1, func(s *Settings) *kafka.Millis { return &s.Group.OffsetsRetentionCheckInterval }),
	millis("offsets.retention.minutes", ConfigInt, minuteMs, 1, func(s *Settings) *kafka.Millis { return &s.Group.OffsetsRetention }),
	count("offsets.topic.num.partitions", 1, maxPartitions, false, func(s *Settings) *int32 { return &s.OffsetsTopicPartitions }),
	whileRunning(millis("producer.id.expiration.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.ProducerIDExpiration })),
	millis("replica.lag.time.max.ms", ConfigLong, 1, 1, func(s *Settings) *kafka.Millis { return &s.ReplicaLagTime }),
	count("socket.request.max.bytes", 1, math.MaxInt32, false, func(s *Settings) *int32 { return &s.MaxRequestBytes }),
	millis("transaction.abort.timed.out.transaction.cleanup.interval.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Transactions.AbortInterval }),
	millis("transaction.max.timeout.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Transactions.MaxTimeout }),
	millis("transaction.remove.expired.transaction.cleanup.interval.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Transactions.IDExpirationInterval }),
	count("transaction.state.log.num.partitions", 1, maxPartitions, false, func(s *Settings) *int32 { return &s.TransactionTopicPartitions }),
	millis("transactional.id.expiration.ms", ConfigInt, 1, 1, func(s *Settings) *kafka.Millis { return &s.Transactions.IDExpiration }),
}

// since reports whether the brokers are those of a release or a later one.
func (s *Settings) since(release string) bool {
	return s.AsVersion == "" || s.AsVersion >= release
}

func listOf(value string) []string {
	var list []string
	for _, v := range strings.Split(value, ",") {
		if v = strings.TrimSpace(v); v != "" {
			list = append(list, v)
		}
	}
	return list
}

func findSetting(name string) *setting {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &settings[i]
}

// findSynonym is the topics' setting that a broker's setting is the default of.
func findSynonym(name string) (*topicConfig, synonym) {
	for i := range topicConfigs {
		for _, y := range topicConfigs[i].synonyms {
			if y.name == name {
				return &topicConfigs[i], y
			}
		}
	}
	return nil, synonym{}
}

// Set puts a broker's setting in force by its name and value in Kafka. An unknown name is refused with those that are like
// it, and a value with Kafka's words for what is wrong.
func (s *Settings) Set(name, value string) error {
	if t, y := findSynonym(name); t != nil {
		if err := checkSynonym(t, y, value); err != nil {
			return err
		}
		s.Static = maps.Clone(s.Static)
		if s.Static == nil {
			s.Static = map[string]string{}
		}
		s.Static[name] = value
		return nil
	}
	known := findSetting(name)
	if known == nil {
		return unknownSetting(name)
	}
	if err := known.set(s, value); err != nil {
		return fmt.Errorf("Invalid value %s for configuration %s: %w", value, name, err) //nolint:staticcheck // Kafka's words
	}
	return nil
}

func checkSynonym(t *topicConfig, y synonym, value string) error {
	err := error(nil)
	switch {
	case y.ms != 0:
		_, err = parseWhole("INT", 32, math.MinInt32, math.MaxInt32, value)
	case t.apply == nil:
		return nil
	}
	if err == nil {
		var bad *Error
		if err = t.check(y.as(value)); errors.As(err, &bad) {
			_, after, _ := strings.Cut(bad.Detail, " for configuration "+t.name+": ")
			err = errors.New(after)
		}
	}
	if err != nil {
		return fmt.Errorf("Invalid value %s for configuration %s: %w", value, y.name, err) //nolint:staticcheck // Kafka's words
	}
	return nil
}

// SettingNames lists the settings that Set knows, sorted.
func SettingNames() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
	}
	for _, t := range topicConfigs {
		for _, y := range t.synonyms {
			names = append(names, y.name)
		}
	}
	slices.Sort(names)
	return names
}

func unknownSetting(name string) error {
	if t := findTopicConfig(name); t != nil && len(t.synonyms) > 0 {
		return fmt.Errorf("%s is a setting of topics; the brokers' setting for its default is %s", name, t.synonyms[0].name)
	}
	type near struct {
		name  string
		steps int
	}
	var found []near
	for _, n := range SettingNames() {
		if d := distance(name, n); d <= max(3, len(name)/3) {
			found = append(found, near{n, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.steps - b.steps })
	if len(found) == 0 {
		return fmt.Errorf("%s is no setting of brokers that this cluster has; it has %s", name, strings.Join(SettingNames(), ", "))
	}
	var names []string
	for _, n := range found[:min(3, len(found))] {
		names = append(names, n.name)
	}
	return fmt.Errorf("%s is no setting of brokers that this cluster has; near it are %s", name, strings.Join(names, ", "))
}

// distance is how many letters have to be changed, added or left out to make one name of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// withDynamic is the settings with those in force that were changed while the brokers ran.
func (s Settings) withDynamic() Settings {
	if len(s.Dynamic) == 0 {
		return s
	}
	changed := s
	changed.setDynamic()
	return changed
}

func (s *Settings) setDynamic() {
	for _, name := range sortedKeys(s.Dynamic) {
		if known := findSetting(name); known != nil {
			if err := known.set(s, s.Dynamic[name]); err != nil {
				panic("memkafka: " + name + ": " + err.Error()) // it was checked when it was set
			}
		}
	}
}
