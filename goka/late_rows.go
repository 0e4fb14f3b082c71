package goka

import "github.com/gokasim/gokasim/storage"

// lateRow is a row that Kafka has taken after its generation was abandoned: nobody waits for it, and the message or visit
// behind it was not finished. But it is in the table's topic, maybe behind the end that the partition's next generation
// has recovered up to, and that generation's own rows would move the storage's offset past it.
type lateRow struct {
	storage.Row
	offset int64
}

// late hands a row to whoever has the partition in this instance now: its generation, or the next one.
func (pp *PartitionProcessor) late(row lateRow) {
	if row.offset < 0 {
		return // whoever made the producer does not tell where it is
	}
	pp.mu.Lock()
	stopped, r := pp.stopped, pp.run
	switch {
	case stopped:
	case r != nil && !r.isGone.Load():
		r.inbox.push(item{kind: itemLate, late: &row})
	default:
		pp.lateRows = append(pp.lateRows, row)
	}
	pp.mu.Unlock()
	if !stopped || pp.heir == nil {
		return
	}
	if heir := pp.heir(pp.partition); heir != nil && heir != pp {
		heir.late(row)
	}
}

// storeLate applies a row of an abandoned generation, unless recovery has read it. A producer gives results of one
// partition in the order of their offsets, so that none of the rows of this generation was applied yet.
func (r *partitionRun) storeLate(late lateRow) {
	if r.broken || r.isGone.Load() || late.offset <= r.stored {
		return
	}
	r.storeRows(append(r.rows[:0], late.Row), late.offset)
}
