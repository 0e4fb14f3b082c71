package goka_test

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient"
	"github.com/gokasim/gokasim/storage"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // never ends once sarama was used
}

// world is a cluster in a bubble, and what a test runs on it.
type world struct {
	*testing.T
	cluster *memkafka.Cluster
	brokers []string
	log     *logLines
}

var worlds atomic.Int64

// inWorld runs a test on a cluster of its own, in virtual time.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
		name := fmt.Sprintf("world-%d", worlds.Add(1))
		release, err := memkafka.SetNamed(name, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			release()
			c.Close()
		})
		f(&world{T: t, cluster: c, brokers: []string{"mem://" + name}, log: new(logLines)})
	})
}

// logLines keeps what is logged.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.TrimSpace(line))
}

func (l *logLines) Print(args ...interface{})                 { l.add(fmt.Sprint(args...)) }
func (l *logLines) Println(args ...interface{})               { l.add(fmt.Sprintln(args...)) }
func (l *logLines) Printf(format string, args ...interface{}) { l.add(fmt.Sprintf(format, args...)) }

func (l *logLines) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line string) bool { return strings.Contains(line, part) })
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused fails the test unless err is there and its text has all parts.
func (w *world) refused(err error, parts ...string) { refused(w.T, err, parts...) }

func refused(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func (w *world) topic(name string, partitions int32, options ...memkafka.TopicOption) {
	w.Helper()
	w.check(w.cluster.CreateTopic(name, partitions, options...))
}

func (w *world) table(name string, partitions int32) {
	w.Helper()
	w.topic(name, partitions, memkafka.WithConfig("cleanup.policy", "compact"))
}

// partition is where a key goes in a topic of the cluster.
func (w *world) partition(topic, key string) int32 {
	w.Helper()
	p, err := goka.PartitionForKey(goka.DefaultHasher(), []byte(key), w.cluster.Partitions(topic))
	w.check(err)
	return p
}

// send appends a message where its key belongs, and returns its offset.
func (w *world) send(topic, key, value string) memkafka.Offset {
	w.Helper()
	return w.sendTo(topic, w.partition(topic, key), key, value)
}

func (w *world) sendTo(topic string, partition int32, key, value string) memkafka.Offset {
	w.Helper()
	o, err := w.cluster.Produce(topic, partition, memkafka.Record{Key: []byte(key), Value: []byte(value), Timestamp: memkafka.NoTimestamp})
	w.check(err)
	return o
}

// tombstone appends a record without a value.
func (w *world) tombstone(topic, key string) {
	w.Helper()
	_, err := w.cluster.Produce(topic, w.partition(topic, key), memkafka.Record{Key: []byte(key), Timestamp: memkafka.NoTimestamp})
	w.check(err)
}

// records are all records of a topic, by partition and offset.
func (w *world) records(topic string) []memkafka.Record {
	w.Helper()
	var all []memkafka.Record
	for p := range w.cluster.Partitions(topic) {
		records, err := w.cluster.Fetch(topic, p, 0, 1<<20)
		w.check(err)
		all = append(all, records...)
	}
	return all
}

// rows are what a table's topic amounts to.
func (w *world) rows(topic string) map[string]string {
	w.Helper()
	rows := map[string]string{}
	for _, r := range w.records(topic) {
		if r.Value == nil {
			delete(rows, string(r.Key))
		} else {
			rows[string(r.Key)] = string(r.Value)
		}
	}
	return rows
}

// committed is the offset that a group has committed, 0 when it has none.
func (w *world) committed(group, topic string, partition int32) memkafka.Offset {
	o, _ := w.cluster.Committed(group, topic, partition)
	return o
}

// until waits, in virtual time, for a condition.
func (w *world) until(what string, cond func() bool) {
	w.Helper()
	for range 100_000 {
		synctest.Wait()
		if cond() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.Fatalf("waited a thousand seconds for this: %s", what)
}

// instance is a processor that runs.
type instance struct {
	*goka.Processor
	w      *world
	cancel context.CancelFunc
	result chan error
	err    error
	ended  bool
}

func fromOldest() []goka.ProcessorOption {
	config := goka.DefaultConfig()
	config.Consumer.Offsets.Initial = -2 // sarama.OffsetOldest
	return []goka.ProcessorOption{goka.WithConsumerGroupBuilder(goka.ConsumerGroupBuilderWithConfig(config))}
}

// make makes a processor that reads its inputs from their beginnings.
func (w *world) make(gg *goka.GroupGraph, options ...goka.ProcessorOption) *goka.Processor {
	w.Helper()
	p, err := goka.NewProcessor(w.brokers, gg, slices.Concat(fromOldest(), []goka.ProcessorOption{goka.WithLogger(w.log)}, options)...)
	w.check(err)
	return p
}

// run starts a processor. It is stopped at the end of the test, and has to end without an error then.
func (w *world) run(gg *goka.GroupGraph, options ...goka.ProcessorOption) *instance {
	w.Helper()
	return w.start(w.make(gg, options...))
}

func (w *world) start(p *goka.Processor) *instance {
	i := &instance{Processor: p, w: w, result: make(chan error, 1)}
	var ctx context.Context
	ctx, i.cancel = context.WithCancel(context.Background())
	go func() { i.result <- p.Run(ctx) }()
	w.Cleanup(func() {
		if i.ended {
			return
		}
		if err := i.stop(); err != nil {
			w.Errorf("processor of group %s: %v", p.Graph().Group(), err)
		}
	})
	return i
}

// ready waits until the instance handles messages.
func (i *instance) ready() *instance {
	i.w.Helper()
	i.w.check(i.WaitForReady())
	return i
}

// stop ends the instance and returns what Run did.
func (i *instance) stop() error {
	i.w.Helper()
	i.cancel()
	return i.wait()
}

// wait waits until Run returns.
func (i *instance) wait() error {
	i.w.Helper()
	if i.ended {
		return i.err
	}
	select {
	case i.err = <-i.result:
		i.ended = true
	case <-time.After(10 * time.Minute):
		i.w.Fatalf("Run has not returned for ten minutes; the log:\n%s", strings.Join(i.w.log.lines, "\n"))
	}
	return i.err
}

// counter counts the messages of each key.
func counter(group goka.Group, inputs ...goka.Stream) *goka.GroupGraph {
	return goka.DefineGroup(group,
		goka.Inputs(inputs, new(codec.String), func(ctx goka.Context, _ interface{}) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		goka.Persist(new(codec.Int64)),
	)
}

// view starts a view, which ends with the test.
func (w *world) view(table goka.Table, c goka.Codec, options ...goka.ViewOption) *goka.View {
	w.Helper()
	v, err := goka.NewView(w.brokers, table, c, append([]goka.ViewOption{goka.WithViewLogger(w.log)}, options...)...)
	w.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.Errorf("view of %s: %v", table, err)
		}
	})
	return v
}

// producer is the producer that processors have by default, with a test in between.
type producer struct {
	goka.EmissionProducer
	mu   sync.Mutex
	hold func(e *goka.Emission) bool // says which emissions wait for release
	held []*goka.Emission
	fail func(e *goka.Emission) error
}

// option makes a processor use p.
func (p *producer) option() goka.ProcessorOption { return goka.WithProducerBuilder(p.builder) }

func (p *producer) builder(brokers []string, clientID string, hasher func() hash.Hash32) (goka.Producer, error) {
	inner, err := goka.DefaultProducerBuilder(brokers, clientID, hasher)
	if err != nil {
		return nil, err
	}
	p.EmissionProducer = inner.(goka.EmissionProducer)
	return p, nil
}

func (p *producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

func (p *producer) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise := goka.NewPromise()
	p.Produce(&goka.Emission{
		Topic: topic, Key: []byte(key), Value: value, Headers: headers.ToSarama(), Partition: goka.AnyPartition,
		Done: func(_ *goka.Emission, err error) { promise.Finish(nil, err) },
	})
	return promise
}

func (p *producer) Produce(e *goka.Emission) {
	p.mu.Lock()
	if p.hold != nil && p.hold(e) {
		p.held = append(p.held, e)
		p.mu.Unlock()
		return
	}
	fail := p.fail
	p.mu.Unlock()
	if fail != nil {
		if err := fail(e); err != nil {
			e.Done(e, err)
			return
		}
	}
	p.EmissionProducer.Produce(e)
}

// release sends what was held, in order.
func (p *producer) release() {
	p.mu.Lock()
	held := p.held
	p.held, p.hold = nil, nil
	p.mu.Unlock()
	for _, e := range held {
		p.EmissionProducer.Produce(e)
	}
}

// refuse fails what was held.
func (p *producer) refuse(err error) {
	p.mu.Lock()
	held := p.held
	p.held, p.hold = nil, nil
	p.mu.Unlock()
	for _, e := range held {
		e.Done(e, err)
	}
}

func (p *producer) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

var errInjected = errors.New("injected")

// memory hands out storages in memory that stay what they are when a partition is opened again.
type memory struct {
	mu     sync.Mutex
	stores map[string]storage.Storage
	opened map[string]int
}

func newMemory() *memory {
	return &memory{stores: map[string]storage.Storage{}, opened: map[string]int{}}
}

func (m *memory) build(topic string, partition int32) (storage.Storage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := fmt.Sprintf("%s/%d", topic, partition)
	m.opened[name]++
	if m.stores[name] == nil {
		m.stores[name] = storage.NewMemory()
	}
	return m.stores[name], nil
}

func (m *memory) of(topic string, partition int32) storage.Storage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stores[fmt.Sprintf("%s/%d", topic, partition)]
}

// brokenAfter makes storages whose writes fail after n of them.
func brokenAfter(build storage.Builder, n int) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		st, err := build(topic, partition)
		return &brokenStorage{Storage: st, left: n}, err
	}
}

type brokenStorage struct {
	storage.Storage
	left int
}

func (b *brokenStorage) WriteBatch(rows []storage.Row, offset int64) error {
	if b.left == 0 {
		return errInjected
	}
	b.left--
	return b.Storage.(storage.BatchWriter).WriteBatch(rows, offset)
}

func (p *producer) failing([]string, string, func() hash.Hash32) (goka.Producer, error) {
	return nil, errInjected
}

// panicless ends its goroutine as FailNow of a test does.
func panicless() { runtime.Goexit() }
