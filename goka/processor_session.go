package goka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/door"
)

// Setup begins a generation of the group: it recovers the partitions that are new to this instance, and lets go of
// those that it has lost. Partitions that it keeps have their tables open, and only read what others may have written.
func (g *Processor) Setup(session sarama.ConsumerGroupSession) error {
	g.generations++
	g.inSession.Store(true)
	if c, ok := session.(door.Curious); ok {
		c.Explain(g.unfinished)
	}
	if session.Context().Err() != nil {
		return nil
	}
	g.state.SetState(ProcStateSetup)
	claims := session.Claims()
	assigned, err := assignedPartitions(claims, g.graph.consumed())
	if err == nil {
		err = g.checkGrowth(assigned)
	}
	if err != nil {
		return fmt.Errorf("error setting up: %w", err)
	}
	g.log.Printf("setting up generation %d with partitions %v", session.GenerationID(), assigned)
	g.noteGeneration(session.GenerationID(), assigned)
	err = guarded("rebalance callback", func() error { g.opts.rebalanceCallback(assignmentOf(assigned)); return nil })
	if err != nil {
		return err
	}

	g.drop(assigned)
	marks, err := g.begin(session, assigned)
	if err == nil {
		err = g.startPartitions(session, marks, assigned)
	}
	g.noteReady(err)
	if err != nil {
		if session.Context().Err() != nil && errors.Is(err, context.Canceled) {
			g.log.Printf("generation %d ended while its partitions recovered", session.GenerationID())
			return nil
		}
		return err
	}
	if session.Context().Err() == nil {
		g.healthy++
		g.state.SetState(ProcStateRunning)
	}
	return nil
}

// assignedPartitions returns the partitions of a generation: the same ones of all topics.
func assignedPartitions(claims map[string][]int32, topics []string) ([]int32, error) {
	var (
		first      string
		partitions []int32
	)
	for _, topic := range sorted(topics) {
		own := sorted(claims[topic])
		switch {
		case first == "":
			first, partitions = topic, own
		case !slices.Equal(own, partitions):
			return nil, fmt.Errorf("session claims are not copartitioned: %w: %v of %s, but %v of %s; "+
				"is goka.CopartitioningStrategy the group's strategy on all instances?", ErrNotCopartitioned, partitions, first, own, topic)
		}
	}
	return partitions, nil
}

// checkGrowth reports partitions that were added to the inputs of a group with tables, which lack them.
func (g *Processor) checkGrowth(assigned []int32) error {
	known := g.allPartitions()
	if len(known) == 0 || len(assigned) == 0 || assigned[len(assigned)-1] < int32(len(known)) {
		return nil
	}
	return fmt.Errorf("%w: the inputs %v have more than the %d partitions that they had when this processor was made, and that the tables of group %s have: "+
		"keys have changed their partitions, away from their rows; move to new topics and a new group, or start again if you have made all anew",
		ErrNotCopartitioned, g.graph.InputStreams().Topics(), len(known), g.graph.Group())
}

func sorted[T cmp.Ordered](s []T) []T {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func assignmentOf(partitions []int32) Assignment {
	if len(partitions) == 0 {
		return nil
	}
	a := make(Assignment, len(partitions))
	for _, p := range partitions {
		a[p] = sarama.OffsetNewest
	}
	return a
}

// drop forgets the partitions that are neither assigned nor to stand by, and stops them in the background. Who starts
// one of them again waits for that.
func (g *Processor) drop(assigned []int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.held) == 0 {
		return
	}
	needed := assigned
	if g.opts.hotStandby {
		needed = slices.Concat(assigned, g.allPartitions())
	}
	for _, p := range slices.Sorted(maps.Keys(g.held)) {
		if slices.Contains(needed, p) {
			continue
		}
		pp, gone := g.held[p], make(chan struct{})
		delete(g.held, p)
		if g.leaving == nil {
			g.leaving = make(map[int32]chan struct{})
		}
		g.leaving[p] = gone
		g.background.Go(func() {
			defer close(gone)
			if err := pp.Stop(); err != nil {
				logger.Warnf(g.log, "error closing partition %d, which has moved away: %v", p, err)
			}
		})
	}
}

// gone waits until a partition that was dropped earlier is closed.
func (g *Processor) gone(ctx context.Context, partition int32) error {
	g.mu.Lock()
	gone := g.leaving[partition]
	g.mu.Unlock()
	if gone == nil {
		return nil
	}
	select {
	case <-gone:
	case <-ctx.Done():
	}
	return ctx.Err() // also where both are over
}

// inParallel calls f for all partitions at the same time, and returns their errors in the order of the partitions.
func inParallel(pps []*PartitionProcessor, f func(*PartitionProcessor) error) error {
	if len(pps) == 1 {
		return errors.Join(f(pps[0]))
	}
	var wg sync.WaitGroup
	errs := make([]error, len(pps))
	for i, pp := range pps {
		wg.Go(func() { errs[i] = f(pp) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// startPartitions starts what is assigned, and what is to stand by.
func (g *Processor) startPartitions(session sarama.ConsumerGroupSession, marks topicMarks, assigned []int32) error {
	var marker marker = session
	if marks != nil {
		marker = &marking{session, marks}
	}
	active, err := g.hold(assigned)
	if err != nil {
		return err
	}
	if g.opts.hotStandby {
		if err := g.standBy(session.Context(), assigned); err != nil {
			return err
		}
	}
	return together(session.Context(), len(active), func(ctx context.Context, i int) error {
		err := g.gone(ctx, active[i].partition)
		if err == nil {
			err = active[i].start(ctx, session.Context(), marker)
		}
		if err != nil {
			return fmt.Errorf("error setting up (partition=%d): %w", active[i].partition, err)
		}
		return nil
	})
}

// hold returns the processors of partitions, new ones where there are none.
func (g *Processor) hold(partitions []int32) ([]*PartitionProcessor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shared == nil {
		return nil, errors.New("the processor does not run")
	}
	pps := make([]*PartitionProcessor, 0, len(partitions))
	for _, p := range partitions {
		pp, ok := g.held[p]
		if !ok {
			var err error
			if pp, err = newPartitionProcessor(g.shared, p); err != nil {
				return nil, fmt.Errorf("error creating partition processor %d: %w", p, err)
			}
			g.held[p] = pp
		}
		pps = append(pps, pp)
	}
	return pps, nil
}

// holder returns the processor that has a partition, nil when none has.
func (g *Processor) holder(partition int32) *PartitionProcessor {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.held[partition]
}

// allPartitions returns the partitions of the group's table, or of what it joins; none when it has neither.
func (g *Processor) allPartitions() []int32 {
	if g.graph.isStateless() && len(g.graph.joins) == 0 {
		return nil
	}
	all := make([]int32, g.partitions)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// standBy has the tables of all partitions that are not assigned follow their topics.
func (g *Processor) standBy(ctx context.Context, assigned []int32) error {
	others := slices.DeleteFunc(g.allPartitions(), func(p int32) bool { return slices.Contains(assigned, p) })
	pps, err := g.hold(others)
	if err != nil {
		return err
	}
	for _, pp := range pps {
		if err := g.gone(ctx, pp.partition); err != nil {
			return err
		}
		if err := pp.standBy(); err != nil {
			return fmt.Errorf("error setting up (partition=%d): %w", pp.partition, err)
		}
	}
	return nil
}

// recoverAhead recovers the tables of all partitions. They stay open until a generation tells which ones are needed.
func (g *Processor) recoverAhead(ctx context.Context) error {
	pps, err := g.hold(g.allPartitions())
	if err != nil {
		return err
	}
	return together(ctx, len(pps), func(ctx context.Context, i int) error {
		if err := pps[i].recoverAhead(ctx); err != nil {
			return fmt.Errorf("error setting up (partition=%d): %w", pps[i].partition, err)
		}
		return nil
	})
}

// ConsumeClaim hands the messages of a claim to its partition until there are no more, the partition stops taking them,
// or the session ends.
func (g *Processor) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	g.mu.RLock()
	pp := g.held[claim.Partition()]
	g.mu.RUnlock()
	if pp == nil {
		if session.Context().Err() != nil {
			return nil
		}
		return fmt.Errorf("no partition (%d) to handle input in topic %s", claim.Partition(), claim.Topic())
	}
	r := pp.current()
	if r == nil { // the session ended before the partition was recovered
		return nil
	}
	l := r.byTopic[claim.Topic()]
	if l == nil {
		return fmt.Errorf("cannot handle topic %s", claim.Topic())
	}
	g.markBeginning(session, claim)
	l.counter.highWatermark.Store(claim.HighWaterMarkOffset())
	r.consume(session.Context(), l, claim)
	return nil
}

// Cleanup ends a generation. What was begun has WithShutdownTimeout to finish, so that it is still committed. The
// tables stay open for the next generation.
func (g *Processor) Cleanup(session sarama.ConsumerGroupSession) error {
	defer g.inSession.Store(false)
	defer g.noteEnd()
	g.state.SetState(ProcStateStopping)
	failed := inParallel(g.partitionProcessors(), func(pp *PartitionProcessor) error {
		alive, err := pp.endRun(g.opts.shutdownTimeout)
		if !alive {
			g.mu.Lock()
			delete(g.held, pp.partition)
			g.mu.Unlock()
			return errors.Join(err, pp.Stop())
		}
		return err
	})
	if claims, err := assignedPartitions(session.Claims(), g.graph.consumed()); err == nil {
		failed = errors.Join(failed, guarded("revoke callback", func() error { g.opts.revokeCallback(assignmentOf(claims)); return nil }))
	}
	if failed != nil {
		g.addFailure(failed)
	}
	return failed
}

// addFailure notes what Run has to return, whatever the consumer group makes of it.
func (g *Processor) addFailure(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures = append(g.failures, err)
}

// standbyFailed ends the processor because of a partition that handles no messages.
func (g *Processor) standbyFailed(err error) {
	g.addFailure(err)
	g.Stop()
}

// releasePartitions stops all partitions.
func (g *Processor) releasePartitions() error {
	g.state.SetState(ProcStateStopping)
	pps := g.partitionProcessors()
	g.mu.Lock()
	clear(g.held)
	g.mu.Unlock()
	err := inParallel(pps, (*PartitionProcessor).Stop)
	g.background.Wait()
	return err
}
