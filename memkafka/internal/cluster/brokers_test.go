package cluster_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// three is a cluster of three brokers with a topic on all of them, and its partition t/2.
func three(t *testing.T, configs map[string]string) (c *cluster.Cluster, p *cluster.Partition) {
	t.Helper()
	s := cluster.DefaultSettings()
	s.Brokers = 3
	c = cluster.New(s)
	topic, err := c.CreateTopic(cluster.TopicSpec{Name: "t", Partitions: 3, Replication: 3, Configs: configs})
	if err != nil {
		t.Fatal(err)
	}
	return c, topic.Partitions[2]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put appends one record with the given acks.
func put(c *cluster.Cluster, p *cluster.Partition, now kafka.Millis, acks int16, value string) error {
	if err := c.CheckProduce(p, acks); err != nil {
		return err
	}
	_, err := c.Produce(now, p, batch.FromRecords([]kafka.Record{{Timestamp: now, Key: []byte("k"), Value: []byte(value)}}))
	return err
}

func values(t *testing.T, p *cluster.Partition) string {
	t.Helper()
	records, _, err := p.Log.ReadInto(nil, p.Log.LogStart(), 1000, false)
	must(t, err)
	s := ""
	for _, r := range records {
		s += string(r.Value)
	}
	return s
}

func (s shape) String() string {
	return fmt.Sprintf("leader %d epoch %d isr %v offline %v", s.Leader, s.LeaderEpoch, s.ISR, s.Offline)
}

type shape cluster.PartitionMetadata

func wantShape(t *testing.T, c *cluster.Cluster, p *cluster.Partition, want string) {
	t.Helper()
	if got := shape(c.PartitionMetadata(p)).String(); got != want {
		t.Fatalf("partition has %s, want %s", got, want)
	}
}

// Partition t/2 of these tests is on brokers 3, 1, 2.
func TestM4_LeaderMovesWithAnEpochBump(t *testing.T) {
	c, p := three(t, nil)
	if diff := cmp.Diff([]int32{3, 1, 2}, p.Replicas); diff != "" {
		t.Fatalf("replicas (-want +got):\n%s", diff)
	}
	must(t, put(c, p, 1, -1, "a"))
	must(t, c.BrokerDown(2, 3))
	wantShape(t, c, p, "leader 1 epoch 1 isr [1 2] offline [3]")
	must(t, put(c, p, 3, -1, "b"))
	must(t, c.BrokerUp(4, 3))
	wantShape(t, c, p, "leader 1 epoch 1 isr [1 2 3] offline []")
	must(t, c.MoveLeader(5, p.TP, 2))
	must(t, put(c, p, 6, -1, "c"))
	wantShape(t, c, p, "leader 2 epoch 2 isr [1 2 3] offline []")

	if got := values(t, p); got != "abc" {
		t.Errorf("the log holds %q, want abc", got)
	}
	for epoch, want := range []kafka.Offset{1, 2, 3} {
		if _, end, ok := p.Log.EndOffsetForEpoch(kafka.Epoch(epoch)); !ok || end != want {
			t.Errorf("epoch %d ended at %d (%v), want %d", epoch, end, ok, want)
		}
	}
	wantCode(t, c.CheckLeader(p, 2, 1), kafka.FencedLeaderEpoch)
	wantCode(t, c.CheckLeader(p, 2, 3), kafka.UnknownLeaderEpoch)
	wantCode(t, c.CheckLeader(p, 1, 2), kafka.NotLeaderOrFollower)
	must(t, c.CheckLeader(p, 2, 2))
}

func TestL10_WithoutLiveReplicasThereIsNoLeader(t *testing.T) {
	c, p := three(t, nil)
	must(t, put(c, p, 1, 1, "a"))
	for _, id := range []int32{1, 3, 2} {
		must(t, c.BrokerDown(2, id))
	}
	wantShape(t, c, p, "leader -1 epoch 2 isr [2] offline [3 1 2]")
	if code := c.PartitionMetadata(p).Err; code != kafka.LeaderNotAvailable {
		t.Errorf("metadata says %s, want LEADER_NOT_AVAILABLE", code.Name())
	}
	wantCode(t, put(c, p, 3, 1, "b"), kafka.NotLeaderOrFollower)
	_, _, err := c.ListOffset("t", 2, kafka.Millis(kafka.OffsetLatest), false)
	wantCode(t, err, kafka.NotLeaderOrFollower)
	if id := c.Controller(); id != cluster.NoLeader {
		t.Errorf("broker %d is the controller, and none is up", id)
	}

	must(t, c.BrokerUp(4, 1)) // it was not in sync when the last one went
	wantShape(t, c, p, "leader -1 epoch 2 isr [2] offline [3 2]")
	must(t, c.BrokerUp(5, 2))
	wantShape(t, c, p, "leader 2 epoch 3 isr [2 1] offline [3]")
	must(t, put(c, p, 6, 1, "b"))
	if got := values(t, p); got != "ab" {
		t.Errorf("the log holds %q, want ab", got)
	}
}

func TestL4_AcksAllWantsMinInsyncReplicas(t *testing.T) {
	c, p := three(t, map[string]string{"min.insync.replicas": "2"})
	must(t, c.BrokerDown(1, 1))
	must(t, put(c, p, 2, -1, "a"))
	must(t, c.BrokerDown(3, 2))
	wantCode(t, put(c, p, 4, -1, "b"), kafka.NotEnoughReplicas)
	must(t, put(c, p, 5, 1, "c"))
	must(t, c.BrokerUp(6, 1))
	must(t, put(c, p, 7, -1, "d"))
	if got := values(t, p); got != "acd" {
		t.Errorf("the log holds %q, want acd", got)
	}

	single, err := c.CreateTopic(cluster.TopicSpec{Name: "single", Partitions: 1, Replication: 1, Configs: map[string]string{"min.insync.replicas": "2"}})
	must(t, err)
	must(t, put(c, single.Partitions[0], 8, -1, "a")) // as Kafka 4.3 does
}

func TestL3_HighWatermarkIsWhatTheISRHas(t *testing.T) {
	c, p := three(t, nil)
	must(t, put(c, p, 1, -1, "a"))
	must(t, c.HoldReplication(2, p.TP, true))
	must(t, put(c, p, 3, 1, "b"))
	if got := values(t, p); got != "a" {
		t.Errorf("consumers see %q before the followers have it, want a", got)
	}
	if done, err := c.Replicated(p, 1, 0); done || err != nil {
		t.Errorf("acks=all is answered (%v, %v) before the followers have the record", done, err)
	}
	if at, ok := c.NextTimer(); !ok || at != 30_003 {
		t.Fatalf("the followers leave the ISR at %d (%v), want 30003: replica.lag.time.max.ms after the record", at, ok)
	}
	c.Fire(30_003)
	wantShape(t, c, p, "leader 3 epoch 0 isr [3] offline []")
	if got := values(t, p); got != "ab" {
		t.Errorf("consumers see %q once the leader is alone in the ISR, want ab", got)
	}
	must(t, c.HoldReplication(40_000, p.TP, false))
	wantShape(t, c, p, "leader 3 epoch 0 isr [3 1 2] offline []")
	if done, err := c.Replicated(p, 1, 0); !done || err != nil {
		t.Errorf("acks=all is not answered (%v, %v)", done, err)
	}
}

func TestM4_ALeaderThatWasAheadTruncates(t *testing.T) {
	c, p := three(t, nil)
	must(t, put(c, p, 1, -1, "a"))
	must(t, c.HoldReplication(2, p.TP, true))
	must(t, put(c, p, 3, 1, "b")) // acknowledged by its leader alone
	must(t, c.BrokerDown(4, 3))
	wantShape(t, c, p, "leader 1 epoch 1 isr [1 2] offline [3]")
	must(t, c.HoldReplication(5, p.TP, false))
	must(t, put(c, p, 6, -1, "c"))
	must(t, c.BrokerUp(7, 3))
	wantShape(t, c, p, "leader 1 epoch 1 isr [1 2 3] offline []")
	must(t, c.MoveLeader(8, p.TP, 3))
	if got := values(t, p); got != "ac" {
		t.Errorf("the log holds %q, want ac", got)
	}
	// Who read b in epoch 0 learns that this epoch ended before it.
	if _, end, _ := p.Log.EndOffsetForEpoch(0); end != 1 {
		t.Errorf("epoch 0 ended at %d, want 1", end)
	}
}

func TestM4_UncleanElectionLosesTheTailAndMayBringItBack(t *testing.T) {
	c, p := three(t, map[string]string{"unclean.leader.election.enable": "true"})
	must(t, put(c, p, 1, -1, "a"))
	must(t, c.HoldReplication(2, p.TP, true))
	must(t, put(c, p, 3, -1, "b"))
	c.Fire(30_003) // the ISR is broker 3 alone: b is acknowledged
	must(t, c.BrokerDown(30_004, 3))
	wantShape(t, c, p, "leader 1 epoch 1 isr [1] offline [3]")
	if got := values(t, p); got != "a" {
		t.Errorf("after the unclean election the log holds %q, want a", got)
	}
	must(t, put(c, p, 30_005, 1, "c"))
	must(t, c.BrokerDown(30_006, 1))
	must(t, c.BrokerDown(30_007, 2))
	must(t, c.BrokerUp(30_008, 3)) // its log is another one
	if got := values(t, p); got != "ab" {
		t.Errorf("under its first leader the log holds %q, want ab", got)
	}
	must(t, c.HoldReplication(30_009, p.TP, false))
	must(t, c.BrokerUp(30_010, 1))
	must(t, c.BrokerUp(30_010, 2))
	must(t, put(c, p, 30_011, -1, "d"))
	must(t, c.MoveLeader(30_012, p.TP, 1))
	if got := values(t, p); got != "abd" {
		t.Errorf("the log holds %q, want abd", got)
	}
}

func TestUncleanElectionIsOffUnlessAskedFor(t *testing.T) {
	c, p := three(t, nil)
	must(t, c.BrokerDown(1, 1))
	must(t, c.BrokerDown(1, 2))
	must(t, c.BrokerDown(1, 3))
	must(t, c.BrokerUp(2, 1))
	wantShape(t, c, p, "leader -1 epoch 1 isr [3] offline [3 2]")
	wantCode(t, c.ElectLeader(3, p.TP, false), kafka.PreferredLeaderNotAvailable)
	must(t, c.ElectLeader(3, p.TP, true))
	wantShape(t, c, p, "leader 1 epoch 2 isr [1] offline [3 2]")
	wantCode(t, c.ElectLeader(3, p.TP, true), kafka.ElectionNotNeeded)
}

func TestM3_PreferredLeadersLeadAgain(t *testing.T) {
	c, p := three(t, nil)
	must(t, c.BrokerDown(1000, 3))
	if id := c.Controller(); id != 1 {
		t.Errorf("broker %d is the controller, want 1", id)
	}
	must(t, c.BrokerDown(1000, 1))
	if id := c.Controller(); id != 2 {
		t.Errorf("broker %d is the controller, want 2", id)
	}
	must(t, c.BrokerUp(2000, 3))
	must(t, c.BrokerUp(2000, 1))
	wantShape(t, c, p, "leader 2 epoch 2 isr [2 3 1] offline []")
	c.Fire(302_000) // leader.imbalance.check.interval.seconds later
	wantShape(t, c, p, "leader 3 epoch 3 isr [2 3 1] offline []")
	if at, ok := c.NextTimer(); ok {
		t.Errorf("a timer is set for %d, and all is in balance", at)
	}
	wantCode(t, c.MoveLeader(302_001, p.TP, 3), kafka.ElectionNotNeeded)
	wantCode(t, c.MoveLeader(302_001, p.TP, 4), kafka.InvalidReplicaAssignment)
	wantCode(t, c.BrokerDown(302_001, 4), kafka.BrokerNotAvailable)
}
