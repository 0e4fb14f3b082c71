// Package plog is the log of one partition: what Kafka's broker does with the batches of a partition between a
// produce and a fetch. A Log is a plain value. It reads no clock, starts no goroutine and takes no lock: whoever owns
// it calls it from one goroutine at a time and says what time it is. Batches that a log hands out do not change any
// more and may go anywhere.
package plog

import (
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Log is the log of one partition, as one replica has it. New makes it.
type Log struct {
	cfg Config

	// Always start ≤ LastStable() ≤ high ≤ end, and segments[0].base ≤ start.
	start, high, end kafka.Offset
	holdHigh         bool // see HoldHighWatermark

	// segments is never empty and ordered by base. Its last one is active: appends go there, and neither
	// compaction nor merging touches it.
	segments []*segment

	epochs    epochs
	producers producers
	unstable  []UnstableTxn // transactions that hold the last stable offset, by first offset
	aborted   []AbortedTxn  // by last offset

	cleaned kafka.Offset // where the last pass of compaction ended; of no use when it is not within the log

	onAppend func(now kafka.Millis, b *batch.Batch) // nil unless somebody is told of batches
}

// New makes an empty log whose first offset is 0.
func New(cfg Config) *Log {
	l := &Log{cfg: cfg}
	l.segments = []*segment{l.newSegment(0, kafka.NoTimestamp)}
	l.epochs = epochs{{Epoch: 0, Start: 0}}
	return l
}

// Config is the settings that the log obeys.
func (l *Log) Config() Config { return l.cfg }

// OnAppend says who is told of each batch that the log takes, with its place: nobody unless set.
func (l *Log) OnAppend(tell func(now kafka.Millis, b *batch.Batch)) { l.onAppend = tell }

// SetConfig gives the log other settings. They hold from the next call on; what is in the log stays as it is.
func (l *Log) SetConfig(cfg Config) { l.cfg = cfg }

// LogStart is the offset below which nothing can be read any more. It need not be that of a record.
func (l *Log) LogStart() kafka.Offset { return l.start }

// HighWatermark is the offset below which every in-sync replica has the log. Consumers see nothing beyond.
func (l *Log) HighWatermark() kafka.Offset { return l.high }

// LogEnd is the offset that the next record will get.
func (l *Log) LogEnd() kafka.Offset { return l.end }

// LastStable is the first offset of the earliest transaction still open, or the high watermark when none is.
// Consumers with isolation.level=read_committed see nothing beyond (KIP-98).
func (l *Log) LastStable() kafka.Offset {
	if len(l.unstable) == 0 {
		return l.high
	}
	return max(l.start, min(l.high, l.unstable[0].First))
}

// HoldHighWatermark says who moves the high watermark. A log whose partition has one replica moves it to the log end
// with every append, which is how a log begins. With followers (hold is true) SetHighWatermark alone moves it.
func (l *Log) HoldHighWatermark(hold bool) {
	l.holdHigh = hold
	if !hold {
		l.SetHighWatermark(l.end)
	}
}

// SetHighWatermark moves the high watermark, between the log start and the log end: a value outside of that is
// brought to the nearer of the two.
func (l *Log) SetHighWatermark(to kafka.Offset) {
	l.high = max(l.start, min(l.end, to))
	l.settleTxns()
}

// Error is why a log refuses a call. errors.As finds the kafka.ErrorCode in it.
type Error struct {
	Code    kafka.ErrorCode
	Detail  string
	Records []RecordError // the records at fault, if it is single ones (KIP-467)
}

// RecordError is what is wrong with one record of a batch that was refused.
type RecordError struct {
	Index  int // of the record in its batch
	Detail string
}

func (e *Error) Error() string { return e.Code.Name() + ": " + e.Detail }

// Unwrap is the code.
func (e *Error) Unwrap() error { return e.Code }

func refuse(code kafka.ErrorCode, format string, args ...any) error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}
