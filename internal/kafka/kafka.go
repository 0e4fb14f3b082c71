// Package kafka holds Kafka's nouns: offsets, partitions, records, epochs and error codes, as every other
// package of this module says them. It has no behaviour beyond printing and comparing, and imports nothing of ours.
package kafka

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Offset is the position of a record in a partition. The first record of a new partition has offset 0.
type Offset int64

// Offsets that stand for a place rather than a record, as ListOffsets (KIP-79, KIP-734) numbers them.
const (
	OffsetLatest       Offset = -1 // the next offset to be written (the last stable one under read_committed)
	OffsetEarliest     Offset = -2 // the log start offset
	OffsetMaxTimestamp Offset = -3 // the record with the largest timestamp
	NoOffset           Offset = -1 // "none", in answers
)

// Millis is a point in time as Kafka's records carry it: milliseconds since 1970-01-01 UTC.
type Millis int64

// NoTimestamp is the timestamp of a record whose producer gave none.
const NoTimestamp Millis = -1

// MillisOf converts t; the zero time is NoTimestamp.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return NoTimestamp
	}
	return Millis(t.UnixMilli())
}

// Time converts m to UTC; NoTimestamp, like any negative value, is the zero time.
func (m Millis) Time() time.Time {
	if m < 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// Epoch numbers the leaderships of a partition or the incarnations of a producer.
type Epoch int32

// TopicPartition names one partition. It is comparable, and prints as topic/partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

func (tp TopicPartition) String() string {
	return tp.Topic + "/" + strconv.Itoa(int(tp.Partition))
}

// Compare orders by topic, then by partition.
func (tp TopicPartition) Compare(o TopicPartition) int {
	if c := strings.Compare(tp.Topic, o.Topic); c != 0 {
		return c
	}
	return cmp.Compare(tp.Partition, o.Partition)
}

// Header is one header of a record. Names may repeat and keep their order; a nil value is null, which differs from
// an empty one.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record of a partition. A nil key is a null key; a record with a nil value is a tombstone. Both
// differ from empty ones. Whoever gets a record may read its slices and must not change them.
type Record struct {
	Offset    Offset
	Timestamp Millis
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Source names the caller of a call at the seam between a client and a cluster: the input record being handled,
// and the call's number within that. A simulation orders simultaneous calls by it (determinism rule R2). The zero
// value is a caller without a name.
type Source struct {
	Topic     string
	Partition int32
	Offset    Offset
	N         int32
}

// Compare orders by topic, partition, offset, number.
func (s Source) Compare(o Source) int {
	return cmp.Or(
		strings.Compare(s.Topic, o.Topic),
		cmp.Compare(s.Partition, o.Partition),
		cmp.Compare(s.Offset, o.Offset),
		cmp.Compare(s.N, o.N),
	)
}

// Sourced is implemented by the Metadata of a sarama.ProducerMessage that knows its source.
type Sourced interface {
	KafkaSource() Source
}
