package tester_test

import (
	"context"
	"fmt"
	"hash"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/tester"
)

// length is a hash that is the length of its key.
type length struct {
	hash.Hash32
	n uint32
}

func (l *length) Write(b []byte) (int, error) { l.n += uint32(len(b)); return len(b), nil }
func (l *length) Sum32() uint32               { return l.n }
func (l *length) Reset()                      { l.n = 0 }

func lengths() hash.Hash32 { return &length{} }

func TestWithHasher(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(5), tester.WithHasher(lengths))
	words := tt.NewQueueTracker("words")
	run(t, tt, goka.DefineGroup("words",
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("words", msg.(string), "x") }),
		goka.Output("words", new(codec.String)),
	), goka.WithHasher(lengths))
	run(t, tt, counter("count", "words"), goka.WithHasher(lengths))
	view, err := goka.NewView(nil, "count-table", new(codec.Int64), goka.WithViewTester(tt), goka.WithViewHasher(lengths))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- view.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	tt.SetTableValue("count-table", "four", int64(10))
	for _, word := range []string{"a", "two", "four", "words of many letters"} {
		tt.Consume("in", "k", word)
		want := int64(1)
		if word == "four" {
			want = 11
		}
		got, err := view.Get(word)
		if err != nil || got != want || tt.TableValue("count-table", word) != want {
			t.Errorf("the count of %q is %v in the view (%v) and %v in the tester, want %d",
				word, got, err, tt.TableValue("count-table", word), want)
		}
		records, err := tt.Cluster().Fetch("words", int32(len(word)%5), 0, 10)
		if err != nil || len(records) == 0 {
			t.Errorf("%q is not in partition %d (%v)", word, len(word)%5, err)
		}
		if k, _, ok := words.Next(); !ok || k != word {
			t.Errorf("the tracker has %q (%v), want %q", k, ok, word)
		}
	}
}

// TestRowsOfAnotherHash reads a table whose rows are where the emitter's own hash puts them.
func TestRowsOfAnotherHash(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(5))
	e, err := goka.NewEmitter(nil, "in", new(codec.String), goka.WithEmitterTester(tt), goka.WithEmitterHasher(lengths))
	if err != nil {
		t.Fatal(err)
	}
	run(t, tt, counter("count", "in"))
	for _, key := range []string{"a", "bb", "ccc", "dddd", "eeeee"} {
		if err := e.EmitSync(key, "x"); err != nil {
			t.Fatal(err)
		}
		if got := tt.TableValue("count-table", key); got != int64(1) {
			t.Errorf("the count of %s is %v, want 1", key, got)
		}
	}
	if err := e.Finish(); err != nil {
		t.Error(err)
	}
}

func TestAViewRunsAgain(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, counter("count", "in"))
	for life := range 3 {
		view, err := goka.NewView(nil, "count-table", new(codec.Int64), goka.WithViewTester(tt))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- view.Run(ctx) }()
		for i := range 3 {
			tt.Consume("in", "k", "x")
			if got, err := view.Get("k"); err != nil || got != int64(3*life+i+1) {
				t.Errorf("in life %d the view has %v (%v), want %d", life, got, err, 3*life+i+1)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if got := tt.TableValue("count-table", "k"); got != int64(9) {
		t.Errorf("the count is %v, want 9", got)
	}
}

func TestQueueTrackers(t *testing.T) {
	f := &failures{}
	tt := tester.New(f)
	defer tt.Close()
	tt.RegisterEmitter("t", new(codec.String))
	if err := tt.Cluster().CreateTopic("wide", 3); err != nil {
		t.Fatal(err)
	}
	wide := tt.NewQueueTracker("wide")
	for p := range int32(3) {
		if _, err := tt.Cluster().Produce("wide", p, memkafka.Record{Key: fmt.Append(nil, p), Timestamp: memkafka.NoTimestamp}); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for {
		k, _, ok := wide.NextRaw()
		if !ok {
			break
		}
		keys = append(keys, k)
	}
	if diff := cmp.Diff([]string{"0", "1", "2"}, keys); diff != "" {
		t.Errorf("keys of a topic with partitions of its own (-want +got):\n%s", diff)
	}

	tt.Consume("t", "a", "1")
	q := tt.NewQueueTracker("t")
	if _, _, ok := q.Next(); ok {
		t.Error("a tracker begins with what was there before")
	}
	q.Seek(0)
	if k, v, ok := q.Next(); !ok || k != "a" || v != "1" || q.NextOffset() != 1 {
		t.Errorf("after Seek(0): %s=%v (%v), next %d", k, v, ok, q.NextOffset())
	}
	q.Seek(7)
	if _, _, ok := q.Next(); ok {
		t.Error("there is a message past the end")
	}
	if len(f.texts) > 0 {
		t.Errorf("failures: %v", f.texts)
	}
	q.Seek(-1)
	q.Next()
	f.has(t, "topic t", "-1")
}

// TestIdleWaitsForSlowTables: what was read is handled once it is stored, also where stores take their time.
func TestIdleWaitsForSlowTables(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		tt := s.Tester()
		lazy := func(topic string, partition int32) (storage.Storage, error) {
			return &lazyStore{storage.NewMemory()}, nil
		}
		tt.StartProcessor(counter("count", "in"))
		early := tt.StartView("count-table", new(codec.Int64), goka.WithViewStorageBuilder(lazy)).View()
		late, _ := s.StartView("late", "count-table", new(codec.Int64), goka.WithViewStorageBuilder(lazy))
		var joined []any
		tt.StartProcessor(goka.DefineGroup("joins",
			goka.Input("asked", new(codec.String), func(ctx goka.Context, _ any) { joined = append(joined, ctx.Join("count-table")) }),
			goka.Join("count-table", new(codec.Int64))), goka.WithStorageBuilder(lazy))
		for n := range int64(3) {
			tt.Consume("in", "k", "x")
			tt.Consume("asked", "k", "x")
			for _, v := range []*goka.View{early, late} {
				if got, err := v.Get("k"); got != n+1 || err != nil {
					t.Errorf("the view has %v (%v), want %d", got, err, n+1)
				}
			}
			if joined[n] != n+1 {
				t.Errorf("joined with %v, want %d", joined[n], n+1)
			}
		}
	}, tester.WithSeeds(1, 2, 3), tester.WithRuns(2))
}

// TestIdleWaitsForTheTablesOfASimulation: also for those of its own processors and views, where no tester's reads along, and for what one
// reads that begins anew.
func TestIdleWaitsForTheTablesOfASimulation(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		lazy := func(string, int32) (storage.Storage, error) { return &lazyStore{storage.NewMemory()}, nil }
		createTopics(s, 1, "in", "asked")
		s.StartProcessor("counts", counter("count", "in"))
		var joined any
		s.StartProcessor("joins", goka.DefineGroup("joins",
			goka.Input("asked", new(codec.String), func(ctx goka.Context, _ any) { joined = ctx.Join("count-table") }),
			goka.Join("count-table", new(codec.Int64))), goka.WithStorageBuilder(lazy))
		s.Workload("counted", "in", tester.Msg("k", "x"), tester.Msg("k", "x"))
		s.Idle()
		s.Workload("asked", "asked", tester.Msg("k", "x"))
		s.Idle()
		if joined != int64(2) {
			t.Errorf("joined with %v, want 2", joined)
		}
		_, view := s.StartView("view", "count-table", new(codec.Int64), goka.WithViewStorageBuilder(lazy))
		for range 2 {
			s.Idle()
			if got, err := view.View().Get("k"); got != int64(2) || err != nil {
				t.Errorf("the view has %v (%v), want 2", got, err)
			}
			view.Kill()
			view.Restart()
		}
		s.Idle()
	}, tester.WithSeeds(1, 2, 3), tester.WithRuns(2))
}

type lazyStore struct{ storage.Storage }

func (s *lazyStore) Set(key string, value []byte) error {
	time.Sleep(time.Second)
	return s.Storage.Set(key, value)
}
