package batch

import "github.com/gokasim/gokasim/internal/kafka"

// Arena has memory for batches of one short record, many at a time: such a batch costs no allocation of its own. What it
// gave out stays in memory as long as a neighbour does. The zero value is ready; it is for one goroutine at a time.
type Arena struct {
	batches []Batch // not given out yet
	bytes   []byte  // likewise
	chunk   int     // how many batches were made at a time last
}

const (
	firstChunk = 8   // batches
	maxChunk   = 56  // batches: 4 KB of them
	chunkBytes = 32  // of records, for each batch of a chunk
	shortBytes = 128 // the longest batch that an arena has room for
)

// bare makes a batch of a record alone.
func (a *Arena) bare(r *kafka.Record) *Batch {
	n := bodyLen(r, 0, 0)
	size := varintLen(int64(n)) + n
	b, wire := a.room(size)
	putRecord(wire, 0, r, n, 0, 0)
	b.wire, b.bare = wire, true
	b.maxTimestamp, b.count, b.leaderEpoch = r.Timestamp, 1, NoLeaderEpoch
	b.headers, b.nullKeys = int32(len(r.Headers)), r.Key == nil
	return b
}

// room is an empty batch, and memory for its bytes.
func (a *Arena) room(size int) (*Batch, []byte) {
	if a == nil || size > shortBytes {
		return &Batch{}, make([]byte, size)
	}
	if len(a.batches) == 0 {
		a.chunk = max(firstChunk, min(2*a.chunk, maxChunk))
		a.batches = make([]Batch, a.chunk)
	}
	if len(a.bytes) < size {
		a.bytes = make([]byte, max(size, a.chunk*chunkBytes))
	}
	b, wire := &a.batches[0], a.bytes[:size:size]
	a.batches, a.bytes = a.batches[1:], a.bytes[size:]
	return b, wire
}
