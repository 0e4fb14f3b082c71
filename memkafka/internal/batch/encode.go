package batch

import (
	"encoding/binary"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Option says more about a batch than its records do. It is a value, so that making a batch allocates no more for it.
type Option struct {
	says          option
	codec         Codec
	producerID    int64
	producerEpoch kafka.Epoch
	baseSequence  int32
}

type option int8

const (
	codecOption option = iota
	producerOption
	transactionalOption
)

// WithCodec compresses the records (compression.type of a producer): None unless set.
func WithCodec(c Codec) Option { return Option{says: codecOption, codec: c} }

// WithProducer names the idempotent producer and the sequence number of its first record
// (enable.idempotence): none unless set.
func WithProducer(id int64, epoch kafka.Epoch, baseSequence int32) Option {
	return Option{says: producerOption, producerID: id, producerEpoch: epoch, baseSequence: baseSequence}
}

// Transactional makes the batch part of its producer's transaction (transactional.id).
func Transactional() Option { return Option{says: transactionalOption} }

// frame is the part of a batch that its records do not tell.
type frame struct {
	baseOffset    kafka.Offset
	lastDelta     int32
	leaderEpoch   kafka.Epoch
	attributes    int16 // with the codec
	baseTimestamp kafka.Millis
	maxTimestamp  kafka.Millis
	producerID    int64
	producerEpoch kafka.Epoch
	baseSequence  int32
	gaps          bool // the records have their offsets already, and need not follow one another
}

// FromRecords makes a batch of records, whose offsets do not matter. It copies what it keeps. A log refuses a batch
// of no records.
func FromRecords(recs []kafka.Record, opts ...Option) *Batch {
	var none *Arena
	return none.FromRecords(recs, opts...)
}

// FromRecords is the function of this name, with memory of the arena for what is small. A nil arena has none.
func (a *Arena) FromRecords(recs []kafka.Record, opts ...Option) *Batch {
	if len(recs) == 1 && len(opts) == 0 && recs[0].Timestamp >= kafka.NoTimestamp {
		return a.bare(&recs[0])
	}
	f := frame{
		lastDelta:     int32(len(recs)) - 1,
		leaderEpoch:   NoLeaderEpoch,
		baseTimestamp: kafka.NoTimestamp,
		maxTimestamp:  kafka.NoTimestamp,
		producerID:    NoProducerID,
		producerEpoch: NoProducerEpoch,
		baseSequence:  NoSequence,
	}
	for _, o := range opts {
		f.apply(o)
	}
	if len(recs) > 0 {
		f.baseTimestamp = recs[0].Timestamp
	}
	return f.encode(a, recs)
}

func (f *frame) apply(o Option) {
	switch o.says {
	case codecOption:
		f.attributes = f.attributes&^codecMask | int16(o.codec)
	case producerOption:
		f.producerID, f.producerEpoch, f.baseSequence = o.producerID, o.producerEpoch, o.baseSequence
	case transactionalOption:
		f.attributes |= transactionalBit
	}
}

// Compacted is what is left of a batch when compaction keeps only some of its records: kept, which may be none. The
// batch keeps its offsets and sequence numbers, so that nobody sees a gap between it and its neighbours. A horizon other
// than NoTimestamp is the time from which the tombstones or the marker in it may go (KIP-534).
func (b *Batch) Compacted(kept []kafka.Record, horizon kafka.Millis) *Batch {
	f := frame{
		baseOffset:    b.baseOffset,
		lastDelta:     b.lastDelta,
		leaderEpoch:   b.LeaderEpoch(),
		attributes:    b.attributes() &^ deleteHorizonBit,
		baseTimestamp: kafka.NoTimestamp,
		maxTimestamp:  kafka.NoTimestamp,
		producerID:    b.ProducerID(),
		producerEpoch: b.ProducerEpoch(),
		baseSequence:  b.BaseSequence(),
		gaps:          true,
	}
	switch {
	case len(kept) == 0:
		f.attributes &^= codecMask
		f.maxTimestamp = b.maxTimestamp
	case horizon != kafka.NoTimestamp:
		f.attributes |= deleteHorizonBit
		f.baseTimestamp = horizon
	default:
		f.baseTimestamp = kept[0].Timestamp
	}
	return f.encode(nil, kept)
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
		leaderEpoch:  b.leaderEpoch,
		headers:      b.headers,
		nullKeys:     b.nullKeys,
	}
	r.wire = c.compress(append(make([]byte, 0, HeaderBytes+len(plain)/2), b.Bytes()[:HeaderBytes]...), plain)
	if c != None {
		r.other.Store(&plain)
	}
	binary.BigEndian.PutUint32(r.wire[atLength:], uint32(len(r.wire)-lengthOverhead))
	binary.BigEndian.PutUint16(r.wire[atAttributes:], uint16(b.attributes()&^codecMask)|uint16(c))
	r.seal()
	return r
}

func (f *frame) encode(a *Arena, recs []kafka.Record) *Batch {
	size := HeaderBytes
	var n int
	for i := range recs {
		r := &recs[i]
		n = bodyLen(r, int64(r.Timestamp-f.baseTimestamp), f.delta(r, i))
		size += varintLen(int64(n)) + n
	}
	b, wire := a.room(size)
	b.leaderEpoch, b.baseOffset, b.maxTimestamp, b.lastDelta, b.count = f.leaderEpoch, f.baseOffset, f.maxTimestamp, f.lastDelta, int32(len(recs))
	for i := range recs {
		r := &recs[i]
		b.maxTimestamp = max(b.maxTimestamp, r.Timestamp)
		b.headers += int32(len(r.Headers))
		b.nullKeys = b.nullKeys || r.Key == nil
	}
	at := HeaderBytes
	for i := range recs {
		r := &recs[i]
		timeDelta, offsetDelta := int64(r.Timestamp-f.baseTimestamp), f.delta(r, i)
		if len(recs) > 1 {
			n = bodyLen(r, timeDelta, offsetDelta)
		}
		at = putRecord(wire, at, r, n, timeDelta, offsetDelta)
	}
	if codec := Codec(f.attributes & codecMask); codec != None {
		plain := wire[HeaderBytes:]
		b.other.Store(&plain)
		wire = codec.compress(make([]byte, HeaderBytes, HeaderBytes+len(plain)/2), plain)
	}
	b.wire = wire
	f.putHeader(wire, b)
	return b
}

func (f *frame) delta(r *kafka.Record, i int) int64 {
	if f.gaps {
		return int64(r.Offset - f.baseOffset)
	}
	return int64(i)
}

// putHeader writes everything before the records of b, which w holds.
func (f *frame) putHeader(w []byte, b *Batch) {
	be := binary.BigEndian
	be.PutUint64(w[atBaseOffset:], uint64(b.baseOffset))
	be.PutUint32(w[atLength:], uint32(len(w)-lengthOverhead))
	be.PutUint32(w[atLeaderEpoch:], uint32(f.leaderEpoch))
	w[atMagic] = magic2
	be.PutUint16(w[atAttributes:], uint16(f.attributes))
	be.PutUint32(w[atLastDelta:], uint32(b.lastDelta))
	be.PutUint64(w[atBaseTimestamp:], uint64(f.baseTimestamp))
	be.PutUint64(w[atMaxTimestamp:], uint64(b.maxTimestamp))
	be.PutUint64(w[atProducerID:], uint64(f.producerID))
	be.PutUint16(w[atProducerEpoch:], uint16(f.producerEpoch))
	be.PutUint32(w[atBaseSequence:], uint32(f.baseSequence))
	be.PutUint32(w[atCount:], uint32(b.count))
	seal(w)
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

// putRecord writes r, whose body takes n bytes, at w[at] and returns the position after it.
func putRecord(w []byte, at int, r *kafka.Record, n int, timeDelta, offsetDelta int64) int {
	at = putVarint(w, at, int64(n))
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
