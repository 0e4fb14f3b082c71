package suite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// tb is the part of testing.T that cases use. A trial has it too.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	Context() context.Context
}

// env is what a case works with: a door, and helpers that fail the case when what should go well does not.
type env struct {
	tb
	Door
	pace pace

	admin    sarama.ClusterAdmin
	producer sarama.SyncProducer
}

var (
	run   = fmt.Sprintf("%08x", rand.Uint32()) // names of this run are new to every cluster
	names atomic.Int64
)

// name is a new name for a topic, a group, or anything else.
func (e *env) name(what string) string { return fmt.Sprintf("%s-%s-%04d", what, run, names.Add(1)) }

// config is the configuration of the case's clients.
func (e *env) config(changes ...func(*sarama.Config)) *sarama.Config {
	c := e.Config()
	c.Producer.Return.Successes = true
	c.Consumer.Return.Errors = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Interval = e.pace.commit
	c.Consumer.Group.Heartbeat.Interval = e.pace.heartbeat
	c.Consumer.Group.Rebalance.Timeout = e.pace.rebalance
	c.Consumer.Group.Session.Timeout = max(45*time.Second, e.pace.session)
	c.Consumer.Group.Rebalance.Retry.Backoff = e.pace.poll
	c.Consumer.MaxWaitTime = e.pace.fetch
	c.Consumer.Retry.Backoff = e.pace.poll
	c.Metadata.Retry.Backoff = e.pace.poll
	for _, change := range changes {
		change(c)
	}
	return c
}

func (e *env) shortSession(c *sarama.Config) { c.Consumer.Group.Session.Timeout = e.pace.session }

// check fails the case for an error.
func (e *env) check(err error, what string, args ...any) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v (%T)", fmt.Sprintf(what, args...), err, err)
	}
}

// wants reports an error that is not the one that has to come; a nil want stands for none.
func (e *env) wants(err, want error, what string, args ...any) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Errorf("%s gives %v (%T), want %v", fmt.Sprintf(what, args...), err, err, want)
	}
}

// closing closes c at the end of the case; whoever closed it before is welcome to.
func (e *env) closing(c interface{ Close() error }) {
	e.Cleanup(func() { _ = c.Close() })
}

// clusterAdmin is an admin that the case's helpers share.
func (e *env) clusterAdmin() sarama.ClusterAdmin {
	e.Helper()
	if e.admin == nil {
		a, err := e.NewClusterAdmin(e.config())
		e.check(err, "NewClusterAdmin")
		e.closing(a)
		e.admin = a
	}
	return e.admin
}

// topic makes a topic and returns its name. Settings are given as name and value.
func (e *env) topic(partitions int32, settings ...string) string {
	e.Helper()
	name := e.name("topic")
	e.newTopic(name, partitions, settings...)
	return name
}

func (e *env) newTopic(name string, partitions int32, settings ...string) {
	e.Helper()
	d := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{}}
	for i := 0; i < len(settings); i += 2 {
		d.ConfigEntries[settings[i]] = &settings[i+1]
	}
	e.check(e.clusterAdmin().CreateTopic(name, d, false), "CreateTopic %s", name)
	c := e.client()
	e.until("topic "+name+" is known, and its leaders answer", func() bool {
		ps, err := c.WritablePartitions(name)
		if err != nil || len(ps) != int(partitions) {
			_ = c.RefreshMetadata(name) // looked at again
			return false
		}
		for _, p := range ps { // metadata may name leaders that do not know it yet
			if _, err := c.GetOffset(name, p, sarama.OffsetNewest); err != nil {
				return false
			}
		}
		return true
	})
	_ = c.Close() // nobody else has it
}

func (e *env) client(changes ...func(*sarama.Config)) sarama.Client {
	e.Helper()
	c, err := e.NewClient(e.config(changes...))
	e.check(err, "NewClient")
	e.closing(c)
	return c
}

func (e *env) consumer(changes ...func(*sarama.Config)) sarama.Consumer {
	e.Helper()
	c, err := e.NewConsumer(e.config(changes...))
	e.check(err, "NewConsumer")
	e.closing(c)
	return c
}

// partition consumes a partition until the case ends.
func (e *env) partition(c sarama.Consumer, topic string, partition int32, offset int64) sarama.PartitionConsumer {
	e.Helper()
	pc, err := c.ConsumePartition(topic, partition, offset)
	e.check(err, "ConsumePartition %s/%d at %d", topic, partition, offset)
	e.closing(pc)
	return pc
}

func (e *env) syncProducer(changes ...func(*sarama.Config)) sarama.SyncProducer {
	e.Helper()
	p, err := e.NewSyncProducer(e.config(changes...))
	e.check(err, "NewSyncProducer")
	e.closing(p)
	return p
}

func (e *env) asyncProducer(changes ...func(*sarama.Config)) sarama.AsyncProducer {
	e.Helper()
	p, err := e.NewAsyncProducer(e.config(changes...))
	e.check(err, "NewAsyncProducer")
	return p
}

// manual has messages go where they say, once: two partitions of one of sarama's producers may open the connection at once, one of them
// finds it not open yet and closes it under the other, whose batch is sent again.
func manual(c *sarama.Config) {
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Idempotent, c.Producer.RequiredAcks, c.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
}

// message is a message for a partition, where the producer's partitioner is manual.
func message(topic string, partition int32, value string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder(value)}
}

// produce writes values to a partition, each as a record of its own.
func (e *env) produce(topic string, partition int32, values ...string) {
	e.Helper()
	if e.producer == nil {
		e.producer = e.syncProducer(manual)
	}
	for _, v := range values {
		_, _, err := e.producer.SendMessage(message(topic, partition, v))
		e.check(err, "SendMessage to %s/%d", topic, partition)
	}
}

// receive waits for a value.
func receive[T any](e *env, ch <-chan T, what string) T {
	e.Helper()
	timeout := time.NewTimer(e.pace.patience)
	defer timeout.Stop()
	select {
	case v, open := <-ch:
		if !open {
			e.Fatalf("%s does not come: the channel is closed", what)
		}
		return v
	case <-timeout.C:
		e.Fatalf("%s does not come within %v", what, e.pace.patience)
		panic("unreachable")
	}
}

// ended waits until a channel is closed, and returns what still was in it.
func ended[T any](e *env, ch <-chan T, what string) (rest []T) {
	e.Helper()
	timeout := time.NewTimer(e.pace.patience)
	defer timeout.Stop()
	for {
		select {
		case v, open := <-ch:
			if !open {
				return rest
			}
			rest = append(rest, v)
		case <-timeout.C:
			e.Fatalf("%s is not closed within %v", what, e.pace.patience)
		}
	}
}

// nothing looks for a while whether something comes that should not.
func nothing[T any](e *env, ch <-chan T, what string) {
	e.Helper()
	timeout := time.NewTimer(e.pace.quiet)
	defer timeout.Stop()
	select {
	case v, open := <-ch:
		e.Errorf("%s: there is %v (open: %v), want nothing", what, v, open)
	case <-timeout.C:
	}
}

// until waits for a condition.
func (e *env) until(what string, condition func() bool) {
	e.Helper()
	deadline := time.Now().Add(e.pace.patience)
	for !condition() {
		if time.Now().After(deadline) {
			e.Fatalf("within %v it did not come to pass that %s", e.pace.patience, what)
		}
		<-time.After(e.pace.poll)
	}
}

// opening returns what closes ch, at the end of the case if not before. Who waits for ch is to be made before.
func (e *env) opening(ch chan none) func() {
	open := sync.OnceFunc(func() { close(ch) })
	e.Cleanup(open)
	return open
}

// within runs something that has to end.
func (e *env) within(what string, f func()) {
	e.Helper()
	done := make(chan none)
	go func() {
		defer close(done)
		f()
	}()
	ended(e, done, what)
}

type none struct{}

// values receives the values of n messages.
func (e *env) values(pc interface {
	Messages() <-chan *sarama.ConsumerMessage
}, n int,
) []string {
	e.Helper()
	var vs []string
	for i := range n {
		m := receive(e, pc.Messages(), fmt.Sprintf("message %d of %d", i+1, n))
		vs = append(vs, string(m.Value))
	}
	return vs
}

// read returns the first n messages of a partition, by a consumer of its own.
func (e *env) read(topic string, partition int32, n int, changes ...func(*sarama.Config)) []*sarama.ConsumerMessage {
	e.Helper()
	c := e.consumer(changes...)
	pc := e.partition(c, topic, partition, sarama.OffsetOldest)
	var ms []*sarama.ConsumerMessage
	for i := range n {
		ms = append(ms, receive(e, pc.Messages(), fmt.Sprintf("message %d of %d", i+1, n)))
	}
	e.check(pc.Close(), "PartitionConsumer.Close")
	e.check(c.Close(), "Consumer.Close")
	return ms
}

// same compares two lists.
func same[T comparable](e *env, what string, got, want []T) {
	e.Helper()
	if !slices.Equal(got, want) {
		e.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// equal compares two values.
func equal[T comparable](e *env, what string, got, want T) {
	e.Helper()
	if got != want {
		e.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// committed is the offset that a group committed, -1 for none, and its metadata.
func (e *env) committed(group, topic string, partition int32) (int64, string) {
	e.Helper()
	r, err := e.clusterAdmin().ListConsumerGroupOffsets(group, map[string][]int32{topic: {partition}})
	e.check(err, "ListConsumerGroupOffsets of %s", group)
	b := r.GetBlock(topic, partition)
	if b == nil {
		e.Fatalf("ListConsumerGroupOffsets of %s has nothing of %s/%d: %+v", group, topic, partition, r)
	}
	return b.Offset, b.Metadata
}

// trial is a tb for a case that is expected to fail.
type trial struct {
	ctx context.Context

	mu       sync.Mutex // guards all below
	failures []string
	cleanups []func()
}

func (t *trial) Helper() {}

func (t *trial) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

type giveUp struct{}

func (t *trial) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic(giveUp{})
}

func (t *trial) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failures) > 0
}

func (t *trial) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

func (t *trial) Context() context.Context { return t.ctx }

// try runs a case and returns how it failed, nothing if it did not.
func try(ctx context.Context, f func(tb)) []string {
	ctx, cancel := context.WithCancel(ctx)
	t := &trial{ctx: ctx}
	guarded := func(f func()) {
		defer func() {
			switch r := recover().(type) {
			case nil, giveUp:
			default:
				t.Errorf("panic: %v", r)
			}
		}()
		f()
	}
	guarded(func() { f(t) })
	cancel()
	for _, f := range slices.Backward(t.cleanups) {
		guarded(f)
	}
	return t.failures
}
