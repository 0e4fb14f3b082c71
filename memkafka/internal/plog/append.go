package plog

import (
	"errors"
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Origin is on whose behalf a batch is appended. It decides what is checked.
type Origin int8

// The origins that Kafka knows.
const (
	Client      Origin = iota // a producer: everything is checked
	Coordinator               // a group or transaction coordinator: it may write markers, and has no sequence numbers
)

// Appended is where a batch is in the log.
type Appended struct {
	Base, Last kafka.Offset
	// LogAppendTime is the time that the broker gave the records, NoTimestamp if they keep their own. Of a duplicate it
	// is the largest timestamp of the batch, with either setting, as Kafka has it.
	LogAppendTime kafka.Millis
	// Duplicate says that the log had the batch already, from an earlier try of its producer, and took nothing.
	Duplicate bool
}

// Append takes a producer's batch at the log end, if it may, and gives it its offsets. The batch belongs to the log
// from then on, unless Append returns an error or Duplicate. Errors are of type *Error and leave the log as it was,
// save that a new segment may have begun.
func (l *Log) Append(now kafka.Millis, b *batch.Batch) (Appended, error) {
	return l.AppendFrom(Client, now, b)
}

// AppendFrom is Append on behalf of origin.
func (l *Log) AppendFrom(origin Origin, now kafka.Millis, b *batch.Batch) (Appended, error) {
	if err := l.checkBatch(origin, now, b); err != nil {
		return Appended{}, err
	}
	if l.cfg.Recompress && l.cfg.Compression != b.Codec() && !b.IsControl() {
		b = b.Recompressed(l.cfg.Compression)
		if err := l.checkSize(b); err != nil {
			return Appended{}, err
		}
	}
	if int64(b.Size()) > l.cfg.SegmentBytes {
		return Appended{}, refuse(kafka.RecordListTooLarge, "batch of %d bytes exceeds segment.bytes of %d; send smaller batches", b.Size(), l.cfg.SegmentBytes)
	}
	appended := Appended{Base: l.end, Last: l.end + kafka.Offset(b.Len()) - 1, LogAppendTime: kafka.NoTimestamp}
	newest := b.MaxTimestamp()
	if l.cfg.TimestampType == batch.LogAppendTime {
		appended.LogAppendTime, newest = now, now
	}
	if l.active().rolls(&l.cfg, now, b.Size(), newest, appended.Last) {
		l.roll(now)
	}
	if b.HasProducer() {
		before, err := l.checkProducer(origin, b)
		if err != nil {
			return Appended{}, err
		}
		if before != nil {
			return before.appended(), nil
		}
	}
	l.stamp(now, b)
	b.Place(l.end, l.epochs.latest())
	l.take(now, b)
	return appended, nil
}

// stamp makes the timestamps of b what message.timestamp.type says.
func (l *Log) stamp(now kafka.Millis, b *batch.Batch) {
	switch {
	case l.cfg.TimestampType == batch.LogAppendTime:
		b.StampLogAppendTime(now)
	case b.TimestampType() == batch.LogAppendTime:
		b.StampCreateTime()
	}
}

// take puts a batch that has its place at the log end.
func (l *Log) take(now kafka.Millis, b *batch.Batch) {
	l.active().add(b, now)
	l.end = b.NextOffset()
	if l.onAppend != nil {
		l.onAppend(now, b)
	}
	if b.HasProducer() {
		l.noteProducer(b)
	}
	if !l.holdHigh {
		l.SetHighWatermark(l.end)
	}
}

// checkBatch refuses what Kafka's broker refuses before it looks at the producer.
func (l *Log) checkBatch(origin Origin, now kafka.Millis, b *batch.Batch) error {
	if err := l.checkSize(b); err != nil {
		return err
	}
	if origin == Client && b.BaseOffset() != 0 {
		return refuse(kafka.InvalidRecord, "base offset of a produced batch should be 0, but it is %d", b.BaseOffset())
	}
	if b.Len() == 0 {
		return refuse(kafka.InvalidRecord, "invalid reported count for record batch: 0; send at least one record")
	}
	if span := b.NextOffset() - b.BaseOffset(); span != kafka.Offset(b.Len()) {
		return refuse(kafka.InvalidRecord, "inconsistent batch offset range [%d, %d] and count of records %d", b.BaseOffset(), b.LastOffset(), b.Len())
	}
	if origin == Client {
		if b.HasProducer() && b.BaseSequence() < 0 {
			return refuse(kafka.InvalidRecord, "invalid sequence number %d in record batch with producer id %d", b.BaseSequence(), b.ProducerID())
		}
		if b.IsControl() {
			return refuse(kafka.InvalidRecord, "clients are not allowed to write control records")
		}
	}
	return l.checkRecords(now, b)
}

func (l *Log) checkSize(b *batch.Batch) error {
	if b.Size() > l.cfg.MaxMessageBytes {
		return refuse(kafka.MessageTooLarge, "batch of %d bytes exceeds max.message.bytes of %d; send smaller batches or raise it", b.Size(), l.cfg.MaxMessageBytes)
	}
	return nil
}

// checkRecords refuses records without a key on a compacted topic, and timestamps that are out of bounds.
func (l *Log) checkRecords(now kafka.Millis, b *batch.Batch) error {
	keys := l.cfg.Compact && b.HasNullKeys()
	stamps := b.TimestampType() == batch.LogAppendTime ||
		l.cfg.TimestampType == batch.CreateTime && l.mayBeOutOfBounds(now, b)
	if !keys && !stamps {
		return nil
	}
	var bad []RecordError
	code := kafka.InvalidRecord
	i := 0
	for r := range b.All() {
		switch {
		case keys && r.Key == nil:
			bad = append(bad, RecordError{i, MissingKey})
		case l.cfg.TimestampType == batch.CreateTime && r.Timestamp != kafka.NoTimestamp:
			if l.cfg.outOfBounds(r.Timestamp, now) {
				code = kafka.InvalidTimestamp
				bad = append(bad, RecordError{i, fmt.Sprintf("Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
					r.Timestamp, r.Offset, int64(now)-l.cfg.TimestampBeforeMs, int64(now)+l.cfg.TimestampAfterMs)})
			}
		case b.TimestampType() == batch.LogAppendTime:
			code = kafka.InvalidTimestamp
			bad = append(bad, RecordError{i, fmt.Sprintf("Invalid timestamp type in message DefaultRecord(offset=%d, timestamp=%d, key=%d bytes, value=%d bytes). "+
				"Producer should not set timestamp type to LogAppendTime.", r.Offset, r.Timestamp, len(r.Key), len(r.Value))})
		}
		i++
	}
	if len(bad) == 0 {
		return nil
	}
	return &Error{Code: code, Detail: fmt.Sprintf("%d of %d records were rejected; the first, number %d: %s", len(bad), i, bad[0].Index, bad[0].Detail), Records: bad}
}

// MissingKey is what is wrong with a record without a key on a compacted topic.
const MissingKey = "Compacted topic cannot accept message without key"

// mayBeOutOfBounds answers from the batch's largest timestamp alone where it can.
func (l *Log) mayBeOutOfBounds(now kafka.Millis, b *batch.Batch) bool {
	return l.cfg.TimestampBeforeMs != Unlimited || l.cfg.outOfBounds(b.MaxTimestamp(), now)
}

// CodeOf is the error code in an error of this package or of package batch, UnknownServerError in any other, and
// None for nil.
func CodeOf(err error) kafka.ErrorCode {
	if err == nil {
		return kafka.None
	}
	if code := kafka.None; errors.As(err, &code) {
		return code
	}
	return kafka.UnknownServerError
}
