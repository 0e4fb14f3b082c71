package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Error is why bytes are not a batch that a broker takes. errors.As finds the kafka.ErrorCode in it.
type Error struct {
	Code   kafka.ErrorCode // CorruptMessage, InvalidRecord, UnsupportedCompressionType; UnknownServerError if it does not decompress
	Detail string
	Within bool // the batch is whole, what it says of its records is wrong
	Frame  bool // there is no telling where the batch ends
}

func (e *Error) Error() string { return e.Code.Name() + ": " + e.Detail }

// Unwrap is the code.
func (e *Error) Unwrap() error { return e.Code }

func corrupt(format string, args ...any) error {
	return &Error{Code: kafka.CorruptMessage, Detail: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &Error{Code: kafka.InvalidRecord, Detail: fmt.Sprintf(format, args...)}
}

// undecodable is records that do not decompress, for which Kafka has no code.
func undecodable(err error) error {
	return &Error{Code: kafka.UnknownServerError, Detail: fmt.Sprintf("records of a batch do not decompress: %v", err), Within: true}
}

// within is a fault of what a batch says of its records.
func within(format string, args ...any) error {
	return &Error{Code: kafka.InvalidRecord, Detail: fmt.Sprintf(format, args...), Within: true}
}

// FromBytes takes the bytes of exactly one batch and keeps them: they belong to the batch from then on, and a batch that
// is part of a larger buffer keeps all of it in memory. It checks length, version, checksum and every record, and sets a
// max timestamp right that the records do not bear out, as a broker does. Its errors are of type *Error.
func FromBytes(wire []byte) (*Batch, error) {
	if err := checkFrame(wire); err != nil {
		return nil, err
	}
	b := &Batch{wire: wire[:len(wire):len(wire)]}
	b.baseOffset = kafka.Offset(b.int64(atBaseOffset))
	b.maxTimestamp = kafka.Millis(b.int64(atMaxTimestamp))
	b.lastDelta = b.int32(atLastDelta)
	b.leaderEpoch = kafka.Epoch(b.int32(atLeaderEpoch))
	b.count = b.int32(atCount)
	if b.count < 0 || b.lastDelta < 0 || b.count > b.lastDelta+1 {
		return nil, within("batch of %d records has last offset delta %d", b.count, b.lastDelta)
	}
	codec := b.Codec()
	if !codec.known() {
		return nil, &Error{Code: kafka.UnsupportedCompressionType, Detail: codec.String() + " is unknown; use none, gzip, snappy, lz4 or zstd"}
	}
	largest, err := b.checkRecords(codec)
	if err != nil {
		return nil, err
	}
	if b.count > 0 && b.TimestampType() == CreateTime && largest != b.maxTimestamp {
		b.stamp(b.attributes(), largest)
	}
	return b, nil
}

// checkFrame looks at what stands around the records.
func checkFrame(wire []byte) error {
	if len(wire) < HeaderBytes {
		return invalid("%d bytes hold no record batch, whose header alone takes %d", len(wire), HeaderBytes)
	}
	length := int64(int32(binary.BigEndian.Uint32(wire[atLength:]))) + lengthOverhead
	magic := wire[atMagic]
	switch {
	case magic > magic2:
		return &Error{Code: kafka.CorruptMessage, Detail: fmt.Sprintf("Invalid magic found in record: %d", magic), Frame: true}
	case magic < magic2:
		return invalid("batch has magic %d; produce version 2", magic)
	case length < HeaderBytes:
		return corrupt("batch says it is %d bytes long, its header alone takes %d", length, HeaderBytes)
	case length > int64(len(wire)):
		return invalid("batch is cut off: %d bytes of %d", len(wire), length)
	case length < int64(len(wire)):
		return invalid("%d bytes follow a batch of %d; send exactly one batch for a partition", int64(len(wire))-length, length)
	}
	stored := binary.BigEndian.Uint32(wire[atCRC:])
	if computed := crc32.Checksum(wire[atAttributes:], castagnoli); stored != computed {
		return corrupt("record is corrupt (stored crc = %d, computed crc = %d)", stored, computed)
	}
	return nil
}

// checkRecords walks over all records, so that reading them later needs no checks, and gathers what a log asks about them.
// Of records that decompress to more than wholeBytes it holds a small part at a time.
func (b *Batch) checkRecords(codec Codec) (largest kafka.Millis, err error) {
	compressed := b.wire[HeaderBytes:]
	if codec == None || b.count == 0 {
		return b.checkPlain(compressed)
	}
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	plain, err := codec.decompress((*scratch)[:0], compressed, wholeBytes)
	if cap(plain) <= 2*wholeBytes {
		*scratch = plain
	}
	switch {
	case err == nil:
		return b.checkPlain(plain)
	case !errors.Is(err, errTooMuch):
		return 0, undecodable(err)
	}
	stream, err := codec.stream(compressed)
	if err != nil {
		return 0, undecodable(err)
	}
	defer stream.Close()
	return b.checkStream(stream)
}

// wholeBytes is how much a batch may decompress to so that it is decompressed at once.
const wholeBytes = 4 << 20

// scratches are buffers for records that are looked at once.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

func (b *Batch) checkPlain(plain []byte) (largest kafka.Millis, err error) {
	c := b.checks()
	at := 0
	for i := range b.count {
		r, next, ok := scanShort(plain, at)
		if !ok {
			r, next, ok = scan(plain, at)
		}
		if !ok {
			return 0, within("record %d of %d is malformed", i, b.count)
		}
		if err := c.take(i, &r); err != nil {
			return 0, err
		}
		at = next
	}
	if at != len(plain) {
		return 0, within("%d bytes follow the last of %d records", len(plain)-at, b.count)
	}
	return b.checked(&c), nil
}

// checks is what has been seen of a batch's records.
type checks struct {
	base, largest        kafka.Millis // timestamps
	lastDelta, mostDelta int64        // of offsets
	headers              int32
	nullKeys             bool
}

func (b *Batch) checks() checks {
	return checks{base: b.BaseTimestamp(), largest: kafka.NoTimestamp, lastDelta: -1, mostDelta: int64(b.lastDelta)}
}

// checked keeps what was seen of all records, and returns the largest timestamp.
func (b *Batch) checked(c *checks) (largest kafka.Millis) {
	b.nullKeys, b.headers = c.nullKeys, c.headers
	return c.largest
}

func (c *checks) take(i int32, r *outline) error {
	if r.offsetDelta <= c.lastDelta || r.offsetDelta > c.mostDelta {
		return within("record %d has offset delta %d after %d, the batch's last is %d", i, r.offsetDelta, c.lastDelta, c.mostDelta)
	}
	c.lastDelta = r.offsetDelta
	c.largest = max(c.largest, c.base+kafka.Millis(r.timeDelta))
	c.nullKeys = c.nullKeys || r.nullKey
	c.headers += r.headers
	return nil
}

// outline is what scan finds in a record.
type outline struct {
	timeDelta, offsetDelta int64
	nullKey                bool
	headers                int32
}

// leastScanned is the length of the records that scanShort reads at least.
const leastScanned = 9

// scanShort is scan for records without headers whose numbers have at most two bytes each, as most have; for others it
// reports that it cannot tell.
func scanShort(p []byte, at int) (r outline, next int, ok bool) {
	if at < 0 || len(p)-at < leastScanned {
		return r, 0, false
	}
	q := p[at:]
	size, n, long := pair(q[0], q[1])
	end := n + int(size)
	if long != 0 || size < leastScanned || end > len(q) {
		return r, 0, false
	}
	q = q[:end]
	i := n + 1 // after the attributes
	var some byte
	if i+5 >= len(q) {
		return r, 0, false
	}
	r.timeDelta, n, some = pair(q[i], q[i+1])
	i, long = i+n, long|some
	r.offsetDelta, n, some = pair(q[i], q[i+1])
	i, long = i+n, long|some
	if i+1 >= len(q) {
		return r, 0, false
	}
	key, n, some := pair(q[i], q[i+1])
	i, long = i+n+int(max(key, 0)), long|some
	r.nullKey = key < 0
	if long != 0 || i+1 >= len(q) {
		return r, 0, false
	}
	value, n, long := pair(q[i], q[i+1])
	i += n + int(max(value, 0))
	return r, at + end, long == 0 && i == len(q)-1 && q[i] == 0
}

// scan reads the record at p[at] without trusting a byte of it.
func scan(p []byte, at int) (r outline, next int, ok bool) {
	size, at := varint(p, at)
	if size < 0 || at > len(p) || size > int64(len(p)-at) {
		return r, 0, false
	}
	end := at + int(size)
	p = p[:end]
	at++ // attributes
	r.timeDelta, at = varint(p, at)
	r.offsetDelta, at = varint(p, at)
	n, at := varint(p, at)
	r.nullKey = n < 0
	if at, ok = jump(p, at, n); !ok {
		return r, 0, false
	}
	n, at = varint(p, at)
	if at, ok = jump(p, at, n); !ok {
		return r, 0, false
	}
	n, at = varint(p, at)
	if n < 0 || at > end || n > int64(end-at)/2 {
		return r, 0, false
	}
	r.headers = int32(n)
	for range n {
		n, at = varint(p, at)
		if n < 0 {
			return r, 0, false
		}
		if at, ok = jump(p, at, n); !ok {
			return r, 0, false
		}
		n, at = varint(p, at)
		if at, ok = jump(p, at, n); !ok {
			return r, 0, false
		}
	}
	return r, end, at == end
}

// jump passes n bytes, none if n is negative: null.
func jump(p []byte, at int, n int64) (next int, ok bool) {
	if at > len(p) || n > int64(len(p)-at) {
		return 0, false
	}
	return at + int(max(n, 0)), true
}
