package batch

import (
	"iter"
	"unsafe"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Records is every record of the batch with its offset, in a slice of its own. Keys, values and header names are
// slices of the batch.
func (b *Batch) Records() []kafka.Record {
	return b.AppendRecords(make([]kafka.Record, 0, b.count), b.baseOffset, int(b.count))
}

// All yields the records of Records one by one, without allocating unless they have headers.
func (b *Batch) All() iter.Seq[kafka.Record] {
	return func(yield func(kafka.Record) bool) {
		c := b.cursor()
		for range b.count {
			var r kafka.Record
			c.read(&r)
			if !yield(r) {
				return
			}
		}
	}
}

// Outline is what compaction asks about a record.
type Outline struct {
	Offset    kafka.Offset
	Key       []byte // nil is a null key
	Tombstone bool   // the value is null
}

// Outlines yields the outline of every record, without allocating.
func (b *Batch) Outlines() iter.Seq[Outline] {
	return func(yield func(Outline) bool) {
		p, at := b.plainRecords(), 0
		for range b.count {
			n, start := varint(p, at)
			at = start + int(n)
			var o Outline
			_, start = varint(p, start+1)
			delta, start := varint(p, start)
			o.Offset = b.baseOffset + kafka.Offset(delta)
			o.Key, start = nullable(p, start)
			n, _ = varint(p, start)
			o.Tombstone = n < 0
			if !yield(o) {
				return
			}
		}
	}
}

// AppendRecords appends the records at or past offset from to dst, at most n of them, and returns dst. It allocates
// nothing but room in dst, and for headers if there are any.
func (b *Batch) AppendRecords(dst []kafka.Record, from kafka.Offset, n int) []kafka.Record {
	c := b.cursor()
	if n < int(b.count) {
		c.headers = int32(int64(b.headers)*int64(max(n, 0))/int64(b.count)) + 1
	}
	for range b.count {
		if n <= 0 {
			break
		}
		if c.nextOffset() < from {
			c.skip()
			continue
		}
		dst = append(dst, kafka.Record{})
		c.read(&dst[len(dst)-1])
		n--
	}
	return dst
}

// cursor walks over the records of a batch that has been checked.
type cursor struct {
	plain      []byte
	at         int
	baseOffset kafka.Offset
	baseTime   kafka.Millis
	appendTime kafka.Millis // of every record, if logAppendTime
	logAppend  bool
	headers    int32 // how many are still to come, or a guess
	slab       []kafka.Header
}

func (b *Batch) cursor() cursor {
	return cursor{
		plain:      b.plainRecords(),
		baseOffset: b.baseOffset,
		baseTime:   b.BaseTimestamp(),
		appendTime: b.maxTimestamp,
		logAppend:  b.TimestampType() == LogAppendTime,
		headers:    b.headers,
	}
}

// plainRecords is the records without compression.
func (b *Batch) plainRecords() []byte {
	if b.bare {
		return b.wire
	}
	codec := b.Codec()
	if codec == None || b.count == 0 {
		return b.wire[HeaderBytes:]
	}
	if p := b.other.Load(); p != nil {
		return *p
	}
	plain, err := codec.decompress(nil, b.wire[HeaderBytes:], maxPlainBytes)
	if err != nil {
		panic("batch: records that were checked do not decompress: " + err.Error())
	}
	b.other.Store(&plain)
	return plain
}

// nextOffset is the offset of the record that read would give.
func (c *cursor) nextOffset() kafka.Offset {
	_, at := varint(c.plain, c.at)
	_, at = varint(c.plain, at+1)
	delta, _ := varint(c.plain, at)
	return c.baseOffset + kafka.Offset(delta)
}

func (c *cursor) skip() {
	n, at := varint(c.plain, c.at)
	c.at = at + int(n)
}

func (c *cursor) read(r *kafka.Record) {
	p := c.plain
	_, at := varint(p, c.at)
	delta, at := varint(p, at+1)
	if c.logAppend {
		r.Timestamp = c.appendTime
	} else {
		r.Timestamp = c.baseTime + kafka.Millis(delta)
	}
	delta, at = varint(p, at)
	r.Offset = c.baseOffset + kafka.Offset(delta)
	r.Key, at = nullable(p, at)
	r.Value, at = nullable(p, at)
	n, at := varint(p, at)
	r.Headers = nil
	if n > 0 {
		at = c.readHeaders(r, at, int(n))
	}
	c.at = at
}

func (c *cursor) readHeaders(r *kafka.Record, at, n int) int {
	if cap(c.slab)-len(c.slab) < n {
		c.slab = make([]kafka.Header, 0, max(n, int(c.headers)))
	}
	first := len(c.slab)
	for range n {
		var h kafka.Header
		var size int64
		size, at = varint(c.plain, at)
		name := c.plain[at : at+int(size)]
		h.Key = unsafe.String(unsafe.SliceData(name), len(name)) // nobody changes the bytes of a batch
		h.Value, at = nullable(c.plain, at+int(size))
		c.slab = append(c.slab, h)
	}
	c.headers -= int32(n)
	r.Headers = c.slab[first:len(c.slab):len(c.slab)]
	return at
}

// nullable reads a length and that many bytes; a negative length is nil.
func nullable(p []byte, at int) (b []byte, next int) {
	n, at := varint(p, at)
	if n < 0 {
		return nil, at
	}
	end := at + int(n)
	return p[at:end:end], end
}
