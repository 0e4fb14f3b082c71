package goka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/storage"
)

// holder is a group that keeps what it gets.
func holder(group goka.Group) *goka.GroupGraph {
	return goka.DefineGroup(group,
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
		goka.Persist(new(codec.String)))
}

func TestT2_RecoveryReadsWhatTheStorageLacks(t *testing.T) {
	for _, c := range []struct {
		stored int64 // -3 for none
		want   []string
	}{
		{-3, []string{"g-table/0@0"}},
		{4, []string{"g-table/0@4"}}, // the record at 4 tells that the topic is the same
		{9, nil},
	} {
		t.Run(fmt.Sprint(c.stored), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				w.table("g-table", 1)
				stores, reads := newMemory(), new(consumers)
				st, _ := stores.build("g-table", 0)
				for i := range int64(10) {
					w.send("g-table", fmt.Sprint(i), "v")
					if i <= c.stored {
						w.check(st.Set(fmt.Sprint(i), []byte("v")))
						w.check(st.SetOffset(i))
					}
				}
				p := w.run(holder("g"), reads.option(), goka.WithStorageBuilder(stores.build)).ready()
				if diff := cmp.Diff(c.want, reads.reads("g-table")); diff != "" {
					t.Errorf("read (-want +got):\n%s", diff)
				}
				for i := range 10 {
					if v, err := p.Get(fmt.Sprint(i)); v != "v" || err != nil {
						t.Errorf("key %d is %v, %v", i, v, err)
					}
				}
				s := p.Stats().Group[0].TableStats
				if s.Recovery.Hwm != 10 || s.Recovery.Offset != 9 || s.Status != goka.PartitionRunning {
					t.Errorf("stats are %+v, %+v", s, s.Recovery)
				}
			})
		})
	}
}

func TestD6_ATopicThatWasCreatedAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		records int // in the new topic; the storage has 10 of the old one
	}{
		{"empty", 0},
		{"shorter", 3},
		{"as long", 10},
		{"longer", 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				w.table("g-table", 1)
				stores := newMemory()
				st, _ := stores.build("g-table", 0)
				for i := range int64(10) {
					w.check(st.Set(fmt.Sprint(i), []byte("old")))
					w.check(st.SetOffset(i))
				}
				want := map[string]string{}
				for i := range c.records {
					w.send("g-table", fmt.Sprint("n", i), "new")
					want[fmt.Sprint("n", i)] = "new"
				}
				w.run(holder("g"), goka.WithStorageBuilder(stores.build)).ready()
				if diff := cmp.Diff(want, rowsOf(t, st)); diff != "" {
					t.Errorf("storage (-want +got):\n%s", diff)
				}
				if !w.log.has("created") {
					t.Errorf("the log does not tell: %q", w.log.lines)
				}
			})
		})
	}
}

// A view that was cut off from Kafka does not mix the tables of before and after.
func TestD6_ATopicThatWasCreatedAgainWhileAViewWasCutOff(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		w.send("t", "a", "old")
		w.send("t", "b", "old")
		var cutOff atomic.Bool
		reads := &consumers{wrap: true, refuse: func(string, int64) error {
			if cutOff.Load() {
				return errInjected
			}
			return nil
		}}
		v := w.view("t", new(codec.String), reads.viewOption(), goka.WithViewAutoReconnect())
		<-v.WaitRunning()
		synctest.Wait() // until the view follows
		cutOff.Store(true)
		reads.last().fail(errInjected)
		synctest.Wait()

		d, err := door.For(w.brokers)
		w.check(err)
		admin, err := d.NewClusterAdmin(w.brokers, goka.DefaultConfig())
		w.check(err)
		defer func() { w.check(admin.Close()) }()
		w.check(admin.DeleteTopic("t"))
		w.table("t", 1)
		for _, key := range []string{"x", "y", "z"} {
			w.send("t", key, "new")
		}
		cutOff.Store(false)
		w.until("the view has the new table alone", func() bool {
			it, err := v.Iterator()
			if err != nil {
				return false
			}
			defer it.Release()
			keys := ""
			for it.Next() {
				keys += it.Key()
			}
			return keys == "xyz"
		})
		if !w.log.has("created") {
			t.Errorf("the log does not tell: %q", w.log.lines)
		}
	})
}

func rowsOf(t *testing.T, st storage.Storage) map[string]string {
	t.Helper()
	rows := map[string]string{}
	it, err := st.Iterator()
	if err != nil {
		t.Fatal(err)
	}
	defer it.Release()
	for it.Next() {
		v, err := it.Value()
		if err != nil {
			t.Fatal(err)
		}
		rows[string(it.Key())] = string(v)
	}
	return rows
}

func TestD9_HolesAtTheEndOfATable(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		for i := range 10 {
			w.send("g-table", fmt.Sprint(i), "v")
		}
		holes := &consumers{wrap: true, skip: func(m *sarama.ConsumerMessage) bool { return m.Offset >= 7 }}
		p := w.run(holder("g"), holes.option())
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.WaitForReadyContext(ctx); err != nil {
			t.Fatalf("recovery waits for a record that is not there: %v", err)
		}
		if v, err := p.Get("6"); v != "v" || err != nil {
			t.Errorf("the last record is %v, %v", v, err)
		}
	})
}

func TestD10_AConsumerThatEndsDuringRecoveryIsAnError(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		for i := range 10 {
			w.send("g-table", fmt.Sprint(i), "v")
		}
		ending := &consumers{wrap: true}
		ending.skip = func(m *sarama.ConsumerMessage) bool {
			if m.Offset == 5 {
				ending.last().end()
			}
			return m.Offset >= 5
		}
		p := w.run(holder("g"), ending.option())
		w.refused(p.wait(), "error setting up (partition=0)", "g-table/0", "the consumer ended")
	})
}

func TestD10_AViewWhoseConsumerEndsConnectsAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		w.send("t", "k", "1")
		reads := &consumers{wrap: true}
		v := w.view("t", new(codec.String), reads.viewOption(), goka.WithViewAutoReconnect())
		<-v.WaitRunning()
		reads.last().end()
		w.send("t", "k", "2")
		w.until("the view has the new value", func() bool { got, err := v.Get("k"); return got == "2" && err == nil })
		reads.last().fail(errInjected)
		w.send("t", "k", "3")
		w.until("the view has the newest value", func() bool { got, err := v.Get("k"); return got == "3" && err == nil })
	})
}

func TestD10_AViewWhoseConsumerEndsFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		reads := &consumers{wrap: true}
		v, err := goka.NewView(w.brokers, "t", new(codec.String), reads.viewOption(), goka.WithViewLogger(w.log))
		w.check(err)
		done := make(chan error, 1)
		go func() { done <- v.Run(context.Background()) }()
		<-v.WaitRunning()
		synctest.Wait()
		reads.last().end()
		w.refused(<-done, "Error catching up partitions for view t", "the consumer ended")
	})
}

// marking counts calls of MarkRecovered, as a storage that takes only one.
type marking struct {
	storage.Storage
	marks  int
	closed bool
}

func (m *marking) MarkRecovered() error {
	m.marks++
	if m.marks > 1 || m.closed {
		panic("MarkRecovered was called twice, or on a closed storage")
	}
	return nil
}

func (m *marking) Close() error { m.closed = true; return m.Storage.Close() }

func TestD12_MarkRecoveredOnceAndBeforeClose(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		var (
			mu  sync.Mutex
			all []*marking
		)
		build := func(string, int32) (storage.Storage, error) {
			mu.Lock()
			defer mu.Unlock()
			m := &marking{Storage: storage.NewMemory()}
			all = append(all, m)
			return m, nil
		}
		a := w.run(holder("g"), goka.WithStorageBuilder(build), goka.WithClientID("a")).ready()
		b := w.run(holder("g"), goka.WithClientID("b")).ready()
		w.check(b.stop())
		w.until("the first one has both partitions again", func() bool { return len(a.Stats().Group) == 2 && a.Recovered() })
		w.check(a.stop())
		for _, m := range all {
			if m.marks != 1 || !m.closed {
				t.Errorf("a storage was marked %d times, closed: %v", m.marks, m.closed)
			}
		}
	})
}

func TestD15_ASetupThatIsGivenUpStartsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		w.table("joined", 2)
		open := make(chan struct{})
		build := func(topic string, partition int32) (storage.Storage, error) {
			st := &slowStorage{Storage: storage.NewMemory()}
			st.open = func() error {
				if partition == 0 {
					return errInjected
				}
				<-open
				return nil
			}
			return st, nil
		}
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {}),
			goka.Join("joined", new(codec.String)),
			goka.Persist(new(codec.String))), goka.WithStorageBuilder(build))
		time.AfterFunc(time.Second, func() { close(open) })
		err := p.wait()
		w.refused(err, "error setting up (partition=0)", "error opening storage for")
		if !errors.Is(err, errInjected) {
			t.Error("the cause is lost")
		}
	})
}

func TestD28_ARebalanceDoesNotWaitForAStorageToOpen(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		slow := func(topic string, partition int32) (storage.Storage, error) {
			return &slowStorage{Storage: storage.NewMemory(), open: func() error { time.Sleep(5 * time.Minute); return nil }}, nil
		}
		began := time.Now()
		a := w.run(holder("g"), goka.WithStorageBuilder(slow), goka.WithClientID("a"))
		time.Sleep(5 * time.Second)
		b := w.run(holder("g"), goka.WithClientID("b")).ready()
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the second instance waited %s", took)
		}
		a.ready()
		if took := time.Since(began); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("the first instance was ready after %s, want the five minutes that its storage takes", took)
		}
		if n := len(b.Stats().Group); n != 1 {
			t.Errorf("the second instance has %d partitions, want 1", n)
		}
	})
}

func TestT4_TheUpdateCallbackAppliesRecordsInRecovery(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.table("joined", 1)
		w.send("g-table", "k", "1")
		w.send("g-table", "k", "2")
		w.tombstone("g-table", "k")
		w.send("joined", "j", "3")
		var (
			mu   sync.Mutex
			seen []string
		)
		p := w.run(goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
			goka.Join("joined", new(codec.String)),
			goka.Persist(new(codec.String))),
			goka.WithContextUpdateCallback(func(ctx goka.UpdateContext, s storage.Storage, key string, value []byte) error {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, fmt.Sprintf("%s/%d@%d %s=%s", ctx.Topic(), ctx.Partition(), ctx.Offset(), key, value))
				if value == nil {
					return s.Set(key, []byte("gone"))
				}
				return s.Set(key, value)
			})).ready()
		slices.Sort(seen)
		want := []string{"g-table/0@0 k=1", "g-table/0@1 k=2", "g-table/0@2 k=", "joined/0@0 j=3"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("the callback saw (-want +got):\n%s", diff)
		}
		if v, err := p.Get("k"); v != "gone" || err != nil {
			t.Errorf("k is %v, %v", v, err)
		}
		w.send("in", "k", "4")
		w.until("it is committed", func() bool { return w.committed("g", "in", 0) == 1 })
		if len(seen) != 4 {
			t.Errorf("SetValue went through the update callback: %v", seen[4:])
		}
	})
}

func TestT4_AnUpdateCallbackThatFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("g-table", 1)
		w.send("g-table", "k", "1")
		p := w.run(holder("g"), goka.WithUpdateCallback(func(storage.Storage, int32, string, []byte) error { return errInjected }))
		err := p.wait()
		w.refused(err, "Error from the update callback while recovering from the log", `key "k"`, "offset 0")
		if !errors.Is(err, errInjected) {
			t.Error("the cause is lost")
		}
	})
}

func TestT7_NilMessagesAreSkipped(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		w.send("t", "k", "1")
		reads := &consumers{wrap: true}
		v := w.view("t", new(codec.String), reads.viewOption())
		<-v.WaitRunning()
		reads.last().messages <- nil
		w.send("t", "k", "2")
		reads.last().messages <- nil
		w.until("the view has the new value", func() bool { got, _ := v.Get("k"); return got == "2" })
	})
}

func TestT7_ATableWithoutRecordsIsStalled(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		v := w.view("t", new(codec.String))
		<-v.WaitRunning()
		stalled := func() bool { return v.Stats(context.Background()).Partitions[0].Stalled }
		if stalled() {
			t.Error("stalled at the start")
		}
		time.Sleep(3 * time.Minute)
		if !stalled() {
			t.Error("not stalled after three minutes without a record")
		}
		w.send("t", "k", "1")
		w.until("the record clears it", func() bool { return !stalled() })
	})
}

func TestT5_ErrorsOfTheStorageAreNotRetried(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		v, err := goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewAutoReconnect(), goka.WithViewLogger(w.log),
			goka.WithViewStorageBuilder(func(string, int32) (storage.Storage, error) { return nil, errInjected }))
		w.check(err)
		err = v.Run(context.Background())
		w.refused(err, "error building storage for t/0")
		if !errors.Is(err, errInjected) {
			t.Error("the cause is lost")
		}
	})
}

func TestALockedStorageIsTriedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		tries := 0
		p := w.run(holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) {
			return &slowStorage{Storage: storage.NewMemory(), open: func() error {
				if tries++; tries < 5 {
					return fmt.Errorf("%w elsewhere", storage.ErrLocked)
				}
				return nil
			}}, nil
		})).ready()
		if tries != 5 || !p.Recovered() {
			t.Errorf("ready after %d tries", tries)
		}
	})
}

func TestT5_TheBackoffGrowsWhileThingsFail(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 1)
		var waits []time.Time
		reads := &consumers{refuse: func(string, int64) error {
			waits = append(waits, time.Now())
			return errInjected
		}}
		v, err := goka.NewView(w.brokers, "t", new(codec.String), reads.viewOption(), goka.WithViewAutoReconnect(),
			goka.WithViewLogger(w.log))
		w.check(err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		time.Sleep(time.Hour)
		cancel()
		w.check(<-done)
		var pauses []string
		for i := range 14 {
			pauses = append(pauses, waits[i+1].Sub(waits[i]).String())
		}
		want := []string{"0s", "10s", "20s", "30s", "40s", "50s", "1m0s", "1m10s", "1m20s", "1m30s", "1m40s", "1m50s", "2m0s", "2m0s"}
		if diff := cmp.Diff(want, pauses); diff != "" {
			t.Errorf("D31: pauses (-want +got):\n%s", diff)
		}
	})
}

// patient is a storage whose Open and Close last until their context ends.
type patient struct {
	storage.Storage
	opening, closing bool
}

func (p *patient) OpenContext(ctx context.Context) error {
	if !p.opening {
		return p.Open()
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (p *patient) CloseContext(ctx context.Context) error {
	if !p.closing {
		return p.Close()
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestD28_AStorageThatCanBeInterruptedIs(t *testing.T) {
	for name, st := range map[string]*patient{"opening": {opening: true}, "closing": {closing: true}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				st.Storage = storage.NewMemory()
				p := w.run(holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) { return st, nil }))
				synctest.Wait()
				time.Sleep(time.Minute)
				began := time.Now()
				err := p.stop()
				took := time.Since(began)
				switch {
				case st.opening && (err != nil || took > time.Second):
					t.Errorf("stopped after %s: %v", took, err)
				case st.closing && (!errors.Is(err, context.DeadlineExceeded) || took > 20*time.Second):
					t.Errorf("stopped after %s: %v", took, err)
				}
			})
		})
	}
}
