package memkafka_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

func TestWhatAClusterTellsOfItself(t *testing.T) {
	c := memkafka.New(memkafka.WithBrokers(2))
	defer c.Close()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(c.CreateTopic("t", 2, memkafka.WithReplication(2)))
	for i := range 3 {
		_, err := c.Produce("t", 1, memkafka.Record{Value: []byte("v"), Timestamp: memkafka.Millis(100*i + 1)})
		check(err)
	}
	if d := c.DescribeTopics(); len(d) != 1 || d[0].Name != "t" || d[0].Partitions != 2 || d[0].Replication != 2 || d[0].Records != 3 || d[0].OutOfSync != 0 {
		t.Errorf("topics are %+v", d)
	}
	check(c.BrokerDown(2))
	if d := c.DescribeTopics(); d[0].OutOfSync != 2 {
		t.Errorf("with a broker down topics are %+v", d)
	}
	p, err := c.DescribePartitions("t")
	check(err)
	if len(p) != 2 || p[1].Leader != 1 || p[1].LogEnd != 3 || p[1].LastStable != 3 || p[1].LogStart != 0 || len(p[1].ISR) != 1 || p[1].Segments != 1 {
		t.Errorf("partitions are %+v", p)
	}
	segments, err := c.Segments("t", 1)
	check(err)
	if len(segments) != 1 || !segments[0].Active || segments[0].Next != 3 {
		t.Errorf("segments are %+v", segments)
	}
	for at, want := range map[int64]memkafka.Offset{0: 0, 150: 2, 1000: 3} {
		got, err := c.OffsetForTime("t", 1, time.UnixMilli(at))
		check(err)
		if got != want {
			t.Errorf("the offset for %d ms is %d, want %d", at, got, want)
		}
	}
	if _, err := c.DescribePartitions("nobody"); !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("a topic that is none: %v", err)
	}
	if _, err := c.DescribeGroup("nobody"); !errors.Is(err, kafka.GroupIDNotFound) {
		t.Errorf("a group that is none: %v", err)
	}
	if c.BrokerCount() != 2 || len(c.DescribeGroups()) != 0 || len(c.Transactions()) != 0 || len(c.GroupGenerations()) != 0 {
		t.Error("there is something that was never made")
	}
	check(c.ResetOffset("g", "t", 1, 1))
	check(c.ResetOffset("g", "t", 0, 100))
	progress := c.GroupProgresses()
	if len(progress) != 1 || progress[0].ID != "g" || progress[0].Lag() != 2 || len(progress[0].Offsets) != 2 || progress[0].Offsets[0].Offset != 0 || progress[0].Offsets[1].Offset != 1 {
		t.Errorf("groups are at %+v", progress)
	}
	if err := c.ResetOffset("g", "t", 7, 0); !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("to reset an offset of a partition that is none: %v", err)
	}
}
