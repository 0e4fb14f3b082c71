package memkafka_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/memkafka"
)

func TestSettingsHaveKafkasNames(t *testing.T) {
	c := memkafka.New(memkafka.WithSetting("num.partitions", "3"), memkafka.WithSetting("auto.create.topics.enable", "false"))
	defer c.Close()
	if err := c.CreateTopic("t", -1); err != nil {
		t.Fatal(err)
	}
	if n := c.Partitions("t"); n != 3 {
		t.Errorf("%d partitions, want num.partitions = 3", n)
	}
	if err := c.SetTopicConfig("t", "retention.ms", "60000"); err != nil {
		t.Fatal(err)
	}
	if e, err := c.TopicConfigs("t", "retention.ms"); err != nil || len(e) != 1 || e[0].Value != "60000" {
		t.Errorf("retention.ms is %v (%v), want 60000", e, err)
	}
	if err := c.ResetTopicConfig("t", "retention.ms"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetBrokerConfig("log.retention.ms", "70000"); err != nil {
		t.Fatal(err)
	}
	if e, err := c.TopicConfigs("t", "retention.ms"); err != nil || len(e) != 1 || e[0].Value != "70000" {
		t.Errorf("retention.ms is %v (%v), want the brokers' 70000", e, err)
	}
	if err := c.ResetBrokerConfig("log.retention.ms"); err != nil {
		t.Fatal(err)
	}
	if e, err := c.BrokerConfigs(1, "log.retention.ms"); err != nil || len(e) != 1 || !e[0].Null {
		t.Errorf("log.retention.ms is %v (%v), want null", e, err)
	}
	if err := c.SetTopicConfig("t", "retention.ms", "soon"); !errors.Is(err, memkafka.ErrorCode(40)) {
		t.Errorf("error %v, want INVALID_CONFIG", err)
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"log.retention.chek.interval.ms", "1", "near it are log.retention.check.interval.ms"},
		{"num.partition", "1", "num.partitions"},
		{"retention.ms", "1", "the brokers' setting for its default is log.retention.ms"},
		{"zookeeper.connect.of.any.kind", "x", "is no setting of brokers that this cluster has"},
		{"num.partitions", "none", "Invalid value none for configuration num.partitions: Not a number of type INT"},
		{"num.partitions", "0", "Value must be at least 1"},
		{"log.retention.hours", "x", "Invalid value x for configuration log.retention.hours: Not a number of type INT"},
		{"log.cleanup.policy", "keep", "Invalid value keep for configuration log.cleanup.policy: String must be one of: compact, delete"},
		{"group.min.session.timeout.ms", "2000000", "group.min.session.timeout.ms 2000000 is above group.max.session.timeout.ms 1800000"},
		{"group.consumer.migration.policy", "sideways", `group.consumer.migration.policy is "sideways"`},
	} {
		c, err := memkafka.Open(memkafka.WithSetting(tt.name, tt.value))
		if err == nil {
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%s: error %v, want one with %q", tt.name, tt.value, err, tt.want)
		}
	}
}
