package cluster_test

import (
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

func TestM3_LeadersAreSpreadAndIDsAreNew(t *testing.T) {
	c := cluster.New(cluster.Settings{Brokers: 3})
	made, err := c.CreateTopic(cluster.TopicSpec{Name: "t", Partitions: 9, Replication: 2})
	if err != nil {
		t.Fatal(err)
	}
	led := map[int32]int{}
	for _, p := range made.Partitions {
		led[p.Leader]++
		if len(p.Replicas) != 2 || p.Replicas[0] == p.Replicas[1] || p.Leader != p.Replicas[0] {
			t.Errorf("%s has replicas %v and leader %d", p.TP, p.Replicas, p.Leader)
		}
	}
	for broker := int32(1); broker <= 3; broker++ {
		if led[broker] != 3 {
			t.Errorf("broker %d leads %d partitions of 9, want 3", broker, led[broker])
		}
	}
	wantCode(t, c.CreatePartitions("t", 9, false), kafka.InvalidPartitions)
	wantCode(t, c.CreatePartitions("t", 3, false), kafka.InvalidPartitions)
	if err := c.CreatePartitions("t", 10, false); err != nil || len(c.Topic("t").Partitions) != 10 {
		t.Errorf("growing to 10 partitions gives %v, and %d", err, len(c.Topic("t").Partitions))
	}
	id := made.ID
	if err := c.DeleteTopic(0, "t"); err != nil {
		t.Fatal(err)
	}
	if c.Topic("t") != nil || c.TopicByID(id) != nil {
		t.Error("the deleted topic is still there")
	}
	again, err := c.CreateTopic(cluster.TopicSpec{Name: "t", Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	if again.ID == id {
		t.Error("the topic that was made anew has the id of the old one")
	}
}
