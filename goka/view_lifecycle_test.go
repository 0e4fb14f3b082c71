package goka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
)

// gapped tells of a topic with a missing partition.
type gapped struct{ goka.TopicManager }

func (gapped) Partitions(string) ([]int32, error) { return []int32{0, 2}, nil }

func TestV1_NothingIsOpenedBeforeRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 3)
		opened := 0
		v, err := goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewLogger(w.log),
			goka.WithViewConsumerSaramaBuilder(func(b []string, id string) (sarama.Consumer, error) {
				opened++
				return goka.DefaultSaramaConsumerBuilder(b, id)
			}),
			goka.WithViewStorageBuilder(func(string, int32) (storage.Storage, error) {
				opened++
				return storage.NewMemory(), nil
			}))
		w.check(err)
		if opened != 0 || v.Topic() != "t" {
			t.Errorf("%d consumers and storages were opened for %s", opened, v.Topic())
		}
		_, err = goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewTopicManagerBuilder(func(b []string) (goka.TopicManager, error) {
			m, err := goka.DefaultTopicManagerBuilder(b)
			return gapped{m}, err
		}))
		w.refused(err, "Partition numbers are not sequential for topic t", "[0 2]")
	})
}

func TestV2_APartitionThatFailsEndsAll(t *testing.T) {
	run := func(v *goka.View) error { return v.Run(context.Background()) }
	inWorld(t, func(w *world) {
		w.table("t", 3)
		v, err := goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewLogger(w.log),
			goka.WithViewStorageBuilder(func(_ string, p int32) (storage.Storage, error) {
				if p == 1 {
					return nil, errInjected
				}
				return storage.NewMemory(), nil
			}))
		w.check(err)
		err = run(v)
		w.refused(err, "Error recovering partitions for view t")
		if !errors.Is(err, errInjected) {
			t.Error("the cause is lost")
		}
	})
	inWorld(t, func(w *world) {
		w.table("t", 3)
		reads := &consumers{wrap: true}
		v, err := goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewLogger(w.log), reads.viewOption())
		w.check(err)
		done := make(chan error, 1)
		go func() { done <- run(v) }()
		<-v.WaitRunning()
		synctest.Wait()
		reads.last().fail(errInjected)
		w.refused(<-done, "Error catching up partitions for view t", "injected")
	})
	inWorld(t, func(w *world) {
		w.table("t", 3)
		v, err := goka.NewView(w.brokers, "t", new(codec.String), goka.WithViewLogger(w.log))
		w.check(err)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		w.check(v.Run(ctx)) // the end of a context is no error
	})
}

func TestV3_TheStateIsThatOfTheSlowestPartition(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 2)
		open, read := make(chan struct{}), make(chan struct{})
		for p := range int32(2) {
			w.sendTo("t", p, fmt.Sprint(p), "v")
		}
		reads := &consumers{wrap: true, skip: func(m *sarama.ConsumerMessage) bool {
			if m.Partition == 1 {
				<-read
			}
			return false
		}}
		v := w.view("t", new(codec.String), reads.viewOption(), goka.WithViewStorageBuilder(func(_ string, p int32) (storage.Storage, error) {
			return &slowStorage{Storage: storage.NewMemory(), open: func() error {
				if p == 1 {
					<-open
				}
				return nil
			}}, nil
		}))
		synctest.Wait()
		if s := v.CurrentState(); s != goka.ViewStateInitializing {
			t.Errorf("while a storage opens the state is %v", s)
		}
		close(open)
		synctest.Wait()
		if s := v.CurrentState(); s != goka.ViewStateCatchUp || v.Recovered() {
			t.Errorf("while a partition is read the state is %v", s)
		}
		close(read)
		synctest.Wait()
		if s := v.CurrentState(); s != goka.ViewStateRunning || !v.Recovered() {
			t.Errorf("at last the state is %v", s)
		}
	})
}

func TestV5_ObserversBeginWithThePresentState(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 2)
		v := w.view("t", new(codec.String))
		running := v.WaitRunning()
		<-running
		o := v.ObserveStateChanges()
		defer o.Stop()
		if s := goka.ViewState(<-o.C()); s != goka.ViewStateRunning {
			t.Errorf("the first state is %v", s)
		}
		if !v.Recovered() {
			t.Error("running, and not recovered")
		}
		<-v.WaitRunning() // at once
	})
}

// busyCodec notes how many decode at the same time.
type busyCodec struct {
	codec.String
	mu        sync.Mutex
	now, most int
}

func (c *busyCodec) Decode(data []byte) (interface{}, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	time.Sleep(time.Second)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	return c.String.Decode(data)
}

func TestV8_ReadersDecodeAtTheSameTime(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 2)
		w.send("t", "k", "v")
		c := new(busyCodec)
		v := w.view("t", c)
		<-v.WaitRunning()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if got, err := v.Get("k"); got != "v" || err != nil {
					t.Errorf("Get returned %v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if c.most != 10 {
			t.Errorf("at most %d of 10 readers at the same time", c.most)
		}
		stats := v.Stats(context.Background()).Partitions
		if len(stats) != 2 || stats[0].Status != goka.PartitionRunning || stats[w.partition("t", "k")].Input.Count != 1 {
			t.Errorf("stats are %+v", stats)
		}
	})
}

func TestD37_AnEmptyRangeIsEverything(t *testing.T) {
	inWorld(t, func(w *world) {
		w.table("t", 3)
		for i := range 10 {
			w.send("t", fmt.Sprint(i), "v")
		}
		v := w.view("t", new(codec.String))
		<-v.WaitRunning()
		it, err := v.IteratorWithRange("", "")
		if n := len(keysOf(t, it, err)); n != 10 {
			t.Errorf("%d of 10 rows", n)
		}
		it, err = v.IteratorWithRange("", "5")
		if n := len(keysOf(t, it, err)); n != 5 {
			t.Errorf("%d of 5 rows below 5", n)
		}
	})
}

// closedStorage is one that was closed after somebody had looked for it.
type closedStorage struct {
	storage.Storage
	rows int // that an iterator shows before it notices
}

func (closedStorage) Get(string) ([]byte, error) { return nil, storage.ErrClosed }

func (closedStorage) Has(string) (bool, error) { return false, storage.ErrClosed }

func (closedStorage) Delete(string) error { return storage.ErrClosed }

func (s closedStorage) IteratorWithRange(_, _ []byte) (storage.Iterator, error) { return s.Iterator() }

func (s closedStorage) Iterator() (storage.Iterator, error) {
	if s.rows == 0 {
		return nil, storage.ErrClosed
	}
	return &closedIterator{left: s.rows}, nil
}

type closedIterator struct {
	storage.NullIter
	left int
}

func (i *closedIterator) Next() bool  { i.left--; return i.left >= 0 }
func (i *closedIterator) Key() []byte { return []byte("k") }
func (i *closedIterator) Err() error  { return storage.ErrClosed }

func shut(rows int) storage.Builder {
	return func(string, int32) (storage.Storage, error) { return closedStorage{storage.NewMemory(), rows}, nil }
}

func TestReadingBesideTheEndIsNotRunning(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("t", 1)
		v := w.view("t", new(codec.String), goka.WithViewStorageBuilder(shut(0)))
		<-v.WaitRunning()
		p := w.run(visited(ignore), goka.WithStorageBuilder(shut(0))).ready()
		for what, err := range map[string]error{
			"View.Get":                    second(v.Get("k")),
			"View.Has":                    second(v.Has("k")),
			"View.Evict":                  v.Evict("k"),
			"View.Iterator":               second(v.Iterator()),
			"View.IteratorWithRange":      second(v.IteratorWithRange("a", "b")),
			"Processor.Get":               second(p.Get("k")),
			"Processor.IteratorWithRange": second(p.IteratorWithRange("a", "b")),
		} {
			if !errors.Is(err, goka.ErrNotRunning) || !errors.Is(err, storage.ErrClosed) {
				t.Errorf("%s returned %v", what, err)
			}
		}
	})
}

func TestAVisitBesideTheEndIsAborted(t *testing.T) {
	for _, rows := range []int{0, 3} {
		inWorld(t, func(w *world) {
			w.topic("in", 1)
			w.topic("out", 1)
			p := w.run(visited(ignore), goka.WithStorageBuilder(shut(rows))).ready()
			if err := p.VisitAll(context.Background(), "visit", nil); !errors.Is(err, goka.ErrVisitAborted) {
				t.Errorf("after %d rows: %v", rows, err)
			}
		})
	}
}
