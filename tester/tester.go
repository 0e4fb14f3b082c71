// Package tester runs goka's processors, views and emitters on a simulated Kafka cluster inside go test.
//
//	tt := tester.New(t)
//	proc, err := goka.NewProcessor(nil, graph, goka.WithTester(tt))
//	go proc.Run(ctx)
//	tt.Consume("orders", "key", "value") // returns when all that it caused has finished
//	got := tt.TableValue("group-table", "key")
//
// Records are handed out one at a time and each is handled, with everything that it caused in other processors, tables
// and views, before the next. A new tester has one partition per topic; WithPartitions changes that.
package tester

import (
	"context"
	"fmt"
	"hash"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/storage"
)

// T is what a tester needs of testing.T. Where T also has testing.TB's Helper and Cleanup, they are used: the tester is
// closed when the test ends.
type T interface {
	Errorf(format string, args ...interface{})
	Fatalf(format string, args ...interface{})
	Fatal(a ...interface{})
}

// DefaultTimeout is how long a tester waits without seeing any progress: see WithTimeout.
const DefaultTimeout = 10 * time.Second

// Option is a setting of a tester.
type Option func(*Tester)

// WithPartitions sets the number of partitions of every topic: 1 unless set.
func WithPartitions(n int) Option { return func(tt *Tester) { tt.partitions = n } }

// WithHasher sets how keys are assigned to partitions by Consume, SetTableValue and TableValue: goka.DefaultHasher unless
// set. It has to be that of the processors, views and emitters of the test, and counts with several partitions only.
func WithHasher(hasher func() hash.Hash32) Option { return func(tt *Tester) { tt.hasher = hasher } }

// WithTimeout sets how long the tester waits for a processor or view to do something before it fails the test and
// says who is stuck: DefaultTimeout unless set.
func WithTimeout(d time.Duration) Option { return func(tt *Tester) { tt.timeout = d } }

// Tester holds a cluster, and what was registered with it. Its methods are called by the test's own goroutine, apart
// from those that goka.Tester names.
type Tester struct {
	t          T
	mark       interface{ Helper() } // t where it has that: called on the way to a failure only, since it is slow
	partitions int
	hasher     func() hash.Hash32
	timeout    time.Duration
	cluster    *memkafka.Cluster
	codecs     codecs
	tables     tables
	parties    parties

	topicsMu sync.RWMutex // guards topics
	topics   map[string]bool
}

// New returns a tester with a cluster of its own, which is closed when the test ends.
func New(t T, options ...Option) *Tester {
	tt := &Tester{
		t:          t,
		partitions: 1,
		hasher:     goka.DefaultHasher(),
		timeout:    DefaultTimeout,
		cluster:    memkafka.NewByHand(memkafka.WithInitialRebalanceDelay(0)),
		topics:     map[string]bool{},
	}
	for _, o := range options {
		o(tt)
	}
	if tt.partitions < 1 {
		t.Fatalf("tester: %d is not a number of partitions; give 1 or more", tt.partitions)
	}
	if tt.timeout <= 0 {
		t.Fatalf("tester: a timeout of %v leaves no time; give more than 0", tt.timeout)
	}
	tt.tables.tester = tt
	tt.mark = unmarked{}
	if h, ok := t.(interface{ Helper() }); ok {
		tt.mark = h
	}
	if c, ok := t.(interface{ Cleanup(func()) }); ok {
		c.Cleanup(tt.Close)
	}
	return tt
}

// unmarked is for a T without Helper.
type unmarked struct{}

func (unmarked) Helper() {}

// Cluster returns the cluster underneath.
func (tt *Tester) Cluster() *memkafka.Cluster { return tt.cluster }

// Close ends the cluster. Processors and views that still run fail. A test need not call it.
func (tt *Tester) Close() { tt.cluster.Close() }

// emitOption is what EmitOptions set.
type emitOption struct {
	headers   goka.Headers
	timestamp time.Time
}

// EmitOption is a setting of one Consume.
type EmitOption func(*emitOption)

// WithHeaders adds headers to the message. It may be given several times; later values of a name win.
func WithHeaders(headers goka.Headers) EmitOption {
	return func(o *emitOption) { o.headers = o.headers.Merged(headers) }
}

// WithTime sets the timestamp of the message: none unless set.
func WithTime(at time.Time) EmitOption { return func(o *emitOption) { o.timestamp = at } }

// Consume writes a message to a topic and returns when all that it caused has finished: callbacks, what they emitted to
// other processors, updates of tables and views. The value is encoded with the codec that a registered graph, view or
// emitter has for the topic; nil makes a tombstone. It fails the test when nothing goes on within the tester's timeout.
func (tt *Tester) Consume(topic string, key string, msg interface{}, options ...EmitOption) {
	if err := tt.awaitStart(); err != nil {
		tt.mark.Helper()
		tt.t.Fatalf("tester: consume key %q of topic %s: %v", key, topic, err)
		return
	}
	var o emitOption
	for _, option := range options {
		option(&o)
	}
	value, err := tt.codecs.encode(topic, msg)
	if err != nil {
		tt.mark.Helper()
		tt.t.Fatalf("tester: consume key %q of topic %s: %v", key, topic, err)
		return
	}
	r := memkafka.Record{Key: []byte(key), Value: value, Headers: headersOf(o.headers), Timestamp: memkafka.NoTimestamp}
	if !o.timestamp.IsZero() {
		r.Timestamp = memkafka.Millis(o.timestamp.UnixMilli())
	}
	if _, _, err := tt.append(topic, tt.partitionOf(key, tt.hasher), r); err != nil {
		tt.mark.Helper()
		tt.t.Fatalf("tester: consume key %q of topic %s: %v", key, topic, err)
		return
	}
	tt.settle()
}

// Catchup waits until all records that there are were handled. Consume does this by itself; Catchup is for records that
// came in another way, as by Processor.VisitAll.
func (tt *Tester) Catchup() {
	if err := tt.awaitStart(); err != nil {
		tt.mark.Helper()
		tt.t.Fatalf("tester: catch up: %v", err)
		return
	}
	tt.settle()
}

// settle fails the test when something is stuck.
func (tt *Tester) settle() {
	if err := tt.settled(tt.cluster.Settle); err != nil {
		tt.mark.Helper()
		tt.t.Fatalf("tester: %v", err)
	}
}

// settled settles until nobody came or went meanwhile: what a processor had begun when it lost its partition is for the
// next one to do.
func (tt *Tester) settled(settle func(ctx context.Context, bound time.Duration) error) error {
	for {
		if err := settle(context.Background(), tt.timeout); err != nil || tt.started() {
			return err
		}
		if err := tt.awaitStart(); err != nil {
			return err
		}
	}
}

func (tt *Tester) partitionOf(key string, hasher func() hash.Hash32) int32 {
	if tt.partitions == 1 {
		return 0
	}
	p, err := goka.PartitionForKey(hasher, []byte(key), int32(tt.partitions))
	if err != nil {
		tt.mark.Helper()
		tt.t.Errorf("tester: partition of key %q: %v", key, err)
		return 0
	}
	return p
}

// ensureTopic makes a topic with the tester's number of partitions if there is none: with a tester, topics just exist.
func (tt *Tester) ensureTopic(topic string) error {
	tt.topicsMu.RLock()
	known := tt.topics[topic]
	tt.topicsMu.RUnlock()
	if known {
		return nil
	}
	tt.topicsMu.Lock()
	defer tt.topicsMu.Unlock()
	if tt.topics[topic] {
		return nil
	}
	if tt.cluster.Partitions(topic) == 0 {
		// messages may have any time, and none is to vanish from a test
		if err := tt.cluster.CreateTopic(topic, int32(tt.partitions), memkafka.WithConfig("retention.ms", "-1")); err != nil {
			return err
		}
	}
	tt.topics[topic] = true
	return nil
}

// append writes one record and returns where it went. Without a timestamp it keeps none.
func (tt *Tester) append(topic string, partition int32, r memkafka.Record) (int32, int64, error) {
	if err := tt.ensureTopic(topic); err != nil {
		return -1, -1, err
	}
	offset, err := tt.cluster.Append(topic, partition, r)
	return partition, int64(offset), err
}

func headersOf(h goka.Headers) []memkafka.Header {
	if len(h) == 0 {
		return nil
	}
	headers := make([]memkafka.Header, 0, len(h))
	for _, s := range h.ToSarama() {
		headers = append(headers, memkafka.Header{Key: string(s.Key), Value: s.Value})
	}
	return headers
}

// codecs are the codecs of topics, as graphs, views and emitters declared them.
type codecs struct {
	mu      sync.Mutex // guards byTopic
	byTopic map[string]goka.Codec
}

// register notes a codec. Two codecs of different types for one topic are an error, since a record can be in one only.
func (c *codecs) register(topic string, codec goka.Codec) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byTopic == nil {
		c.byTopic = map[string]goka.Codec{}
	}
	if have := c.byTopic[topic]; have != nil && reflect.TypeOf(have) != reflect.TypeOf(codec) {
		return fmt.Errorf("there are different codecs for the same topic: %s has %T and %T; use one", topic, have, codec)
	}
	c.byTopic[topic] = codec
	return nil
}

func (c *codecs) get(topic string) (goka.Codec, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	codec := c.byTopic[topic]
	if codec == nil {
		known := make([]string, 0, len(c.byTopic))
		for t := range c.byTopic {
			known = append(known, t)
		}
		return nil, fmt.Errorf("no codec for topic %s registered; there are codecs for %s", topic, joinSorted(known))
	}
	return codec, nil
}

// encode encodes a value; nil and nil pointers are null.
func (c *codecs) encode(topic string, v interface{}) ([]byte, error) {
	codec, err := c.get(topic)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil, nil
	}
	b, err := codec.Encode(v)
	if err != nil {
		return nil, fmt.Errorf("encode with %T: %w", codec, err)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

func (c *codecs) decode(topic string, b []byte) (interface{}, error) {
	codec, err := c.get(topic)
	if err != nil || b == nil {
		return nil, err
	}
	v, err := codec.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("decode with %T: %w", codec, err)
	}
	return v, nil
}

// RegisterGroupGraph notes a graph's topics and codecs, and returns the client id for its processor. goka calls it.
func (tt *Tester) RegisterGroupGraph(gg *goka.GroupGraph) string {
	if gg.Group() == "" {
		tt.mark.Helper()
		tt.t.Errorf("group graph cannot be empty")
	}
	p := &party{graph: gg, what: "the processor of group " + string(gg.Group())}
	for _, e := range gg.AllEdges() {
		if strings.HasPrefix(e.String(), "visitor ") {
			continue
		}
		if err := tt.codecs.register(e.Topic(), e.Codec()); err != nil {
			tt.mark.Helper()
			tt.t.Fatalf("tester: group %s: %v", gg.Group(), err)
		}
	}
	for _, e := range gg.InputStreams() {
		p.inputs = append(p.inputs, e.Topic())
	}
	if l := gg.LoopStream(); l != nil {
		p.inputs = append(p.inputs, l.Topic())
	}
	p.joins = gg.JointTables().Topics()
	p.views = gg.LookupTables().Topics()
	return tt.parties.add(p)
}

// RegisterEmitter notes the codec of a topic. goka calls it.
func (tt *Tester) RegisterEmitter(topic goka.Stream, codec goka.Codec) {
	if err := tt.codecs.register(string(topic), codec); err != nil {
		tt.mark.Helper()
		tt.t.Fatalf("tester: emitter: %v", err)
	}
}

// RegisterView notes the codec of a table, and returns the client id for its view. goka calls it.
func (tt *Tester) RegisterView(table goka.Table, c goka.Codec) string {
	if err := tt.codecs.register(string(table), c); err != nil {
		tt.mark.Helper()
		tt.t.Fatalf("tester: view: %v", err)
	}
	return tt.parties.add(&party{what: "the view of table " + string(table), views: []string{string(table)}})
}

// StorageBuilder builds stores in memory that SetTableValue and TableValue reach. goka calls it.
func (tt *Tester) StorageBuilder() storage.Builder { return tt.tables.build }
