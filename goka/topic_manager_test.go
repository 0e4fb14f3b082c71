package goka_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func (w *world) topicManager(change func(*goka.TopicManagerConfig)) goka.TopicManager {
	w.Helper()
	config := goka.NewTopicManagerConfig()
	config.Logger = w.log
	if change != nil {
		change(config)
	}
	m, err := goka.TopicManagerBuilderWithTopicManagerConfig(config)(w.brokers)
	w.check(err)
	w.Cleanup(func() {
		w.check(m.Close())
		w.check(m.Close())
	})
	return m
}

func (w *world) settings(topic string, names ...string) map[string]string {
	w.Helper()
	admin, err := newAdmin(w.brokers)
	w.check(err)
	defer func() { w.check(admin.Close()) }()
	//nolint:staticcheck // what the topic manager uses
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: names})
	w.check(err)
	got := map[string]string{}
	for _, e := range entries {
		for _, name := range names {
			if e.Name == name {
				got[name] = e.Value
			}
		}
	}
	return got
}

func TestTM2_WhatTopicsAreCreatedLike(t *testing.T) {
	inWorld(t, func(w *world) {
		m := w.topicManager(func(c *goka.TopicManagerConfig) { c.Stream.Retention = 5 * time.Hour })
		w.check(m.EnsureTableExists("table", 3))
		w.check(m.EnsureStreamExists("stream", 4))
		w.check(m.EnsureTopicExists("topic", 5, 1, map[string]string{"cleanup.policy": "compact,delete"}))
		for topic, n := range map[string]int{"table": 3, "stream": 4, "topic": 5} {
			partitions, err := m.Partitions(topic)
			if err != nil || len(partitions) != n || partitions[0] != 0 || int(partitions[n-1]) != n-1 {
				t.Errorf("%s has %v, %v", topic, partitions, err)
			}
		}
		for topic, want := range map[string]map[string]string{
			"table":  {"cleanup.policy": "compact"},
			"stream": {"cleanup.policy": "delete", "retention.ms": "18000000"},
			"topic":  {"cleanup.policy": "compact,delete"},
		} {
			var names []string
			for name := range want {
				names = append(names, name)
			}
			if diff := cmp.Diff(want, w.settings(topic, names...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", topic, diff)
			}
		}
	})
}

func TestTM1_ATopicThatIsNotThere(t *testing.T) {
	inWorld(t, func(w *world) {
		m := w.topicManager(nil)
		if _, err := m.Partitions("missing"); !errors.Is(err, goka.ErrTopicNotFound) {
			t.Errorf("got %v", err)
		}
		if w.cluster.Partitions("missing") != 0 {
			t.Error("asking for it has created it")
		}
		w.topic("there", 1)
		w.send("there", "k", "v")
		if o, err := m.GetOffset("there", 0, sarama.OffsetNewest); o != 1 || err != nil {
			t.Errorf("the newest offset is %d, %v", o, err)
		}
	})
}

func TestTM3_WithoutPermissionToCreate(t *testing.T) {
	inWorld(t, func(w *world) {
		m := w.topicManager(func(c *goka.TopicManagerConfig) { c.NoCreate = true })
		w.refused(m.EnsureTableExists("t", 1), "topic 't' does not exist but the manager is configured with NoCreate")
	})
}

func TestTM4_TopicsThatAreDifferent(t *testing.T) {
	ensure := map[string]func(m goka.TopicManager) error{
		"partition count mismatch for topic 't'. Need 3, but existing topic has 2":                        func(m goka.TopicManager) error { return m.EnsureTableExists("t", 3) },
		"unexpected config value for topic t. Expected cleanup.policy=delete. Got cleanup.policy=compact": func(m goka.TopicManager) error { return m.EnsureStreamExists("t", 2) },
		"unexpected replication factor for topic t. Expected 3, got 1":                                    func(m goka.TopicManager) error { return m.EnsureTopicExists("t", 2, 3, nil) },
	}
	for want, f := range ensure {
		inWorld(t, func(w *world) {
			w.table("t", 2)
			w.check(f(w.topicManager(nil)))
			if len(w.log.lines) != 0 {
				t.Errorf("the log has %q", w.log.lines)
			}
			w.check(f(w.topicManager(func(c *goka.TopicManagerConfig) { c.MismatchBehavior = goka.TMConfigMismatchBehaviorWarn })))
			if !w.log.has(want) {
				t.Errorf("the log lacks %q: %q", want, w.log.lines)
			}
			err := f(w.topicManager(func(c *goka.TopicManagerConfig) { c.MismatchBehavior = goka.TMConfigMismatchBehaviorFail }))
			w.refused(err, want)
			if !errors.Is(err, goka.ErrTopicMismatch) {
				t.Error("the error is not an ErrTopicMismatch")
			}
		})
	}
}

func TestTM5_WithoutAConfiguration(t *testing.T) {
	_, err := goka.NewTopicManager(nil, nil, goka.NewTopicManagerConfig())
	refused(t, err, "nil was given")
	_, err = goka.NewTopicManager(nil, goka.DefaultConfig(), nil)
	refused(t, err, "nil was given")
	old := goka.DefaultConfig()
	old.Version = sarama.V0_9_0_0
	_, err = goka.NewTopicManager(nil, old, goka.NewTopicManagerConfig())
	refused(t, err, "0.10.0.0")
}

func TestD7_OwnTopicsWithAWrongNumberOfPartitions(t *testing.T) {
	for _, topic := range []string{"g-table", "g-loop"} {
		inWorld(t, func(w *world) {
			w.topic("in", 3)
			w.topic(topic, 2)
			c := new(codec.String)
			_, err := goka.NewProcessor(w.brokers, goka.DefineGroup("g", goka.Input("in", c, ignore), goka.Persist(c), goka.Loop(c, ignore)))
			w.refused(err, "partition count mismatch for topic '"+topic+"'. Need 3, but existing topic has 2")
		})
	}
}

func TestD7_ATableThatIsNotCompactedIsLogged(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("g-table", 1)
		tm := goka.NewTopicManagerConfig()
		tm.Logger = w.log
		_, err := goka.NewProcessor(w.brokers, holder("g"), goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithTopicManagerConfig(tm)))
		w.check(err)
		if !w.log.has("Expected cleanup.policy=compact. Got cleanup.policy=delete") {
			t.Errorf("the log has %q", w.log.lines)
		}
	})
}

func TestD30_TwoInstancesCreateTheSameTopics(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		var wg sync.WaitGroup
		errs := make([]error, 10)
		for i := range errs {
			wg.Go(func() { _, errs[i] = goka.NewProcessor(w.brokers, holder(goka.Group(fmt.Sprint("g", i/5)))) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if n := w.cluster.Partitions("g1-table"); n != 2 {
			t.Errorf("the table has %d partitions", n)
		}
	})
}

func TestATopicHasTheReplicasThatWereAskedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		m := w.topicManager(nil) // of one broker
		for replicas := 2; replicas <= 3; replicas++ {
			if err := m.EnsureTopicExists("t", 1, replicas, nil); !errors.Is(err, sarama.ErrInvalidReplicationFactor) {
				t.Errorf("%d replicas on one broker: %v", replicas, err)
			}
		}
		if w.cluster.Partitions("t") != 0 {
			t.Error("it was created with fewer")
		}
		w.check(m.EnsureStreamExists("by-default", 1))
	})
}

func TestARetentionWithoutAnEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		m := w.topicManager(func(c *goka.TopicManagerConfig) { c.Stream.Retention = -1 })
		w.check(m.EnsureStreamExists("s", 1))
		if got := w.settings("s", "retention.ms")["retention.ms"]; got != "-1" {
			t.Errorf("retention.ms is %s", got)
		}
	})
}
