package batch

import (
	"encoding/binary"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Option says more about a batch than its records do.
type Option func(*making)

// making is what FromRecords and Marker are asked for.
type making struct {
	codec         Codec
	attributes    int16
	producerID    int64
	producerEpoch kafka.Epoch
	baseSequence  int32
}

// WithCodec compresses the records (compression.type of a producer): None unless set.
func WithCodec(c Codec) Option { return func(m *making) { m.codec = c } }

// WithProducer names the idempotent producer and the sequence number of its first record
// (enable.idempotence): none unless set.
func WithProducer(id int64, epoch kafka.Epoch, baseSequence int32) Option {
	return func(m *making) { m.producerID, m.producerEpoch, m.baseSequence = id, epoch, baseSequence }
}

// Transactional makes the batch part of its producer's transaction (transactional.id).
func Transactional() Option { return func(m *making) { m.attributes |= transactionalBit } }

// FromRecords makes a batch of records, whose offsets do not matter. It copies what it keeps. A log refuses a batch
// of no records.
func FromRecords(recs []kafka.Record, opts ...Option) *Batch {
	m := making{producerID: NoProducerID, producerEpoch: NoProducerEpoch, baseSequence: NoSequence}
	for _, opt := range opts {
		opt(&m)
	}
	return m.fromRecords(recs)
}

func (m *making) fromRecords(recs []kafka.Record) *Batch {
	b := &Batch{count: int32(len(recs)), lastDelta: int32(len(recs)) - 1, maxTimestamp: kafka.NoTimestamp}
	base := kafka.NoTimestamp
	if len(recs) > 0 {
		base = recs[0].Timestamp
	}
	size := HeaderBytes
	for i := range recs {
		r := &recs[i]
		n := bodyLen(r, int64(r.Timestamp-base), int64(i))
		size += varintLen(int64(n)) + n
		b.maxTimestamp = max(b.maxTimestamp, r.Timestamp)
		b.headers += int32(len(r.Headers))
		b.nullKeys = b.nullKeys || r.Key == nil
	}
	wire := make([]byte, size)
	at := HeaderBytes
	for i := range recs {
		at = putRecord(wire, at, &recs[i], int64(recs[i].Timestamp-base), int64(i))
	}
	b.wire = wire
	b.finish(m, base)
	return b
}

// finish compresses the plain records that stand in b.wire after the room for the header, and writes the header.
func (b *Batch) finish(m *making, base kafka.Millis) {
	if m.codec != None {
		plain := b.wire[HeaderBytes:]
		b.plain.Store(&plain)
		b.wire = m.codec.compress(make([]byte, HeaderBytes, HeaderBytes+len(plain)/2), plain)
	}
	w := b.wire
	be := binary.BigEndian
	be.PutUint64(w[atBaseOffset:], uint64(b.baseOffset))
	be.PutUint32(w[atLength:], uint32(len(w)-lengthOverhead))
	be.PutUint32(w[atLeaderEpoch:], ^uint32(0))
	w[atMagic] = magic2
	be.PutUint16(w[atAttributes:], uint16(m.attributes)|uint16(m.codec))
	be.PutUint32(w[atLastDelta:], uint32(b.lastDelta))
	be.PutUint64(w[atBaseTimestamp:], uint64(base))
	be.PutUint64(w[atMaxTimestamp:], uint64(b.maxTimestamp))
	be.PutUint64(w[atProducerID:], uint64(m.producerID))
	be.PutUint16(w[atProducerEpoch:], uint16(m.producerEpoch))
	be.PutUint32(w[atBaseSequence:], uint32(m.baseSequence))
	be.PutUint32(w[atCount:], uint32(b.count))
	b.seal()
}

// bodyLen is the length of a record without the length in front of it.
func bodyLen(r *kafka.Record, timeDelta, offsetDelta int64) int {
	n := 1 + varintLen(timeDelta) + varintLen(offsetDelta) +
		nullableLen(r.Key) + nullableLen(r.Value) + varintLen(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintLen(int64(len(h.Key))) + len(h.Key) + nullableLen(h.Value)
	}
	return n
}

func nullableLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

// putRecord writes r at w[at] and returns the position after it.
func putRecord(w []byte, at int, r *kafka.Record, timeDelta, offsetDelta int64) int {
	at = putVarint(w, at, int64(bodyLen(r, timeDelta, offsetDelta)))
	w[at] = 0 // attributes: a record has none yet
	at = putVarint(w, at+1, timeDelta)
	at = putVarint(w, at, offsetDelta)
	at = putNullable(w, at, r.Key)
	at = putNullable(w, at, r.Value)
	at = putVarint(w, at, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		at = putVarint(w, at, int64(len(h.Key)))
		at += copy(w[at:], h.Key)
		at = putNullable(w, at, h.Value)
	}
	return at
}

func putNullable(w []byte, at int, b []byte) int {
	if b == nil {
		return putVarint(w, at, -1)
	}
	at = putVarint(w, at, int64(len(b)))
	return at + copy(w[at:], b)
}

// Recompressed is the same batch with its records compressed by c, b itself if they are already. It has to be done
// before a log takes the batch.
func (b *Batch) Recompressed(c Codec) *Batch {
	if b.Codec() == c {
		return b
	}
	plain := b.plainRecords()
	r := &Batch{
		baseOffset:   b.baseOffset,
		maxTimestamp: b.maxTimestamp,
		lastDelta:    b.lastDelta,
		count:        b.count,
		headers:      b.headers,
		nullKeys:     b.nullKeys,
	}
	r.wire = make([]byte, HeaderBytes, HeaderBytes+len(plain))
	copy(r.wire, b.wire)
	r.wire = c.compress(r.wire, plain)
	if c != None {
		r.plain.Store(&plain)
	}
	binary.BigEndian.PutUint32(r.wire[atLength:], uint32(len(r.wire)-lengthOverhead))
	binary.BigEndian.PutUint16(r.wire[atAttributes:], uint16(b.attributes()&^codecMask)|uint16(c))
	r.seal()
	return r
}
