package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/tester"
)

// TestSimulatedRunsRepeat runs the application in a simulation with 4 partitions, 3 instances of each group and two
// rebalances: all runs of a seed are the same, byte for byte of their traces, and end with the tables of the model. Another
// seed gives another order.
//
// It takes the first flights only, and few runs, unless FLIGHTS_SIMULATION says how many runs of the whole sample.
func TestSimulatedRunsRepeat(t *testing.T) {
	records, err := readRecording(nil)
	if err != nil {
		t.Fatal(err)
	}
	runs := 3
	if v := os.Getenv("FLIGHTS_SIMULATION"); v != "" {
		if runs, err = strconv.Atoi(v); err != nil {
			t.Fatalf("FLIGHTS_SIMULATION is %q; set it to a number of runs", v)
		}
	} else {
		before, moving := records.split()
		records = append(before[:len(before):len(before)], moving[:2500]...)
	}
	want := model(t, records)

	digests := map[string]uint64{}
	options := []tester.SimOption{
		tester.WithStart(time.Date(2014, 2, 1, 0, 0, 0, 0, time.UTC)),
		tester.WithDigest(func(seed uint64, digest string) {
			if other, known := digests[digest]; known && other != seed {
				t.Errorf("seeds %d and %d give the same order", other, seed)
			}
			digests[digest] = seed
		}),
	}
	run := func(s *tester.Sim) { simulate(s, records, want) }
	tester.Simulate(t, run, append(options, tester.WithSeeds(1), tester.WithRuns(runs))...)
	tester.Simulate(t, run, append(options, tester.WithSeeds(2))...)
}

func simulate(s *tester.Sim, records recording, want tables) {
	t := s.T()
	const partitions, instances = 4, 3
	for _, topic := range topics {
		if err := s.Cluster().CreateTopic(topic.name, partitions, memkafka.WithConfig("retention.ms", "-1")); err != nil {
			t.Fatal(err)
		}
	}
	before, moving := records.split()
	for _, l := range before {
		tp, r := toRecord(t, l, partitions)
		if _, err := s.Cluster().Produce(tp.Topic, tp.Partition, r); err != nil {
			t.Fatal(err)
		}
	}
	next := 0
	s.Feed("recording", func() (memkafka.TopicPartition, memkafka.Record, bool) {
		if next == len(moving) {
			return memkafka.TopicPartition{}, memkafka.Record{}, false
		}
		tp, r := toRecord(t, moving[next], partitions)
		next++
		return tp, r, true
	})
	var firstAircraft *tester.Instance
	for i := range instances {
		_, instance := s.StartProcessor(fmt.Sprintf("aircraft-%d", i), Aircraft(), goka.WithLogger(logger.Discard()))
		if i == 0 {
			firstAircraft = instance
		}
		s.StartProcessor(fmt.Sprintf("carriers-%d", i), Carriers(), goka.WithLogger(logger.Discard()))
	}
	s.Until("a third of the recording to be fed", func() bool { return next > len(moving)/3 })
	if err := firstAircraft.Stop(); err != nil { // the first rebalance
		t.Error(err)
	}
	s.Until("two thirds of the recording to be fed", func() bool { return next > 2*len(moving)/3 })
	s.StartProcessor("aircraft-3", Aircraft(), goka.WithLogger(logger.Discard())) // the second one
	s.Idle()
	got := tables{
		aircraft: lastRows[aircraft](t, s.Cluster(), "aircraft-table"),
		carriers: lastRows[carrier](t, s.Cluster(), "carriers-table"),
	}
	if d := diff(want, got); d != "" {
		t.Errorf("tables differ (-model +simulation):\n%s", d)
	}
}

func toRecord(t *testing.T, l line, partitions int32) (memkafka.TopicPartition, memkafka.Record) {
	r := memkafka.Record{Timestamp: memkafka.Millis(l.Millis)}
	if l.Millis == 0 {
		r.Timestamp = memkafka.NoTimestamp
	}
	if l.Key != nil {
		r.Key = []byte(*l.Key)
	}
	if l.Payload != nil {
		r.Value = []byte(*l.Payload)
	}
	p, err := goka.PartitionForKey(goka.DefaultHasher(), r.Key, partitions)
	if err != nil {
		t.Fatal(err)
	}
	return memkafka.TopicPartition{Topic: l.Topic, Partition: p}, r
}

// lastRows is a table as its topic has it: the last value of each key.
func lastRows[V any](t *testing.T, c *memkafka.Cluster, topic string) map[string]V {
	rows := map[string]V{}
	for p := range c.Partitions(topic) {
		start, high, err := c.Offsets(topic, p)
		if err != nil {
			t.Fatal(err)
		}
		records, err := c.Fetch(topic, p, start, int(high-start))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			var v V
			if err := json.Unmarshal(r.Value, &v); err != nil {
				t.Fatalf("%s/%d offset %d: %v", topic, p, r.Offset, err)
			}
			rows[string(r.Key)] = v
		}
	}
	return rows
}
