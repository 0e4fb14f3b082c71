package tester_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/tester"
)

// slowStore takes its time, now longer, now shorter.
type slowStore struct {
	storage.Storage
	pause time.Duration
}

func (s *slowStore) Open() error {
	time.Sleep(s.pause)
	return s.Storage.Open()
}

func (s *slowStore) Set(key string, value []byte) error {
	time.Sleep(time.Duration(len(key)) * time.Microsecond)
	return s.Storage.Set(key, value)
}

func slowStores(topic string, partition int32) (storage.Storage, error) {
	return &slowStore{storage.NewMemory(), time.Duration(len(topic)+int(partition)) * time.Millisecond}, nil
}

// everything has all at once that a simulation can have: callbacks that sleep, visits, look-ups, joins, loops, standby,
// recovery ahead, transactions, appends and requests that fail, slow stores, crashes and lapses of time.
func everything(s *tester.Sim) {
	c := new(codec.String)
	createTopics(s, 4, "in", "passed", "joined", "looked-up", "paid")
	graph := func() *goka.GroupGraph {
		handle := func(ctx goka.Context, msg interface{}) {
			if n := len(ctx.Key()) + int(ctx.Offset()%5); n%2 == 0 {
				time.Sleep(time.Duration(n) * time.Millisecond)
			}
			text, _ := ctx.Value().(string)
			ctx.SetValue(strconv.Itoa(len(text)) + fmt.Sprint(ctx.Join("joined"), ctx.Lookup("looked-up", "k1")))
			ctx.Emit("passed", "p"+ctx.Key(), msg)
		}
		return goka.DefineGroup("first",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) {
				if ctx.Offset()%3 == 0 {
					ctx.Loopback(ctx.Key(), msg)
				} else {
					handle(ctx, msg)
				}
			}),
			goka.Input("paid", c, handle), goka.Loop(c, handle), goka.Join("joined", c), goka.Lookup("looked-up", c),
			goka.Output("passed", c), goka.Persist(c),
			goka.Visitor("touch", func(ctx goka.Context, _ interface{}) { ctx.SetValue(ctx.Value()) }))
	}
	options := []goka.ProcessorOption{
		goka.WithHotStandby(), goka.WithRecoverAhead(), goka.WithStorageBuilder(slowStores), goka.WithLogger(logger.Discard()),
	}
	s.Faults(`
on produce topic=passed probability=0.01: error NOT_LEADER_OR_FOLLOWER
on produce topic=first-table probability=0.01: drop-response
on offset-commit probability=0.05: error COORDINATOR_LOAD_IN_PROGRESS
on fetch probability=0.01: delay-response for=1ms up-to=300ms
on heartbeat probability=0.05: drop-request
at 20s: move-coordinator group=first`)
	for _, topic := range []string{"in", "joined", "looked-up"} {
		n := 40
		if topic != "in" {
			n = 12
		}
		s.Feed(topic, numbers(topic, n))
	}
	s.Start("payer", func(ctx context.Context) error { return pay(ctx, s, 6) })
	start := func(id string) (*goka.Processor, *tester.Instance) {
		return s.StartProcessor(id, graph(), options...)
	}
	visited, _ := start("stays")
	_, crashes := start("crashes")
	_, leaves := start("leaves")
	s.StartProcessor("second", counter("second", "passed"), goka.WithLogger(logger.Discard()))
	s.StartView("view", "first-table", c, goka.WithViewLogger(logger.Discard()))
	s.At(15*time.Second, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = visited.VisitAll(ctx, "touch", nil) // a rebalance may end it
	})
	s.Steps(150 + s.Rand("crash")%200)
	crashes.Crash()
	start("heir")
	s.Steps(50 + s.Rand("leave")%100)
	_ = leaves.Stop() // a fault may have ended it
	s.Steps(s.Rand("join") % 100)
	start("comes")
	s.Advance(time.Minute)
}

// pay sends transactions of three records each, and aborts every other one.
func pay(ctx context.Context, s *tester.Sim, transactions int) (err error) {
	config := s.Config()
	config.ClientID = "payer"
	config.Producer.Idempotent, config.Net.MaxOpenRequests = true, 1
	config.Producer.Transaction.ID = "payer"
	p, err := saramaclient.NewSyncProducer(s.Cluster(), config)
	if err != nil {
		return err
	}
	defer func() {
		if e := p.Close(); err == nil {
			err = e
		}
	}()
	for i := range transactions {
		if ctx.Err() != nil {
			return nil
		}
		if err := p.BeginTxn(); err != nil {
			return err
		}
		for n := range 3 {
			if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "paid", Key: sarama.StringEncoder(fmt.Sprint("k", n)), Value: sarama.StringEncoder("x")}); err != nil {
				return err
			}
		}
		end := p.CommitTxn
		if i%2 == 1 {
			end = p.AbortTxn
		}
		if err := end(); err != nil {
			return err
		}
	}
	return nil
}

// TestEverythingRepeats runs seeds with all features on several times each, under GOMAXPROCS 1, 2 and 8.
// GOKASIM_REPEAT=200x20 is what make sim does: 200 seeds, 20 times each.
func TestEverythingRepeats(t *testing.T) {
	seeds, runs := 4, 3
	if v := os.Getenv("GOKASIM_REPEAT"); v != "" {
		if _, err := fmt.Sscanf(v, "%dx%d", &seeds, &runs); err != nil {
			t.Fatalf("GOKASIM_REPEAT is %q; set it to SEEDSxRUNS, as 200x20", v)
		}
	}
	list := make([]uint64, seeds)
	for i := range list {
		list[i] = uint64(i) + 1
	}
	digests := map[string]uint64{}
	tester.Simulate(t, everything, tester.WithSeeds(list...), tester.WithRuns(runs), tester.WithAmbiguityDetector(),
		tester.WithDigest(func(seed uint64, digest string) {
			if other, known := digests[digest]; known {
				t.Errorf("seeds %d and %d give the same run", other, seed)
			}
			digests[digest] = seed
		}))
}

// TestSleepingCallbacksRepeat has callbacks sleep for so long that inputs and the loop of a partition run out of room together, and
// the seed, not the scheduler, says whose message comes first when there is some.
func TestSleepingCallbacksRepeat(t *testing.T) {
	count := func(ctx goka.Context) {
		n, _ := ctx.Value().(int64)
		ctx.SetValue(n + 1)
	}
	tester.Simulate(t, func(s *tester.Sim) {
		s.Tester().StartProcessor(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) {
				time.Sleep(time.Duration(ctx.Offset()%3) * time.Second)
				count(ctx)
				ctx.Loopback(ctx.Key()+"'", msg)
			}),
			goka.Loop(new(codec.String), func(ctx goka.Context, _ any) { count(ctx) }),
			goka.Persist(new(codec.Int64))), goka.WithLogger(logger.Discard()))
		var records []tester.Record
		for i := range 40 {
			records = append(records, tester.Msg(fmt.Sprint("k", i%6), "x"))
		}
		s.Workload("work", "in", records...)
		s.Idle()
	}, tester.WithPartitions(3), tester.WithInstances(2), tester.WithSeeds(1, 2, 3, 4, 5, 6), tester.WithRuns(3))
}

// TestVisitsRepeat has visits begin while others are under way, callbacks and stores sleep, and messages wait: where the rows of a visit
// come among them is the same each time.
func TestVisitsRepeat(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		p := s.Tester().StartProcessor(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) {
				time.Sleep(time.Duration(ctx.Offset()%3) * time.Second)
				ctx.SetValue(msg)
				ctx.Loopback(ctx.Key()+"'", msg)
			}),
			goka.Loop(new(codec.String), func(ctx goka.Context, msg any) { ctx.SetValue(msg) }),
			goka.Visitor("touch", func(ctx goka.Context, _ any) { ctx.SetValue(ctx.Value()) }),
			goka.Persist(new(codec.String))), goka.WithLogger(logger.Discard()), goka.WithStorageBuilder(slowStores))
		var records []tester.Record
		for i := range 30 {
			records = append(records, tester.Msg(fmt.Sprint("k", i%6), "x"))
		}
		s.Workload("work", "in", records...)
		for i := range 20 {
			s.At(time.Duration(2+i)*time.Second, func() {
				if err := p.Processor().VisitAll(context.Background(), "touch", nil); err != nil {
					s.T().Error(err)
				}
			})
		}
		s.Idle()
		s.Advance(time.Minute)
	}, tester.WithPartitions(1), tester.WithSeeds(1, 2, 3), tester.WithRuns(3))
}

// TestEarlyEndsRepeat has instances stopped as soon as they were started, one by the end of the script: how far they have come by then is no
// chance.
func TestEarlyEndsRepeat(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		createTopics(s, 1, "in")
		_, p := s.StartProcessor("p", counter("count", "in"), goka.WithLogger(logger.Discard()))
		_ = p.Stop()
		p.Restart()
		s.Idle()
		_, v := s.StartView("v", "count-table", new(codec.Int64))
		v.Kill()
		v.Restart()
		_ = p.Stop()
		p.Restart()
	}, tester.WithRuns(8))
}
