package plog

import (
	"math"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Dirtiness is how much there is to compact in a log.
type Dirtiness struct {
	// Clean would look for older records of the keys in [FirstDirty, FirstUncleanable). FirstDirty is where the last
	// pass ended. FirstUncleanable is the base of a segment: of the active one, of the one that holds the last stable
	// offset, or of the first one with a record younger than min.compaction.lag.ms.
	FirstDirty, FirstUncleanable kafka.Offset

	CleanBytes, CleanableBytes int64
	Ratio                      float64 // of cleanable to all of these bytes

	Overdue  bool // a record is older than max.compaction.lag.ms
	Eligible bool // Ratio is above min.cleanable.dirty.ratio, or the log is overdue
}

// Dirtiness says whether the log should be compacted, and how urgently: Kafka's cleaner takes the eligible log with
// the largest ratio, and rests for log.cleaner.backoff.ms (15 s) when there is none.
func (l *Log) Dirtiness(now kafka.Millis) Dirtiness {
	d := Dirtiness{FirstDirty: l.firstDirty()}
	if !l.cfg.Compact {
		d.FirstUncleanable = d.FirstDirty
		return d
	}
	limit := max(d.FirstDirty, l.firstUncleanable(now, d.FirstDirty))
	d.FirstUncleanable = l.segments[l.segmentOf(limit)].base
	for _, s := range l.segments {
		if s.base < d.FirstDirty {
			d.CleanBytes += s.bytes
		}
	}
	for _, s := range l.segments[l.segmentOf(min(d.FirstDirty, d.FirstUncleanable)):] {
		if s.base < d.FirstUncleanable {
			d.CleanableBytes += s.bytes
		}
	}
	if total := d.CleanBytes + d.CleanableBytes; total > 0 {
		d.Ratio = float64(d.CleanableBytes) / float64(total)
	}
	d.Overdue = l.overdue(now, d.FirstDirty)
	d.Eligible = d.Overdue && d.CleanableBytes > 0 || d.Ratio > l.cfg.MinCleanableDirtyRatio
	return d
}

// firstDirty is where the last pass ended, if that is still within the log.
func (l *Log) firstDirty() kafka.Offset {
	if l.cleaned < l.start || l.cleaned > l.end {
		return l.start
	}
	return l.cleaned
}

func (l *Log) firstUncleanable(now kafka.Millis, dirty kafka.Offset) kafka.Offset {
	limit := min(l.LastStable(), l.active().base)
	if lag := l.cfg.MinCompactionLagMs; lag > 0 {
		for _, s := range l.dirtySegments(dirty) {
			if int64(s.largestTimestamp()) > int64(now)-lag {
				return min(limit, s.base)
			}
		}
	}
	return limit
}

func (l *Log) overdue(now kafka.Millis, dirty kafka.Offset) bool {
	limit := int64(now) - max(0, l.cfg.MaxCompactionLagMs)
	for _, s := range l.dirtySegments(dirty) {
		if s.firstTimestamp > 0 && int64(s.firstTimestamp) < limit {
			return true
		}
	}
	return false
}

// dirtySegments is the segments from the one that holds offset dirty on, without the active one.
func (l *Log) dirtySegments(dirty kafka.Offset) []*segment {
	return l.segments[l.segmentOf(dirty) : len(l.segments)-1]
}

// Cleaned is what one pass of compaction did.
type Cleaned struct {
	From, To                      kafka.Offset // the dirty range whose keys were looked at
	SegmentsBefore, SegmentsAfter int          // rewritten, that is all below To
	RecordsBefore, RecordsAfter   int
	BytesBefore, BytesAfter       int64
}

// Clean compacts the log once, eligible or not: of every key in the dirty range the newest record stays, in that
// range and below, with its offset, timestamp and headers. Tombstones and transaction markers stay for
// delete.retention.ms after the first pass that could have dropped them, and go in a later one (KIP-534). The records
// of aborted transactions go. The log start does not move. Segments shrink together, up to segment.bytes. A log with no dirty segment
// below its active one, or without cleanup.policy=compact, is left alone.
func (l *Log) Clean(now kafka.Millis) Cleaned {
	d := l.Dirtiness(now)
	done := Cleaned{From: d.FirstDirty, To: d.FirstUncleanable}
	if !l.cfg.Compact || d.FirstDirty >= d.FirstUncleanable {
		return Cleaned{From: d.FirstDirty, To: d.FirstDirty}
	}
	c := cleaning{
		now:       now,
		cfg:       &l.cfg,
		producers: l.producers,
		end:       d.FirstUncleanable,
		old:       l.superseded(d.FirstDirty, d.FirstUncleanable),
		txns:      l.txnPass(l.segments[0].base, d.FirstUncleanable),
		done:      &done,
	}
	last := l.segmentOf(d.FirstUncleanable) // the first segment that stays as it is
	var segments []*segment
	for _, group := range l.groups(l.segments[:last], d.FirstUncleanable) {
		segments = append(segments, c.merge(group))
	}
	done.SegmentsBefore, done.SegmentsAfter = last, len(segments)
	l.segments = append(segments, l.segments[last:]...)
	l.aborted = append(c.txns.kept, l.aborted[l.firstAborted(d.FirstUncleanable):]...)
	l.cleaned = d.FirstUncleanable
	return done
}

// groups puts neighbours together as long as their sizes before cleaning add up to no more than segment.bytes, and
// their offsets fit into one segment.
func (l *Log) groups(segments []*segment, end kafka.Offset) [][]*segment {
	var groups [][]*segment
	for len(segments) > 0 {
		n, size := 1, segments[0].bytes
		for n < len(segments) && size+segments[n].bytes <= l.cfg.SegmentBytes {
			next := end
			if n+1 < len(segments) {
				next = segments[n+1].base
			}
			if len(segments[n].batches) > 0 && next-1-segments[0].base > math.MaxInt32 {
				break
			}
			size += segments[n].bytes
			n++
		}
		groups = append(groups, segments[:n])
		segments = segments[n:]
	}
	return groups
}

// cleaning is one pass of compaction.
type cleaning struct {
	now       kafka.Millis
	cfg       *Config
	producers producers
	end       kafka.Offset // the pass ends here
	old       recordSet    // the records that have a newer one
	number    int          // of the first record of the batch at hand, in old
	txns      txnPass
	done      *Cleaned

	// Room for the batch at hand.
	keep    []bool
	records []kafka.Record
}

// merge cleans a group of neighbouring segments into one.
func (c *cleaning) merge(group []*segment) *segment {
	into := &segment{
		base:           group[0].base,
		created:        c.now,
		firstTimestamp: kafka.NoTimestamp,
		maxTimestamp:   kafka.NoTimestamp,
	}
	modified := group[len(group)-1].lastModified
	for _, s := range group {
		c.done.BytesBefore += s.bytes
		for _, b := range s.batches {
			c.done.RecordsBefore += b.Len()
			if left := c.batch(b); left != nil {
				c.done.RecordsAfter += left.Len()
				into.add(left, modified)
			}
			c.number += b.Len()
		}
	}
	into.lastModified = modified
	into.batches = append([]*batch.Batch(nil), into.batches...) // without room to grow
	c.done.BytesAfter += into.bytes
	return into
}

// batch is what stays of b, nil if nothing does.
func (c *cleaning) batch(b *batch.Batch) *batch.Batch {
	var dropAll, emptyTxn bool
	if b.IsControl() {
		emptyTxn = c.txns.marker(b)
		horizon, has := b.DeleteHorizon()
		dropAll = emptyTxn && has && horizon <= c.now
	} else {
		dropAll = c.txns.aborts(b)
	}
	mustStay := b.NextOffset() == c.end || c.isLastOfProducer(b)
	if dropAll {
		if mustStay {
			return b.Compacted(nil, kafka.NoTimestamp)
		}
		return nil
	}
	kept, tombstones := c.keepers(b)
	if kept == 0 {
		switch {
		case !mustStay:
			return nil
		case b.Len() == 0:
			return b
		default:
			return b.Compacted(nil, kafka.NoTimestamp)
		}
	}
	horizon, has := b.DeleteHorizon()
	setHorizon := !has && (tombstones || emptyTxn)
	if kept == b.Len() && !setHorizon {
		return b
	}
	if setHorizon {
		horizon = c.now + kafka.Millis(min(c.cfg.DeleteRetentionMs, Unlimited-int64(c.now)))
	}
	return b.Compacted(c.recordsOf(b), horizon)
}

// keepers notes in c.keep which records of b stay, counts them, and says whether there is a tombstone among them.
func (c *cleaning) keepers(b *batch.Batch) (kept int, tombstones bool) {
	c.keep = c.keep[:0]
	horizon, has := b.DeleteHorizon()
	dropTombstones := has && horizon <= c.now
	for o := range b.Outlines() {
		stays := true
		if !b.IsControl() {
			stays = o.Key != nil && !c.old.has(c.number+len(c.keep)) && !(o.Tombstone && dropTombstones)
		}
		c.keep = append(c.keep, stays)
		if stays {
			kept++
			tombstones = tombstones || o.Tombstone
		}
	}
	return kept, tombstones
}

// recordsOf is the records of b that c.keep keeps.
func (c *cleaning) recordsOf(b *batch.Batch) []kafka.Record {
	c.records = b.AppendRecords(c.records[:0], b.BaseOffset(), b.Len())
	n := 0
	for i, r := range c.records {
		if c.keep[i] {
			c.records[n] = r
			n++
		}
	}
	return c.records[:n]
}

// isLastOfProducer reports whether b is the batch by which the log knows its producer: the last one with data, or the
// last marker if the producer has written nothing in its epoch.
func (c *cleaning) isLastOfProducer(b *batch.Batch) bool {
	if !b.HasProducer() {
		return false
	}
	p := c.producers[b.ProducerID()]
	switch {
	case p == nil:
		return false
	case p.count > 0:
		return b.LastOffset() == p.sent[p.count-1].Last
	default:
		return b.IsControl() && b.ProducerEpoch() == p.epoch
	}
}
