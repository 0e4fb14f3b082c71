package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

// each runs a case on a cluster of two brokers over TCP, and on Apache Kafka if KAFKA_BROKERS names one.
func each(t *testing.T, run func(t *testing.T, addrs []string)) {
	t.Run("memkafka", func(t *testing.T) {
		cluster := memkafka.New(memkafka.WithBrokers(2), memkafka.WithInitialRebalanceDelay(0))
		t.Cleanup(cluster.Close)
		run(t, listening(t, cluster))
	})
	if servers := os.Getenv("KAFKA_BROKERS"); servers != "" {
		t.Run("kafka", func(t *testing.T) { run(t, strings.Split(servers, ",")) })
	}
}

// eventually asks until the answer is as wanted: Apache Kafka's brokers hear of a change a moment after it was made.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

func noError(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestKadm has franz-go's administrator make and change topics, settings, offsets and groups.
func TestKadm(t *testing.T) {
	each(t, func(t *testing.T, addrs []string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		topic, group := rig.Name("kadm"), rig.Name("group")
		client := newFranz(t, kgo.SeedBrokers(addrs...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		admin := kadm.NewClient(client)

		policy := "compact"
		_, err := admin.CreateTopic(ctx, 2, 1, map[string]*string{"cleanup.policy": &policy}, topic)
		noError(t, "create", err)
		if _, err := admin.CreateTopic(ctx, 2, 1, nil, topic); !errors.Is(err, kerr.TopicAlreadyExists) {
			t.Errorf("a topic twice: %v", err)
		}
		grown, err := admin.UpdatePartitions(ctx, 3, topic)
		noError(t, "grow", errors.Join(err, grown.Error()))
		eventually(t, "three partitions", func() bool {
			topics, err := admin.ListTopics(ctx, topic)
			return err == nil && len(topics[topic].Partitions) == 3
		})
		retention := "100000"
		altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &retention}, {Op: kadm.DeleteConfig, Name: "cleanup.policy"}}, topic)
		noError(t, "alter", err)
		for _, a := range altered {
			noError(t, "alter", a.Err)
		}
		eventually(t, "new settings", func() bool {
			configs, err := admin.DescribeTopicConfigs(ctx, topic)
			noError(t, "describe", err)
			values := map[string]string{}
			for _, c := range configs[0].Configs {
				values[c.Key] = c.MaybeValue()
			}
			return values["retention.ms"] == retention && values["cleanup.policy"] == "delete"
		})

		now := time.Now()
		for i := range 10 {
			r := &kgo.Record{Value: fmt.Append(nil, i), Partition: 1, Timestamp: now.Add(time.Duration(i-10) * time.Second)}
			noError(t, "produce", client.ProduceSync(ctx, r).FirstErr())
		}
		after, err := admin.ListOffsetsAfterMilli(ctx, now.Add(-5500*time.Millisecond).UnixMilli(), topic)
		noError(t, "offsets by time", errors.Join(err, after.Error()))
		if o, _ := after.Lookup(topic, 1); o.Offset != 5 {
			t.Errorf("offset 5.5 s ago is %d, want 5", o.Offset)
		}
		upTo := kadm.Offsets{}
		upTo.AddOffset(topic, 1, 3, -1)
		deleted, err := admin.DeleteRecords(ctx, upTo)
		noError(t, "delete records", errors.Join(err, deleted.Error()))
		starts, err := admin.ListStartOffsets(ctx, topic)
		noError(t, "first offsets", errors.Join(err, starts.Error()))
		if o, _ := starts.Lookup(topic, 1); o.Offset != 3 {
			t.Errorf("first offset %d, want 3", o.Offset)
		}

		at := kadm.Offsets{}
		for partition, offset := range map[int32]int64{0: 0, 1: 4, 2: 0} {
			at.AddOffset(topic, partition, offset, -1)
		}
		noError(t, "commit", admin.CommitAllOffsets(ctx, group, at))
		lags, err := admin.Lag(ctx, group)
		noError(t, "lag", errors.Join(err, lags.Error()))
		if lag := lags[group].Lag.Total(); lag != 6 {
			t.Errorf("lag %d, want 6", lag)
		}
		groups, err := admin.DescribeGroups(ctx, group)
		noError(t, "describe the group", errors.Join(err, groups.Error()))
		if groups[group].State != "Empty" {
			t.Errorf("the group is %s, want Empty", groups[group].State)
		}
		gone, err := admin.DeleteGroups(ctx, group)
		noError(t, "delete the group", errors.Join(err, gone.Error()))
		dirs, err := admin.DescribeAllLogDirs(ctx, kadm.TopicsSet{topic: {0: {}, 1: {}, 2: {}}})
		noError(t, "log directories", err)
		size := int64(0)
		dirs.Each(func(d kadm.DescribedLogDir) { size += d.Size() })
		if size == 0 {
			t.Error("the topic takes no bytes")
		}
		producers, err := admin.DescribeProducers(ctx, kadm.TopicsSet{topic: {1: {}}})
		noError(t, "producers", err)
		if n := len(producers.SortedProducers()); n != 1 {
			t.Errorf("%d producers, want 1", n)
		}
		removed, err := admin.DeleteTopics(ctx, topic)
		noError(t, "delete", errors.Join(err, removed.Error()))
	})
}

// TestSaramaClusterAdmin does the like with sarama's, in each of its versions.
func TestSaramaClusterAdmin(t *testing.T) {
	for _, v := range saramaVersions {
		t.Run(v.String(), func(t *testing.T) {
			each(t, func(t *testing.T, addrs []string) {
				config := sarama.NewConfig()
				config.Version, config.Producer.Return.Successes, config.Producer.Partitioner = v, true, sarama.NewManualPartitioner
				client, err := sarama.NewClient(addrs, config)
				noError(t, "client", err)
				admin, err := sarama.NewClusterAdminFromClient(client)
				noError(t, "admin", err)
				defer closing(t, admin) // and the client with it

				topic, group := rig.Name("sarama"), rig.Name("group")
				policy := "compact"
				detail := &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": &policy}}
				noError(t, "create", admin.CreateTopic(topic, detail, false))
				if err := admin.CreateTopic(topic, detail, false); !errors.Is(err, sarama.ErrTopicAlreadyExists) {
					t.Errorf("a topic twice: %v", err)
				}
				noError(t, "grow", admin.CreatePartitions(topic, 3, nil, false))
				eventually(t, "three partitions", func() bool {
					topics, err := admin.DescribeTopics([]string{topic})
					return err == nil && len(topics[0].Partitions) == 3
				})
				retention := "100000"
				noError(t, "alter", admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.ms": &retention}, false))
				eventually(t, "new settings", func() bool {
					entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
					noError(t, "describe", err)
					values := map[string]string{}
					for _, e := range entries {
						values[e.Name] = e.Value
					}
					return values["retention.ms"] == retention && values["cleanup.policy"] == "delete" // AlterConfig takes back what it does not name
				})
				brokers, _, err := admin.DescribeCluster()
				if err != nil || len(brokers) != len(addrs) {
					t.Errorf("brokers %v, %v", brokers, err)
				}

				producer, err := sarama.NewSyncProducerFromClient(client)
				noError(t, "producer", err)
				for i := range 5 {
					_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Partition: 1, Value: sarama.StringEncoder(fmt.Sprint(i))})
					noError(t, "produce", err)
				}
				noError(t, "close the producer", producer.Close())
				noError(t, "delete records", admin.DeleteRecords(topic, map[int32]int64{1: 2}))
				if first, err := client.GetOffset(topic, 1, sarama.OffsetOldest); err != nil || first != 2 {
					t.Errorf("first offset %d, %v, want 2", first, err)
				}

				offsets, err := sarama.NewOffsetManagerFromClient(group, client)
				noError(t, "offset manager", err)
				partition, err := offsets.ManagePartition(topic, 1)
				noError(t, "manage a partition", err)
				if next, _ := partition.NextOffset(); next != config.Consumer.Offsets.Initial {
					t.Errorf("next offset of a new group %d", next)
				}
				partition.MarkOffset(3, "note")
				offsets.Commit()
				noError(t, "close the partition", partition.Close())
				noError(t, "close the offset manager", offsets.Close())
				fetched, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {1}})
				noError(t, "offsets of the group", err)
				if b := fetched.GetBlock(topic, 1); b == nil || b.Offset != 3 || b.Metadata != "note" {
					t.Errorf("committed %+v, want 3 and note", b)
				}
				groups, err := admin.DescribeConsumerGroups([]string{group})
				if err != nil || groups[0].State != "Empty" {
					t.Errorf("the group is %+v, %v", groups, err)
				}
				list, err := admin.ListConsumerGroups()
				if _, there := list[group]; err != nil || !there {
					t.Errorf("groups %v, %v, want %s", list, err, group)
				}
				if v.IsAtLeast(sarama.V2_4_0_0) {
					noError(t, "delete an offset", admin.DeleteConsumerGroupOffset(group, topic, 1))
				}
				noError(t, "delete the group", admin.DeleteConsumerGroup(group))
				noError(t, "delete", admin.DeleteTopic(topic))
			})
		})
	}
}
