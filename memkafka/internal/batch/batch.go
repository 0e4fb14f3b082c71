// Package batch is Kafka's record batch, version 2 (KIP-98): records to bytes and back, checksums, compression.
//
// A Batch holds the bytes that travel on the wire and nothing beside them: a thousand records in it cost one allocation
// and 7 to 12 bytes each over their payload. One that was made of a single record, as tests and simulations make them, holds
// that record alone, and gets its header and its checksum when somebody asks for its bytes. Reading hands out slices of
// what a Batch holds, so nobody may change what it hands out. Once a log has taken a batch it does not change any more,
// and any number of goroutines may read it.
package batch

import (
	"encoding/binary"
	"hash/crc32"
	"sync/atomic"

	"github.com/gokasim/gokasim/internal/kafka"
)

// NoProducerID, NoProducerEpoch and NoSequence are what a batch of a producer that is not idempotent carries.
const (
	NoProducerID    int64       = -1
	NoProducerEpoch kafka.Epoch = -1
	NoSequence      int32       = -1
)

// NoLeaderEpoch is the leader epoch of a batch that no log has taken yet.
const NoLeaderEpoch kafka.Epoch = -1

// HeaderBytes is the size of a batch without its records.
const HeaderBytes = 61

// Where the fields of a batch stand in its bytes.
const (
	atBaseOffset    = 0
	atLength        = 8
	atLeaderEpoch   = 12
	atMagic         = 16
	atCRC           = 17
	atAttributes    = 21 // the checksum covers all from here on
	atLastDelta     = 23
	atBaseTimestamp = 27
	atMaxTimestamp  = 35
	atProducerID    = 43
	atProducerEpoch = 51
	atBaseSequence  = 53
	atCount         = 57

	lengthOverhead = atLeaderEpoch // bytes that the length field does not count
	magic2         = 2
)

// The attribute bits of a batch, beside the codec in the lowest three.
const (
	codecMask          = 0x07
	logAppendTimeBit   = 1 << 3
	transactionalBit   = 1 << 4
	controlBit         = 1 << 5
	deleteHorizonBit   = 1 << 6
	knownAttributeBits = codecMask | logAppendTimeBit | transactionalBit | controlBit | deleteHorizonBit
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// TimestampType tells whose clock the timestamps of a batch come from (message.timestamp.type).
type TimestampType int8

// The producer's clock, which is the default, and the broker's.
const (
	CreateTime TimestampType = iota
	LogAppendTime
)

// String is the value of message.timestamp.type.
func (t TimestampType) String() string {
	if t == LogAppendTime {
		return "LogAppendTime"
	}
	return "CreateTime"
}

// Batch is one record batch. FromRecords, FromBytes and Marker make them; the zero value is of no use.
type Batch struct {
	// wire is the whole batch as it travels. Its records are compressed as its attributes say. Of a bare batch it is the
	// record alone.
	wire []byte
	// other caches the batch in the form that wire does not have: the records of a compressed batch without their
	// compression, the whole of a bare one. Two goroutines that ask first may both fill it, with the same bytes.
	other atomic.Pointer[[]byte]

	// Copies of what wire says, for those who search among many batches.
	baseOffset   kafka.Offset
	maxTimestamp kafka.Millis
	lastDelta    int32
	count        int32
	leaderEpoch  kafka.Epoch

	headers  int32 // of all records together
	nullKeys bool  // some record has a null key

	// bare says that there is no header yet: it would have one record, no attributes and no producer.
	bare bool
}

// BaseOffset is the offset of the first record that the batch was made of, compaction may have dropped it.
func (b *Batch) BaseOffset() kafka.Offset { return b.baseOffset }

// LastOffset is the offset of the last record that the batch was made of, compaction may have dropped it.
func (b *Batch) LastOffset() kafka.Offset { return b.baseOffset + kafka.Offset(b.lastDelta) }

// NextOffset is the offset after the batch.
func (b *Batch) NextOffset() kafka.Offset { return b.LastOffset() + 1 }

// Len is the number of records in the batch. Compaction may leave none.
func (b *Batch) Len() int { return int(b.count) }

// Size is the length of the batch on the wire, in bytes.
func (b *Batch) Size() int {
	if b.bare {
		return HeaderBytes + len(b.wire)
	}
	return len(b.wire)
}

// LeaderEpoch is the epoch of the leader that appended the batch, NoLeaderEpoch before that.
func (b *Batch) LeaderEpoch() kafka.Epoch { return b.leaderEpoch }

// ProducerID is the id of the idempotent producer that made the batch, or NoProducerID.
func (b *Batch) ProducerID() int64 {
	if b.bare {
		return NoProducerID
	}
	return b.int64(atProducerID)
}

// HasProducer reports whether an idempotent producer, or a transaction coordinator on its behalf, made the batch.
func (b *Batch) HasProducer() bool { return b.ProducerID() >= 0 }

// ProducerEpoch is the epoch of the producer that made the batch, or NoProducerEpoch.
func (b *Batch) ProducerEpoch() kafka.Epoch {
	if b.bare {
		return NoProducerEpoch
	}
	return kafka.Epoch(b.int16(atProducerEpoch))
}

// BaseSequence is the sequence number of the first record that the batch was made of, or NoSequence.
func (b *Batch) BaseSequence() int32 {
	if b.bare {
		return NoSequence
	}
	return b.int32(atBaseSequence)
}

// LastSequence is the sequence number of the last record that the batch was made of, or NoSequence.
// Sequence numbers go on with 0 after 2^31-1.
func (b *Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return AddSequence(base, b.lastDelta)
}

// AddSequence is the sequence number n records after seq. It wraps from 2^31-1 to 0.
func AddSequence(seq, n int32) int32 {
	return int32((int64(seq) + int64(n)) & 0x7fffffff)
}

// IsControl reports whether the batch is a transaction marker rather than data.
func (b *Batch) IsControl() bool { return b.attributes()&controlBit != 0 }

// IsTransactional reports whether the batch belongs to a transaction. Its marker does, too.
func (b *Batch) IsTransactional() bool { return b.attributes()&transactionalBit != 0 }

// TimestampType tells whose clock the timestamps come from.
func (b *Batch) TimestampType() TimestampType {
	if b.attributes()&logAppendTimeBit != 0 {
		return LogAppendTime
	}
	return CreateTime
}

// MaxTimestamp is the largest timestamp of the batch: with LogAppendTime that of all its records.
func (b *Batch) MaxTimestamp() kafka.Millis { return b.maxTimestamp }

// BaseTimestamp is the timestamp of the first record that the batch was made of, or the delete horizon in its place.
func (b *Batch) BaseTimestamp() kafka.Millis {
	if b.bare {
		return b.maxTimestamp
	}
	return kafka.Millis(b.int64(atBaseTimestamp))
}

// DeleteHorizon is the time from which compaction may drop the batch's tombstones and markers. It is there once a
// first compaction has seen them (KIP-534).
func (b *Batch) DeleteHorizon() (at kafka.Millis, ok bool) {
	if b.attributes()&deleteHorizonBit == 0 {
		return kafka.NoTimestamp, false
	}
	return b.BaseTimestamp(), true
}

// Codec is how the records are compressed.
func (b *Batch) Codec() Codec { return Codec(b.attributes() & codecMask) }

// HasNullKeys reports whether a record of the batch has a null key.
func (b *Batch) HasNullKeys() bool { return b.nullKeys }

// Bytes is the batch as it travels. The bytes belong to the batch.
func (b *Batch) Bytes() []byte {
	if !b.bare {
		return b.wire
	}
	if whole := b.other.Load(); whole != nil {
		return *whole
	}
	whole := b.framed()
	b.other.Store(&whole)
	return whole
}

// framed is the whole of a bare batch.
func (b *Batch) framed() []byte {
	wire := append(make([]byte, HeaderBytes, HeaderBytes+len(b.wire)), b.wire...)
	f := frame{
		leaderEpoch:   b.leaderEpoch,
		baseTimestamp: b.maxTimestamp,
		producerID:    NoProducerID,
		producerEpoch: NoProducerEpoch,
		baseSequence:  NoSequence,
	}
	f.putHeader(wire, b)
	return wire
}

// Clone is a copy of a batch that no log has taken yet, for a producer that may have to send it again.
func (b *Batch) Clone() *Batch {
	c := &Batch{
		wire:         append([]byte(nil), b.wire...),
		maxTimestamp: b.maxTimestamp,
		lastDelta:    b.lastDelta,
		count:        b.count,
		headers:      b.headers,
		nullKeys:     b.nullKeys,
		bare:         b.bare,
	}
	c.other.Store(b.other.Load())
	c.Place(0, NoLeaderEpoch)
	return c
}

// Place gives the batch its offsets and the epoch of its leader, as the log that takes it does. Neither is covered
// by the checksum.
func (b *Batch) Place(base kafka.Offset, leader kafka.Epoch) {
	b.baseOffset, b.leaderEpoch = base, leader
	if b.bare {
		if b.other.Load() != nil {
			b.other.Store(nil)
		}
		return
	}
	binary.BigEndian.PutUint64(b.wire[atBaseOffset:], uint64(base))
	binary.BigEndian.PutUint32(b.wire[atLeaderEpoch:], uint32(leader))
}

// StampLogAppendTime puts the broker's time now in the place of every record's own, as a log with
// message.timestamp.type=LogAppendTime does with a batch that it takes.
func (b *Batch) StampLogAppendTime(now kafka.Millis) {
	b.stamp(b.attributes()|logAppendTimeBit, now)
}

// StampCreateTime takes back that the timestamps are the broker's: a log whose records keep their own does not believe
// a producer that says so.
func (b *Batch) StampCreateTime() {
	b.stamp(b.attributes()&^logAppendTimeBit, b.maxTimestamp)
}

func (b *Batch) stamp(attributes int16, largest kafka.Millis) {
	if b.bare {
		b.wire, b.bare = b.framed(), false
		b.other.Store(nil)
	}
	b.maxTimestamp = largest
	binary.BigEndian.PutUint16(b.wire[atAttributes:], uint16(attributes))
	binary.BigEndian.PutUint64(b.wire[atMaxTimestamp:], uint64(largest))
	b.seal()
}

// seal writes the checksum over everything from the attributes on.
func (b *Batch) seal() { seal(b.wire) }

func seal(wire []byte) {
	binary.BigEndian.PutUint32(wire[atCRC:], crc32.Checksum(wire[atAttributes:], castagnoli))
}

func (b *Batch) attributes() int16 {
	if b.bare {
		return 0
	}
	return b.int16(atAttributes)
}

func (b *Batch) int16(at int) int16 { return int16(binary.BigEndian.Uint16(b.wire[at:])) }
func (b *Batch) int32(at int) int32 { return int32(binary.BigEndian.Uint32(b.wire[at:])) }
func (b *Batch) int64(at int) int64 { return int64(binary.BigEndian.Uint64(b.wire[at:])) }
