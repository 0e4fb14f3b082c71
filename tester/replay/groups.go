package replay

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/storage"
)

// groups are the processors of a run.
type groups struct {
	cluster   *cluster
	plan      *plan
	positions map[*group]positions
	log       goka.Logger
	observer  *observer // nil for none
	order     *order    // nil on a real cluster
	kept      histories // of tables

	stop    context.CancelCauseFunc
	members []*member
	running sync.WaitGroup
	mu      sync.Mutex // guards failed
	failed  error
}

// positions are how far a group has handled its inputs: for each topic and partition the offset after the last record
// that is done with, everything before it included.
type positions map[string][]atomic.Int64

// startupBound is how long processors may take to recover their tables and get partitions.
const startupBound = 10 * time.Minute

// startGroups starts instances processors of each group, and returns when all have partitions and are recovered.
// The context that it returns ends, with the cause, when one of them does.
func startGroups(ctx context.Context, c *cluster, p *plan, instances int, verbose bool, o *observer, ord *order, kept histories) (*groups, context.Context, error) {
	g := &groups{cluster: c, plan: p, positions: map[*group]positions{}, log: logger.Discard(), observer: o, order: ord, kept: kept}
	if verbose {
		g.log = logger.Default()
	}
	if err := g.makeMembers(instances); err != nil {
		return nil, nil, err
	}
	ctx, g.stop = context.WithCancelCause(ctx)
	for _, m := range g.members {
		g.start(ctx, m)
	}
	starting, cancel := context.WithTimeoutCause(ctx, startupBound, fmt.Errorf("the processors were not ready within %v", startupBound))
	defer cancel()
	for _, m := range g.members {
		if err := m.processor.WaitForReadyContext(starting); err != nil {
			err = g.cause(starting, err)
			_ = g.end() // its error is the cause already
			return nil, nil, err
		}
	}
	return g, ctx, nil
}

// member is one instance of a group.
type member struct {
	group      *group
	instance   int
	generation int // how often it was replaced
	processor  *goka.Processor
	tables     *tables // what it has open of those that it joins or looks up
	leave      context.CancelFunc
	ended      chan struct{} // closed when its processor has ended
	left       *atomic.Bool  // it was told to leave
	killed     *atomic.Bool
}

// clientID differs in each generation, so that a new instance is not killed with the old one.
func (m *member) clientID() string {
	if m.generation == 0 {
		return fmt.Sprintf("gokasim-%s-%d", m.group.name, m.instance)
	}
	return fmt.Sprintf("gokasim-%s-%d-%d", m.group.name, m.instance, m.generation)
}

func (g *groups) makeMembers(instances int) error {
	for _, group := range g.plan.groups {
		g.positions[group] = positions{}
		for _, t := range group.inputs {
			g.positions[group][t.name] = make([]atomic.Int64, g.cluster.partitions)
		}
		for i := range instances {
			m := &member{group: group, instance: i}
			if err := g.makeProcessor(m); err != nil {
				return err
			}
			g.members = append(g.members, m)
		}
	}
	return nil
}

func (g *groups) makeProcessor(m *member) error {
	m.tables = &tables{all: map[*table]bool{}}
	p, err := goka.NewProcessor(g.cluster.brokers, m.group.graph, g.options(m)...)
	if err != nil {
		return fmt.Errorf("making a processor of group %s: %w", m.group.name, err)
	}
	m.processor = p
	return nil
}

// start runs a member's processor until ctx ends or the member is told to leave.
func (g *groups) start(ctx context.Context, m *member) {
	own, leave := context.WithCancel(ctx)
	left, killed, ended := new(atomic.Bool), new(atomic.Bool), make(chan struct{})
	m.left, m.killed, m.ended = left, killed, ended
	m.leave = func() { left.Store(true); leave() }
	p, what := m.processor, fmt.Sprintf("group %s, instance %d", m.group.name, m.instance)
	g.running.Go(func() {
		defer close(ended)
		defer leave()
		err := p.Run(own)
		switch {
		case killed.Load(), err == nil && (ctx.Err() != nil || left.Load()):
			return
		case err == nil:
			err = errors.New("it ended by itself")
		}
		g.fail(fmt.Errorf("%s: %w", what, err))
	})
}

// waiting is how many messages of an input's partition wait to be handled. With goka's own 10, every ten of them cost two changes of
// goroutines.
const waiting = 256

// options returns what a processor needs to be part of the run, whatever the user's global configuration says: tables
// are in memory, and the group's inputs are read from their beginning.
func (g *groups) options(m *member) []goka.ProcessorOption {
	own := *g.cluster.config
	own.ClientID = m.clientID() // of all its clients, so that they end with it when it is killed
	config, group := &own, m.group
	options := []goka.ProcessorOption{
		goka.WithClientID(m.clientID()),
		goka.WithStorageBuilder(g.storages(m)),
		goka.WithLogger(g.log),
		goka.WithPartitionChannelSize(waiting),
		goka.WithProducerBuilder(g.producers(m, config)),
		goka.WithConsumerSaramaBuilder(goka.SaramaConsumerBuilderWithConfig(config)),
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(config, topicManagerConfig())),
		goka.WithConsumerGroupBuilder(func(brokers []string, name, clientID string) (sarama.ConsumerGroup, error) {
			member, err := goka.ConsumerGroupBuilderWithConfig(config)(brokers, name, clientID)
			if err != nil {
				return nil, err
			}
			return &watchedMember{ConsumerGroup: member, positions: g.positions[group]}, nil
		}),
	}
	if g.cluster.simulated() { // a callback that takes long ends before its partition goes to another instance, which would call it again
		options = append(options, goka.WithShutdownTimeout(simulatedPatience/2))
	}
	if g.observer != nil {
		options = append(options, goka.WithObserver(g.observer))
	}
	return options
}

// storages builds the storages of an instance, in memory.
func (g *groups) storages(m *member) storage.Builder {
	return func(name string, partition int32) (storage.Storage, error) {
		rows := storage.NewMemory()
		t := g.plan.topics[name]
		if !slices.Contains(m.group.tables, t) {
			return rows, nil
		}
		read := &table{Storage: rows, topic: name, partition: partition, order: g.order, of: m.tables}
		if of := g.kept[t]; int(partition) < len(of) {
			read.history = of[partition]
		}
		m.tables.add(read)
		return read, nil
	}
}

// producers builds the producers of an instance, whose emissions are noted on a simulated cluster.
func (g *groups) producers(m *member, config *sarama.Config) goka.ProducerBuilder {
	build := goka.ProducerBuilderWithConfig(config)
	if g.order == nil {
		return build
	}
	number := uint16(slices.Index(g.plan.groups, m.group))
	return func(brokers []string, clientID string, hasher func() hash.Hash32) (goka.Producer, error) {
		p, err := build(brokers, clientID, hasher)
		if err != nil {
			return nil, err
		}
		return watched{p.(goka.EmissionProducer), g.order, number}, nil
	}
}

func (g *groups) fail(err error) {
	g.mu.Lock()
	if g.failed == nil {
		g.failed = err
	}
	g.mu.Unlock()
	g.stop(err)
}

// cause returns why ctx ended: a processor's failure rather than what followed from it, and err if it has not ended.
func (g *groups) cause(ctx context.Context, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed != nil {
		return g.failed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// end stops all processors and waits for them. It returns the first failure.
func (g *groups) end() error {
	g.stop(context.Canceled)
	g.running.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed
}

// processed counts what all groups are done with.
func (g *groups) processed() int64 {
	var n int64
	for _, topics := range g.positions {
		for _, partitions := range topics {
			for i := range partitions {
				n += partitions[i].Load()
			}
		}
	}
	return n
}

// watchedMember is a member of a group whose marks are noted.
type watchedMember struct {
	sarama.ConsumerGroup
	positions positions
}

func (m *watchedMember) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	return m.ConsumerGroup.Consume(ctx, topics, watchedHandler{handler, m.positions})
}

type watchedHandler struct {
	handler   sarama.ConsumerGroupHandler
	positions positions
}

func (h watchedHandler) Setup(s sarama.ConsumerGroupSession) error {
	return h.handler.Setup(watchedSession{s, h.positions})
}

func (h watchedHandler) Cleanup(s sarama.ConsumerGroupSession) error {
	return h.handler.Cleanup(watchedSession{s, h.positions})
}

func (h watchedHandler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	return h.handler.ConsumeClaim(watchedSession{s, h.positions}, c)
}

type watchedSession struct {
	sarama.ConsumerGroupSession
	positions positions
}

func (s watchedSession) MarkMessage(m *sarama.ConsumerMessage, metadata string) {
	s.ConsumerGroupSession.MarkMessage(m, metadata)
	s.positions.note(m.Topic, m.Partition, m.Offset+1)
}

func (s watchedSession) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	s.ConsumerGroupSession.MarkOffset(topic, partition, offset, metadata)
	s.positions.note(topic, partition, offset)
}

func (p positions) note(topic string, partition int32, offset int64) {
	partitions, ok := p[topic]
	if !ok || int(partition) >= len(partitions) {
		return
	}
	at := &partitions[partition]
	for old := at.Load(); offset > old && !at.CompareAndSwap(old, offset); old = at.Load() {
		// somebody else was faster
	}
}
