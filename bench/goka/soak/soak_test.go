package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
)

const (
	workers   = 3
	keys      = 200
	perSecond = 100 // records that are fed
	patience  = 2 * time.Minute
)

// soak is one run.
type soak struct {
	*testing.T
	brokers []string
	names   names
	random  *rand.Rand
	client  sarama.Client
	admin   sarama.ClusterAdmin
	workers []*worker

	fed      [keys]int64 // by number of the key
	total    atomic.Int64
	versions int64

	kills, stops int
}

// TestSoak runs for SOAK_DURATION, 15 s unless that is set, on KAFKA_BROKERS, or on a cluster in this process.
func TestSoak(t *testing.T) {
	duration := 15 * time.Second
	if text := os.Getenv("SOAK_DURATION"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	s := &soak{T: t, names: names{fmt.Sprintf("soak-%d-", seed)}, random: rand.New(rand.NewPCG(seed, 0))}
	if brokers := os.Getenv("KAFKA_BROKERS"); brokers != "" {
		s.brokers = strings.Split(brokers, ",")
	} else {
		cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
		t.Cleanup(cluster.Close)
		l, err := cluster.Listen("127.0.0.1:0")
		s.must(err)
		s.brokers = l.Addrs()
	}
	s.open()

	old := s.views()
	feed := s.feeder()
	for _, w := range s.workers {
		s.must(w.start())
	}
	s.disturb(duration, feed)
	s.must(feed.finish())
	s.Logf("fed %d records; %d kills and %d orderly ends, and as many starts", s.total.Load(), s.kills, s.stops)

	began := time.Now()
	if !s.within(func() bool { return s.lag() == 0 }) {
		s.Errorf("%d records are uncommitted %s after the last one", s.lag(), patience)
	}
	s.Logf("all inputs were committed %s after the last one", time.Since(began).Round(time.Millisecond))
	for _, w := range s.workers {
		if err := w.stop(); err != nil {
			s.Error(err)
		}
	}
	if lag := s.lag(); lag != 0 {
		s.Errorf("%d records are uncommitted after the workers ended", lag)
	}
	s.compare(old, s.views())
}

func (s *soak) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *soak) open() {
	var err error
	s.client, err = sarama.NewClient(s.brokers, config())
	s.must(err)
	s.admin, err = sarama.NewClusterAdmin(s.brokers, config())
	s.must(err)
	s.Cleanup(func() {
		if err := errors.Join(s.admin.Close(), s.client.Close()); err != nil {
			s.Error(err)
		}
	})
	compact := "compact"
	tables := map[string]*string{"cleanup.policy": &compact}
	topics := map[string]map[string]*string{
		string(s.names.input()): nil, string(s.names.rekeyed()): nil, s.names.loop(): nil, string(s.names.joined()): tables,
	}
	for _, group := range groupNames {
		topics[string(s.names.table(group))] = tables
	}
	for topic, settings := range topics {
		s.must(s.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: settings}, false))
	}
	if !s.within(func() bool {
		for topic := range topics {
			if ps, err := s.client.Partitions(topic); err != nil || len(ps) != partitions {
				_ = s.client.RefreshMetadata(topic) // brokers learn of topics one after the other
				return false
			}
		}
		return true
	}) {
		s.Fatal("topics that were created are not there")
	}
	dir := s.TempDir()
	if kept := os.Getenv("SOAK_DIR"); kept != "" { // what is there stays, for somebody who looks for a cause
		dir = kept
	}
	for i := range workers {
		w := newWorker(dir, fmt.Sprint("worker-", i), s.names.prefix, s.brokers)
		s.workers = append(s.workers, w)
		s.Cleanup(func() {
			if w.cmd != nil {
				_ = w.cmd.Process.Kill() // it may have ended
			}
			if log, err := os.ReadFile(w.log); err == nil && s.Failed() {
				s.Logf("the end of the log of %s:\n%s", w.name, log[max(0, len(log)-4000):])
			}
		})
	}
}

// within waits for a condition, and reports whether it came.
func (s *soak) within(cond func() bool) bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if cond() {
			return true
		}
	}
	return false
}

// feeder feeds records in the background.
type feeder struct {
	stop chan struct{}
	done chan error
}

func (f *feeder) finish() error {
	close(f.stop)
	return <-f.done
}

// feeder begins to feed. Every key has a row to join from the beginning on, and a newer one every now and then.
func (s *soak) feeder() *feeder {
	in, err := goka.NewEmitter(s.brokers, s.names.input(), new(codec.Int64), goka.WithEmitterConfig(config()))
	s.must(err)
	ref, err := goka.NewEmitter(s.brokers, goka.Stream(s.names.joined()), new(codec.Int64), goka.WithEmitterConfig(config()))
	s.must(err)
	for key := range keys {
		s.versions++
		s.must(ref.EmitSync(fmt.Sprint("key-", key), s.versions))
	}
	f := &feeder{make(chan struct{}), make(chan error, 1)}
	random := rand.New(rand.NewPCG(s.random.Uint64(), 1))
	go func() {
		var failed error
		note := func(p *goka.Promise, err error) {
			failed = errors.Join(failed, err)
			if err == nil {
				p.Then(func(err error) {
					if err != nil {
						s.Errorf("a record was not accepted: %v", err)
					}
				})
			}
		}
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for {
			select {
			case <-f.stop:
				f.done <- errors.Join(failed, in.Finish(), ref.Finish())
				return
			case <-tick.C:
			}
			key := random.IntN(keys)
			note(in.Emit(fmt.Sprint("key-", key), s.fed[key]))
			s.fed[key]++
			if s.total.Add(1)%10 == 0 {
				s.versions++
				note(ref.Emit(fmt.Sprint("key-", random.IntN(keys)), s.versions))
			}
		}
	}()
	return f
}

// disturb kills and ends workers, and starts them again, for a while.
func (s *soak) disturb(duration time.Duration, f *feeder) {
	after := func(least, most time.Duration) <-chan time.Time {
		return time.After(least + time.Duration(s.random.Int64N(int64(most-least))))
	}
	end, minute, next := time.After(duration), time.NewTicker(time.Minute), after(time.Second, 10*time.Second)
	defer minute.Stop()
	for {
		select {
		case err := <-f.done:
			s.Fatalf("the feeding ended: %v", err)
		case <-minute.C:
			s.Logf("%d records fed, %d uncommitted, %d kills, %d orderly ends", s.total.Load(), s.lag(), s.kills, s.stops)
		case <-next:
			w := s.workers[s.random.IntN(workers)]
			if s.random.IntN(4) == 0 {
				s.stops++
				if err := w.stop(); err != nil {
					s.Error(err)
				}
			} else {
				s.kills++
				if err := w.kill(); err != nil {
					s.Error(err)
				}
			}
			<-after(0, 3*time.Second)
			s.must(w.start())
			next = after(2*time.Second, 15*time.Second)
		case <-end:
			return
		}
	}
}

// lag is how many records groups have not committed. Those that are fed meanwhile may or may not count.
func (s *soak) lag() int64 {
	s.Helper()
	lag := int64(0)
	for _, group := range groupNames {
		for _, topic := range s.names.reads(group) {
			all := make([]int32, partitions)
			for p := range all {
				all[p] = int32(p)
			}
			response, err := s.admin.ListConsumerGroupOffsets(string(s.names.group(group)), map[string][]int32{string(topic): all})
			s.must(err)
			for _, p := range all {
				end, err := s.client.GetOffset(string(topic), p, sarama.OffsetNewest)
				s.must(err)
				b := response.GetBlock(string(topic), p)
				if b == nil {
					s.Fatalf("the broker told nothing of %s/%d in group %s", topic, p, group)
				}
				lag += end - max(0, b.Offset)
			}
		}
	}
	return lag
}

// views starts a view of each table.
func (s *soak) views() map[string]*view {
	views := make(map[string]*view)
	for _, group := range groupNames {
		v, err := s.view(group)
		s.must(err)
		views[group] = v
		s.Cleanup(func() {
			if err := v.end(); err != nil {
				s.Errorf("view of %s: %v", group, err)
			}
		})
	}
	return views
}

// compare looks at all tables, once the workers have ended.
func (s *soak) compare(views ...map[string]*view) {
	for _, group := range groupNames {
		topic := string(s.names.table(group))
		whole, behind := make(map[string]string), 0
		for p := range int32(partitions) {
			changes, err := s.changelog(topic, p)
			s.must(err)
			end := int64(len(changes)) - 1 // nothing is compacted within a segment, and tables have no transactions
			maps.Copy(whole, fold(changes, end))
			current := false
			for _, w := range s.workers {
				rows, offset, err := w.onDisk(topic, p)
				s.must(err)
				if !maps.Equal(rows, fold(changes, offset)) {
					s.Errorf("%s has rows of %s/%d that are not the changelog up to offset %d", w.name, topic, p, offset)
				}
				current = current || offset == end
			}
			if !current {
				behind++
				s.Errorf("no worker has all of %s/%d", topic, p)
			}
		}
		s.complete(group, whole)
		for i, of := range views {
			var (
				rows map[string]string
				err  error
			)
			if !s.within(func() bool {
				rows, err = of[group].rows()
				return err == nil && maps.Equal(rows, whole)
			}) {
				s.Errorf("view %d of %s has %d rows of %d, or other ones, %s after the last change: %v", i, group, len(rows), len(whole), patience, err)
			}
			s.Logf("view %d of %s: %d rows, as the changelog has them", i, group, len(rows))
		}
	}
}

// complete looks for records that were fed and are not in a table.
func (s *soak) complete(group string, rows map[string]string) {
	missing, handled := int64(0), int64(0)
	for key, fed := range s.fed {
		name := tableKey(group, fmt.Sprint("key-", key))
		var r row
		if text, ok := rows[name]; ok {
			s.must(json.Unmarshal([]byte(text), &r))
		}
		seen := int64(0)
		for _, n := range r.Seen {
			seen += n[1] - n[0]
		}
		if seen != fed {
			missing += fed - seen
			s.Errorf("%s: of %d records of %s the table has %v", group, fed, name, r.Seen)
		}
		if r.Back > 0 {
			s.Errorf("%s: the joined row of %s was missing or older than before %d times", group, name, r.Back)
		}
		handled += r.Handled
	}
	s.Logf("%s: %d records fed, %d missing, %d delivered again", group, s.total.Load(), missing, handled-s.total.Load())
}
