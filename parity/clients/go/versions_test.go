package clients

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/gokasim/gokasim/memkafka"
)

var releases = []string{
	"2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "4.0", "4.1", "4.2", "4.3",
}

// TestReleases compares the versions that brokers have who pose as a release with those that franz-go knows of it.
func TestReleases(t *testing.T) {
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			cluster := memkafka.New(memkafka.AsVersion(release), memkafka.WithInitialRebalanceDelay(0))
			t.Cleanup(cluster.Close)
			client := newFranz(t, kgo.SeedBrokers(cluster.Addrs()...), kgo.Dialer(cluster.DialContext))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			request := kmsg.NewPtrApiVersionsRequest()
			request.ClientSoftwareName, request.ClientSoftwareVersion = "test", "1"
			answer, err := request.RequestWith(ctx, client)
			if err != nil {
				t.Fatal(err)
			}
			known := kversion.FromString("v" + release)
			for _, k := range answer.ApiKeys {
				most, exists := known.LookupMaxKeyVersion(k.ApiKey)
				if !exists && release == "3.9" && k.ApiKey == int16(kmsg.DescribeTopicPartitions) {
					continue // Apache Kafka 3.9.1 offers it (parity/testdata/errors/api-keys.3.9), and franz-go does not know
				}
				if !exists || most != k.MaxVersion {
					t.Errorf("%s: up to version %d, Apache Kafka %s has %d (%t)", kmsg.NameForKey(k.ApiKey), k.MaxVersion, release, most, exists)
				}
			}
		})
	}
}

// TestFranzGoWithOldBrokers has franz-go produce, consume and commit with brokers of several releases.
func TestFranzGoWithOldBrokers(t *testing.T) {
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			cluster := memkafka.New(memkafka.AsVersion(release), memkafka.WithInitialRebalanceDelay(0))
			t.Cleanup(cluster.Close)
			fill(t, cluster, "orders", 2, 10)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			client := newFranz(t, kgo.SeedBrokers(cluster.Addrs()...), kgo.Dialer(cluster.DialContext), kgo.ConsumerGroup("group"), kgo.ConsumeTopics("orders"),
				kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.TransactionalID("old"), kgo.DefaultProduceTopic("orders"))
			if err := client.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := client.ProduceSync(ctx, kgo.StringRecord("the last")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
			for seen := 0; seen < 11; {
				fetches := client.PollFetches(ctx)
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				seen += fetches.NumRecords()
			}
			if err := client.CommitUncommittedOffsets(ctx); err != nil {
				t.Fatal(err)
			}
		})
	}
}
