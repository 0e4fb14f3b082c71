package plog

import (
	"cmp"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// txnPass follows the transactions on a way through the log, batch by batch in the order of their offsets. It knows
// which batches were aborted, and which markers have no data left.
type txnPass struct {
	ahead     []AbortedTxn           // not reached yet, by first offset
	aborted   map[int64]*abortedSeen // the aborted transactions that are open here, by producer
	committed map[int64]bool         // the producers with data here that was not aborted
	kept      []AbortedTxn           // those that still had data, by last offset
}

type abortedSeen struct {
	txn  AbortedTxn
	data bool // a batch of it was met
}

func (l *Log) txnPass(from, to kafka.Offset) txnPass {
	ahead := l.abortedWithin(from, to)
	slices.SortFunc(ahead, func(a, b AbortedTxn) int { return cmp.Compare(a.First, b.First) })
	return txnPass{ahead: ahead}
}

// reach opens the aborted transactions that begin at or before offset.
func (p *txnPass) reach(offset kafka.Offset) {
	for len(p.ahead) > 0 && p.ahead[0].First <= offset {
		t := p.ahead[0]
		p.ahead = p.ahead[1:]
		if p.aborted == nil {
			p.aborted = map[int64]*abortedSeen{}
		}
		p.aborted[t.ProducerID] = &abortedSeen{txn: t}
	}
}

// aborts reports whether data belongs to an aborted transaction.
func (p *txnPass) aborts(data *batch.Batch) bool {
	if !data.IsTransactional() {
		return false
	}
	p.reach(data.LastOffset())
	if seen := p.aborted[data.ProducerID()]; seen != nil {
		seen.data = true
		return true
	}
	if p.committed == nil {
		p.committed = map[int64]bool{}
	}
	p.committed[data.ProducerID()] = true
	return false
}

// marker ends a transaction, and reports whether there was no data of it on the way.
func (p *txnPass) marker(b *batch.Batch) (empty bool) {
	p.reach(b.LastOffset())
	m, ok := b.Marker()
	if !ok {
		return true // emptied already
	}
	id := b.ProducerID()
	if m.Commit {
		empty = !p.committed[id]
		delete(p.committed, id)
		return empty
	}
	seen := p.aborted[id]
	delete(p.aborted, id)
	if seen == nil || !seen.data {
		return true
	}
	p.kept = append(p.kept, seen.txn)
	return false
}
