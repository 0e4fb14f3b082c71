package plog

import (
	"github.com/gokasim/gokasim/internal/kafka"
)

// DeleteRecords moves the log start to before, or to the high watermark if before is -1, and says where it is then.
// An offset below the log start is fine and moves nothing; one past the high watermark is OffsetOutOfRange. The batch
// that before is in stays whole: readers begin in its middle (KIP-107). The segments below go with the next Retain.
// Without cleanup.policy=delete it is PolicyViolation.
func (l *Log) DeleteRecords(before kafka.Offset) (logStart kafka.Offset, err error) {
	if !l.cfg.Delete {
		return kafka.NoOffset, refuse(kafka.PolicyViolation, "records cannot be deleted: cleanup.policy does not name delete")
	}
	if before == -1 {
		before = l.high
	}
	if before < 0 || before > l.high {
		return kafka.NoOffset, refuse(kafka.OffsetOutOfRange, "cannot delete records up to offset %d: the high watermark is %d", before, l.high)
	}
	l.moveStart(before)
	return l.start, nil
}

func (l *Log) moveStart(to kafka.Offset) {
	if to <= l.start {
		return
	}
	l.start = to
	l.epochs = l.epochs.cutStart(to)
	l.dropUnstableBefore(to)
}

// Deleted is what Retain removed.
type Deleted struct {
	Segments int
	Bytes    int64
}

// Retain removes the segments that are no longer wanted: those below the log start, and with cleanup.policy=delete
// the oldest ones beyond retention.bytes and those whose newest record is older than retention.ms. It stops at the
// first segment that has to stay, and never reaches past the high watermark. Kafka does this every 5 minutes
// (log.retention.check.interval.ms).
func (l *Log) Retain(now kafka.Millis) Deleted {
	deleted := l.deleteWhile(now, func(i int) bool {
		return i+1 < len(l.segments) && l.segments[i+1].base <= l.start
	})
	if !l.cfg.Delete {
		return deleted
	}
	if limit := l.cfg.RetentionBytes; limit >= 0 {
		excess := l.Bytes() - limit
		deleted.add(l.deleteWhile(now, func(i int) bool {
			excess -= l.segments[i].bytes
			return excess >= 0
		}))
	}
	if limit := l.cfg.RetentionMs; limit >= 0 {
		deleted.add(l.deleteWhile(now, func(i int) bool {
			return int64(now-l.segments[i].largestTimestamp()) > limit
		}))
	}
	return deleted
}

func (d *Deleted) add(e Deleted) {
	d.Segments += e.Segments
	d.Bytes += e.Bytes
}

// deleteWhile removes the oldest segments for which unwanted is true. If these are all, an empty one takes their place.
func (l *Log) deleteWhile(now kafka.Millis, unwanted func(i int) bool) Deleted {
	n := 0
	for i, s := range l.segments {
		next := l.end
		if i+1 < len(l.segments) {
			next = l.segments[i+1].base
		} else if len(s.batches) == 0 {
			break
		}
		if l.high < next || !unwanted(i) {
			break
		}
		n++
	}
	if n == 0 {
		return Deleted{}
	}
	if n == len(l.segments) {
		l.roll(now)
	}
	deleted := Deleted{Segments: n}
	for _, s := range l.segments[:n] {
		deleted.Bytes += s.bytes
	}
	l.segments = append([]*segment(nil), l.segments[n:]...)
	l.aborted = append([]AbortedTxn(nil), l.aborted[l.firstAborted(l.segments[0].base):]...)
	l.moveStart(l.segments[0].base)
	return deleted
}
