// Package recovery decides what of a table's topic has to be read before the table is complete.
package recovery

// Never is the stored offset of a storage that never had one. (-1 and -2 stand for places in a partition, -3 is what
// storages of old have been asked for.)
const Never int64 = -3

// Kind says what a Plan is about.
type Kind int

const (
	// Complete means that the storage has all there is: nothing is to be read.
	Complete Kind = iota
	// Read means that the records from Start on are missing.
	Read
	// Rebuild means that the rows belong to another topic of the same name: they are to be dropped, and the topic is
	// to be read from Start on.
	Rebuild
)

// Plan is what there is to do.
type Plan struct {
	Kind Kind
	// Start is the offset of the first record to read, now or later.
	Start int64
	// End is the high watermark: the table is complete once the position is there.
	End int64
	// Oldest is the partition's first offset.
	Oldest int64
}

// Decide compares the offset of the last record in the storage (Never for none) with the partition's first offset and
// its high watermark, as they were at one time.
//
// A partition that ends at or before the stored offset is not the one that the rows came from: somebody deleted the
// topic and created it again.
func Decide(stored, oldest, highWatermark int64) Plan {
	switch {
	case stored == Never:
		return plan(oldest, oldest, highWatermark)
	case stored >= highWatermark:
		return Plan{Kind: Rebuild, Start: oldest, End: highWatermark, Oldest: oldest}
	default:
		return plan(max(stored+1, oldest), oldest, highWatermark)
	}
}

func plan(start, oldest, end int64) Plan {
	kind := Read
	if start >= end {
		kind = Complete
	}
	return Plan{Kind: kind, Start: start, End: end, Oldest: oldest}
}

// Done reports whether a reader whose next record has at least the offset position has everything below the high
// watermark. Records need not have consecutive offsets: compaction and transactions leave holes.
func (p Plan) Done(position int64) bool { return position >= p.End }
