package kafkamock

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/golang/mock/gomock"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// ProduceInto lets the producer accept any number of emits, and Close, and write to the topics of cluster, which may be
// that of a MockConsumerGroup or MockAutoConsumer. Keys go to the partition that goka's default hasher says; a topic
// that does not exist is made with one partition. Promises are finished when Emit returns. Calls that were expected
// before are answered as they were expected, until they are used up.
func (m *MockProducer) ProduceInto(cluster *memkafka.Cluster) {
	anything := gomock.Any()
	m.EXPECT().Emit(anything, anything, anything).AnyTimes().DoAndReturn(
		func(topic, key string, value []byte) *goka.Promise { return emit(cluster, topic, key, value, nil) })
	m.EXPECT().EmitWithHeaders(anything, anything, anything, anything).AnyTimes().DoAndReturn(
		func(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
			return emit(cluster, topic, key, value, headers)
		})
	m.EXPECT().Close().AnyTimes().Return(nil)
}

func emit(cluster *memkafka.Cluster, topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	msg := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Headers: headers.ToSarama()}
	if value != nil {
		msg.Value = sarama.ByteEncoder(value)
	}
	if err := write(cluster, msg, key, value); err != nil {
		return goka.NewPromise().Finish(msg, fmt.Errorf("emit key %q to topic %s: %w", key, topic, err))
	}
	return goka.NewPromise().Finish(msg, nil)
}

// write appends a message and notes in it where it went.
func write(cluster *memkafka.Cluster, msg *sarama.ProducerMessage, key string, value []byte) error {
	if err := ensurePartitions(cluster, msg.Topic, 1); err != nil {
		return err
	}
	partition, err := goka.PartitionForKey(goka.DefaultHasher(), []byte(key), cluster.Partitions(msg.Topic))
	if err != nil {
		return err
	}
	r := memkafka.Record{Key: []byte(key), Value: value, Timestamp: memkafka.NoTimestamp}
	for _, h := range msg.Headers {
		r.Headers = append(r.Headers, memkafka.Header{Key: string(h.Key), Value: h.Value})
	}
	offset, err := cluster.Produce(msg.Topic, partition, r)
	if err != nil {
		return err
	}
	msg.Partition, msg.Offset = partition, int64(offset)
	return nil
}
