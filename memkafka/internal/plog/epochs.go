package plog

import (
	"slices"
	"sort"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// EpochStart is where the log of a leader begins: no record at or past Start is of an earlier epoch.
type EpochStart struct {
	Epoch kafka.Epoch
	Start kafka.Offset
}

// epochs is the leader epochs of a log, rising in both fields (KIP-101, KIP-279).
type epochs []EpochStart

func (e epochs) latest() kafka.Epoch {
	if len(e) == 0 {
		return batch.NoLeaderEpoch
	}
	return e[len(e)-1].Epoch
}

// begin notes that an epoch starts at an offset. What contradicts that is dropped.
func (e epochs) begin(epoch kafka.Epoch, at kafka.Offset) epochs {
	for len(e) > 0 && (e[len(e)-1].Epoch >= epoch || e[len(e)-1].Start >= at) {
		if last := e[len(e)-1]; last.Epoch == epoch && last.Start <= at {
			return e
		}
		e = e[:len(e)-1]
	}
	return append(e, EpochStart{epoch, at})
}

// cutStart drops the epochs that end at or before the log start. The one that the start is in begins there now.
func (e epochs) cutStart(start kafka.Offset) epochs {
	i := sort.Search(len(e), func(i int) bool { return e[i].Start > start })
	if i == 0 {
		return e
	}
	e = slices.Clone(e[i-1:])
	e[0].Start = start
	return e
}

// cutEnd drops the epochs that begin at or past the log end.
func (e epochs) cutEnd(end kafka.Offset) epochs {
	i := sort.Search(len(e), func(i int) bool { return e[i].Start >= end })
	return e[:i:i]
}

// BeginEpoch makes epoch the one that appends carry from now on, as a broker does when it becomes leader.
func (l *Log) BeginEpoch(epoch kafka.Epoch) { l.epochs = l.epochs.begin(epoch, l.end) }

// LeaderEpoch is the latest epoch of the log, batch.NoLeaderEpoch before there was one.
func (l *Log) LeaderEpoch() kafka.Epoch { return l.epochs.latest() }

// Epochs is the epochs of the log, oldest first.
func (l *Log) Epochs() []EpochStart { return slices.Clone(l.epochs) }

// EpochAt is the epoch of the leader that appended the record at offset, batch.NoLeaderEpoch if the log does not know.
func (l *Log) EpochAt(offset kafka.Offset) kafka.Epoch {
	i := sort.Search(len(l.epochs), func(i int) bool { return l.epochs[i].Start > offset })
	if i == 0 {
		return batch.NoLeaderEpoch
	}
	return l.epochs[i-1].Epoch
}

// EndOffsetForEpoch is the largest epoch of the log that is no larger than epoch, and the offset at which it ended: the
// log end for the latest. ok is false if epoch is unknown: larger than the latest, or negative (OffsetForLeaderEpoch).
func (l *Log) EndOffsetForEpoch(epoch kafka.Epoch) (found kafka.Epoch, end kafka.Offset, ok bool) {
	if epoch < 0 || len(l.epochs) == 0 || epoch > l.epochs.latest() {
		return batch.NoLeaderEpoch, kafka.NoOffset, false
	}
	i := sort.Search(len(l.epochs), func(i int) bool { return l.epochs[i].Epoch > epoch })
	switch {
	case i == len(l.epochs):
		return epoch, l.end, true
	case i == 0: // older than any known: it ended where the oldest known one began
		return epoch, l.epochs[0].Start, true
	default:
		return l.epochs[i-1].Epoch, l.epochs[i].Start, true
	}
}
