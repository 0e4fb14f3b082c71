package tester_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/tester"
)

// numbers feeds n messages for 25 keys into the four partitions of a topic.
func numbers(topic string, n int) func() (memkafka.TopicPartition, memkafka.Record, bool) {
	i := 0
	return func() (memkafka.TopicPartition, memkafka.Record, bool) {
		i++
		key := fmt.Appendf(nil, "k%d", i%25)
		p, err := goka.PartitionForKey(goka.DefaultHasher(), key, 4)
		if err != nil {
			panic(err)
		}
		r := memkafka.Record{Key: key, Value: []byte("x"), Timestamp: memkafka.NoTimestamp}
		return memkafka.TopicPartition{Topic: topic, Partition: p}, r, i <= n
	}
}

func createTopics(s *tester.Sim, partitions int32, names ...string) {
	for _, name := range names {
		if err := s.Cluster().CreateTopic(name, partitions); err != nil {
			s.T().Fatal(err)
		}
	}
}

// TestSimulatedRunsRepeat has a pipeline of two groups with three instances each, of which one leaves, one joins and one
// crashes, and a view. Every run of a seed is the same, under any GOMAXPROCS; at-least-once holds in each.
func TestSimulatedRunsRepeat(t *testing.T) {
	digests := map[string]uint64{}
	tester.Simulate(t, func(s *tester.Sim) {
		createTopics(s, 4, "in", "words")
		first := func() *goka.GroupGraph {
			return goka.DefineGroup("first",
				goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
					n, _ := ctx.Value().(int64)
					ctx.SetValue(n + 1)
					ctx.Emit("words", "w"+ctx.Key(), msg)
				}),
				goka.Output("words", new(codec.String)),
				goka.Persist(new(codec.Int64)),
			)
		}
		s.Feed("in", numbers("in", 200))
		var firsts []*tester.Instance
		for i := range 3 {
			_, instance := s.StartProcessor(fmt.Sprintf("first-%d", i), first())
			firsts = append(firsts, instance)
			s.StartProcessor(fmt.Sprintf("second-%d", i), counter("second", "words"))
		}
		s.Steps(600)
		view, _ := s.StartView("view", "second-table", new(codec.Int64))
		if err := firsts[0].Stop(); err != nil {
			s.T().Error(err)
		}
		s.Steps(300)
		s.StartProcessor("first-3", first())
		s.Steps(300)
		firsts[1].Crash()
		s.Idle()
		for i := range 25 {
			key := fmt.Sprintf("wk%d", i)
			got, err := view.Get(key)
			if err != nil {
				s.T().Fatal(err)
			}
			if n, _ := got.(int64); n < 8 {
				s.T().Errorf("seed %d: the count of %s is %v, want 8 at least", s.Seed(), key, got)
			}
		}
	}, tester.WithSeeds(1, 2, 3, 4), tester.WithRuns(6), tester.WithDigest(func(seed uint64, digest string) {
		if other, known := digests[digest]; known {
			t.Errorf("seeds %d and %d give the same run", other, seed)
		}
		digests[digest] = seed
	}))
}

// Keys are spread over the partitions that a topic has, whatever the simulation makes topics with.
func TestWorkloadOfATopicThatIsThere(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		createTopics(s, 4, "in")
		s.StartProcessor("p", counter("count", "in"), goka.WithLogger(logger.Discard()))
		var records []tester.Record
		for i := range 40 {
			records = append(records, tester.Msg(fmt.Sprint("k", i%10), "x"))
		}
		s.Workload("in", "in", records...)
		s.Idle()
		used := map[int32]bool{}
		for _, r := range s.Tester().Records("in") {
			used[r.Partition] = true
			p, err := goka.PartitionForKey(goka.DefaultHasher(), []byte(r.Key), 4)
			if err != nil || p != r.Partition {
				t.Errorf("key %s is in partition %d, goka's emitters send it to %d (%v)", r.Key, r.Partition, p, err)
			}
		}
		if len(used) != 4 {
			t.Errorf("only partitions %v of four were written", used)
		}
		for i := range 10 {
			if n := s.Tester().TableValue("count-table", fmt.Sprint("k", i)); n != int64(4) {
				t.Errorf("k%d was counted %v times", i, n)
			}
		}
	})
}

// TestTimePassesWithoutEvents: nothing needs to happen at the cluster for time to pass.
func TestTimePassesWithoutEvents(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		rounds := 0
		s.Start("clock", func(ctx context.Context) error {
			for ctx.Err() == nil {
				select {
				case <-ctx.Done():
				case <-time.After(time.Minute):
					rounds++
				}
			}
			return nil
		})
		s.At(50*time.Minute, s.Idle)
		s.Advance(time.Hour + time.Second)
		if rounds != 60 || s.Elapsed() < time.Hour {
			t.Errorf("%d minutes passed, and %v in all", rounds, s.Elapsed())
		}
	})
}

// TestTablesAreLookedAtBetweenEvents: also before whoever keeps them has begun.
func TestTablesAreLookedAtBetweenEvents(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		count := tester.TableOf[int64](s, "count-table", new(codec.Int64))
		most := int64(0)
		s.Invariant("counts grow", func() error {
			n, _ := count.Get("a")
			if n < most {
				return fmt.Errorf("%d after %d", n, most)
			}
			most = n
			return nil
		})
		s.StartProcessor("p", counter("count", "in"))
		s.Workload("w", "in", tester.Msg("a", "x"), tester.Msg("a", "y"))
		s.Until("the first", func() bool { return s.Tester().TableValue("count-table", "a") == int64(1) })
		s.Until("the second", func() bool { return len(count.All()) == 1 && most == 2 })
	})
}
