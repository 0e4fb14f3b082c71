package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

// patience is how long a run may stand still before it is given up: longer where time is virtual and costs nothing.
const (
	patience          = 2 * time.Minute
	simulatedPatience = time.Hour
)

// tick is the pause between two looks at a cluster. On a simulated one it has an odd nanosecond, so that it never ends
// together with somebody else's timer.
const (
	tick          = 100 * time.Millisecond
	simulatedTick = time.Millisecond + 1
)

// lag is a partition that a group is not done with.
type lag struct {
	group, topic  string
	partition     int32
	position, end int64
}

func (l lag) String() string {
	return fmt.Sprintf("group %s has done %d of %d records of %s/%d", l.group, l.position, l.end, l.topic, l.partition)
}

// lags lists what the groups are not done with. A record is done with when all that it caused has arrived, too.
func (g *groups) lags() ([]lag, error) {
	var lags []lag
	ends := map[*topic][]int64{}
	for _, group := range g.plan.groups {
		for _, t := range group.inputs {
			if ends[t] == nil {
				var err error
				if ends[t], err = g.cluster.ends(t); err != nil {
					return nil, err
				}
			}
			for p, end := range ends[t] {
				if at := g.positions[group][t.name][p].Load(); at < end {
					lags = append(lags, lag{group.name, t.name, int32(p), at, end})
				}
			}
		}
	}
	return lags, nil
}

// ends returns the log ends of a topic's partitions.
func (c *cluster) ends(t *topic) ([]int64, error) {
	ends := make([]int64, c.partitions)
	for p := range ends {
		if c.core != nil {
			_, high, err := c.core.Offsets(t.name, int32(p))
			if err != nil {
				return nil, err
			}
			ends[p] = int64(high)
			continue
		}
		end, err := c.client.GetOffset(t.name, int32(p), -1)
		if err != nil {
			return nil, fmt.Errorf("asking %s for the end of %s/%d: %w", c, t.name, p, err)
		}
		ends[p] = end
	}
	return ends, nil
}

// settle waits until all groups are done with all that is in their inputs.
func (g *groups) settle(ctx context.Context) error {
	var seen int64
	stillSince := time.Now()
	for {
		if g.cluster.simulated() {
			g.cluster.idle()
		}
		if ctx.Err() != nil {
			return g.cause(ctx, nil)
		}
		lags, err := g.lags()
		if err != nil || len(lags) == 0 {
			return g.cause(ctx, err)
		}
		if n := g.processed(); n != seen {
			seen, stillSince = n, time.Now()
		}
		if err := g.cluster.pause(ctx, stillSince, func() string { return lags[0].String() }); err != nil {
			return g.cause(ctx, err)
		}
	}
}

// rowsArrive waits until whoever has a table of a simulated cluster has all rows that are there, also where faults put fetches off or break
// connections off. Who gets one later reads as much before it is used.
func (g *groups) rowsArrive(ctx context.Context) error {
	stillSince, before := time.Now(), int64(-1)
	for {
		g.cluster.idle()
		missing, behind, err := g.missingRows()
		if err != nil || missing == 0 {
			return err
		}
		if missing != before {
			before, stillSince = missing, time.Now()
		}
		if err := g.cluster.pause(ctx, stillSince, behind.String); err != nil {
			return err
		}
	}
}

// missingRows counts the records of tables that their readers do not have yet, and names a partition of which some are.
func (g *groups) missingRows() (missing int64, behind lag, _ error) {
	for _, m := range g.members {
		for _, r := range m.tables.open() {
			_, end, err := g.cluster.core.Offsets(r.topic, r.partition)
			if err != nil {
				return 0, lag{}, err
			}
			last, err := r.GetOffset(-1)
			if err != nil {
				return 0, lag{}, err
			}
			if int64(end) <= last+1 {
				continue
			}
			next, err := g.cluster.core.Fetch(r.topic, r.partition, kafka.Offset(last+1), 1)
			if err != nil {
				return 0, lag{}, err
			}
			if len(next) > 0 { // else nothing is left there: a deletion goes, too, when it is old
				missing += int64(end) - (last + 1)
				behind = lag{m.group.name, r.topic, r.partition, last + 1, int64(end)}
			}
		}
	}
	return missing, behind, nil
}

// pause lets one tick pass, unless the run stands still for too long.
func (c *cluster) pause(ctx context.Context, stillSince time.Time, where func() string) error {
	if c.interrupted() {
		return errInterrupted
	}
	limit, d := patience, tick
	if c.simulated() {
		limit, d = simulatedPatience, simulatedTick
	}
	if still := time.Since(stillSince); still > limit {
		return fmt.Errorf("the run stands still for %v: %s", limit, where())
	} else if c.simulated() {
		d += still / 8 // nobody waits for virtual time, but a timer in a callback may take long
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// complete waits until all groups have committed all that is in their inputs, and nothing was added between two looks.
func (g *groups) complete(ctx context.Context) error {
	var before [][]int64
	var stillSince time.Time
	for quiet := 0; ; {
		if err := g.settle(ctx); err != nil {
			return err
		}
		state, behind, err := g.commits()
		if err != nil {
			return g.cause(ctx, err)
		}
		if !slices.EqualFunc(state, before, slices.Equal[[]int64]) {
			before, quiet, stillSince = state, 0, time.Now()
		}
		if behind == nil {
			if quiet++; quiet == 2 {
				return nil
			}
			behind = &lag{}
		}
		if err := g.cluster.pause(ctx, stillSince, behind.String); err != nil {
			return g.cause(ctx, err)
		}
	}
}

// commits returns all committed offsets and log ends, in a fixed order, and one partition where they differ.
func (g *groups) commits() (state [][]int64, behind *lag, err error) {
	for _, group := range g.plan.groups {
		committed, err := g.cluster.committed(group, group.inputs)
		if err != nil {
			return nil, nil, err
		}
		for _, t := range group.inputs {
			ends, err := g.cluster.ends(t)
			if err != nil {
				return nil, nil, err
			}
			for p, end := range ends {
				if at := committed[t][p]; at < end && end > 0 {
					behind = &lag{group.name, t.name, int32(p), max(at, 0), end}
				}
			}
			state = append(state, committed[t], ends)
		}
	}
	return state, behind, nil
}

// upkeepTime is enough for groups to commit, and for a broker to look after compacted topics once (log.cleaner.backoff.ms).
const upkeepTime = 20 * time.Second

// trim takes away what all groups have committed, from the inputs of a simulated cluster, so that its memory does not
// grow with the input. Others who read the topic have to be as far as kept says. It lets virtual time pass.
func (g *groups) trim(ctx context.Context, kept func(t *topic, partition int) int64) error {
	select {
	case <-time.After(upkeepTime + simulatedTick):
	case <-ctx.Done():
		return g.cause(ctx, nil)
	}
	g.cluster.idle()
	if err := g.compact(); err != nil {
		return fmt.Errorf("trimming: %w", err)
	}
	for _, t := range g.plan.sorted(func(t *topic) bool { return !t.table }) {
		for p := range g.cluster.partitions {
			until := kept(t, p)
			for _, group := range g.plan.groups {
				if slices.Contains(group.inputs, t) {
					committed, _ := g.cluster.core.Committed(group.name, t.name, int32(p))
					until = min(until, int64(committed))
				}
			}
			if until <= 0 {
				continue
			}
			_, high, err := g.cluster.core.Offsets(t.name, int32(p))
			if err == nil {
				err = g.cluster.core.DeleteRecords(t.name, int32(p), kafka.Offset(min(until, int64(high))))
			}
			if err != nil {
				return fmt.Errorf("trimming: %w", err)
			}
		}
	}
	return nil
}

// compact compacts those tables that wait for it, see cluster.settings.
func (g *groups) compact() error {
	const lag = "min.compaction.lag.ms"
	for _, t := range g.plan.sorted((*topic).keepsAll) {
		err := g.cluster.core.SetTopicConfig(t.name, lag, "0")
		if err == nil {
			err = g.cluster.core.Compact(t.name)
		}
		if err = errors.Join(err, g.cluster.core.SetTopicConfig(t.name, lag, never)); err != nil {
			return err
		}
	}
	return nil
}
