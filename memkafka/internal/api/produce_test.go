package api_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// records makes a batch of key=value pairs, with the present time.
func records(pairs ...string) *batch.Batch {
	return recordsAt(time.Now(), pairs...)
}

func recordsAt(at time.Time, pairs ...string) *batch.Batch {
	var list []kafka.Record
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, kafka.Record{Timestamp: kafka.MillisOf(at), Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return batch.FromRecords(list)
}

// from makes a batch that of an idempotent producer.
func from(b *batch.Batch, producer int64, epoch int16, sequence int32) *batch.Batch {
	wire := append([]byte(nil), b.Bytes()...)
	binary.BigEndian.PutUint64(wire[43:], uint64(producer))
	binary.BigEndian.PutUint16(wire[51:], uint16(epoch))
	binary.BigEndian.PutUint32(wire[53:], uint32(sequence))
	return sealed(wire)
}

// transactional makes a batch part of its producer's transaction.
func transactional(b *batch.Batch) *batch.Batch {
	wire := append([]byte(nil), b.Bytes()...)
	wire[22] |= 1 << 4
	return sealed(wire)
}

func sealed(wire []byte) *batch.Batch {
	binary.BigEndian.PutUint32(wire[17:], crc32.Checksum(wire[21:], crc32.MakeTable(crc32.Castagnoli)))
	b, err := batch.FromBytes(wire)
	if err != nil {
		panic(err)
	}
	return b
}

// produceTo asks for bytes to be appended to a partition.
func produceTo(topic string, id [16]byte, partition int32, wire []byte) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = -1, 5000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, wire
	r.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, TopicID: id, Partitions: []kmsg.ProduceRequestTopicPartition{p}}}
	return r
}

func TestProduce(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("produce", 2)
		for v := int16(3); v <= 13; v++ {
			say[*kmsg.ProduceResponse](s, "two records", v, produceTo("produce", id, 0, records("a", "1", "b", "2").Bytes()))
		}
		for _, v := range []int16{3, 7, 9, 13} {
			say[*kmsg.ProduceResponse](s, "a topic that there is not", v, produceTo("produce-none", [16]byte{9}, 0, records("a", "1").Bytes()))
			say[*kmsg.ProduceResponse](s, "a partition that there is not", v, produceTo("produce", id, 2, records("a", "1").Bytes()))
		}
		say[*kmsg.ProduceResponse](s, "two batches", 9, produceTo("produce", id, 1, append(records("a", "1").Bytes(), records("b", "1").Bytes()...)))
		say[*kmsg.ProduceResponse](s, "no batch", 9, produceTo("produce", id, 1, []byte{}))
		corrupt := records("a", "1").Bytes()
		corrupt[len(corrupt)-2] ^= 1
		say[*kmsg.ProduceResponse](s, "a batch with a wrong checksum", 9, produceTo("produce", id, 1, corrupt))
		say[*kmsg.ProduceResponse](s, "a batch that is cut off", 9, produceTo("produce", id, 1, records("a", "1").Bytes()[:65]))
		say[*kmsg.ProduceResponse](s, "two hours ahead", 9, produceTo("produce", id, 1, recordsAt(time.Now().Add(2*time.Hour), "a", "1", "b", "2").Bytes()))
		bad := produceTo("produce", id, 1, records("a", "1").Bytes())
		bad.Acks = 2
		say[*kmsg.ProduceResponse](s, "acks=2", 9, bad)
		bad.Acks = 1
		say[*kmsg.ProduceResponse](s, "acks=1", 9, bad)
	})
}

func TestProduceWithoutAcks(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("acks-none", 1)
		r := produceTo("acks-none", id, 0, records("a", "1").Bytes())
		r.Acks = 0
		r.SetVersion(9)
		s.send(r)
		say[*kmsg.ProduceResponse](s, "the next one is answered", 9, produceTo("acks-none", id, 0, records("b", "2").Bytes()))
		other := s.another()
		bad := produceTo("acks-none", id, 7, records("a", "1").Bytes())
		bad.Acks = 0
		bad.SetVersion(9)
		other.send(bad)
		other.closed()
	})
}

func TestProduceToTopicsWithSettings(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("compacted", 1, "cleanup.policy", "compact")
		keyless := batch.FromRecords([]kafka.Record{
			{Timestamp: kafka.MillisOf(time.Now()), Key: []byte("a"), Value: []byte("1")},
			{Timestamp: kafka.MillisOf(time.Now()), Value: []byte("2")},
		})
		say[*kmsg.ProduceResponse](s, "no key on a compacted topic", 9, produceTo("compacted", id, 0, keyless.Bytes()))
		id = s.createTopic("stamped", 1, "message.timestamp.type", "LogAppendTime")
		say[*kmsg.ProduceResponse](s, "the broker's time", 9, produceTo("stamped", id, 0, recordsAt(time.Unix(1000, 0), "a", "1").Bytes()))
		id = s.createTopic("small", 1, "max.message.bytes", "100")
		say[*kmsg.ProduceResponse](s, "too large", 9, produceTo("small", id, 0, records("a", string(make([]byte, 100))).Bytes()))
	})
}

func TestProduceIdempotently(t *testing.T) {
	transcript(t, func(s *script) {
		id := s.createTopic("idempotent", 1)
		pid := s.producerID()
		send := func(about string, epoch int16, sequence int32) {
			say[*kmsg.ProduceResponse](s, about, 9, produceTo("idempotent", id, 0, from(records("a", "1", "b", "2"), pid, epoch, sequence).Bytes()))
		}
		send("the first", 0, 0)
		send("the same again", 0, 0)
		send("a gap", 0, 4)
		send("the next", 0, 2)
		send("a new epoch that does not begin with 0", 1, 4)
		send("a new epoch", 1, 0)
		send("the old epoch", 0, 4)
		for i := range int32(6) {
			ask[*kmsg.ProduceResponse](s.client, 9, produceTo("idempotent", id, 0, from(records("a", "1", "b", "2"), pid, 1, 2+2*i).Bytes()))
		}
		send("one that was forgotten", 1, 0)
	})
}

// producerID is a new producer id, once the broker has some.
func (s *script) producerID() int64 {
	s.t.Helper()
	return until(s, 4, func() kmsg.Request { return kmsg.NewPtrInitProducerIDRequest() }, func(r *kmsg.InitProducerIDResponse) bool {
		return r.ErrorCode == 0
	}).ProducerID
}

func TestInitProducerId(t *testing.T) {
	transcript(t, func(s *script) {
		s.producerID()
		for v := range int16(6) {
			say[*kmsg.InitProducerIDResponse](s, "a producer id", v, kmsg.NewPtrInitProducerIDRequest())
		}
		r := kmsg.NewPtrInitProducerIDRequest()
		r.ProducerID = 5
		say[*kmsg.InitProducerIDResponse](s, "a producer without an epoch", 4, r)
		r.ProducerEpoch = 1
		say[*kmsg.InitProducerIDResponse](s, "a producer with an epoch, no transactional id", 4, r)
	})
}
