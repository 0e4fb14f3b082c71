package goka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gokasim/gokasim/goka/internal/overlay"
	"github.com/gokasim/gokasim/storage"
)

// visitWindow is how many rows of a partition wait to be visited.
const visitWindow = 100

// visit is one VisitAll on one partition. Its counters belong to the partition's goroutine while the run lasts.
type visit struct {
	name string
	cb   ProcessCallback
	meta interface{}

	count   *int64        // visits that finished, for the caller
	stored  chan struct{} // closed once the rows that were written before are in the storage
	queued  func()        // tells the run that the first rows are in the inbox, or that none will be for now
	ready   chan struct{} // closed by queued
	left    atomic.Int64  // rows that are queued or being visited, and one for the caller as long as there may be more
	settled chan struct{}
	aborted atomic.Bool // rows that are queued will not be visited, or were not
}

func newVisit(name string, cb ProcessCallback, meta interface{}, count *int64) *visit {
	v := &visit{name: name, cb: cb, meta: meta, count: count, stored: make(chan struct{}), ready: make(chan struct{}), settled: make(chan struct{})}
	v.queued = sync.OnceFunc(func() { close(v.ready) })
	v.left.Store(1)
	return v
}

// finished counts a visit whose callback and all it caused is done.
func (v *visit) finished(failed bool) {
	if !failed {
		atomic.AddInt64(v.count, 1)
	}
	v.done()
}

// dropped counts a visit that will not take place.
func (v *visit) dropped() {
	v.aborted.Store(true)
	v.done()
}

func (v *visit) done() {
	if v.left.Add(-1) == 0 {
		close(v.settled)
	}
}

// visited is a visit of one row that finished.
type visited struct {
	visit  *visit
	failed bool
}

// upcoming is a visit that waits for the writes before a ticket to be stored.
type upcoming struct {
	visit *visit
	after overlay.Ticket
}

// tellVisits lets those visits begin whose rows are stored, and waits until their first rows are in the inbox: else the
// scheduler would say which messages are handled before them. It counts those that finished, after the rows that they wrote were stored: who
// waits for them reads these rows.
func (r *partitionRun) tellVisits() {
	for len(r.upcoming) > 0 && r.overlay.Passed(r.upcoming[0].after) {
		v := r.upcoming[0].visit
		r.upcoming = r.upcoming[1:]
		close(v.stored)
		select {
		case <-v.ready:
		case <-r.halted:
		}
	}
	for _, v := range r.visited {
		v.visit.finished(v.failed)
	}
	clear(r.visited)
	r.visited = r.visited[:0]
}

// visit has a row visited.
func (r *partitionRun) visit(v *visit, key string) {
	m := r.newInflight()
	m.visit, m.key, m.pending = v, key, 1
	r.cb.begin(m, v.name, nil)
	r.call(v.cb, v.meta)
}

// VisitValues calls the visitor name, with meta as its message, for each row that the partition's table has now,
// between messages. Rows that callbacks have written are waited for until Kafka has them. It returns when all visits, with their emits, are finished and their rows are stored; visited counts these as they finish.
// When the generation ends before, it returns ErrVisitAborted, and the error of ctx when that ends.
func (pp *PartitionProcessor) VisitValues(ctx context.Context, name string, meta interface{}, visited *int64) error {
	cb := pp.graph.visitor(name)
	if cb == nil {
		return fmt.Errorf("unconfigured visit callback. Did you initialize the processor with DefineGroup(..., Visit(%s, ...), ...)?", name)
	}
	r := pp.current()
	if r == nil || r.store == nil {
		return ErrVisitAborted
	}
	v := newVisit(name, cb, meta, visited)
	defer v.queued()
	r.inbox.push(item{kind: itemVisitAll, visit: v})
	select {
	case <-v.stored:
	case <-r.done:
		return ErrVisitAborted
	case <-ctx.Done():
		return ctx.Err()
	}
	it, err := r.store.Iterator()
	switch {
	case errors.Is(err, storage.ErrClosed): // the generation has ended since
		return ErrVisitAborted
	case err != nil:
		return fmt.Errorf("error iterating over table %s/%d: %w", pp.table.topic, pp.partition, err)
	}
	err = r.queueVisits(ctx, it, v)
	v.queued()
	it.Release()
	v.done()
	if err != nil {
		v.aborted.Store(true)
		return err
	}
	select {
	case <-v.settled:
	case <-r.done:
		select {
		case <-v.settled:
		default:
			return ErrVisitAborted
		}
	case <-ctx.Done():
		v.aborted.Store(true)
		return ctx.Err()
	}
	if v.aborted.Load() {
		return ErrVisitAborted
	}
	return nil
}

// queueVisits posts a visit for each row, as long as somebody handles them.
func (r *partitionRun) queueVisits(ctx context.Context, it storage.Iterator, v *visit) error {
	for it.Next() {
		key := string(it.Key())
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.visits.trySpend(1) == 0 {
			v.queued() // nothing more until some were handled
			if !r.visits.spend(r.halted, ctx.Done()) {
				if err := ctx.Err(); err != nil {
					return err
				}
				return ErrVisitAborted
			}
		}
		v.left.Add(1)
		r.inbox.push(item{kind: itemVisit, visit: v, key: key})
	}
	switch err := it.Err(); {
	case errors.Is(err, storage.ErrClosed):
		return ErrVisitAborted
	case err != nil:
		return fmt.Errorf("error iterating over table %s/%d: %w", r.pp.table.topic, r.pp.partition, err)
	}
	return nil
}
