package plog

import (
	"slices"
	"sort"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// UnstableTxn is a transaction that keeps the last stable offset from moving past it: one that is open, or one whose
// marker is not below the high watermark yet.
type UnstableTxn struct {
	ProducerID int64
	First      kafka.Offset
	Marker     kafka.Offset // NoOffset while it is open
}

// AbortedTxn is an entry of the aborted index: readers under read_committed drop the producer's records from First
// up to the abort marker at Last.
type AbortedTxn struct {
	ProducerID  int64
	First, Last kafka.Offset
	LastStable  kafka.Offset // the last stable offset once this transaction had ended
}

// Marker is a transaction coordinator's word on how the transaction of a producer ended (WriteTxnMarkers).
type Marker struct {
	ProducerID    int64
	ProducerEpoch kafka.Epoch
	batch.Marker
	// TxnVersion is the transaction.version of the producer: 2 if it follows KIP-890. The epoch of a marker has to be
	// larger then than that of the data; otherwise it may be the same.
	TxnVersion int8
}

// AppendMarker ends the transaction of a producer with a control batch, which takes one offset, also if the
// producer wrote nothing here. It refuses an older producer epoch (InvalidProducerEpoch) and an older coordinator
// (TransactionCoordinatorFenced).
func (l *Log) AppendMarker(now kafka.Millis, m Marker) (Appended, error) {
	if m.TxnVersion >= 2 {
		// A marker that comes again finds its own epoch and no open transaction. It is written once more.
		if p := l.producers[m.ProducerID]; p != nil && m.ProducerEpoch == p.epoch && p.txnFirst != kafka.NoOffset {
			return Appended{}, refuse(kafka.InvalidProducerEpoch, "marker for producer %d has epoch %d, which is its last; transaction version 2 ends a transaction with a larger one", p.id, p.epoch)
		}
	}
	return l.AppendFrom(Coordinator, now, batch.FromMarker(now, m.ProducerID, m.ProducerEpoch, m.Marker))
}

// OpenTxn is the offset at which the open transaction of a producer begins. ok is false if it has none.
func (l *Log) OpenTxn(producerID int64) (first kafka.Offset, ok bool) {
	if p := l.producers[producerID]; p != nil && p.txnFirst != kafka.NoOffset {
		return p.txnFirst, true
	}
	return kafka.NoOffset, false
}

// AbortedTxns is the aborted index, by last offset.
func (l *Log) AbortedTxns() []AbortedTxn { return slices.Clone(l.aborted) }

func (l *Log) checkMarker(p *producer, b *batch.Batch) error {
	m, ok := b.Marker()
	if !ok {
		return refuse(kafka.InvalidRecord, "control batch of producer %d holds no transaction marker", b.ProducerID())
	}
	if p == nil {
		return nil
	}
	if b.ProducerEpoch() < p.epoch {
		return refuse(kafka.InvalidProducerEpoch, "marker for producer %d has epoch %d, which is older than its last, %d", p.id, b.ProducerEpoch(), p.epoch)
	}
	if m.CoordinatorEpoch < p.coordinatorEpoch {
		return refuse(kafka.TransactionCoordinatorFenced, "marker for producer %d comes from coordinator epoch %d, which is older than its last, %d", p.id, m.CoordinatorEpoch, p.coordinatorEpoch)
	}
	return nil
}

func (l *Log) beginTxn(p *producer, first kafka.Offset) {
	p.txnFirst = first
	l.unstable = append(l.unstable, UnstableTxn{p.id, first, kafka.NoOffset})
}

// noteMarker ends the transaction that the marker in b, which is in the log now, is for.
func (l *Log) noteMarker(b *batch.Batch) {
	m, ok := b.Marker()
	if !ok {
		return // compaction emptied it before this replica got it, with the transaction's data
	}
	p := l.producer(b.ProducerID())
	first := p.txnFirst
	p.enter(b.ProducerEpoch())
	p.coordinatorEpoch = m.CoordinatorEpoch
	p.lastTimestamp = b.MaxTimestamp()
	p.txnFirst = kafka.NoOffset
	if first == kafka.NoOffset {
		return
	}
	stable := b.NextOffset()
	for i := range l.unstable {
		t := &l.unstable[i]
		switch {
		case t.ProducerID == p.id && t.Marker == kafka.NoOffset:
			t.Marker = b.BaseOffset()
		case t.Marker == kafka.NoOffset:
			stable = min(stable, t.First)
		}
	}
	if !m.Commit {
		l.aborted = append(l.aborted, AbortedTxn{p.id, first, b.BaseOffset(), stable})
	}
}

// settleTxns lets go of the transactions whose markers the high watermark has passed.
func (l *Log) settleTxns() {
	if len(l.unstable) > 0 {
		l.unstable = slices.DeleteFunc(l.unstable, func(t UnstableTxn) bool {
			return t.Marker != kafka.NoOffset && t.Marker < l.high
		})
	}
}

// abortedWithin is the aborted transactions that may have records in [from, to).
func (l *Log) abortedWithin(from, to kafka.Offset) []AbortedTxn {
	var found []AbortedTxn
	for _, t := range l.aborted[l.firstAborted(from):] {
		if t.First < to {
			found = append(found, t)
		}
		if t.LastStable >= to {
			break
		}
	}
	return found
}

// firstAborted is the index of the first aborted transaction that ends at or past offset.
func (l *Log) firstAborted(offset kafka.Offset) int {
	return sort.Search(len(l.aborted), func(i int) bool { return l.aborted[i].Last >= offset })
}

// abortedFilter knows the batches of aborted transactions, asked about in the order of their offsets.
type abortedFilter struct{ ahead []AbortedTxn }

func (l *Log) abortedFilter(from kafka.Offset) abortedFilter {
	return abortedFilter{l.aborted[l.firstAborted(from):]}
}

func (f *abortedFilter) has(b *batch.Batch) bool {
	if len(f.ahead) == 0 || !b.IsTransactional() {
		return false
	}
	id, base := b.ProducerID(), b.BaseOffset()
	for len(f.ahead) > 0 && f.ahead[0].Last < base {
		f.ahead = f.ahead[1:]
	}
	for _, t := range f.ahead {
		if t.ProducerID == id && t.First <= base {
			return true
		}
		if t.LastStable > base { // whoever ended after this one began after base
			return false
		}
	}
	return false
}

// dropUnstableBefore lets go of ended transactions that lie below the log start.
func (l *Log) dropUnstableBefore(start kafka.Offset) {
	l.unstable = slices.DeleteFunc(l.unstable, func(t UnstableTxn) bool {
		return t.Marker != kafka.NoOffset && t.Marker < start
	})
}
