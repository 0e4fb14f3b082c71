package plog

import (
	"math"
	"slices"
	"sort"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// segment is a stretch of the log that is rolled, deleted and compacted as a whole.
type segment struct {
	base     kafka.Offset
	created  kafka.Millis // NoTimestamp until the first append, for the first segment of a log
	jitterMs int64

	batches []*batch.Batch // by offset; only ever appended to, so that parts of it can be handed out
	bytes   int64

	firstTimestamp kafka.Millis // largest timestamp of the first batch: rolling by time counts from it
	maxTimestamp   kafka.Millis // largest of all
	maxAt          int          // the first batch that has it
	lastModified   kafka.Millis // the broker's time at the last append

	// timeIndex[i] is the largest timestamp in batches[:(i+1)*timeIndexEvery].
	timeIndex []kafka.Millis
}

const timeIndexEvery = 32

func (l *Log) newSegment(base kafka.Offset, now kafka.Millis) *segment {
	s := &segment{
		base:           base,
		created:        now,
		firstTimestamp: kafka.NoTimestamp,
		maxTimestamp:   kafka.NoTimestamp,
		lastModified:   now,
	}
	if limit := min(l.cfg.SegmentJitterMs, l.cfg.SegmentMs); limit > 0 && l.cfg.Jitter != nil {
		s.jitterMs = l.cfg.Jitter(limit)
	}
	return s
}

// add puts b, which has its offsets, at the end.
func (s *segment) add(b *batch.Batch, now kafka.Millis) {
	ts := b.MaxTimestamp()
	if len(s.batches) == 0 {
		s.firstTimestamp = ts
		if s.created == kafka.NoTimestamp {
			s.created = now
		}
	}
	if ts > s.maxTimestamp {
		s.maxTimestamp, s.maxAt = ts, len(s.batches)
	}
	if len(s.batches) == cap(s.batches) {
		s.batches = slices.Grow(s.batches, max(8, len(s.batches))) // append alone would copy a long one four times
	}
	s.batches = append(s.batches, b)
	s.bytes += int64(b.Size())
	s.lastModified = now
	if len(s.batches)%timeIndexEvery == 0 {
		s.timeIndex = append(s.timeIndex, s.maxTimestamp)
	}
}

// largestTimestamp is what retention goes by: the records' own, or when they have none the time of the last append.
func (s *segment) largestTimestamp() kafka.Millis {
	if s.maxTimestamp >= 0 {
		return s.maxTimestamp
	}
	return s.lastModified
}

// rolls reports whether a batch of size bytes, up to offset last and with newest as its largest timestamp, has to begin a
// new segment (segment.bytes, segment.ms, and offsets that would not fit into 31 bits).
func (s *segment) rolls(cfg *Config, now kafka.Millis, size int, newest kafka.Millis, last kafka.Offset) bool {
	if len(s.batches) == 0 {
		return false
	}
	return s.bytes+int64(size) > cfg.SegmentBytes ||
		s.waitedMs(now, newest) > cfg.rollAfterMs()-s.jitterMs ||
		last-s.base > math.MaxInt32
}

// waitedMs is the age of the segment in the records' own time, or in the broker's if they carry none.
func (s *segment) waitedMs(now, newest kafka.Millis) int64 {
	if s.firstTimestamp >= 0 {
		return int64(newest - s.firstTimestamp)
	}
	return int64(now - s.created)
}

// find is the index of the first batch that ends at or past offset, len(s.batches) if there is none.
func (s *segment) find(offset kafka.Offset) int {
	n := len(s.batches)
	if n == 0 || s.batches[n-1].LastOffset() < offset {
		return n
	}
	first := s.batches[0].BaseOffset()
	if offset <= first {
		return 0
	}
	// Most producers write batches of one size, so that a proportional guess is right or nearly so.
	span := s.batches[n-1].NextOffset() - first
	guess := int(float64(offset-first) / float64(span) * float64(n))
	guess = min(guess, n-1)
	lo, hi := 0, n // the answer is in [lo, hi)
	if s.batches[guess].LastOffset() < offset {
		lo = guess + 1
		for step := 1; lo+step < n; step *= 2 {
			if s.batches[lo+step-1].LastOffset() >= offset {
				hi = lo + step
				break
			}
			lo += step
		}
	} else {
		hi = guess + 1
		for step := 1; hi-1-step >= 0; step *= 2 {
			if s.batches[hi-1-step].LastOffset() < offset {
				lo = hi - step
				break
			}
			hi -= step
		}
	}
	return lo + sort.Search(hi-lo, func(i int) bool { return s.batches[lo+i].LastOffset() >= offset })
}

// SegmentInfo describes one segment.
type SegmentInfo struct {
	Base         kafka.Offset // of the first record it may hold
	Next         kafka.Offset // after the last one
	Batches      int
	Bytes        int64
	MaxTimestamp kafka.Millis
	Active       bool
}

// Segments describes the segments from the oldest to the active one.
func (l *Log) Segments() []SegmentInfo {
	infos := make([]SegmentInfo, len(l.segments))
	for i, s := range l.segments {
		next := l.end
		if i+1 < len(l.segments) {
			next = l.segments[i+1].base
		}
		infos[i] = SegmentInfo{
			Base:         s.base,
			Next:         next,
			Batches:      len(s.batches),
			Bytes:        s.bytes,
			MaxTimestamp: s.maxTimestamp,
			Active:       i == len(l.segments)-1,
		}
	}
	return infos
}

// Bytes is the size of the log: of all its batches on the wire.
func (l *Log) Bytes() int64 {
	var n int64
	for _, s := range l.segments {
		n += s.bytes
	}
	return n
}

func (l *Log) active() *segment { return l.segments[len(l.segments)-1] }

// Roll begins a new segment, as an append does when the active one is full or old, so that what is in it can be
// compacted. It does nothing while the active segment is empty.
func (l *Log) Roll(now kafka.Millis) {
	if len(l.active().batches) > 0 {
		l.roll(now)
	}
}

// roll begins a new active segment at the log end.
func (l *Log) roll(now kafka.Millis) {
	l.segments = append(l.segments, l.newSegment(l.end, now))
}

// segmentOf is the index of the segment that holds offset, or would.
func (l *Log) segmentOf(offset kafka.Offset) int {
	if l.active().base <= offset {
		return len(l.segments) - 1
	}
	i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].base > offset })
	return max(0, i-1)
}
