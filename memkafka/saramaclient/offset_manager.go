package saramaclient

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
)

// offsetManager is a sarama.OffsetManager on a cluster.
type offsetManager struct {
	sarama.OffsetManager
	config  *sarama.Config
	offsets *offsets

	life      context.Context // ends with Close
	end       context.CancelFunc
	closed    chan struct{} // closed when nothing is committed by itself any more
	closeOnce sync.Once

	mu       sync.Mutex // guards what follows, and closed and errors of children
	children map[kafka.TopicPartition]*partitionOffsetManager
}

// NewOffsetManagerFromClient mirrors sarama.NewOffsetManagerFromClient: closing the manager does not close the client. A
// client of another make gets sarama's own manager.
func NewOffsetManagerFromClient(group string, c sarama.Client) (sarama.OffsetManager, error) {
	own, ok := c.(*client)
	if !ok {
		return sarama.NewOffsetManagerFromClient(group, c)
	}
	s, err := own.share("offsets " + group)
	if err != nil {
		return nil, err
	}
	m := &offsetManager{
		config:   own.config,
		offsets:  newOffsets(own.config, s, group, "", sarama.GroupGenerationUndefined),
		closed:   make(chan struct{}),
		children: map[kafka.TopicPartition]*partitionOffsetManager{},
	}
	m.life, m.end = context.WithCancel(context.Background())
	m.offsets.instance = own.config.Consumer.Group.InstanceId
	m.offsets.failed = m.failed
	if own.config.Consumer.Offsets.AutoCommit.Enable {
		go m.autoCommit()
	} else {
		close(m.closed)
	}
	return m, nil
}

func (m *offsetManager) autoCommit() {
	defer close(m.closed)
	ticker := time.NewTicker(m.config.Consumer.Offsets.AutoCommit.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-m.life.Done():
			return
		case <-ticker.C:
		}
		select {
		case <-m.life.Done(): // of two channels that are ready, a select takes any
			return
		default:
		}
		m.Commit()
	}
}

func (m *offsetManager) ManagePartition(topic string, partition int32) (sarama.PartitionOffsetManager, error) {
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	p := &partitionOffsetManager{parent: m, errors: make(chan *sarama.ConsumerError, m.config.ChannelBufferSize)}
	m.mu.Lock()
	if m.children[tp] != nil {
		m.mu.Unlock()
		return nil, sarama.ConfigurationError("That topic/partition is already being managed")
	}
	m.children[tp] = p
	m.mu.Unlock()
	err := m.offsets.add(m.life, []kafka.TopicPartition{tp})
	if err != nil {
		m.mu.Lock()
		delete(m.children, tp)
		m.mu.Unlock()
		return nil, err
	}
	p.position = m.offsets.find(topic, partition)
	return p, nil
}

// Commit commits what was marked, and ends the partition managers that were closed and have nothing left to commit.
func (m *offsetManager) Commit() {
	m.offsets.commit(nil)
	m.release(false)
}

// release ends partition managers that were closed, and tells how many are left. Those with something left to commit end
// only if they have to.
func (m *offsetManager) release(all bool) (left int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for tp, p := range m.children {
		m.offsets.mu.Lock()
		due := p.position != nil && p.closed && (all || !p.position.dirty)
		if due {
			delete(m.offsets.positions, tp)
		}
		m.offsets.mu.Unlock()
		if due {
			delete(m.children, tp)
			close(p.errors)
		} else {
			left++
		}
	}
	return left
}

// Close ends all partition managers, after a last commit if Consumer.Offsets.AutoCommit is on.
func (m *offsetManager) Close() error {
	m.closeOnce.Do(func() {
		m.end()
		<-m.closed
		m.mu.Lock()
		for _, p := range m.children {
			p.closed = true
		}
		m.mu.Unlock()
		if m.config.Consumer.Offsets.AutoCommit.Enable {
			for range m.config.Consumer.Offsets.Retry.Max + 1 {
				m.offsets.commit(nil)
				if m.release(false) == 0 {
					break
				}
			}
		}
		m.release(true)
		m.offsets.seam.Close()
	})
	return nil
}

// failed tells a partition manager that its offset was not committed.
func (m *offsetManager) failed(p *position, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := &sarama.ConsumerError{Topic: p.tp.Topic, Partition: p.tp.Partition, Err: err}
	child := m.children[p.tp]
	if child == nil || !m.config.Consumer.Return.Errors {
		sarama.Logger.Println(e)
		return
	}
	select {
	case child.errors <- e:
	default:
		sarama.Logger.Println(e) // nobody reads errors, and the channel is full of them
	}
}

// partitionOffsetManager is a sarama.PartitionOffsetManager.
type partitionOffsetManager struct {
	sarama.PartitionOffsetManager
	parent   *offsetManager
	position *position
	errors   chan *sarama.ConsumerError
	closed   bool
}

func (p *partitionOffsetManager) NextOffset() (offset int64, metadata string) {
	return p.parent.offsets.nextOf(p.position)
}

func (p *partitionOffsetManager) MarkOffset(offset int64, metadata string) {
	p.parent.offsets.mark(p.position, offset, metadata)
}

func (p *partitionOffsetManager) ResetOffset(offset int64, metadata string) {
	p.parent.offsets.reset(p.position, offset, metadata)
}

func (p *partitionOffsetManager) Errors() <-chan *sarama.ConsumerError { return p.errors }

func (p *partitionOffsetManager) AsyncClose() {
	p.parent.mu.Lock()
	defer p.parent.mu.Unlock()
	p.closed = true
}

// Close waits until the manager has let go of the partition, as sarama's does: by its next commit, or its own Close.
func (p *partitionOffsetManager) Close() error {
	p.AsyncClose()
	var errs sarama.ConsumerErrors
	for e := range p.errors {
		errs = append(errs, e)
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}
