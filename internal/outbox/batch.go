package outbox

import (
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// batch is records that go to one partition together.
type batch struct {
	messages []*sarama.ProducerMessage
	records  []sarama.Record // of these messages; Headers point into headers
	headers  []*sarama.RecordHeader
	first    int64 // the timestamp of the first record, in milliseconds since 1970
	bytes    int   // of the letters, as sarama counts them

	refs    []*sarama.Record // to records, for wire
	wire    sarama.RecordBatch
	sealed  bool
	retries int  // how often it was sent, or was to be sent, again
	taken   bool // Close has failed it, while another has it in hand; guarded by Outbox.mu

	appended time.Time // by the broker's clock, where the topic has LogAppendTime

	stamp    stamp
	stamped  bool // stamp holds
	doubtful bool // an attempt may have been written, although nobody said so

	cause   error // of the last retry
	renewed bool  // the partition's epoch or producer id changed, and the log does not say so yet
}

// batchOverhead is what sarama counts for a batch beside its records.
const batchOverhead = 49

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch { return batches.Get().(*batch) }

// alone is a batch of one record that will not be sent.
func alone(l letter) *batch {
	b := newBatch()
	b.add(l)
	return b
}

// recycle keeps what b has allocated for others. Nobody may use b any more.
func (b *batch) recycle() {
	if b.taken {
		return // another has it in hand
	}
	clear(b.messages)
	clear(b.records)
	clear(b.headers)
	clear(b.refs)
	*b = batch{messages: b.messages[:0], records: b.records[:0], headers: b.headers[:0], refs: b.refs[:0]}
	batches.Put(b)
}

// fits reports whether a batch of at most so many bytes has room for a record more.
func (b *batch) fits(l letter, maxBytes int) bool {
	return len(b.messages) == 0 || batchOverhead+b.bytes+l.size < maxBytes
}

func (b *batch) add(l letter) {
	if len(b.messages) == 0 {
		b.first = l.at
	}
	b.messages = append(b.messages, l.msg)
	r := sarama.Record{
		Key: l.key, Value: l.value, OffsetDelta: int64(len(b.records)), TimestampDelta: time.Duration(l.at-b.first) * time.Millisecond,
	}
	if n := len(l.msg.Headers); n > 0 {
		start := len(b.headers)
		for i := range l.msg.Headers {
			b.headers = append(b.headers, &l.msg.Headers[i])
		}
		r.Headers = b.headers[start : start+n : start+n]
	}
	b.records = append(b.records, r)
	b.bytes += l.size
}

// seal makes b what is sent. Nothing may be added any more. What sarama encodes of it is encoded once.
func (b *batch) seal(codec sarama.CompressionCodec, level int) {
	if b.sealed {
		return
	}
	b.sealed = true
	latest := time.Duration(0)
	for i := range b.records {
		b.refs = append(b.refs, &b.records[i])
		latest = max(latest, b.records[i].TimestampDelta)
	}
	b.wire = sarama.RecordBatch{
		Version: 2, Codec: codec, CompressionLevel: level, Records: b.refs, LastOffsetDelta: int32(len(b.refs) - 1),
		FirstTimestamp: time.UnixMilli(b.first), MaxTimestamp: time.UnixMilli(b.first).Add(latest),
	}
}

// halves returns two batches with the records of b, which is no more.
func (b *batch) halves() [2]*batch {
	halves := [2]*batch{newBatch(), newBatch()}
	middle := len(b.messages) / 2
	for i, msg := range b.messages {
		l := letter{msg: msg, key: b.records[i].Key, value: b.records[i].Value, size: msg.ByteSize(2)}
		l.at = b.first + b.records[i].TimestampDelta.Milliseconds()
		if i < middle {
			halves[0].add(l)
		} else {
			halves[1].add(l)
		}
	}
	b.recycle()
	return halves
}
