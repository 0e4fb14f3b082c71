package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// incident is something that is done to the groups before a record of the input is fed.
type incident struct {
	before int64 // the number of the record, from 0
	crash  bool  // an instance is killed; else one leaves its group and comes back
}

// chaos does to the groups what the settings ask for, where the seed says.
type chaos struct {
	incidents []incident
	rng       *rand.Rand
	fed       int64
	done      []replaywire.Incident
}

// newChaos draws where in the input incidents happen. It needs to know how many records there are.
func newChaos(s replaywire.Settings, records int64) (*chaos, error) {
	c := &chaos{rng: rand.New(rand.NewPCG(s.Seed, 0x676f6b61))}
	n := s.Rebalances + s.Crashes
	if n == 0 {
		return c, nil
	}
	if records < 2 {
		return nil, fmt.Errorf("the input has %d records beside rows without a time; there is no place in it for rebalances and crashes", records)
	}
	for i := range n {
		c.incidents = append(c.incidents, incident{before: 1 + c.rng.Int64N(records-1), crash: i >= s.Rebalances})
	}
	slices.SortFunc(c.incidents, func(a, b incident) int {
		switch {
		case a.before != b.before:
			return int(a.before - b.before)
		case a.crash == b.crash:
			return 0
		case b.crash:
			return -1
		}
		return 1
	})
	return c, nil
}

// recordCount is how many records there are with a time, and without one by topic.
type recordCount struct {
	timed    int64
	timeless map[string]int64
}

// fed returns how many of them come while groups run: rows without a time are there before.
func (n recordCount) fed(p *plan) int64 {
	all := n.timed
	for topic, count := range n.timeless {
		if t := p.topics[topic]; t == nil || !t.table {
			all += count
		}
	}
	return all
}

// countRecords counts what the settings want of the inputs. Standard input cannot be read twice.
func countRecords(ctx context.Context, s replaywire.Settings) (n recordCount, err error) {
	n.timeless = map[string]int64{}
	if slices.ContainsFunc(s.Inputs, dump.Once) {
		return n, errors.New("where rebalances and crashes happen is drawn before the input is read, and standard input or a pipe cannot be read twice; replay a file")
	}
	in, err := openInput(s)
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	merge := dump.NewMerge(nil, in.files...)
	for seen := 0; ; seen++ {
		rec, err := merge.Next()
		var bad *dump.LineError
		switch {
		case err == io.EOF:
			return n, nil
		case errors.As(err, &bad):
			continue
		case err != nil:
			return n, err
		case seen%4096 == 0 && ctx.Err() != nil:
			return n, errInterrupted
		case !in.wanted(rec):
		case rec.Timestamp >= 0:
			n.timed++
		default:
			n.timeless[rec.Topic]++
		}
	}
}

// next does what is due before the next record.
func (c *chaos) next(ctx context.Context, f *feed, g *groups) error {
	for len(c.incidents) > 0 && c.incidents[0].before <= c.fed {
		i := c.incidents[0]
		c.incidents = c.incidents[1:]
		m := g.members[c.rng.IntN(len(g.members))]
		g.cluster.meet()
		var err error
		if i.crash {
			err = g.crash(ctx, f, m)
		} else {
			err = g.rebalance(ctx, f, m)
		}
		if err != nil {
			return err
		}
		kind := "rebalance"
		if i.crash {
			kind = "crash"
		}
		c.done = append(c.done, replaywire.Incident{Record: c.fed, Kind: kind, Group: m.group.name, Instance: m.instance})
	}
	c.fed++
	return nil
}

// rebalance has an instance leave its group in the middle of its work, and come back.
func (g *groups) rebalance(ctx context.Context, f *feed, m *member) error {
	if err := f.flush(); err != nil {
		return err
	}
	m.leave()
	select {
	case <-m.ended:
	case <-ctx.Done():
		return g.cause(ctx, nil)
	}
	g.cluster.meet()
	return g.replace(ctx, m)
}

// crash kills an instance when what was fed so far is done and committed: what is not would be done again, and counted twice in tables, as it is
// after any crash of a program that works at least once. What it has in hand of its tables is lost.
func (g *groups) crash(ctx context.Context, f *feed, m *member) error {
	if err := f.flush(); err != nil {
		return err
	}
	if err := g.complete(ctx); err != nil {
		return err
	}
	m.killed.Store(true)
	g.cluster.kill(m.clientID())
	select {
	case <-m.ended:
	case <-ctx.Done():
		return g.cause(ctx, nil)
	}
	g.cluster.meet()
	return g.replace(ctx, m)
}

// replace starts an instance anew. Nobody waits until it is ready: the others go on.
func (g *groups) replace(ctx context.Context, m *member) error {
	m.generation++
	if err := g.makeProcessor(m); err != nil {
		return err
	}
	g.start(ctx, m)
	return nil
}
