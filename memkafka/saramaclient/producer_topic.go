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
}

// producerPartition is what a producer has to do with a partition.
type producerPartition struct {
	tp      kafka.TopicPartition
	leader  int32     // cluster.NoLeader for none
	filling *outBatch // the batch that takes more messages
}

// partition chooses the partition of a message: among all of the topic for partitioners that ask for consistency, among
// those with a leader for others.
func (p *asyncProducer) partition(m *sarama.ProducerMessage) (*producerPartition, error) {
	t, err := p.topic(m.Topic)
	if err != nil {
		return nil, err
	}
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
// has changed its shape, and otherwise after Metadata.RefreshFrequency, or once something failed.
func (p *asyncProducer) topic(name string) (*producerTopic, error) {
	t := p.last
	if t == nil || t.name != name {
		t = p.topics[name]
	}
	shape := p.seam.Engine().Shape()
	if t != nil && p.fresh(t, shape) {
		p.last = t
		return t, nil
	}
	p.stale = false
	m, err := topicMetadata(p.seam, name, p.config.Metadata.AllowAutoTopicCreation)
	if err != nil {
		return nil, err
	}
	if t == nil {
		t = &producerTopic{name: name, partitioner: p.config.Producer.Partitioner(name)}
		p.topics[name] = t
	}
	for i := len(t.partitions); i < len(m.partitions); i++ {
		t.partitions = append(t.partitions, &producerPartition{tp: kafka.TopicPartition{Topic: name, Partition: int32(i)}})
	}
	t.partitions = t.partitions[:len(m.partitions)]
	for i, at := range t.partitions {
		at.leader = m.leaders[i]
	}
	t.writable, t.asked, t.shape = m.writable(), time.Now(), shape
	p.last = t
	return t, nil
}

func (p *asyncProducer) fresh(t *producerTopic, shape uint64) bool {
	if !p.driven {
		return t.shape == shape
	}
	every := p.config.Metadata.RefreshFrequency
	return !p.stale && (every == 0 || time.Since(t.asked) < every)
}
