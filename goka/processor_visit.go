package goka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// VisitAll calls the visitor name, with meta as its message, for each row of the group's table in the partitions that
// this instance handles. See VisitAllWithStats.
func (g *Processor) VisitAll(ctx context.Context, name string, meta interface{}) error {
	_, err := g.VisitAllWithStats(ctx, name, meta)
	return err
}

// VisitAllWithStats calls the visitor name, with meta as its message, for each row that the group's table has now in
// the partitions that this instance handles, between messages. It returns how many visits are finished, with their emits, and
// with their rows where Get finds them: all, if there is no error. A rebalance or a shutdown ends it with ErrVisitAborted, the end of ctx
// with its error. Rows that callbacks have written are waited for until Kafka and the storage have them, so that they are visited; those of a
// message that is just being handled, or comes later, are not waited for. A visit that fails stops the processor, like a message that fails. A name without a Visitor, and a group without a
// table, are errors. Without partitions, as before Run and between two generations, there is nothing to visit: wait for WaitForReady.
func (g *Processor) VisitAllWithStats(ctx context.Context, name string, meta interface{}) (int64, error) {
	if g.graph.isStateless() {
		return 0, errors.New("cannot visit values in stateless processor")
	}
	if g.graph.visitor(name) == nil {
		return 0, fmt.Errorf("unconfigured visit callback. Did you initialize the processor with DefineGroup(..., Visit(%s, ...), ...)?", name)
	}
	var (
		visited int64
		pps     []*PartitionProcessor
	)
	for _, pp := range g.partitionProcessors() {
		if pp.current() != nil {
			pps = append(pps, pp)
		}
	}
	err := together(ctx, len(pps), func(ctx context.Context, i int) error {
		return pps[i].VisitValues(ctx, name, meta, &visited)
	})
	if errors.Is(err, ErrVisitAborted) {
		err = ErrVisitAborted
	}
	return atomic.LoadInt64(&visited), err
}
