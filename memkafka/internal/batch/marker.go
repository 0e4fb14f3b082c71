package batch

import (
	"encoding/binary"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Marker is how a transaction ended, as a control batch in each of its partitions says.
type Marker struct {
	Commit           bool  // false is an abort
	CoordinatorEpoch int32 // of the transaction coordinator that wrote it
}

const (
	markerAbort  = 0
	markerCommit = 1
)

// FromMarker makes the control batch of one record that ends the transaction of a producer at time now.
func FromMarker(now kafka.Millis, producerID int64, epoch kafka.Epoch, end Marker) *Batch {
	kind := uint16(markerAbort)
	if end.Commit {
		kind = markerCommit
	}
	key := binary.BigEndian.AppendUint16(make([]byte, 2, 4), kind)
	value := binary.BigEndian.AppendUint32(make([]byte, 2, 6), uint32(end.CoordinatorEpoch))
	f := frame{
		leaderEpoch:   NoLeaderEpoch,
		attributes:    transactionalBit | controlBit,
		baseTimestamp: now,
		maxTimestamp:  now,
		producerID:    producerID,
		producerEpoch: epoch,
		baseSequence:  NoSequence,
	}
	return f.encode(nil, []kafka.Record{{Timestamp: now, Key: key, Value: value}})
}

// Marker is the transaction marker in the batch. It is not there in data, nor once compaction has dropped it.
func (b *Batch) Marker() (m Marker, ok bool) {
	if !b.IsControl() || b.count == 0 {
		return Marker{}, false
	}
	var r kafka.Record
	c := b.cursor()
	c.read(&r)
	if len(r.Key) < 4 || len(r.Value) < 6 {
		return Marker{}, false
	}
	switch binary.BigEndian.Uint16(r.Key[2:]) {
	case markerAbort:
	case markerCommit:
		m.Commit = true
	default:
		return Marker{}, false
	}
	m.CoordinatorEpoch = int32(binary.BigEndian.Uint32(r.Value[2:]))
	return m, true
}
