package saramaclient

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// consumer is a sarama.Consumer on a cluster.
type consumer struct {
	sarama.Consumer
	config *sarama.Config
	seam   *seam.Client
	client *client // that it was made from, nil for none
	closed atomic.Bool

	claimFailed func(*sarama.ConsumerError) // of a group's member, which is told instead of Errors; else nil

	mu       sync.Mutex // guards all below
	paused   map[kafka.TopicPartition]bool
	children map[kafka.TopicPartition]*partitionConsumer
}

// NewConsumer mirrors sarama.NewConsumer. A nil config is sarama's default.
func NewConsumer(c *memkafka.Cluster, config *sarama.Config) (sarama.Consumer, error) {
	s, config, err := open(c, config, "consumer")
	if err != nil {
		return nil, err
	}
	return newConsumer(s, config), nil
}

// NewConsumerFromClient mirrors sarama.NewConsumerFromClient: closing the consumer does not close the client. A client of
// another make gets sarama's own consumer.
func NewConsumerFromClient(c sarama.Client) (sarama.Consumer, error) {
	own, ok := c.(*client)
	if !ok {
		return sarama.NewConsumerFromClient(c)
	}
	s, err := own.share("consumer")
	if err != nil {
		return nil, err
	}
	consumer := newConsumer(s, own.config)
	consumer.client = own
	return consumer, nil
}

// SendBarriers makes a consumer of a cluster that runs by hand (memkafka.NewByHand), or that is driven, send a nil message after the last
// record that there is: when the receiver takes it, it has handled all before. goka's tables know such messages. It
// has no effect on other consumers; one of goka's own builders is what it was made of.
func SendBarriers(c sarama.Consumer) {
	if w, ok := c.(door.Wrapping); ok {
		c = w.Unwrap()
	}
	if c, ok := c.(*consumer); ok {
		c.seam.UseBarriers()
	}
}

func newConsumer(s *seam.Client, config *sarama.Config) *consumer {
	return &consumer{config: config, seam: s, paused: map[kafka.TopicPartition]bool{}, children: map[kafka.TopicPartition]*partitionConsumer{}}
}

func (c *consumer) Topics() ([]string, error) { return listTopics(c.seam) }

func (c *consumer) Partitions(topic string) ([]int32, error) {
	m, err := topicMetadata(c.seam, topic, c.config.Metadata.AllowAutoTopicCreation)
	return m.partitions, err
}

func (c *consumer) ConsumePartition(topic string, partition int32, offset int64) (sarama.PartitionConsumer, error) {
	child, err := c.consume(context.Background(), topic, partition, offset)
	if err != nil {
		return nil, err
	}
	return child, nil
}

func (c *consumer) consume(ctx context.Context, topic string, partition int32, offset int64) (*partitionConsumer, error) {
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	child := &partitionConsumer{
		parent:   c,
		tp:       tp,
		messages: make(chan *sarama.ConsumerMessage, c.buffer()),
	}
	if c.claimFailed == nil {
		child.errors = make(chan *sarama.ConsumerError, c.config.ChannelBufferSize)
	}
	if c.seam.Closed() || c.client != nil && c.client.Closed() {
		return nil, sarama.ErrClosedClient
	}
	c.mu.Lock()
	if c.children[tp] != nil {
		c.mu.Unlock()
		return nil, sarama.ConfigurationError("That topic/partition is already being consumed")
	}
	c.children[tp] = child
	paused := c.paused[tp]
	c.mu.Unlock()

	options := seam.SubscribeOptions{
		Paused:        paused,
		Claim:         c.claimFailed != nil,
		ReadCommitted: c.config.Consumer.IsolationLevel == sarama.ReadCommitted,
		Backoff:       c.config.Consumer.Retry.Backoff,
	}
	s, err := c.seam.Subscribe(ctx, tp, kafka.Offset(offset), child, options)
	if errors.Is(err, kafka.UnknownTopicOrPartition) && c.config.Metadata.AllowAutoTopicCreation {
		if _, err = topicMetadata(c.seam, topic, true); err == nil { // which makes the topic, if it may
			s, err = c.seam.Subscribe(ctx, tp, kafka.Offset(offset), child, options)
		}
	}
	if err != nil {
		c.forget(child)
		return nil, saramaError(err)
	}
	child.sub.Store(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused[tp] != options.Paused { // since it was asked
		child.setPaused(c.paused[tp])
	}
	return child, nil
}

// buffer is the capacity of Messages: the configured one, but none where records are handed over one by one.
func (c *consumer) buffer() int {
	if c.seam.Engine().OneByOne() {
		return 0
	}
	return c.config.ChannelBufferSize
}

func (c *consumer) forget(p *partitionConsumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.children[p.tp] == p {
		delete(c.children, p.tp)
	}
}

func (c *consumer) HighWaterMarks() map[string]map[int32]int64 {
	marks := map[string]map[int32]int64{}
	for _, p := range c.all() {
		if marks[p.tp.Topic] == nil {
			marks[p.tp.Topic] = map[int32]int64{}
		}
		marks[p.tp.Topic][p.tp.Partition] = p.HighWaterMarkOffset()
	}
	return marks
}

func (c *consumer) all() []*partitionConsumer {
	c.mu.Lock()
	defer c.mu.Unlock()
	ps := make([]*partitionConsumer, 0, len(c.children))
	for _, p := range c.children {
		if p.sub.Load() != nil {
			ps = append(ps, p)
		}
	}
	return ps
}

// each calls f for the partitions that are named, and consumed or not.
func each(partitions map[string][]int32, f func(tp kafka.TopicPartition)) {
	for topic, numbers := range partitions {
		for _, n := range numbers {
			f(kafka.TopicPartition{Topic: topic, Partition: n})
		}
	}
}

// Pause pauses partitions that are consumed. They stay paused when they are closed and consumed again.
func (c *consumer) Pause(partitions map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	each(partitions, func(tp kafka.TopicPartition) {
		if p := c.children[tp]; p != nil {
			c.paused[tp] = true
			p.setPaused(true)
		}
	})
}

func (c *consumer) Resume(partitions map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	each(partitions, func(tp kafka.TopicPartition) {
		delete(c.paused, tp)
		if p := c.children[tp]; p != nil {
			p.setPaused(false)
		}
	})
}

func (c *consumer) PauseAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for tp, p := range c.children {
		c.paused[tp] = true
		p.setPaused(true)
	}
}

func (c *consumer) ResumeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.paused)
	for _, p := range c.children {
		p.setPaused(false)
	}
}

// Close ends the consumer with all its partition consumers. The second call returns sarama.ErrClosedClient.
func (c *consumer) Close() error {
	if c.closed.Swap(true) {
		return sarama.ErrClosedClient
	}
	c.seam.Close()
	return nil
}

// partitionConsumer is a sarama.PartitionConsumer, and the sink of its subscription.
type partitionConsumer struct {
	sarama.PartitionConsumer
	parent   *consumer
	tp       kafka.TopicPartition
	sub      atomic.Pointer[seam.Subscription]
	messages chan *sarama.ConsumerMessage
	errors   chan *sarama.ConsumerError // nil for a claim
	early    *sarama.ConsumerMessage    // made for a receiver that did not wait
	room     []sarama.ConsumerMessage

	handing sync.Mutex // guards take, also while it is called
	take    func(m *sarama.ConsumerMessage) bool
}

// messagesAtOnce is how many messages share one piece of memory, which lives as long as one of them: few enough.
const messagesAtOnce = 32

// next is room for a message.
func (p *partitionConsumer) next() *sarama.ConsumerMessage {
	if len(p.room) == 0 {
		p.room = make([]sarama.ConsumerMessage, messagesAtOnce)
	}
	m := &p.room[0]
	p.room = p.room[1:]
	return m
}

func (p *partitionConsumer) Messages() <-chan *sarama.ConsumerMessage { return p.messages }

func (p *partitionConsumer) Errors() <-chan *sarama.ConsumerError { return p.errors }

func (p *partitionConsumer) HighWaterMarkOffset() int64 { return int64(p.sub.Load().HighWatermark()) }

func (p *partitionConsumer) Pause() { p.setPaused(true) }

func (p *partitionConsumer) Resume() { p.setPaused(false) }

// setPaused does nothing before there is a subscription: that looks itself whether it begins paused.
func (p *partitionConsumer) setPaused(pause bool) {
	switch sub := p.sub.Load(); {
	case sub == nil:
	case pause:
		sub.Pause()
	default:
		sub.Resume()
	}
}

func (p *partitionConsumer) IsPaused() bool { return p.sub.Load().Paused() }

// Reached implements door.Positioned.
func (p *partitionConsumer) Reached(offset int64) <-chan struct{} {
	return p.sub.Load().Reached(kafka.Offset(offset))
}

func (p *partitionConsumer) AsyncClose() { p.sub.Load().Close() }

// Close ends the partition consumer, drops what waits in Messages, and returns what waits in Errors.
func (p *partitionConsumer) Close() error {
	p.AsyncClose()
	for range p.messages { //nolint:revive // what was not received is given up
	}
	var errs sarama.ConsumerErrors
	for e := range p.errors {
		errs = append(errs, e)
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// message makes sarama's message of a record; interceptors see it once.
func (p *partitionConsumer) message(r *kafka.Record) *sarama.ConsumerMessage {
	if m := p.early; m != nil && m.Offset == int64(r.Offset) {
		return m
	}
	m := p.next()
	*m = sarama.ConsumerMessage{
		Topic:     p.tp.Topic,
		Partition: p.tp.Partition,
		Offset:    int64(r.Offset),
		Key:       r.Key,
		Value:     r.Value,
		Timestamp: r.Timestamp.Time(),
	}
	if len(r.Headers) > 0 {
		hs := make([]sarama.RecordHeader, len(r.Headers))
		m.Headers = make([]*sarama.RecordHeader, len(r.Headers))
		for i, h := range r.Headers {
			hs[i] = sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value}
			m.Headers[i] = &hs[i]
		}
	}
	for _, i := range p.parent.config.Consumer.Interceptors {
		intercept(i.OnConsume, m)
	}
	return m
}

// HandTo implements door.Handing.
func (p *partitionConsumer) HandTo(take func(m *sarama.ConsumerMessage) bool) {
	p.handing.Lock()
	p.take = take
	p.handing.Unlock()
}

// OffersAgain implements door.Handing.
func (p *partitionConsumer) OffersAgain() bool { return p.parent.seam.Engine().Driven() }

// offer hands a message over by a call if somebody takes them so, and reports whether it was taken, and whether it must not be sent.
func (p *partitionConsumer) offer(m *sarama.ConsumerMessage) (taken, waits bool) {
	p.handing.Lock()
	defer p.handing.Unlock()
	if p.take == nil {
		return false, false
	}
	return p.take(m), p.OffersAgain()
}

func (p *partitionConsumer) TrySend(r *kafka.Record) bool {
	m := p.message(r)
	switch taken, waits := p.offer(m); {
	case taken:
		p.early = nil
		return true
	case waits:
		p.early = m
		return false
	}
	select {
	case p.messages <- m:
		p.early = nil
		return true
	default:
		p.early = m
		return false
	}
}

func (p *partitionConsumer) Send(r *kafka.Record, stop <-chan struct{}, giveUp <-chan time.Time) bool {
	m := p.message(r)
	p.early = nil
	select {
	case p.messages <- m:
		return true
	case <-stop:
	case <-giveUp:
		p.early = m
	}
	return false
}

func (p *partitionConsumer) Barrier(stop <-chan struct{}) bool {
	select {
	case p.messages <- nil:
		return true
	case <-stop:
		return false
	}
}

func (p *partitionConsumer) TryBarrier() bool {
	select {
	case p.messages <- nil:
		return true
	default:
		return false
	}
}

func (p *partitionConsumer) Fail(err error) {
	ce := &sarama.ConsumerError{Topic: p.tp.Topic, Partition: p.tp.Partition, Err: saramaError(err)}
	if p.parent.claimFailed != nil {
		p.parent.claimFailed(ce)
		return
	}
	if !p.parent.config.Consumer.Return.Errors {
		sarama.Logger.Println(ce)
		return
	}
	select {
	case p.errors <- ce:
	default:
		sarama.Logger.Println(ce) // nobody reads errors, and the channel is full of them
	}
}

func (p *partitionConsumer) End() {
	p.parent.forget(p)
	close(p.messages)
	if p.errors != nil {
		close(p.errors)
	}
}
