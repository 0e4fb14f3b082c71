package goka_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/storage"
)

// consumers are the consumers that tables are read with by default, with a test in between.
type consumers struct {
	mu      sync.Mutex
	opened  []string // topic/partition@offset, in order
	closed  int
	wrapped []*partitionConsumer

	wrap   bool                               // makes what is consumed go through a partitionConsumer
	skip   func(*sarama.ConsumerMessage) bool // of these records nothing is seen
	refuse func(topic string, at int64) error // fails ConsumePartition
}

func (c *consumers) build(brokers []string, clientID string) (sarama.Consumer, error) {
	inner, err := goka.DefaultSaramaConsumerBuilder(brokers, clientID)
	return &consumer{inner, c}, err
}

func (c *consumers) option() goka.ProcessorOption { return goka.WithConsumerSaramaBuilder(c.build) }

func (c *consumers) viewOption() goka.ViewOption { return goka.WithViewConsumerSaramaBuilder(c.build) }

// reads are the partitions of a topic that were read so far, with the offsets where that began.
func (c *consumers) reads(topic string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var reads []string
	for _, o := range c.opened {
		if len(o) > len(topic) && o[:len(topic)] == topic {
			reads = append(reads, o)
		}
	}
	slices.Sort(reads)
	return reads
}

func (c *consumers) last() *partitionConsumer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrapped) == 0 {
		return nil
	}
	return c.wrapped[len(c.wrapped)-1]
}

type consumer struct {
	sarama.Consumer
	all *consumers
}

func (c *consumer) ConsumePartition(topic string, partition int32, offset int64) (sarama.PartitionConsumer, error) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.all.refuse != nil {
		if err := c.all.refuse(topic, offset); err != nil {
			return nil, err
		}
	}
	c.all.opened = append(c.all.opened, fmt.Sprintf("%s/%d@%d", topic, partition, offset))
	pc, err := c.Consumer.ConsumePartition(topic, partition, offset)
	if err != nil || !c.all.wrap {
		return pc, err
	}
	p := &partitionConsumer{
		PartitionConsumer: pc, skip: c.all.skip, stop: make(chan struct{}),
		messages: make(chan *sarama.ConsumerMessage), errors: make(chan *sarama.ConsumerError),
	}
	p.pump.Go(p.run)
	c.all.wrapped = append(c.all.wrapped, p)
	return p, nil
}

func (c *consumer) Close() error {
	c.all.mu.Lock()
	c.all.closed++
	c.all.mu.Unlock()
	return c.Consumer.Close()
}

// partitionConsumer passes on what another one delivers, until the test ends it.
type partitionConsumer struct {
	sarama.PartitionConsumer
	skip     func(*sarama.ConsumerMessage) bool
	messages chan *sarama.ConsumerMessage
	errors   chan *sarama.ConsumerError
	once     sync.Once
	stop     chan struct{}
	pump     sync.WaitGroup
	busy     atomic.Bool // a message is between the two
}

func (p *partitionConsumer) Messages() <-chan *sarama.ConsumerMessage { return p.messages }
func (p *partitionConsumer) Errors() <-chan *sarama.ConsumerError     { return p.errors }
func (p *partitionConsumer) AsyncClose()                              { p.end() }

// end closes the channels, as sarama does when a consumer is closed or gives up.
func (p *partitionConsumer) end() { p.once.Do(func() { close(p.stop) }) }

// fail delivers an error.
func (p *partitionConsumer) fail(err error) {
	select {
	case p.errors <- &sarama.ConsumerError{Err: err}:
	case <-p.stop:
	}
}

func (p *partitionConsumer) Reached(offset int64) <-chan struct{} {
	inner := p.PartitionConsumer.(door.Positioned).Reached(offset)
	reached := make(chan struct{})
	select {
	case <-p.stop:
		close(reached)
		return reached
	default:
	}
	p.pump.Go(func() {
		defer close(reached)
		select {
		case <-inner:
			for { // what is on its way arrives: time goes on when nobody is about to do anything
				select {
				case <-time.After(time.Millisecond):
				case <-p.stop:
					return
				}
				if !p.busy.Load() && len(p.PartitionConsumer.Messages()) == 0 {
					return
				}
			}
		case <-p.stop:
		}
	})
	return reached
}

func (p *partitionConsumer) run() {
	defer func() {
		_ = p.PartitionConsumer.Close()
		close(p.messages)
		close(p.errors)
	}()
	for {
		select {
		case <-p.stop:
			return
		case msg, open := <-p.PartitionConsumer.Messages():
			if !open {
				return
			}
			p.busy.Store(true)
			if p.skip == nil || !p.skip(msg) {
				select {
				case p.messages <- msg:
				case <-p.stop:
					return
				}
			}
			p.busy.Store(false)
		}
	}
}

// slowStorage takes its time to open.
type slowStorage struct {
	storage.Storage
	open func() error
}

func (s *slowStorage) Open() error { return s.open() }

func newAdmin(brokers []string) (sarama.ClusterAdmin, error) {
	d, err := door.For(brokers)
	if err != nil {
		return nil, err
	}
	return d.NewClusterAdmin(brokers, sarama.NewConfig())
}
