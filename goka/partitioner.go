package goka

import (
	"fmt"
	"hash"

	"github.com/IBM/sarama"
)

// hashPartitioner assigns keys to partitions by their hash, and spreads records without a key evenly.
type hashPartitioner struct {
	hasher hash.Hash32
	turn   int32 // the partition of the next record without a key
}

func (p *hashPartitioner) Partition(message *sarama.ProducerMessage, numPartitions int32) (int32, error) {
	if message.Key == nil {
		p.turn = (p.turn + 1) % numPartitions
		return p.turn, nil
	}
	key, err := message.Key.Encode()
	if err != nil {
		return -1, err
	}
	return hashPartition(p.hasher, key, numPartitions), nil
}

func (p *hashPartitioner) RequiresConsistency() bool { return true }

// MessageRequiresConsistency lets records without a key go to any partition that can be written.
func (p *hashPartitioner) MessageRequiresConsistency(message *sarama.ProducerMessage) bool {
	return message.Key != nil
}

// explicitPartitioner honours the partition that an Emission asks for, and leaves all other records to another
// partitioner.
type explicitPartitioner struct {
	sarama.Partitioner
}

func honourPartitions(inner sarama.PartitionerConstructor) sarama.PartitionerConstructor {
	return func(topic string) sarama.Partitioner { return explicitPartitioner{inner(topic)} }
}

func (p explicitPartitioner) Partition(message *sarama.ProducerMessage, numPartitions int32) (int32, error) {
	e, ok := message.Metadata.(*Emission)
	if !ok || e.Partition == AnyPartition {
		return p.Partitioner.Partition(message, numPartitions)
	}
	if e.Partition < 0 || e.Partition >= numPartitions {
		return -1, fmt.Errorf("%w: a record is to go to partition %d of %q, which has %d partitions",
			sarama.ErrInvalidPartition, e.Partition, message.Topic, numPartitions)
	}
	return e.Partition, nil
}

func (p explicitPartitioner) MessageRequiresConsistency(message *sarama.ProducerMessage) bool {
	if e, ok := message.Metadata.(*Emission); ok && e.Partition != AnyPartition {
		return true
	}
	if dynamic, ok := p.Partitioner.(sarama.DynamicConsistencyPartitioner); ok {
		return dynamic.MessageRequiresConsistency(message)
	}
	return p.RequiresConsistency()
}
