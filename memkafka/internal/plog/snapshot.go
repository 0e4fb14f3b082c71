package plog

import (
	"fmt"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Snapshot is all that makes a log, but for its Config, as plain data. Its bytes are those of the log: nobody may
// change them.
type Snapshot struct {
	LogStart, HighWatermark, LogEnd kafka.Offset
	HoldHighWatermark               bool
	CleanedTo                       kafka.Offset // where compaction goes on
	Segments                        []SegmentSnapshot
	Epochs                          []EpochStart
	Producers                       []ProducerSnapshot // by id
	Unstable                        []UnstableTxn      // by first offset
	Aborted                         []AbortedTxn       // by last offset
}

// SegmentSnapshot is a segment of a Snapshot.
type SegmentSnapshot struct {
	Base                  kafka.Offset
	Created, LastModified kafka.Millis
	JitterMs              int64
	Batches               [][]byte // as they travel
}

// ProducerSnapshot is a producer of a Snapshot.
type ProducerSnapshot struct {
	ProducerInfo
	Sent []SentBatch // the last batches of its epoch, oldest first, at most five
}

// Snapshot is the log as it is now.
func (l *Log) Snapshot() Snapshot {
	s := Snapshot{
		LogStart:          l.start,
		HighWatermark:     l.high,
		LogEnd:            l.end,
		HoldHighWatermark: l.holdHigh,
		CleanedTo:         l.cleaned,
		Epochs:            slices.Clone(l.epochs),
		Unstable:          slices.Clone(l.unstable),
		Aborted:           slices.Clone(l.aborted),
	}
	for _, seg := range l.segments {
		batches := make([][]byte, len(seg.batches))
		for i, b := range seg.batches {
			batches[i] = b.Bytes()
		}
		s.Segments = append(s.Segments, SegmentSnapshot{seg.base, seg.created, seg.lastModified, seg.jitterMs, batches})
	}
	for _, info := range l.Producers() {
		p := l.producers[info.ID]
		ps := ProducerSnapshot{ProducerInfo: info}
		ps.Sent = slices.Clone(p.sent[:p.count])
		s.Producers = append(s.Producers, ps)
	}
	return s
}

// Restore makes the log that a snapshot was taken of. The snapshot may come from anywhere: what does not fit together
// is an error.
func Restore(cfg Config, s Snapshot) (*Log, error) {
	l := &Log{
		cfg:      cfg,
		start:    s.LogStart,
		high:     s.HighWatermark,
		end:      s.LogEnd,
		holdHigh: s.HoldHighWatermark,
		cleaned:  s.CleanedTo,
		epochs:   slices.Clone(s.Epochs),
		unstable: slices.Clone(s.Unstable),
		aborted:  slices.Clone(s.Aborted),
	}
	if l.start < 0 || l.start > l.high || l.high > l.end {
		return nil, fmt.Errorf("snapshot of a log: offsets out of order: log start %d, high watermark %d, log end %d", l.start, l.high, l.end)
	}
	if len(s.Segments) == 0 || s.Segments[0].Base > l.start {
		return nil, fmt.Errorf("snapshot of a log: no segment holds its log start %d", l.start)
	}
	for i, ss := range s.Segments {
		next := l.end
		if i+1 < len(s.Segments) {
			next = s.Segments[i+1].Base
		}
		seg, err := restoreSegment(ss, next)
		if err != nil {
			return nil, fmt.Errorf("snapshot of a log: segment %d: %w", ss.Base, err)
		}
		l.segments = append(l.segments, seg)
	}
	for _, ps := range s.Producers {
		if len(ps.Sent) > windowBatches {
			return nil, fmt.Errorf("snapshot of a log: producer %d has %d batches, at most %d are remembered", ps.ID, len(ps.Sent), windowBatches)
		}
		p := l.producer(ps.ID)
		p.epoch, p.coordinatorEpoch = ps.Epoch, ps.CoordinatorEpoch
		p.lastTimestamp, p.txnFirst = ps.LastTimestamp, ps.TxnFirst
		for _, b := range ps.Sent {
			p.note(b)
		}
	}
	return l, nil
}

func restoreSegment(ss SegmentSnapshot, next kafka.Offset) (*segment, error) {
	seg := &segment{
		base:           ss.Base,
		created:        ss.Created,
		jitterMs:       ss.JitterMs,
		firstTimestamp: kafka.NoTimestamp,
		maxTimestamp:   kafka.NoTimestamp,
		lastModified:   ss.LastModified,
	}
	at := ss.Base
	for _, wire := range ss.Batches {
		b, err := batch.FromBytes(wire)
		if err != nil {
			return nil, err
		}
		if b.BaseOffset() < at || b.NextOffset() > next {
			return nil, fmt.Errorf("batch [%d, %d] does not lie in [%d, %d)", b.BaseOffset(), b.LastOffset(), at, next)
		}
		at = b.NextOffset()
		seg.add(b, ss.LastModified)
	}
	return seg, nil
}
