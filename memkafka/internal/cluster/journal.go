package cluster

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/group"
)

// journal is what one group recorded, kept here when Settings.RetainState is off: the newest record of each key, and what
// came since the last compaction.
type journal struct {
	entries []group.Entry
	limit   int // compaction is due at so many entries
}

const journalEntries = 64 // before the first compaction

func (j *journal) add(e group.Entry) {
	j.entries = append(j.entries, e)
	if len(j.entries) >= max(j.limit, journalEntries) {
		j.compact()
		j.limit = 2 * len(j.entries)
	}
}

// open reports whether a producer's transaction is open.
func (j *journal) open(producerID int64) bool {
	for _, e := range slices.Backward(j.entries) {
		if e.Transaction != nil && e.Transaction.ProducerID == producerID {
			return e.Marker == group.NoMarker
		}
	}
	return false
}

// anyOpen reports whether a transaction is open.
func (j *journal) anyOpen() bool {
	return slices.ContainsFunc(j.entries, func(e group.Entry) bool { return e.Transaction != nil && j.open(e.Transaction.ProducerID) })
}

// compact keeps what replaying needs: of records outside of transactions, or in such as are committed, the newest of each
// key; of open transactions everything. What was in a transaction stays where it was sent, for that decides which of two
// offsets is the newer one.
func (j *journal) compact() {
	seen := map[string]bool{}
	ends := map[int64]group.Marker{}
	var kept []group.Entry
	for _, e := range slices.Backward(j.entries) {
		if e.Marker != group.NoMarker {
			ends[e.Transaction.ProducerID] = e.Marker
			continue
		}
		if t := e.Transaction; t != nil {
			switch ends[t.ProducerID] {
			case group.NoMarker:
				kept = append(kept, e)
				continue
			case group.AbortMarker:
				continue
			case group.CommitMarker: // its records count like any others
			}
		}
		var newest []kafka.Record
		for _, r := range slices.Backward(e.Records) {
			if !seen[string(r.Key)] {
				seen[string(r.Key)] = true
				newest = append(newest, r)
			}
		}
		if len(newest) > 0 {
			slices.Reverse(newest)
			kept = append(kept, group.Entry{Records: newest})
		}
	}
	slices.Reverse(kept)
	j.entries = kept
}
