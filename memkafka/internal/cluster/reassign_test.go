package cluster_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// TestReassign moves a partition from brokers 3, 1, 2 to fewer, to others and back: its records stay, and who leads it is
// among those that hold it.
func TestReassign(t *testing.T) {
	c, p := three(t, nil)
	must(t, put(c, p, 1, -1, "a"))
	for i, step := range []struct {
		to   []int32
		want string
	}{
		{[]int32{1, 2}, "leader 1 epoch 1 isr [1 2] offline []"},
		{[]int32{2, 1}, "leader 1 epoch 1 isr [1 2] offline []"},
		{[]int32{3}, "leader 3 epoch 2 isr [3] offline []"},
		{[]int32{1, 2, 3}, "leader 3 epoch 2 isr [3 1 2] offline []"},
	} {
		now := kafka.Millis(i + 2)
		must(t, c.Reassign(now, p.TP, step.to, true))
		wantShape(t, c, p, step.want)
		if diff := cmp.Diff(step.to, p.Replicas); diff != "" {
			t.Errorf("replicas (-want +got):\n%s", diff)
		}
		must(t, put(c, p, now, -1, "b"))
	}
	if got := values(t, p); got != "abbbb" {
		t.Errorf("the log holds %q, want abbbb", got)
	}
}

func TestReassignRefuses(t *testing.T) {
	c, p := three(t, nil)
	must(t, c.Reassign(1, p.TP, []int32{1, 2}, true))
	must(t, c.BrokerDown(2, 3))
	for _, tc := range []struct {
		name     string
		replicas []int32
		resize   bool
		want     kafka.ErrorCode
	}{
		{"no brokers", []int32{}, true, kafka.InvalidReplicaAssignment},
		{"an unknown broker", []int32{1, 4}, true, kafka.InvalidReplicaAssignment},
		{"a broker twice", []int32{1, 1}, true, kafka.InvalidReplicaAssignment},
		{"a broker that is down", []int32{1, 3}, true, kafka.InvalidReplicaAssignment},
		{"fewer, where that is not wanted", []int32{1}, false, kafka.InvalidReplicationFactor},
		{"the end of what goes on", nil, true, kafka.NoReassignmentInProgress},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantCode(t, c.Reassign(3, p.TP, tc.replicas, tc.resize), tc.want)
		})
	}
	wantCode(t, c.Reassign(3, kafka.TopicPartition{Topic: "none"}, []int32{1}, true), kafka.UnknownTopicOrPartition)
	wantShape(t, c, p, "leader 1 epoch 1 isr [1 2] offline []")
}

// TestReassignSurvivesASnapshot has partitions with different numbers of replicas in one topic.
func TestReassignSurvivesASnapshot(t *testing.T) {
	c, p := three(t, nil)
	must(t, c.Reassign(1, p.TP, []int32{2}, true))
	s, err := cluster.ReadSnapshot(bytes.NewReader(file(t, c)))
	must(t, err)
	c, err = cluster.Restore(2, s, c.Settings().Seed)
	must(t, err)
	wantShape(t, c, c.Partition("t", 2), "leader 2 epoch 1 isr [2] offline []")
}
