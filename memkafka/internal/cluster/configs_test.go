package cluster_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

func set(name, value string) cluster.ConfigChange {
	return cluster.ConfigChange{Name: name, Value: &value}
}

func op(o cluster.ConfigOp, name, value string) cluster.ConfigChange {
	return cluster.ConfigChange{Name: name, Op: o, Value: &value}
}

func wantDetail(t *testing.T, err error, code kafka.ErrorCode, detail string) {
	t.Helper()
	if code == kafka.None {
		must(t, err)
		return
	}
	var e *cluster.Error
	if !errors.As(err, &e) || e.Code != code || e.Detail != detail {
		t.Errorf("error %v, want %s: %s", err, code.Name(), detail)
	}
}

func TestAlteringTopicConfigs(t *testing.T) {
	for name, tt := range map[string]struct {
		changes []cluster.ConfigChange
		code    kafka.ErrorCode
		detail  string
		want    map[string]string
	}{
		"set":            {changes: []cluster.ConfigChange{set("retention.ms", "1000")}, want: map[string]string{"retention.ms": "1000", "cleanup.policy": "delete"}},
		"delete":         {changes: []cluster.ConfigChange{{Name: "cleanup.policy", Op: cluster.ConfigDelete}}, want: map[string]string{}},
		"append":         {changes: []cluster.ConfigChange{op(cluster.ConfigAppend, "cleanup.policy", "compact,delete")}, want: map[string]string{"cleanup.policy": "delete,compact"}},
		"subtract":       {changes: []cluster.ConfigChange{op(cluster.ConfigSubtract, "cleanup.policy", "delete"), set("retention.ms", "-1")}, want: map[string]string{"cleanup.policy": "", "retention.ms": "-1"}},
		"append to none": {changes: []cluster.ConfigChange{op(cluster.ConfigAppend, "retention.ms", "1")}, code: kafka.InvalidConfig, detail: "Can't APPEND to key retention.ms because its type is not LIST."},
		"twice":          {changes: []cluster.ConfigChange{set("retention.ms", "1"), set("retention.ms", "2")}, code: kafka.InvalidRequest, detail: "Error due to duplicate config keys"},
		"null":           {changes: []cluster.ConfigChange{{Name: "retention.ms"}}, code: kafka.InvalidRequest, detail: "Null value not supported for : retention.ms"},
		"unknown":        {changes: []cluster.ConfigChange{set("x", "1")}, code: kafka.InvalidConfig, detail: "Unknown topic config name: x"},
		"no number":      {changes: []cluster.ConfigChange{set("retention.ms", "soon")}, code: kafka.InvalidConfig, detail: "Invalid value soon for configuration retention.ms: Not a number of type LONG"},
		"no int":         {changes: []cluster.ConfigChange{set("max.message.bytes", "3000000000")}, code: kafka.InvalidConfig, detail: "Invalid value 3000000000 for configuration max.message.bytes: Not a number of type INT"},
		"too small":      {changes: []cluster.ConfigChange{set("segment.bytes", "13")}, code: kafka.InvalidConfig, detail: "Invalid value 13 for configuration segment.bytes: Value must be at least 1048576"},
		"no boolean":     {changes: []cluster.ConfigChange{set("preallocate", "maybe")}, code: kafka.InvalidConfig, detail: "Invalid value maybe for configuration preallocate: Expected value to be either true or false"},
		"none of them":   {changes: []cluster.ConfigChange{set("message.timestamp.type", "x")}, code: kafka.InvalidConfig, detail: "Invalid value x for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime"},
		"in conflict":    {changes: []cluster.ConfigChange{set("min.compaction.lag.ms", "10"), set("max.compaction.lag.ms", "5")}, code: kafka.InvalidConfig, detail: "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"},
	} {
		t.Run(name, func(t *testing.T) {
			c := cluster.New(cluster.DefaultSettings())
			before := map[string]string{"cleanup.policy": "delete"}
			topic, err := c.CreateTopic(cluster.TopicSpec{Name: "t", Configs: before})
			must(t, err)
			wantDetail(t, c.AlterTopicConfigs(1, "t", tt.changes, true), tt.code, tt.detail)
			if diff := cmp.Diff(before, topic.Configs); diff != "" {
				t.Errorf("validating alone changed the topic (-want +got):\n%s", diff)
			}
			wantDetail(t, c.AlterTopicConfigs(1, "t", tt.changes, false), tt.code, tt.detail)
			if tt.code != kafka.None {
				tt.want = before
			}
			if diff := cmp.Diff(tt.want, topic.Configs); diff != "" {
				t.Errorf("configs (-want +got):\n%s", diff)
			}
		})
	}
	c := cluster.New(cluster.DefaultSettings())
	wantDetail(t, c.AlterTopicConfigs(1, "t", nil, false), kafka.UnknownTopicOrPartition, "The topic 't' does not exist.")
}

func TestAChangedConfigIsInForceAtOnce(t *testing.T) {
	c, p := three(t, nil)
	must(t, c.AlterTopicConfigs(1, "t", []cluster.ConfigChange{set("max.message.bytes", "80"), set("min.insync.replicas", "3")}, false))
	if _, err := c.Produce(1, p, batch.FromRecords([]kafka.Record{{Timestamp: 1, Value: make([]byte, 100)}})); !errors.Is(err, kafka.MessageTooLarge) {
		t.Errorf("error %v, want MESSAGE_TOO_LARGE", err)
	}
	must(t, c.BrokerDown(1, 1))
	wantCode(t, c.CheckProduce(p, -1), kafka.NotEnoughReplicas)
	value := "2"
	must(t, c.ReplaceTopicConfigs(1, "t", map[string]*string{"min.insync.replicas": &value}, false))
	must(t, c.CheckProduce(p, -1))
	must(t, put(c, p, 1, -1, strings.Repeat("x", 100)))

	must(t, c.BrokerDown(1, 2))
	must(t, c.BrokerDown(1, 3))
	must(t, c.BrokerUp(1, 1))
	if p.Leader != cluster.NoLeader {
		t.Fatalf("broker %d leads, which is not in sync", p.Leader)
	}
	must(t, c.AlterTopicConfigs(1, "t", []cluster.ConfigChange{set("unclean.leader.election.enable", "true")}, false))
	if p.Leader != 1 {
		t.Errorf("with unclean election on the leader is %d, want 1", p.Leader)
	}
}

func entry(t *testing.T, entries []cluster.ConfigEntry, err error) cluster.ConfigEntry {
	t.Helper()
	must(t, err)
	if len(entries) != 1 {
		t.Fatalf("%d entries, want one", len(entries))
	}
	return entries[0]
}

func TestDescribedConfigsTellTheirSource(t *testing.T) {
	s := cluster.DefaultSettings()
	must(t, s.Set("log.retention.hours", "2"))
	must(t, s.Set("num.partitions", "4"))
	c := cluster.New(s)
	_, err := c.CreateTopic(cluster.TopicSpec{Name: "t"})
	must(t, err)
	describe := func() cluster.ConfigEntry {
		t.Helper()
		entries, err := c.DescribeTopic("t", []string{"retention.ms"})
		return entry(t, entries, err)
	}
	// Settings in other units have no name beside topics, so that 7200000 ms pass for a default: as Apache Kafka 4.3.0 has it.
	want := cluster.ConfigEntry{Name: "retention.ms", Value: "7200000", Source: cluster.FromDefault, Type: cluster.ConfigLong}
	if diff := cmp.Diff(want, describe()); diff != "" {
		t.Errorf("with a static setting (-want +got):\n%s", diff)
	}
	must(t, c.AlterBrokerConfigs(1, 0, []cluster.ConfigChange{set("log.retention.ms", "5")}, false))
	want.Value, want.Source = "5", cluster.FromBrokerDefault
	want.Synonyms = []cluster.ConfigSynonym{{Name: "log.retention.ms", Value: "5", Source: cluster.FromBrokerDefault}}
	if diff := cmp.Diff(want, describe()); diff != "" {
		t.Errorf("with a dynamic setting (-want +got):\n%s", diff)
	}
	if got := c.Partition("t", 0).Log.Config().RetentionMs; got != 5 {
		t.Errorf("the log keeps records for %d ms, want 5", got)
	}
	must(t, c.AlterTopicConfigs(1, "t", []cluster.ConfigChange{set("retention.ms", "9")}, false))
	want.Value, want.Source = "9", cluster.FromTopic
	want.Synonyms = slices.Insert(want.Synonyms, 0, cluster.ConfigSynonym{Name: "retention.ms", Value: "9", Source: cluster.FromTopic})
	if diff := cmp.Diff(want, describe()); diff != "" {
		t.Errorf("with the topic's own (-want +got):\n%s", diff)
	}

	entries, err := c.DescribeBroker(1, []string{"num.partitions"})
	want = cluster.ConfigEntry{
		Name: "num.partitions", Value: "4", Source: cluster.FromStatic, ReadOnly: true, Type: cluster.ConfigInt,
		Synonyms: []cluster.ConfigSynonym{{Name: "num.partitions", Value: "4", Source: cluster.FromStatic}, {Name: "num.partitions", Value: "1", Source: cluster.FromDefault}},
	}
	if diff := cmp.Diff(want, entry(t, entries, err)); diff != "" {
		t.Errorf("broker (-want +got):\n%s", diff)
	}
	if all, err := c.DescribeBroker(1, nil); err != nil || len(all) != len(cluster.SettingNames()) {
		t.Errorf("%d settings of the broker (%v), want %d", len(all), err, len(cluster.SettingNames()))
	}
	_, err = c.DescribeBroker(7, nil)
	wantCode(t, err, kafka.InvalidRequest)

	// All of it is in a snapshot, too.
	before, _ := c.DescribeTopic("t", nil)
	after, err := restored(t, c, 1).DescribeTopic("t", nil)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("restored (-before +after):\n%s", diff)
	}
}

func TestBrokerSettingsThatCannotChange(t *testing.T) {
	c, _ := three(t, nil)
	wantDetail(t, c.AlterBrokerConfigs(1, 0, []cluster.ConfigChange{set("num.partitions", "2"), set("log.retention.hours", "2")}, false),
		kafka.InvalidRequest, "Cannot update these configs dynamically: [log.retention.hours, num.partitions]")
	wantDetail(t, c.AlterBrokerConfigs(1, 0, []cluster.ConfigChange{set("log.segment.bytes", "1")}, false),
		kafka.InvalidRequest, "Invalid value 1 for configuration log.segment.bytes: Value must be at least 1048576")
	wantCode(t, c.AlterBrokerConfigs(1, 2, []cluster.ConfigChange{set("log.segment.bytes", "2000000")}, false), kafka.InvalidRequest)
	wantCode(t, c.AlterBrokerConfigs(1, 9, nil, false), kafka.InvalidRequest)
	must(t, c.AlterBrokerConfigs(1, 0, []cluster.ConfigChange{set("log.cleaner.backoff.ms", "7")}, false))
	if got := c.Settings().CleanerBackoff; got != 7 {
		t.Errorf("log.cleaner.backoff.ms is %d, want 7", got)
	}
	must(t, c.AlterBrokerConfigs(1, 0, []cluster.ConfigChange{{Name: "log.cleaner.backoff.ms", Op: cluster.ConfigDelete}}, false))
	if got := c.Settings().CleanerBackoff; got != 15_000 {
		t.Errorf("log.cleaner.backoff.ms is %d again, want 15000", got)
	}
}

func TestI4_ProducersAreForgotten(t *testing.T) {
	c, p := three(t, nil)
	_, err := c.Produce(1000, p, batch.FromRecords([]kafka.Record{{Timestamp: 1000, Value: []byte("a")}}, batch.WithProducer(1, 0, 0)))
	must(t, err)
	for {
		at, set := c.NextTimer()
		if !set || at > 100_000_000 {
			break
		}
		c.Fire(at)
		if _, known := p.Log.Producer(1); known == (at >= 86_401_000) {
			t.Fatalf("at %d the producer is known: %v", at, known)
		}
	}
	if _, known := p.Log.Producer(1); known {
		t.Error("after a day the producer is still known")
	}
}
