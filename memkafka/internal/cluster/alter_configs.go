package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// ConfigOp is what a ConfigChange does, with the numbers of IncrementalAlterConfigs (KIP-339).
type ConfigOp int8

// The operations on a setting.
const (
	ConfigSet      ConfigOp = 0
	ConfigDelete   ConfigOp = 1 // back to the default
	ConfigAppend   ConfigOp = 2 // to a list
	ConfigSubtract ConfigOp = 3 // from a list
)

// ConfigChange is one change of a setting. Value is nil where the request has null.
type ConfigChange struct {
	Name  string
	Op    ConfigOp
	Value *string
}

// AlterTopicConfigs changes settings of a topic and leaves the others, or only says whether it could.
func (c *Cluster) AlterTopicConfigs(now kafka.Millis, topic string, changes []ConfigChange, validateOnly bool) error {
	t := c.topics[topic]
	if topic == "" {
		return errorf(kafka.InvalidRequest, "Default topic resources are not allowed.")
	}
	if err := CheckTopicName(topic); err != nil {
		return err
	}
	if t == nil {
		return errorf(kafka.UnknownTopicOrPartition, "The topic '%s' does not exist.", topic)
	}
	configs, err := changed(t.Configs, changes, func(name string) (ConfigType, string, bool) {
		tc := findTopicConfig(name)
		if tc == nil {
			return ConfigString, "", false
		}
		return tc.kind, c.settings.topicDefault(tc), true
	})
	if err != nil {
		return err
	}
	return c.setTopicConfigs(now, t, configs, validateOnly)
}

// ReplaceTopicConfigs gives a topic these settings and no others (AlterConfigs), or only says whether it could.
func (c *Cluster) ReplaceTopicConfigs(now kafka.Millis, topic string, configs map[string]*string, validateOnly bool) error {
	t := c.topics[topic]
	if t == nil {
		return errorf(kafka.UnknownTopicOrPartition, "The topic '%s' does not exist.", topic)
	}
	changes := make([]ConfigChange, 0, len(configs))
	for _, name := range sortedNames(configs) {
		changes = append(changes, ConfigChange{Name: name, Value: configs[name]})
	}
	values, err := changed(nil, changes, func(string) (ConfigType, string, bool) { return ConfigString, "", true })
	if err != nil {
		return err
	}
	return c.setTopicConfigs(now, t, values, validateOnly)
}

func (c *Cluster) setTopicConfigs(now kafka.Millis, t *Topic, configs map[string]string, validateOnly bool) error {
	config, err := c.logConfig(configs)
	if err != nil || validateOnly {
		return err
	}
	t.Configs = configs
	c.reconfigure(now, t, config)
	c.keepHead()
	return nil
}

// reconfigure puts settings in force that a topic has now.
func (c *Cluster) reconfigure(now kafka.Millis, t *Topic, config plog.Config) {
	c.reshape(now, func() {
		for _, p := range t.Partitions {
			p.configure(config)
			c.wake(now, p)
			if p.Leader == NoLeader {
				c.elect(now, p) // unclean.leader.election.enable may be on now
			}
		}
	})
}

// AlterBrokerConfigs changes settings of all brokers while they run, or only says whether it could. Broker 0 stands for all;
// one broker's own can be changed where there is no other.
func (c *Cluster) AlterBrokerConfigs(now kafka.Millis, broker int32, changes []ConfigChange, validateOnly bool) error {
	if broker != 0 {
		if c.checkBroker(broker) != nil {
			return errorf(kafka.InvalidRequest, "Unexpected broker id, expected %s, but received %d", c.brokerIDs(), broker)
		}
		if c.settings.Brokers > 1 {
			return errorf(kafka.InvalidRequest,
				"settings of one of %d brokers cannot be changed here, where all are alike; change the cluster-wide default", c.settings.Brokers)
		}
	}
	var fixed []string
	for _, ch := range changes {
		known := findSetting(ch.Name)
		if _, y := findSynonym(ch.Name); known != nil && !known.live || y.ms != 0 {
			fixed = append(fixed, ch.Name)
		}
	}
	if len(fixed) > 0 {
		slices.Sort(fixed)
		return errorf(kafka.InvalidRequest, "Cannot update these configs dynamically: [%s]", strings.Join(fixed, ", "))
	}
	values, err := changed(c.base.Dynamic, changes, func(name string) (ConfigType, string, bool) {
		e, known := c.brokerEntry(name)
		return e.Type, e.Value, known
	})
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(values) {
		trial := c.base
		if err := trial.Set(name, values[name]); err != nil {
			return errorf(kafka.InvalidRequest, "%v", err)
		}
	}
	before := c.settings
	c.base.Dynamic, c.settings.Dynamic = values, values
	c.settings = c.base.withDynamic()
	configs := map[*Topic]plog.Config{}
	for _, name := range c.Topics() {
		t := c.topics[name]
		if configs[t], err = c.logConfig(t.Configs); err != nil {
			err = errorf(kafka.InvalidConfig, "topic %s: %s", name, detailOf(err))
			break
		}
	}
	if err == nil && len(configs) == 0 {
		_, err = c.logConfig(nil)
	}
	if err != nil || validateOnly {
		c.settings, c.base.Dynamic = before, before.Dynamic
		return err
	}
	for _, name := range c.Topics() {
		c.reconfigure(now, c.topics[name], configs[c.topics[name]])
	}
	c.keepHead()
	return nil
}

func (c *Cluster) brokerIDs() string {
	if c.settings.Brokers == 1 {
		return "1"
	}
	return fmt.Sprintf("one of 1 to %d", c.settings.Brokers)
}

func detailOf(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}

// changed is settings with changes carried out. lookup tells the type and the default of a setting, and whether it exists.
func changed(have map[string]string, changes []ConfigChange, lookup func(name string) (ConfigType, string, bool)) (map[string]string, error) {
	values := maps.Clone(have)
	if values == nil {
		values = map[string]string{}
	}
	seen := map[string]bool{}
	var null []string
	for _, ch := range changes {
		if seen[ch.Name] {
			return nil, errorf(kafka.InvalidRequest, "Error due to duplicate config keys")
		}
		seen[ch.Name] = true
		if ch.Value == nil && ch.Op != ConfigDelete {
			null = append(null, ch.Name)
		}
	}
	if len(null) > 0 {
		return nil, errorf(kafka.InvalidRequest, "Null value not supported for : %s", strings.Join(null, ", "))
	}
	for _, ch := range changes {
		kind, value, _ := lookup(ch.Name)
		if v, set := values[ch.Name]; set {
			value = v
		}
		switch ch.Op {
		case ConfigSet:
			values[ch.Name] = *ch.Value
		case ConfigDelete:
			delete(values, ch.Name)
		case ConfigAppend, ConfigSubtract:
			if kind != ConfigList {
				word := map[ConfigOp]string{ConfigAppend: "APPEND", ConfigSubtract: "SUBTRACT"}[ch.Op]
				return nil, errorf(kafka.InvalidConfig, "Can't %s to key %s because its type is not LIST.", word, ch.Name)
			}
			list := listOf(value)
			for _, v := range listOf(*ch.Value) {
				switch i := slices.Index(list, v); {
				case ch.Op == ConfigAppend && i < 0:
					list = append(list, v)
				case ch.Op == ConfigSubtract && i >= 0:
					list = slices.Delete(list, i, i+1)
				}
			}
			values[ch.Name] = strings.Join(list, ",")
		default:
			return nil, kafka.UnknownServerError // Kafka has no better word for it
		}
	}
	return values, nil
}

func sortedNames(m map[string]*string) []string { return slices.Sorted(maps.Keys(m)) }

// ConfigSource is where a value comes from, with the numbers of DescribeConfigs (KIP-226).
type ConfigSource int8

// The sources of a value, from strong to weak.
const (
	FromTopic         ConfigSource = 1
	FromBroker        ConfigSource = 2
	FromBrokerDefault ConfigSource = 3 // cluster-wide, changed while brokers run
	FromStatic        ConfigSource = 4 // given when the cluster was made
	FromDefault       ConfigSource = 5
)

// ConfigSynonym is a setting that a value is taken from if no stronger one is there.
type ConfigSynonym struct {
	Name, Value string
	Source      ConfigSource
}

// ConfigEntry is one setting as DescribeConfigs tells it. None is sensitive.
type ConfigEntry struct {
	Name, Value string
	Null        bool // there is no value
	Source      ConfigSource
	ReadOnly    bool
	Type        ConfigType
	Synonyms    []ConfigSynonym // the one in force first
}

// DescribeTopic lists the settings of a topic, by name: those that are named, or all.
func (c *Cluster) DescribeTopic(topic string, names []string) ([]ConfigEntry, error) {
	t := c.topics[topic]
	if t == nil {
		return nil, errorf(kafka.UnknownTopicOrPartition, "The topic '%s' does not exist.", topic)
	}
	return c.DescribeConfigsOf(t, names...), nil
}

// DescribeConfigsOf is DescribeTopic for a topic at hand, which need not be one of the cluster yet. No names are all.
func (c *Cluster) DescribeConfigsOf(t *Topic, names ...string) []ConfigEntry {
	var entries []ConfigEntry
	for i := range topicConfigs {
		tc := &topicConfigs[i]
		if len(names) > 0 && !slices.Contains(names, tc.name) {
			continue
		}
		e := ConfigEntry{Name: tc.name, Value: c.settings.topicDefault(tc), Source: FromDefault, Type: tc.kind}
		if v, set := t.Configs[tc.name]; set {
			if tc.kind == ConfigList {
				v = strings.Join(listOf(v), ",")
			}
			e.Value = v
			e.Synonyms = append(e.Synonyms, ConfigSynonym{tc.name, v, FromTopic})
		}
		for _, y := range tc.synonyms {
			if y.ms == 0 { // Kafka names those in other units beside brokers only
				e.Synonyms = append(e.Synonyms, c.sourcesOf(tc, y)...)
			}
		}
		slices.SortStableFunc(e.Synonyms, func(a, b ConfigSynonym) int { return int(a.Source) - int(b.Source) })
		if len(e.Synonyms) > 0 {
			e.Source = e.Synonyms[0].Source
		}
		entries = append(entries, e)
	}
	return entries
}

// sourcesOf is the values that a broker's setting has, which topics take a default from.
func (c *Cluster) sourcesOf(t *topicConfig, y synonym) []ConfigSynonym {
	var list []ConfigSynonym
	if v, set := c.settings.Dynamic[y.name]; set {
		list = append(list, ConfigSynonym{y.name, v, FromBrokerDefault})
	} else if y.name == "min.insync.replicas" && c.settings.since("4.1") {
		// With eligible leader replicas the controller makes the brokers' value the cluster's own (KIP-966).
		list = append(list, ConfigSynonym{y.name, c.settings.topicDefault(t), FromBrokerDefault})
	}
	if v, set := c.settings.Static[y.name]; set {
		list = append(list, ConfigSynonym{y.name, v, FromStatic})
	} else if v, set := c.settings.TopicDefaults[t.name]; set && y.ms == 0 {
		list = append(list, ConfigSynonym{y.name, v, FromStatic})
	}
	if y.value != "" {
		list = append(list, ConfigSynonym{y.name, y.value, FromDefault})
	}
	return list
}

// DescribeBroker lists the settings of a broker, by name: those that are named, or all. Broker 0 stands for the
// cluster-wide defaults, of which there are those that were changed while the brokers ran.
func (c *Cluster) DescribeBroker(broker int32, names []string) ([]ConfigEntry, error) {
	if broker < 0 || broker > c.settings.Brokers {
		return nil, errorf(kafka.InvalidRequest, "Unexpected broker id, expected %s or empty string, but received %d", c.brokerIDs(), broker)
	}
	var entries []ConfigEntry
	for _, name := range SettingNames() {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		e, _ := c.brokerEntry(name)
		if broker == 0 {
			if e.Source != FromBrokerDefault {
				continue
			}
			e.Synonyms = e.Synonyms[:1]
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// brokerEntry describes one setting of brokers.
func (c *Cluster) brokerEntry(name string) (e ConfigEntry, known bool) {
	if t, y := findSynonym(name); t != nil {
		e = ConfigEntry{Name: name, Type: t.kind, Source: FromDefault, Null: y.value == "", Synonyms: c.sourcesOf(t, y)}
		if y.ms != 0 {
			e.Type, e.ReadOnly = ConfigInt, true
		}
		if len(e.Synonyms) > 0 {
			e.Value, e.Source, e.Null = e.Synonyms[0].Value, e.Synonyms[0].Source, false
		}
		return e, true
	}
	s := findSetting(name)
	if s == nil {
		return ConfigEntry{Type: ConfigString}, false
	}
	defaults := DefaultSettings()
	e = ConfigEntry{Name: name, Value: s.show(&c.settings), Type: s.kind, ReadOnly: !s.live}
	if v, set := c.settings.Dynamic[name]; set {
		e.Synonyms = append(e.Synonyms, ConfigSynonym{name, v, FromBrokerDefault})
	}
	standard := s.show(&defaults)
	if v := s.show(&c.base); v != standard {
		e.Synonyms = append(e.Synonyms, ConfigSynonym{name, v, FromStatic})
	}
	e.Synonyms = append(e.Synonyms, ConfigSynonym{name, standard, FromDefault})
	e.Source = e.Synonyms[0].Source
	return e, true
}
