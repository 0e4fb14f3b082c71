package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

// ledBySecond is a cluster of two brokers whose topic t is led by the second, in leader epoch 1.
func ledBySecond(t *testing.T) *memkafka.Cluster {
	t.Helper()
	c := newCluster(t, memkafka.WithBrokers(2))
	if err := c.CreateTopic("t", 1, memkafka.WithReplication(2)); err != nil {
		t.Fatal(err)
	}
	for {
		if err := c.MoveLeader("t", 0, 0); err != nil {
			t.Fatal(err)
		}
		m, err := c.PartitionMetadata("t", 0)
		if err != nil {
			t.Fatal(err)
		}
		if m.Leader == 2 {
			return c
		}
	}
}

// TestL10_OthersSayWhoLeads asks the broker that does not lead: from version 10 of Produce and 16 of Fetch on it names the
// leader (KIP-951).
func TestL10_OthersSayWhoLeads(t *testing.T) {
	cluster := ledBySecond(t)
	m, err := cluster.PartitionMetadata("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, cluster, 1)
	for version, leader := range map[int16]int32{9: -1, 10: 2} {
		p := ask[*kmsg.ProduceResponse](c, version, produceTo("t", [16]byte{}, 0, records("a", "1").Bytes())).Topics[0].Partitions[0]
		if code := kafka.ErrorCode(p.ErrorCode); code != kafka.NotLeaderOrFollower || p.CurrentLeader.LeaderID != leader {
			t.Errorf("produce version %d: %v, led by %d; want NOT_LEADER_OR_FOLLOWER, led by %d", version, code, p.CurrentLeader.LeaderID, leader)
		}
	}
	f := ask[*kmsg.FetchResponse](c, 12, reading(0)).Topics[0].Partitions[0]
	if code := kafka.ErrorCode(f.ErrorCode); code != kafka.NotLeaderOrFollower {
		t.Errorf("fetch: %v, want NOT_LEADER_OR_FOLLOWER", code)
	}
	asked := reading(0)
	asked.Topics[0].TopicID = topicID(t, c, "t")
	f = ask[*kmsg.FetchResponse](c, 16, asked).Topics[0].Partitions[0]
	if f.CurrentLeader.LeaderID != 2 || f.CurrentLeader.LeaderEpoch != int32(m.LeaderEpoch) {
		t.Errorf("fetch version 16 says broker %d leads in epoch %d, want 2 in %d", f.CurrentLeader.LeaderID, f.CurrentLeader.LeaderEpoch, m.LeaderEpoch)
	}
}

func topicID(t *testing.T, c *client, name string) [16]byte {
	t.Helper()
	r := kmsg.NewPtrMetadataRequest()
	r.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	return ask[*kmsg.MetadataResponse](c, 12, r).Topics[0].TopicID
}

// TestL12_RequestsOfOtherLeaderEpochs fetches and lists offsets as a client that knows an older leader epoch, and a newer one
// (KIP-320).
func TestL12_RequestsOfOtherLeaderEpochs(t *testing.T) {
	cluster := ledBySecond(t)
	m, err := cluster.PartitionMetadata("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, cluster, 2)
	for epoch, want := range map[int32]kafka.ErrorCode{
		int32(m.LeaderEpoch) - 1: kafka.FencedLeaderEpoch, int32(m.LeaderEpoch): kafka.None, int32(m.LeaderEpoch) + 1: kafka.UnknownLeaderEpoch, -1: kafka.None,
	} {
		f := reading(0)
		f.MaxWaitMillis = 0
		f.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
		if code := kafka.ErrorCode(ask[*kmsg.FetchResponse](c, 12, f).Topics[0].Partitions[0].ErrorCode); code != want {
			t.Errorf("fetch with leader epoch %d: %v, want %v", epoch, code, want)
		}
		l := listingOffsets(0)
		l.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
		if code := kafka.ErrorCode(ask[*kmsg.ListOffsetsResponse](c, 6, l).Topics[0].Partitions[0].ErrorCode); code != want {
			t.Errorf("list offsets with leader epoch %d: %v, want %v", epoch, code, want)
		}
	}
}
