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
	"bytes"
	"errors"
	"fmt"
	"hash"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/storage"
)

// T is what a tester needs of testing.T. Where T also has testing.TB's Helper and Cleanup, they are used: the tester is
// closed when the test ends.
type T interface {
	// Errorf fails the test, which goes on.
	Errorf(format string, args ...interface{})
	// Fatalf fails and ends the test.
	Fatalf(format string, args ...interface{})
	// Fatal fails and ends the test.
	Fatal(a ...interface{})
}

// Tester holds a cluster, and what was registered with it. What a method cannot do fails the test. Its methods are called by the test's own goroutine, apart
// from those that goka.Tester names.
type Tester struct {
	t        T
	mark     interface{ Helper() } // t where it has that: called on the way to a failure only, since it is slow
	settings *settings
	ground   ground
	cluster  *memkafka.Cluster // nil on a real one
	codecs   codecs
	tables   tables
	parties  parties
	sessions sessions
	emits    emitFaults
	seen     map[string][]memkafka.Offset // by topic: how far ExpectOutput looked
	key      []byte                       // used again by Consume

	instances []*Instance
	work      sync.WaitGroup // what goes on beside the test's goroutine
	settling  atomic.Int64   // calls of settled that have not returned, during which callbacks may run

	topicsMu sync.RWMutex // guards topics
	topics   map[string]topicState
}

// topicState is what is known of a topic that exists.
type topicState struct {
	table      bool  // it is compacted
	partitions int32 // as of a version of the cluster's topics; 0 when nobody has asked
	version    uint64
}

// New returns a tester with a cluster of its own, which is closed when the test ends.
//
// With -gokasim.brokers or GOKASIM_BROKERS set to addresses of Apache Kafka it works there instead: with topics that the
// test makes and deletes again, in real time, with sarama's own clients. A topic that holds records of others fails the test;
// what only a simulated cluster has (Cluster, Kill, faults, held commits) skips it, or fails it when a callback asks.
func New(t T, options ...Option) *Tester {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	s, err := newSettings(options)
	if err == nil {
		err = errors.Join(s.refuse(simulated, "tester.New", "use tester.Run or tester.Simulate"), s.refuse(replayed, "tester.New", "use tester.Replay"))
	}
	if err != nil {
		t.Fatalf("tester: %v", err)
		s = &settings{partitions: 1, instances: 1, hasher: goka.DefaultHasher(), timeout: DefaultTimeout}
	}
	tt := newTester(t, s)
	if brokers := fromBrokers.get(); brokers != "" {
		err = tt.standOn(brokers)
	} else {
		err = tt.standByHand()
	}
	if err != nil {
		t.Fatalf("tester: %v", err)
		tt.settings.cluster = nil
		_ = tt.standByHand() // has nothing to fail by
	}
	if c, ok := t.(interface{ Cleanup(func()) }); ok {
		c.Cleanup(tt.Close)
	}
	return tt
}

// standByHand gives the tester a cluster of its own.
func (tt *Tester) standByHand() error {
	cluster, err := memkafka.OpenByHand(append([]memkafka.Option{memkafka.WithInitialRebalanceDelay(0)}, tt.settings.cluster...)...)
	if err != nil {
		return err
	}
	tt.cluster, tt.ground = cluster, &byHand{cluster: cluster, timeout: tt.settings.timeout}
	return nil
}

// standOn connects the tester to Apache Kafka.
func (tt *Tester) standOn(brokers string) error {
	r, err := newReal(tt, brokers)
	if err != nil {
		return err
	}
	tt.ground = r
	return nil
}

// newTester returns a tester without ground.
func newTester(t T, s *settings) *Tester {
	tt := &Tester{t: t, settings: s, topics: map[string]topicState{}, seen: map[string][]memkafka.Offset{}}
	tt.tables.tester = tt
	tt.mark = unmarked{}
	if h, ok := t.(interface{ Helper() }); ok {
		tt.mark = h
	}
	return tt
}

// mistakef is fatalf for what the test does wrong whatever happens meanwhile: no seed is kept for it.
func (tt *Tester) mistakef(format string, args ...any) {
	tt.mark.Helper()
	tt.mistaken()
	tt.fatalf(format, args...)
}

// mistaken notes that the test fails by a mistake of its own.
func (tt *Tester) mistaken() {
	if g, ok := tt.ground.(*inSimulation); ok {
		g.sim.mistaken = true
	}
}

// unmarked is for a T without Helper.
type unmarked struct{}

func (unmarked) Helper() {}

// fatalf ends the test.
func (tt *Tester) fatalf(format string, args ...any) {
	tt.mark.Helper()
	tt.t.Fatalf("tester: "+format, args...)
}

// errorf fails the test, which goes on.
func (tt *Tester) errorf(format string, args ...any) {
	tt.mark.Helper()
	tt.t.Errorf("tester: "+format, args...)
}

// Cluster returns the cluster underneath. It commits the offsets that were handled so far, as Commit does. On a real
// cluster there is none: the test is skipped.
func (tt *Tester) Cluster() *memkafka.Cluster {
	if tt.cluster == nil {
		tt.mark.Helper()
		tt.skip("this test looks into a simulated cluster")
		return nil
	}
	tt.commit()
	return tt.cluster
}

// skip ends a test that cannot go on with a real cluster.
func (tt *Tester) skip(why string) {
	tt.mark.Helper()
	why += ", and this one is real; unset GOKASIM_BROKERS"
	if s, ok := tt.t.(interface{ Skip(args ...any) }); ok && !tt.busy() { // else it may be another goroutine than the test's
		s.Skip("tester: " + why)
	}
	tt.fatalf("%s", why)
}

// Close stops the instances that the tester started, and ends the cluster. Processors and views that still run fail. A
// test need not call it.
func (tt *Tester) Close() {
	tt.mark.Helper()
	tt.stopInstances()
	tt.ground.close()
	tt.work.Wait()
}

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
	if err := tt.consume(topic, key, msg, options); err != nil {
		tt.mark.Helper()
		tt.fatalf("%v", err)
	}
}

// consume is Consume, with the error that fails the test.
func (tt *Tester) consume(topic, key string, msg any, options []EmitOption) error {
	if err := tt.awaitStart(); err != nil {
		return fmt.Errorf("consume key %q of topic %s: %w", key, topic, err)
	}
	value, err := tt.codecs.encode(topic, msg)
	if err == nil {
		tt.key = append(tt.key[:0], key...) // the cluster copies it
		r := memkafka.Record{Key: tt.key, Value: value, Timestamp: memkafka.NoTimestamp}
		if len(options) > 0 {
			setOptions(&r, options)
		}
		_, _, err = tt.appendKeyed(topic, key, tt.settings.hasher, r)
	}
	if err != nil {
		if errors.Is(err, errNoCodec) {
			tt.mistaken()
		}
		return fmt.Errorf("consume key %q of topic %s: %w", key, topic, err)
	}
	return tt.settle()
}

func setOptions(r *memkafka.Record, options []EmitOption) {
	var o emitOption
	for _, option := range options {
		option(&o)
	}
	r.Headers, r.Timestamp = headersOf(o.headers), timestampOf(o.timestamp)
}

// Catchup waits until all records that there are were handled. Consume does this by itself; Catchup is for records that
// came in another way, as by Processor.VisitAll.
func (tt *Tester) Catchup() {
	if err := tt.awaitStart(); err != nil {
		tt.mark.Helper()
		tt.fatalf("catch up: %v", err)
		return
	}
	if err := tt.settle(); err != nil {
		tt.mark.Helper()
		tt.fatalf("%v", err)
	}
}

// settle waits until everything was handled, and says who is stuck if something is.
func (tt *Tester) settle() error {
	err := tt.settled(false)
	if _, said := tt.ground.(*inSimulation); err == nil || said {
		return err
	}
	return fmt.Errorf("%w%s", err, tt.sessions.explained())
}

// busy reports whether a Consume or its like waits, so that who asks may be a callback rather than the test: it also waits for members between
// two settles of the ground, while a callback of the generation before may run.
func (tt *Tester) busy() bool { return tt.settling.Load() > 0 || tt.ground.busy() }

// settled settles until nobody came or went meanwhile: what a processor had begun when it lost its partition is for the
// next one to do.
func (tt *Tester) settled(try bool) error {
	tt.settling.Add(1)
	defer tt.settling.Add(-1)
	for {
		if err := tt.ground.settle(try); err != nil || tt.started() {
			return err
		}
		if err := tt.awaitStart(); err != nil {
			return err
		}
	}
}

// partitionOf returns the partition of a key in a topic: of those that it has, or that it will be made with.
func (tt *Tester) partitionOf(topic, key string, hasher func() hash.Hash32) (int32, error) {
	n, err := tt.partitionsOf(topic)
	if err == nil && n == 1 {
		return 0, nil
	}
	var p int32
	if err == nil {
		p, err = goka.PartitionForKey(hasher, []byte(key), n)
	}
	if err != nil {
		return 0, fmt.Errorf("partition of key %q in topic %s: %w", key, topic, err)
	}
	return p, nil
}

// knownPartitions returns how many partitions a topic has that exists, if somebody has asked since that may have changed.
func (tt *Tester) knownPartitions(topic string) (n int32, known bool) {
	version := tt.ground.topicsVersion()
	tt.topicsMu.RLock()
	defer tt.topicsMu.RUnlock()
	t := tt.topics[topic]
	return t.partitions, t.partitions > 0 && t.version == version
}

// partitionsOf returns how many partitions a topic has, or will be made with.
func (tt *Tester) partitionsOf(topic string) (int32, error) {
	if n, known := tt.knownPartitions(topic); known {
		return n, nil
	}
	version := tt.ground.topicsVersion()
	tt.topicsMu.RLock()
	_, known := tt.topics[topic]
	tt.topicsMu.RUnlock()
	if _, apache := tt.ground.(*real); apache && !known {
		return int32(tt.settings.partitions), nil // to ask may make it
	}
	n, err := tt.ground.partitions(topic)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return int32(tt.settings.partitions), nil
	}
	tt.topicsMu.Lock()
	defer tt.topicsMu.Unlock()
	if t, known := tt.topics[topic]; known {
		t.partitions, t.version = n, version
		tt.topics[topic] = t
	}
	return n, nil
}

// ensureTopic makes a topic with the tester's number of partitions if there is none: with a tester, topics just exist.
func (tt *Tester) ensureTopic(topic string) error {
	return tt.ensure(topic, tt.settings.partitions, false)
}

// ensure makes a topic if there is none, and has it compacted if it is a table.
func (tt *Tester) ensure(topic string, partitions int, table bool) error {
	tt.topicsMu.RLock()
	t, known := tt.topics[topic]
	tt.topicsMu.RUnlock()
	if known && (t.table || !table) {
		return nil
	}
	tt.topicsMu.Lock()
	defer tt.topicsMu.Unlock()
	if t, known = tt.topics[topic]; known && (t.table || !table) {
		return nil
	}
	if err := tt.ground.createTopic(topic, partitions, table); err != nil {
		return err
	}
	tt.topics[topic] = topicState{table: table}
	return nil
}

// appendKeyed is append to the partition of a key.
func (tt *Tester) appendKeyed(topic, key string, hasher func() hash.Hash32, r memkafka.Record) (int32, int64, error) {
	partition := int32(0)
	if n, known := tt.knownPartitions(topic); !known || n > 1 {
		err := tt.ensureTopic(topic)
		if err == nil {
			partition, err = tt.partitionOf(topic, key, hasher)
		}
		if err != nil {
			return -1, -1, err
		}
	}
	offset, err := tt.ground.append(topic, partition, r)
	return partition, int64(offset), err
}

// append writes one record and returns where it went. Without a timestamp it keeps none.
func (tt *Tester) append(topic string, partition int32, r memkafka.Record) (int32, int64, error) {
	if err := tt.ensureTopic(topic); err != nil {
		return -1, -1, err
	}
	offset, err := tt.ground.append(topic, partition, r)
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
	if codec == nil {
		return fmt.Errorf("the codec of topic %s is nil; give one, such as new(codec.String)", topic)
	}
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

// errNoCodec begins what is said of a topic that nobody has named.
var errNoCodec = errors.New("no codec for topic")

// find returns the codec of a topic, nil when there is none.
func (c *codecs) find(topic string) goka.Codec {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byTopic[topic]
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
		return nil, fmt.Errorf("%w %s registered; there are codecs for %s", errNoCodec, topic, joinSorted(known))
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
	return decodeWith(codec, b)
}

func decodeWith(codec goka.Codec, b []byte) (interface{}, error) {
	v, err := codec.Decode(bytes.Clone(b)) // what the value may hold is the topic's, or the table's
	if err != nil {
		return nil, fmt.Errorf("decode with %T: %w", codec, err)
	}
	return v, nil
}

// registerCodecs notes the codecs of a graph's topics.
func (tt *Tester) registerCodecs(gg *goka.GroupGraph) error {
	for _, e := range gg.AllEdges() {
		if strings.HasPrefix(e.String(), "visitor ") {
			continue
		}
		if err := tt.codecs.register(e.Topic(), e.Codec()); err != nil {
			return fmt.Errorf("group %s: %w", gg.Group(), err)
		}
	}
	return nil
}

// RegisterGroupGraph notes a graph's topics and codecs, and returns the client id for its processor. goka calls it.
func (tt *Tester) RegisterGroupGraph(gg *goka.GroupGraph) string {
	id, err := tt.registerGroupGraph(gg)
	switch {
	case errors.Is(err, errNoGroup):
		tt.mark.Helper()
		tt.t.Errorf("%v", err)
	case err != nil:
		tt.mark.Helper()
		tt.fatalf("%v", err)
	}
	return id
}

// errNoGroup has the words of lovoo/goka's tester, which goes on.
var errNoGroup = errors.New("group graph cannot be empty")

func (tt *Tester) registerGroupGraph(gg *goka.GroupGraph) (id string, err error) {
	if gg.Group() == "" {
		err = errNoGroup
	}
	p := &party{graph: gg, what: "the processor of group " + string(gg.Group())}
	err = errors.Join(err, tt.registerCodecs(gg))
	for _, e := range gg.InputStreams() {
		p.inputs = append(p.inputs, e.Topic())
	}
	if l := gg.LoopStream(); l != nil {
		p.inputs = append(p.inputs, l.Topic())
	}
	p.joins = gg.JointTables().Topics()
	p.views = gg.LookupTables().Topics()
	return tt.parties.add(p), err
}

// RegisterEmitter notes the codec of a topic. goka calls it.
func (tt *Tester) RegisterEmitter(topic goka.Stream, codec goka.Codec) {
	if err := tt.codecs.register(string(topic), codec); err != nil {
		tt.mark.Helper()
		tt.mistakef("emitter: %v", err)
	}
}

// RegisterView notes the codec of a table, and returns the client id for its view. goka calls it.
func (tt *Tester) RegisterView(table goka.Table, c goka.Codec) string {
	id, err := tt.registerView(table, c)
	if err != nil {
		tt.mark.Helper()
		tt.mistakef("view: %v", err)
	}
	return id
}

func (tt *Tester) registerView(table goka.Table, c goka.Codec) (id string, err error) {
	err = tt.codecs.register(string(table), c)
	return tt.parties.add(&party{what: "the view of table " + string(table), views: []string{string(table)}}), err
}

// StorageBuilder builds stores in memory that SetTableValue and TableValue reach. goka calls it.
func (tt *Tester) StorageBuilder() storage.Builder { return tt.tables.build }

// StorageOpensAtOnce tells goka that nobody has to be able to give an opening up, as where rows of SetTableValue have to be
// placed in a real cluster's partitions. goka calls it.
func (tt *Tester) StorageOpensAtOnce() bool { return tt.cluster != nil }
