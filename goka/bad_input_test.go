package goka_test

import (
	"context"
	"errors"
	"hash"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/storage"
)

func TestBadInputBrokersThatAreNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	config := goka.DefaultConfig()
	config.Metadata.Retry.Max = 1
	began := time.Now()
	for what, f := range map[string]func() error{
		"NewProcessor": func() error {
			_, err := goka.NewProcessor([]string{addr}, stateless("g"), goka.WithConfig(config))
			return err
		},
		"NewView": func() error {
			_, err := goka.NewView([]string{addr}, "t", new(codec.String), goka.WithViewConfig(config))
			return err
		},
		"NewEmitter": func() error {
			_, err := goka.NewEmitter([]string{addr}, "t", new(codec.String), goka.WithEmitterConfig(config))
			return err
		},
	} {
		if err := f(); !errors.Is(err, sarama.ErrOutOfBrokers) {
			t.Errorf("%s: %v", what, err)
		} else {
			refused(t, err, addr, "connection refused")
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestBadInputAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(file, "tables")
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		build := func(topic string, partition int32) (storage.Storage, error) {
			return storage.NewFile(filepath.Join(folder, topic), partition)
		}
		began := time.Now()
		err := w.run(holder("g"), goka.WithStorageBuilder(build)).wait()
		w.refused(err, "error setting up (partition=0)", "storage for g-table/0", folder, "not a directory")
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestBadInputTopics(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 4)
		w.topic("other", 3)
		c := new(codec.String)
		for _, test := range []struct {
			name  string
			edges []goka.Edge
			is    error
			want  []string
		}{
			{"an input that is missing", []goka.Edge{goka.Input("missing", c, ignore)}, goka.ErrTopicNotFound, []string{"missing"}},
			{"a join that is missing", []goka.Edge{goka.Input("in", c, ignore), goka.Join("missing", c)}, goka.ErrTopicNotFound, []string{"missing"}},
			{"a lookup that is missing", []goka.Edge{goka.Input("in", c, ignore), goka.Lookup("missing", c)}, goka.ErrTopicNotFound, []string{"lookup table missing"}},
			{
				"other partitions",
				[]goka.Edge{goka.Input("in", c, ignore), goka.Join("other", c)},
				goka.ErrNotCopartitioned,
				[]string{"'other' does not have 4 partitions like the rest but 3", "use Lookup"},
			},
		} {
			_, err := goka.NewProcessor(w.brokers, goka.DefineGroup("g", test.edges...))
			w.refused(err, test.want...)
			if !errors.Is(err, test.is) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	})
}

func TestBadInputGraphsNameTheEdgeAndTheWayOut(t *testing.T) {
	c := new(codec.String)
	in := goka.Input("in", c, ignore)
	for _, test := range []struct {
		edges     []goka.Edge
		edge, way string
	}{
		{[]goka.Edge{in, goka.Output("g-loop", c)}, `output "g-loop"`, "goka.Loop"},
		{[]goka.Edge{in, goka.Join("g-table", c)}, `join "g-table"`, "goka.Persist"},
		{[]goka.Edge{in, goka.Visitor("v", ignore)}, `visitor "v"`, "goka.Persist"},
		{[]goka.Edge{goka.Input("in", nil, ignore)}, `input "in"`, "codec"},
		{[]goka.Edge{goka.Input("in", c, nil)}, `input "in"`, "callback"},
		{nil, `group "g"`, "goka.Input"},
		{[]goka.Edge{in, goka.Persist(c), goka.Persist(c)}, "group table", "goka.Persist"},
	} {
		refused(t, goka.DefineGroup("g", test.edges...).Validate(), test.edge, test.way)
	}
}

func TestBadInputValuesAreNamedByTopicPartitionOffsetAndKey(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 3)
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.Int64), ignore))).ready()
		w.sendTo("in", 2, "a", "1")
		w.sendTo("in", 2, "the key", "no number")
		w.refused(p.wait(), "from in/2", "offset 1", "key the key")
	})
	inWorld(t, func(w *world) {
		w.topic("in", 3)
		w.topic("out", 1)
		p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) { ctx.Emit("out", "k", 1) }),
			goka.Output("out", new(codec.String)))).ready()
		w.sendTo("in", 2, "the key", "x")
		w.refused(p.wait(), "error encoding message for topic out", "topic in", "partition=2", "offset 0", `key "the key"`)
	})
}

// panickingStore panics where it can.
type panickingStore struct{ storage.Storage }

func (panickingStore) Open() error { panic("broken store") }

// Whatever a program hands in, what comes back is an error.
func TestBadInputNothingPanics(t *testing.T) {
	c := new(codec.String)
	try := func(t *testing.T, f func() error, want string) {
		t.Helper()
		defer func() {
			if x := recover(); x != nil {
				t.Errorf("panic: %v", x)
			}
		}()
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	runs := func(w *world, gg *goka.GroupGraph, options ...goka.ProcessorOption) error {
		p, err := goka.NewProcessor(w.brokers, gg, append(fromOldest(), append([]goka.ProcessorOption{goka.WithLogger(w.log)}, options...)...)...)
		if err != nil {
			return err
		}
		w.send("in", "k", "v")
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		return p.Run(ctx)
	}
	emits := func(w *world, c goka.Codec, options ...goka.EmitterOption) error {
		e, err := goka.NewEmitter(w.brokers, "in", c, options...)
		if err != nil {
			return err
		}
		return errors.Join(e.EmitSync("k", "v"), e.Finish())
	}
	views := func(w *world, c goka.Codec, options ...goka.ViewOption) error {
		v, err := goka.NewView(w.brokers, "t", c, append([]goka.ViewOption{goka.WithViewLogger(w.log)}, options...)...)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		synctest.Wait()
		_, err = v.Get("k")
		cancel()
		return errors.Join(err, <-done)
	}
	for _, test := range []struct {
		name string
		f    func(w *world) error
		want string
	}{
		{"no graph", func(w *world) error { return runs(w, nil) }, "needs a group graph"},
		{"no option", func(w *world) error { return runs(w, holder("g"), nil) }, "option"},
		{"no builder", func(w *world) error { return runs(w, holder("g"), goka.WithProducerBuilder(nil)) }, "ProducerBuilder not set"},
		{"a storage builder without a storage", func(w *world) error {
			return runs(w, holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) { return nil, nil }))
		}, "storage"},
		{"a storage that panics", func(w *world) error {
			return runs(w, holder("g"), goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) { return panickingStore{}, nil }))
		}, "broken store"},
		{"a consumer builder without a consumer", func(w *world) error {
			return runs(w, holder("g"), goka.WithConsumerSaramaBuilder(func([]string, string) (sarama.Consumer, error) { return nil, nil }))
		}, "consumer"},
		{"a producer builder without a producer", func(w *world) error {
			return runs(w, holder("g"), goka.WithProducerBuilder(func([]string, string, func() hash.Hash32) (goka.Producer, error) { return nil, nil }))
		}, "producer"},
		{"a group builder without a group", func(w *world) error {
			return runs(w, holder("g"), goka.WithConsumerGroupBuilder(func([]string, string, string) (sarama.ConsumerGroup, error) { return nil, nil }))
		}, "group"},
		{"a topic manager builder without a topic manager", func(w *world) error {
			return runs(w, holder("g"), goka.WithTopicManagerBuilder(func([]string) (goka.TopicManager, error) { return nil, nil }))
		}, "topic manager"},
		{"a backoff builder without a backoff", func(w *world) error {
			return runs(w, holder("g"), goka.WithBackoffBuilder(func() (goka.Backoff, error) { return nil, nil }))
		}, "backoff"},
		{"a context wrapper without a context", func(w *world) error {
			return runs(w, holder("g"), goka.WithContextWrapper(func(goka.Context) goka.Context { return nil }))
		}, "panic in callback"},
		{"a rebalance callback that panics", func(w *world) error {
			return runs(w, holder("g"), goka.WithRebalanceCallback(func(goka.Assignment) { panic("broken callback") }))
		}, "broken callback"},
		{"an update callback that panics", func(w *world) error {
			w.send("g-table", "k", "v")
			return runs(w, holder("g"), goka.WithUpdateCallback(func(storage.Storage, int32, string, []byte) error { panic("broken callback") }))
		}, "broken callback"},
		{"a codec that panics", func(w *world) error {
			return runs(w, goka.DefineGroup("g", goka.Input("in", panicking{}, ignore)))
		}, "panic in codec"},
		{"a codec that panics in a callback", func(w *world) error {
			return runs(w, goka.DefineGroup("g", goka.Input("in", c, func(ctx goka.Context, _ interface{}) { ctx.SetValue("v") }), goka.Persist(panicking{})))
		}, "broken"},
		{"an emitter without a codec", func(w *world) error { return emits(w, nil) }, "codec"},
		{"an emitter without an option", func(w *world) error { return emits(w, c, nil) }, "option"},
		{"an emitter whose codec panics", func(w *world) error { return emits(w, panicking{}) }, "broken"},
		{"an emitter without a hash", func(w *world) error { return emits(w, c, goka.WithEmitterHasher(nil)) }, "asher"},
		{"a view without a codec", func(w *world) error { return views(w, nil) }, "codec"},
		{"a view without an option", func(w *world) error { return views(w, c, nil) }, "option"},
		{"a view whose codec panics", func(w *world) error { w.send("t", "k", "v"); return views(w, panicking{}) }, "broken"},
		{"a view without a hash", func(w *world) error { return views(w, c, goka.WithViewHasher(nil)) }, "asher"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 1)
				w.table("t", 1)
				w.table("g-table", 1)
				try(t, func() error { return test.f(w) }, test.want)
			})
		})
	}
}

// Keys change their partitions when an input gets more of them, so that rows are not found any more.
func TestMorePartitionsThanTheTableHas(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 2)
		config := goka.DefaultConfig()
		config.Metadata.RefreshFrequency = time.Minute
		i := w.run(counter("g", "in"), goka.WithConfig(config)).ready()
		d, err := door.For(w.brokers)
		w.check(err)
		admin, err := d.NewClusterAdmin(w.brokers, goka.DefaultConfig())
		w.check(err)
		defer func() { w.check(admin.Close()) }()
		w.check(admin.CreatePartitions("in", 4, nil, false))
		w.refused(i.wait(), "inputs [in] have more than the 2 partitions that they had when this processor was made", "tables of group g have", "new topics and a new group")
	})
}

func TestAGroupThatCommitsNothingIsToldSo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		config := goka.DefaultConfig()
		config.Consumer.Offsets.AutoCommit.Enable = false
		w.run(counter("g", "in"), goka.WithConfig(config)).ready()
		if !w.log.has("Consumer.Offsets.AutoCommit.Enable is false") {
			t.Errorf("it is not said that nothing is committed: %s", w.log.lines)
		}
	})
}
