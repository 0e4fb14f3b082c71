package saramaclient

import (
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
)

// producerTopic is what a producer knows of a topic.
type producerTopic struct {
	name        string
	partitioner sarama.Partitioner
	partitions  []*producerPartition
	writable    []int32 // partitions that have a leader
	asked       time.Time
	shape       uint64 // of the cluster, when it was asked
	stale       bool   // what is known is wrong

	// Driven, an answer takes its time. Messages of other topics go on meanwhile, as they do with sarama, and results are
	// handed out: otherwise what had come by the end of the wait would be let go all at once, in an order of chance.
	asking  bool
	waiting []*outbound // for the answer
}

// producerPartition is what a producer has to do with a partition.
type producerPartition struct {
	topic   *producerTopic
	tp      kafka.TopicPartition
	leader  int32     // cluster.NoLeader for none
	filling *outBatch // the batch that takes more messages
}

// learned is what the cluster answered when it was asked for a topic.
type learned struct {
	topic *producerTopic
	metadata
	err error
}

// choose finds the partition of a message: among all of the topic for partitioners that ask for consistency, among those
// with a leader for others.
func (t *producerTopic) choose(m *sarama.ProducerMessage) (*producerPartition, error) {
	var consistent bool
	if d, ok := t.partitioner.(sarama.DynamicConsistencyPartitioner); ok {
		consistent = d.MessageRequiresConsistency(m)
	} else {
		consistent = t.partitioner.RequiresConsistency()
	}
	count := int32(len(t.partitions))
	if !consistent {
		count = int32(len(t.writable))
	}
	if count == 0 {
		return nil, sarama.ErrLeaderNotAvailable
	}
	n, err := t.partitioner.Partition(m, count)
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n >= count:
		return nil, sarama.ErrInvalidPartition
	}
	if !consistent {
		n = t.writable[n]
	}
	m.Partition = n
	return t.partitions[n], nil
}

// topic returns what the producer knows of a topic, and asks again when that is old: where calls are free, when the cluster
// has changed its shape, and otherwise after Metadata.RefreshFrequency, or once something of the topic failed. Driven, the
// answer comes later.
func (p *asyncProducer) topic(name string) (*producerTopic, error) {
	t := p.last
	if t == nil || t.name != name {
		t = p.topics[name]
	}
	shape := p.seam.Engine().Shape()
	if t != nil && (t.asking || p.fresh(t, shape)) {
		p.last = t
		return t, nil
	}
	create := p.config.Metadata.AllowAutoTopicCreation
	if p.driven {
		if t == nil {
			t = p.newTopic(name)
		}
		t.asking, t.shape = true, shape
		go p.ask(t, create)
		return t, nil
	}
	m, err := topicMetadata(p.seam, name, create)
	if err != nil {
		return nil, err
	}
	if t == nil {
		t = p.newTopic(name)
	}
	t.know(m)
	t.shape = shape
	p.last = t
	return t, nil
}

// ask has learn told what the cluster knows of a topic.
func (p *asyncProducer) ask(t *producerTopic, create bool) {
	m, err := topicMetadata(p.seam, t.name, create)
	p.mu.Lock()
	p.learned = append(p.learned, learned{t, m, err})
	p.mu.Unlock()
	signal(p.answered)
}

func (p *asyncProducer) newTopic(name string) *producerTopic {
	t := &producerTopic{name: name, partitioner: p.config.Producer.Partitioner(name)}
	p.topics[name] = t
	return t
}

// learn sends, or refuses, the messages that waited for an answer.
func (p *asyncProducer) learn(l learned) {
	t := l.topic
	waiting := t.waiting
	t.asking, t.waiting = false, nil
	if t.stale = l.err != nil; !t.stale {
		t.know(l.metadata)
	}
	for _, o := range waiting {
		if l.err != nil {
			p.refuse(o, l.err)
		} else {
			p.place(t, o)
		}
	}
}

// know notes the partitions of a topic.
func (t *producerTopic) know(m metadata) {
	for i := len(t.partitions); i < len(m.partitions); i++ {
		t.partitions = append(t.partitions, &producerPartition{topic: t, tp: kafka.TopicPartition{Topic: t.name, Partition: int32(i)}})
	}
	t.partitions = t.partitions[:len(m.partitions)]
	for i, at := range t.partitions {
		at.leader = m.leaders[i]
	}
	t.writable, t.asked = m.writable(), time.Now()
}

func (p *asyncProducer) fresh(t *producerTopic, shape uint64) bool {
	if !p.driven {
		return t.shape == shape
	}
	every := p.config.Metadata.RefreshFrequency
	return !t.stale && (every == 0 || time.Since(t.asked) < every)
}
