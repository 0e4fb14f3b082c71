package plog

import (
	"slices"
	"sort"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Fetched is the answer to a fetch.
type Fetched struct {
	// Batches are whole, so that the first may begin before the offset asked for: consumers skip what they did not
	// ask for. They belong to the log.
	Batches                             []*batch.Batch
	Bytes                               int // the size of Batches on the wire
	LogStart, LastStable, HighWatermark kafka.Offset
	// Aborted is the aborted transactions that have records in Batches, by last offset, if committed was asked for.
	Aborted []AbortedTxn
}

// Fetch reads from offset from on, up to the high watermark, or with committed (read_committed) to the last stable
// offset. It gives whole batches of one segment, together at most maxBytes long, but at least one if there is one:
// a consumer always moves on (KIP-74). Outside of the log it answers OffsetOutOfRange.
func (l *Log) Fetch(from kafka.Offset, maxBytes int, committed bool) (Fetched, error) {
	f := Fetched{LogStart: l.start, LastStable: l.LastStable(), HighWatermark: l.high}
	if err := l.checkRange(from); err != nil {
		return f, err
	}
	limit := l.high
	if committed {
		limit = f.LastStable
	}
	if from >= limit {
		return f, nil
	}
	for i := l.segmentOf(from); i < len(l.segments) && len(f.Batches) == 0; i++ {
		f.Batches, f.Bytes = l.segments[i].read(from, limit, maxBytes)
	}
	if committed && len(f.Batches) > 0 {
		f.Aborted = l.abortedWithin(from, f.Batches[len(f.Batches)-1].NextOffset())
	}
	return f, nil
}

// read gives the batches from offset from on that end at or before limit, and their size.
func (s *segment) read(from, limit kafka.Offset, maxBytes int) (batches []*batch.Batch, size int) {
	first := s.find(from)
	end := first
	for end < len(s.batches) {
		b := s.batches[end]
		if b.NextOffset() > limit || end > first && size+b.Size() > maxBytes {
			break
		}
		size += b.Size()
		end++
	}
	return s.batches[first:end:end], size
}

func (l *Log) checkRange(offset kafka.Offset) error {
	if offset < l.start || offset > l.end {
		return refuse(kafka.OffsetOutOfRange, "offset %d is not within the log, which goes from %d to %d", offset, l.start, l.end)
	}
	return nil
}

// ReadInto appends the records at or past offset from to dst, at most maxRecords of them, and says in next where to
// go on. It reads as far as Fetch does, but leaves out what no application sees: markers, and with committed the
// records of aborted transactions. Next is past them, and past holes. Keys, values and headers belong to the log.
func (l *Log) ReadInto(dst []kafka.Record, from kafka.Offset, maxRecords int, committed bool) (recs []kafka.Record, next kafka.Offset, err error) {
	if err := l.checkRange(from); err != nil {
		return dst, from, err
	}
	limit := l.high
	if committed {
		limit = l.LastStable()
	}
	full := len(dst) + maxRecords
	var skip abortedFilter
	if committed {
		skip = l.abortedFilter(from)
	}
	next = from
	for i := l.segmentOf(from); i < len(l.segments) && next < limit; i++ {
		s := l.segments[i]
		for _, b := range s.batches[s.find(next):] {
			if b.NextOffset() > limit {
				if b.BaseOffset() >= limit {
					next = limit
				}
				return dst, next, nil
			}
			if !b.IsControl() && !(committed && skip.has(b)) {
				if len(dst) >= full {
					return dst, next, nil
				}
				before := len(dst)
				dst = b.AppendRecords(dst, from, full-before)
				if len(dst) == full && full > before {
					return dst, min(dst[full-1].Offset+1, limit), nil
				}
			}
			next = b.NextOffset()
		}
	}
	return dst, max(next, limit), nil
}

// OffsetForTime is the first record, by offset, with timestamp ts or later, and its timestamp. ok is false if there
// is none below the high watermark. Under read_committed an answer at or past LastStable counts as none (KIP-98).
//
// Kafka (4.3.0) looks no further than the first segment that may hold such a record, and so do we: if those records of it
// lie below the log start or were compacted away, the answer is none although a later segment has one.
func (l *Log) OffsetForTime(ts kafka.Millis) (offset kafka.Offset, at kafka.Millis, ok bool) {
	i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.largestTimestamp() >= ts })
	if i < 0 {
		return kafka.NoOffset, kafka.NoTimestamp, false
	}
	s := l.segments[i]
	for _, b := range s.batches[s.firstSince(ts):] {
		if b.MaxTimestamp() < ts || b.LastOffset() < l.start {
			continue
		}
		for r := range b.All() {
			switch {
			case r.Timestamp < ts || r.Offset < l.start:
			case r.Offset < l.high:
				return r.Offset, r.Timestamp, true
			default:
				return kafka.NoOffset, kafka.NoTimestamp, false
			}
		}
	}
	return kafka.NoOffset, kafka.NoTimestamp, false
}

// firstSince is the index of the first batch with a timestamp of ts or later, or of one somewhat before it.
func (s *segment) firstSince(ts kafka.Millis) int {
	i := sort.Search(len(s.timeIndex), func(i int) bool { return s.timeIndex[i] >= ts })
	return i * timeIndexEvery
}

// OffsetOfMaxTimestamp is the record with the largest timestamp, the first of them if there are several (KIP-734).
// ok is false if no record below the high watermark carries a timestamp.
func (l *Log) OffsetOfMaxTimestamp() (offset kafka.Offset, at kafka.Millis, ok bool) {
	var newest *segment
	for _, s := range l.segments {
		if newest == nil || s.maxTimestamp > newest.maxTimestamp {
			newest = s
		}
	}
	if newest.maxTimestamp < 0 {
		return kafka.NoOffset, kafka.NoTimestamp, false
	}
	for r := range newest.batches[newest.maxAt].All() {
		if r.Timestamp == newest.maxTimestamp {
			if r.Offset >= l.high {
				break
			}
			return r.Offset, r.Timestamp, true
		}
	}
	return kafka.NoOffset, kafka.NoTimestamp, false
}
