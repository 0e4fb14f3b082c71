package tester

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gokasim/gokasim/memkafka"
)

// Workload is input of a simulation that may be made smaller when the simulation fails: see Sim.Workload.
type Workload struct{ kept []Record }

// Records returns the records that this run feeds: all that were given, or those that are left of them while a failing
// simulation is made small. What a test expects has to be made of them.
func (w *Workload) Records() []Record { return w.kept }

// Workload adds input: each record is appended to the topic by an event of its own, in their order, but in an order with
// all else that the seed decides. Keys choose among the partitions that the topic has, which is made with WithPartitions if
// it is not there, unless the record was given one by At. When the simulation
// fails, it is tried with fewer and fewer of the records, so the test must expect no more than what Records says.
func (s *Sim) Workload(name, topic string, records ...Record) *Workload {
	s.t.Helper()
	s.mistake(s.tester.ensureTopic(topic))
	w := &Workload{kept: make([]Record, 0, len(records))}
	first, partitions := s.shape.inputs[name], s.cluster.Partitions(topic)
	for i, r := range records {
		if r.place && (r.Partition < 0 || r.Partition >= partitions) {
			s.mistake(fmt.Errorf("workload %s: key %q is for partition %d, and topic %s has %d", name, r.Key, r.Partition, topic, partitions))
		}
		if s.script.keepsInput(name, first+i) {
			w.kept = append(w.kept, r)
		}
	}
	s.shape.inputs[name] += len(records)
	next := 0
	s.Feed(name, func() (memkafka.TopicPartition, memkafka.Record, bool) {
		if next == len(w.kept) {
			return memkafka.TopicPartition{}, memkafka.Record{}, false
		}
		rec := w.kept[next]
		next++
		value, err := s.tester.encoded(topic, rec.Value)
		tp := memkafka.TopicPartition{Topic: topic, Partition: rec.Partition}
		if !rec.place && err == nil {
			tp.Partition, err = s.tester.partitionOf(topic, rec.Key, s.settings.hasher)
		}
		if err != nil {
			s.mistaken = s.mistaken || errors.Is(err, errNoCodec)
			s.failed = errors.Join(s.failed, fmt.Errorf("workload %s, key %q: %w", name, rec.Key, err))
			return memkafka.TopicPartition{}, memkafka.Record{}, false
		}
		return tp, memkafka.Record{Key: []byte(rec.Key), Value: value, Headers: headersOf(rec.Headers), Timestamp: timestampOf(rec.Time)}, true
	})
	return w
}

// Faults adds a plan of faults to the cluster, given as text: see memkafka.Faults. Its times count from now. When the
// simulation fails, it is tried without the one or the other. A text that is no plan ends the test; no seed is kept for that.
func (s *Sim) Faults(text string) {
	s.t.Helper()
	s.mistake(s.addFaults(text))
}

func (s *Sim) addFaults(text string) error {
	if _, err := memkafka.ParseFaults(text); err != nil {
		return err
	}
	var kept []string
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if s.script.keepsFault(s.shape.faults) {
			kept = append(kept, line)
		}
		s.shape.faults++
	}
	return s.cluster.AddFaults(strings.Join(kept, "\n"))
}
