package goka

import (
	"context"
	"strconv"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/internal/recovery"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/storage"
)

// ackingProducer has the result of each emission at once.
type ackingProducer struct{ offset int64 }

func (p *ackingProducer) Emit(string, string, []byte) *Promise { return NewPromise().Finish(nil, nil) }

func (p *ackingProducer) EmitWithHeaders(string, string, []byte, Headers) *Promise {
	return NewPromise().Finish(nil, nil)
}

func (p *ackingProducer) Close() error { return nil }

func (p *ackingProducer) Produce(e *Emission) {
	e.Offset = p.offset
	p.offset++
	e.Done(e, nil)
}

// channelClaim is a claim whose messages come from a channel.
type channelClaim struct{ messages chan *sarama.ConsumerMessage }

func (c *channelClaim) Topic() string                            { return "in" }
func (c *channelClaim) Partition() int32                         { return 0 }
func (c *channelClaim) InitialOffset() int64                     { return 0 }
func (c *channelClaim) HighWaterMarkOffset() int64               { return 0 }
func (c *channelClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

// markUntil closes done once an offset is marked.
type markUntil struct {
	offset int64
	done   chan struct{}
}

func (m *markUntil) MarkOffset(_ string, _ int32, offset int64, _ string) {
	if offset >= m.offset {
		close(m.done)
	}
}

// runOf makes a group's run of partition 0, with a table in memory if it has one, whose emits are all acknowledged at once.
func runOf(ctx context.Context, tb testing.TB, gg *GroupGraph, marks marker, options ...ProcessorOption) *partitionRun {
	tb.Helper()
	opts, err := newProcessorOptions(gg, append(options, WithLogger(logger.Discard())))
	if err != nil {
		tb.Fatal(err)
	}
	pp, err := newPartitionProcessor(&shared{graph: gg, opts: opts, log: logger.Discard(), producer: new(ackingProducer)}, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if pp.table != nil {
		pp.table.st = storage.NewMemory()
	}
	return newPartitionRun(ctx, pp, marks)
}

// handleMessages has n messages handled by a group, from the claim to the mark.
func handleMessages(b *testing.B, gg *GroupGraph, n int) {
	marks := &markUntil{offset: int64(n), done: make(chan struct{})}
	r := runOf(context.Background(), b, gg, marks)
	claim := &channelClaim{make(chan *sarama.ConsumerMessage, 256)}
	go r.loop()
	go r.consume(context.Background(), r.byTopic["in"], claim)

	keys := make([][]byte, 1000)
	for i := range keys {
		keys[i] = []byte("key-" + strconv.Itoa(i))
	}
	messages := make([]sarama.ConsumerMessage, n) // whoever delivers them pays for them
	for i := range messages {
		messages[i] = sarama.ConsumerMessage{Topic: "in", Offset: int64(i), Key: keys[i%len(keys)], Value: []byte("some value")}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range messages {
		claim.messages <- &messages[i]
	}
	<-marks.done
	b.StopTimer()
	r.stop()
	<-r.done
	if err := r.err(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkStatefulCounter(b *testing.B) {
	handleMessages(b, DefineGroup("g",
		Input("in", new(codec.String), func(ctx Context, _ interface{}) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		Persist(new(codec.Int64))), b.N)
}

func BenchmarkEmit(b *testing.B) {
	handleMessages(b, DefineGroup("g",
		Input("in", new(codec.String), func(ctx Context, msg interface{}) { ctx.Emit("out", ctx.Key(), msg) }),
		Output("out", new(codec.String))), b.N)
}

func BenchmarkStateless(b *testing.B) {
	handleMessages(b, DefineGroup("g", Input("in", new(codec.String), func(Context, interface{}) {})), b.N)
}

// BenchmarkCallback is what goka itself costs, without the ways between goroutines: one message at a time.
func BenchmarkCallback(b *testing.B) {
	gg := DefineGroup("g",
		Input("in", new(codec.Bytes), func(ctx Context, _ interface{}) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		Persist(new(codec.Int64)))
	r := runOf(context.Background(), b, gg, &markUntil{offset: 1 << 62})
	msg := &sarama.ConsumerMessage{Topic: "in", Key: []byte("key"), Value: []byte("some value")}
	b.ReportAllocs()
	for b.Loop() {
		r.inbox.push(item{kind: itemMessage, lane: r.lanes[0], msg: msg, paid: true})
		r.sort()
		r.work()
		r.sort()
		r.settle()
		msg.Offset++
	}
}

// readyPartition delivers records that are there already.
type readyPartition struct {
	sarama.PartitionConsumer
	messages chan *sarama.ConsumerMessage
	errors   chan *sarama.ConsumerError
}

func (p *readyPartition) Messages() <-chan *sarama.ConsumerMessage { return p.messages }
func (p *readyPartition) Errors() <-chan *sarama.ConsumerError     { return p.errors }
func (p *readyPartition) HighWaterMarkOffset() int64               { return 0 }

// BenchmarkRecovery is a table's partition read into memory, a row at a time of the benchmark's.
func BenchmarkRecovery(b *testing.B) {
	table := newPartitionTable(tableConfig{topic: "t", topics: emptyTopics{}, log: logger.Discard()})
	table.st = storage.NewMemory()
	pc := &readyPartition{messages: make(chan *sarama.ConsumerMessage, 256), errors: make(chan *sarama.ConsumerError)}
	records := make([]sarama.ConsumerMessage, b.N) // whoever delivers them pays for them
	value := make([]byte, 100)
	for i := range records {
		records[i] = sarama.ConsumerMessage{Topic: "t", Offset: int64(i), Key: []byte("key-" + strconv.Itoa(i%100_000)), Value: value}
	}
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for i := range records {
			pc.messages <- &records[i]
		}
	}()
	if err := table.read(context.Background(), pc, recovery.Plan{Kind: recovery.Read, End: int64(b.N)}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
