package clients

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/memkafka"
)

// committed reads the values of a partition that a reader under read_committed sees, up to its end.
func committed(t *testing.T, cluster *memkafka.Cluster, topic string, want int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reader := newFranz(t, kgo.SeedBrokers(cluster.Addrs()...), kgo.Dialer(cluster.DialContext), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	var values []string
	for len(values) < want {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q: %v", values, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// TestFranzGoTransactions has a session read, write and commit exactly once, over several transactions, one of which is
// aborted.
func TestFranzGoTransactions(t *testing.T) {
	cluster := memkafka.New(memkafka.WithBrokers(3), memkafka.WithInitialRebalanceDelay(0))
	t.Cleanup(cluster.Close)
	const n = 50
	fill(t, cluster, "in", 1, n)
	if err := cluster.CreateTopic("out", 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(cluster.Addrs()...), kgo.Dialer(cluster.DialContext), kgo.TransactionalID("copy"),
		kgo.ConsumerGroup("copy"), kgo.ConsumeTopics("in"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	aborted := false
	for copied := 0; copied < n; {
		fetches := session.PollRecords(ctx, 10)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		if err := session.Begin(); err != nil {
			t.Fatal(err)
		}
		count := 0
		fetches.EachRecord(func(r *kgo.Record) {
			count++
			session.Produce(ctx, &kgo.Record{Topic: "out", Value: r.Value}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		})
		end := kgo.TryCommit
		if copied == 20 && !aborted {
			aborted, end = true, kgo.TryAbort
			if err := session.Client().Flush(ctx); err != nil { // so that there is something to abort
				t.Fatal(err)
			}
		}
		done, err := session.End(ctx, end)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			copied += count
		}
	}
	values := committed(t, cluster, "out", n)
	for i, v := range values {
		if want := fmt.Sprint("v", i); v != want {
			t.Fatalf("record %d is %s, want %s: %q", i, v, want, values)
		}
	}
	if offset, _ := cluster.Committed("copy", "in", 0); offset != n {
		t.Errorf("the group has come to %d, want %d", offset, n)
	}
}

// TestSaramaTransactions writes in transactions, as old producers do, with the offset of what was read.
func TestSaramaTransactions(t *testing.T) {
	for _, v := range saramaVersions {
		t.Run(v.String(), func(t *testing.T) {
			cluster := memkafka.New(memkafka.WithBrokers(2), memkafka.WithInitialRebalanceDelay(0))
			t.Cleanup(cluster.Close)
			fill(t, cluster, "in", 1, 3)
			if err := cluster.CreateTopic("out", 1); err != nil {
				t.Fatal(err)
			}
			config := sarama.NewConfig()
			config.Version = v
			config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, cluster
			config.Producer.Idempotent, config.Producer.RequiredAcks, config.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
			config.Producer.Transaction.ID, config.Producer.Return.Successes = "sarama", true
			producer, err := sarama.NewSyncProducer(cluster.Addrs(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer closing(t, producer)
			for i, commit := range []bool{true, false, true} {
				if err := producer.BeginTxn(); err != nil {
					t.Fatal(err)
				}
				if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "out", Value: sarama.StringEncoder(fmt.Sprint("w", i))}); err != nil {
					t.Fatal(err)
				}
				offsets := map[string][]*sarama.PartitionOffsetMetadata{"in": {{Partition: 0, Offset: int64(i) + 1}}}
				if err := producer.AddOffsetsToTxn(offsets, "group"); err != nil {
					t.Fatal(err)
				}
				end := producer.CommitTxn
				if !commit {
					end = producer.AbortTxn
				}
				if err := end(); err != nil {
					t.Fatal(err)
				}
			}
			if values := committed(t, cluster, "out", 2); values[0] != "w0" || values[1] != "w2" {
				t.Errorf("committed values %q, want w0 and w2", values)
			}
			if offset, _ := cluster.Committed("group", "in", 0); offset != 3 {
				t.Errorf("the group has come to %d, want 3", offset)
			}
		})
	}
}
