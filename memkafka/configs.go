package memkafka

import (
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// ConfigEntry is one setting of a topic or a broker: Name, Value, Null (there is no value), Type, ReadOnly, Source, where the value
// comes from, and Synonyms, what else would give it, the one in force first. Type and Source have the numbers of DescribeConfigs (KIP-226).
type ConfigEntry = cluster.ConfigEntry

// WithSetting gives a broker's setting by its name and value in Kafka, as "log.retention.check.interval.ms" and "60000". Values
// are checked as Kafka checks them; a name that this cluster does not obey is refused, with those that are like it.
func WithSetting(name, value string) Option {
	return func(s *cluster.Settings) error { return s.Set(name, value) }
}

// SetTopicConfig changes one setting of a topic, as "retention.ms" to "60000". Its errors are Kafka's: errors.Is finds the
// ErrorCode.
func (c *Cluster) SetTopicConfig(topic, name, value string) error {
	return c.alterTopic(topic, fmt.Sprintf("%s is set to %s", name, value), cluster.ConfigChange{Name: name, Value: &value})
}

// ResetTopicConfig takes a setting of a topic back to its default.
func (c *Cluster) ResetTopicConfig(topic, name string) error {
	return c.alterTopic(topic, name+" is reset", cluster.ConfigChange{Name: name, Op: cluster.ConfigDelete})
}

func (c *Cluster) alterTopic(topic, what string, change cluster.ConfigChange) error {
	return c.change("topic "+topic+": "+what, func(core *cluster.Cluster, now kafka.Millis) error {
		return core.AlterTopicConfigs(now, topic, []cluster.ConfigChange{change}, false)
	})
}

// SetBrokerConfig changes a setting of all brokers while they run, if Kafka can change it then.
func (c *Cluster) SetBrokerConfig(name, value string) error {
	return c.alterBrokers(fmt.Sprintf("%s is set to %s", name, value), cluster.ConfigChange{Name: name, Value: &value})
}

// ResetBrokerConfig takes back what SetBrokerConfig did.
func (c *Cluster) ResetBrokerConfig(name string) error {
	return c.alterBrokers(name+" is reset", cluster.ConfigChange{Name: name, Op: cluster.ConfigDelete})
}

func (c *Cluster) alterBrokers(what string, change cluster.ConfigChange) error {
	return c.change("brokers: "+what, func(core *cluster.Cluster, now kafka.Millis) error {
		return core.AlterBrokerConfigs(now, 0, []cluster.ConfigChange{change}, false)
	})
}

// TopicConfigs lists the settings of a topic, by name: those that are named, or all.
func (c *Cluster) TopicConfigs(topic string, names ...string) ([]ConfigEntry, error) {
	var entries []ConfigEntry
	err := c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		var err error
		entries, err = core.DescribeTopic(topic, names)
		return err
	})
	return entries, err
}

// BrokerConfigs lists the settings of a broker, numbered from 1, by name: those that are named, or all.
func (c *Cluster) BrokerConfigs(broker int32, names ...string) ([]ConfigEntry, error) {
	var entries []ConfigEntry
	err := c.do(func(core *cluster.Cluster, _ kafka.Millis) error {
		var err error
		entries, err = core.DescribeBroker(broker, names)
		return err
	})
	return entries, err
}
