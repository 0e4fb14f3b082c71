package plog

import (
	"cmp"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// AppendReplica takes a batch from the log of the partition's leader, with the offsets and the leader epoch that it got
// there. Both logs share it: it does not change any more. The leader has checked it, so that nothing but its place is
// checked here: an offset below the log end is OffsetOutOfRange. One above it leaves a hole, as there may be when the
// leader compacted what this log never got.
func (l *Log) AppendReplica(now kafka.Millis, b *batch.Batch) error {
	if b.BaseOffset() < l.end {
		return refuse(kafka.OffsetOutOfRange, "batch from the leader begins at %d, the log ends at %d; truncate first", b.BaseOffset(), l.end)
	}
	if b.LeaderEpoch() > l.epochs.latest() {
		l.epochs = l.epochs.begin(b.LeaderEpoch(), b.BaseOffset())
	}
	if l.active().rolls(&l.cfg, now, b.Size(), b.MaxTimestamp(), b.LastOffset()) {
		l.roll(now)
	}
	l.take(now, b)
	return nil
}

// TruncateTo drops everything at and past offset end, as a follower does that was further than its new leader
// (KIP-101). A batch that end is in goes as a whole, yet the log ends at end then. Below the log start it drops
// all records, and the log starts at end. What the log knows of producers is brought to what they had written before end.
func (l *Log) TruncateTo(end kafka.Offset) {
	if end >= l.end {
		return
	}
	var gone []*batch.Batch
	for len(l.segments) > 1 && l.active().base >= end {
		gone = append(gone, l.active().batches...)
		l.segments = l.segments[: len(l.segments)-1 : len(l.segments)-1]
	}
	active := l.active()
	if keep := active.find(end); keep < len(active.batches) {
		gone = append(gone, active.batches[keep:]...)
		l.segments[len(l.segments)-1] = active.cut(keep)
	}
	active = l.active()
	active.base = min(active.base, end)
	l.end = end
	l.start = min(l.start, end)
	l.high = min(l.high, end)
	l.cleaned = min(l.cleaned, end)
	l.epochs = l.epochs.cutEnd(end)
	l.forget(gone)
}

// cut is the segment with its first n batches only.
func (s *segment) cut(n int) *segment {
	c := &segment{
		base:           s.base,
		created:        s.created,
		jitterMs:       s.jitterMs,
		firstTimestamp: kafka.NoTimestamp,
		maxTimestamp:   kafka.NoTimestamp,
		lastModified:   s.lastModified,
	}
	for _, b := range s.batches[:n] {
		c.add(b, s.lastModified)
	}
	return c
}

// forget takes back what the producers of gone have written, by reading again what is left of them.
func (l *Log) forget(gone []*batch.Batch) {
	touched := map[int64]bool{}
	for _, b := range gone {
		if b.HasProducer() {
			touched[b.ProducerID()] = true
		}
	}
	if len(touched) == 0 {
		return
	}
	for id := range touched {
		delete(l.producers, id)
	}
	l.unstable = slices.DeleteFunc(l.unstable, func(t UnstableTxn) bool { return touched[t.ProducerID] })
	aborted := slices.DeleteFunc(l.aborted, func(t AbortedTxn) bool { return t.Last >= l.end })
	for _, s := range l.segments {
		for _, b := range s.batches {
			if touched[b.ProducerID()] {
				l.noteProducer(b)
			}
		}
	}
	l.aborted = aborted // what was still in the log is in it
	slices.SortFunc(l.unstable, func(a, b UnstableTxn) int { return cmp.Compare(a.First, b.First) })
	l.settleTxns()
}
