package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/memkafka"
)

// run is one replay: input in, tables and outputs out. It talks to its cluster as goka does, so that it is the same
// run in a bubble and outside.
type run struct {
	settings  replaywire.Settings
	graphs    []Graph
	in        *input
	plans     chan<- *plan // takes the plan, once the topics are there, so that reading begins
	tell      func(replaywire.Event)
	outer     context.Context   // ends when the run is to end; see cluster.interrupted
	records   recordCount       // of the input, when incidents are to happen among them
	simulated *memkafka.Cluster // nil on a real cluster
	drive     *drive            // nil unless a seed decides what happens

	observer    *observer // nil unless there is to be a report
	checkpoints *checkpoints
	resumed     *checkpoint // what the run goes on from, nil for its beginning

	fed     atomic.Pointer[feed] // for those who watch
	running atomic.Pointer[groups]
	feeding atomic.Pointer[cursor]
}

// How many records of the input are under way at most on a simulated cluster, and after how many it forgets those that
// are done with.
const (
	underWay  = 8192
	trimEvery = 8 * underWay
)

// replay does it all. It returns when the groups are done with everything and have stopped.
func (r *run) replay(ctx context.Context, brokers []string, idle func()) (result *replaywire.Result, err error) {
	p, err := newPlan(r.graphs)
	if err != nil {
		return nil, err
	}
	if r.checkpoints.graphs, err = p.text(); err == nil {
		err = r.resumed.suits(r.checkpoints.graphs)
	}
	if err != nil {
		return nil, err
	}
	c, err := connect(brokers, r.settings.Partitions, idle, func() bool { return r.outer.Err() != nil })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	disorder, err := newChaos(r.settings, r.records.fed(p))
	if err != nil {
		return nil, err
	}
	if r.simulated != nil {
		c.core = r.simulated
		c.kill = func(clientID string) { r.simulated.Kill(clientID) }
		if r.drive != nil {
			c.kill, c.meet = r.drive.kill, r.drive.pause
		}
	}
	if r.resumed == nil {
		err = c.createTopics(p)
	}
	if err != nil {
		return nil, err
	}
	var noted *order
	direct := r.simulated
	if r.simulated != nil {
		noted = newOrder(p, r.settings.Partitions)
	}
	if r.settings.Faults != "" { // they may strike whoever produces
		direct = nil
	}
	var kept histories
	if direct != nil {
		kept = newHistories(p, r.settings.Partitions)
	}
	f, err := newFeed(c, direct, noted, kept)
	if err != nil {
		return nil, err
	}
	defer f.close()
	r.fed.Store(f)
	r.tell(replaywire.Event{Plan: &replaywire.Plan{
		Groups: p.groupNames(), Partitions: r.settings.Partitions, Instances: r.settings.Instances, TotalBytes: r.in.totalBytes,
	}})
	r.plans <- p

	cur := &cursor{in: r.in, tell: r.tell, timed: map[*topic]bool{}, chaos: disorder, checkpoints: r.checkpoints, simulated: r.simulated, observer: r.observer}
	r.feeding.Store(cur)
	if r.resumed != nil {
		err = cur.resume(ctx, f, r.resumed, p.sorted(func(*topic) bool { return true }))
	} else {
		err = cur.feedTables(ctx, f)
		cur.timeless = cur.position
	}
	kept.settled()
	if err != nil {
		return nil, err
	}
	out, err := r.openOutputs(c, p, noted)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	g, ctx, err := startGroups(ctx, c, p, r.settings.Instances, r.settings.Verbose, r.observer, noted, kept)
	if err != nil {
		return nil, err
	}
	if r.resumed != nil {
		disorder.resume(r.resumed, len(g.members), r.resumed.Position-r.resumed.Timeless)
		cur.timeless = r.resumed.Timeless
		if err := g.begin(); err != nil {
			return nil, errors.Join(err, g.end())
		}
		r.tell(replaywire.Event{Note: fmt.Sprintf("going on behind the first %d records", r.resumed.Position)})
	}
	r.running.Store(g)
	if r.simulated != nil && r.settings.Faults != "" {
		if err := r.simulated.SetFaults(r.settings.Faults); err != nil {
			return nil, errors.Join(err, g.end())
		}
	}
	result, err = r.feedAndCollect(ctx, cur, f, g, out)
	if ended := g.end(); err == nil {
		err = ended
	}
	return result, err
}

// openOutputs makes the files of the outputs.
func (r *run) openOutputs(c *cluster, p *plan, noted *order) (outputs, error) {
	topics := p.sorted(func(t *topic) bool { return t.output })
	if r.simulated == nil {
		return collect(c, topics, r.settings.Dir)
	}
	return newDrain(c, r.simulated, noted, topics, r.settings.Dir, r.resumed)
}

// feedAndCollect feeds the rest of the input to running groups, and reads what came of it.
func (r *run) feedAndCollect(ctx context.Context, cur *cursor, f *feed, g *groups, out outputs) (*replaywire.Result, error) {
	var err error
	if g.cluster.simulated() {
		err = cur.feedInOrder(ctx, f, g, out)
	} else {
		err = cur.feedFreely(ctx, f, g)
		if rows := g.plan.sorted(func(t *topic) bool { return cur.timed[t] }); len(rows) > 0 {
			r.tell(replaywire.Event{Note: fmt.Sprintf("on a real cluster nobody knows which rows of %s a message sees; "+
				"results that depend on it may differ from those of a simulated one", rows[0].name)})
		}
	}
	if err != nil {
		return nil, err
	}
	if err := g.complete(ctx); err != nil {
		return nil, err
	}
	var result replaywire.Result
	for _, t := range g.plan.sorted(func(t *topic) bool { return f.counts[t] > 0 }) {
		result.Inputs = append(result.Inputs, replaywire.Topic{Name: t.name, Count: f.counts[t]})
	}
	if result.Outputs, result.Tables, err = r.write(ctx, g, out); err != nil {
		return nil, g.cause(ctx, err)
	}
	if r.observer != nil {
		if err := cur.sample(f, g); err != nil {
			return nil, err
		}
	}
	result.Slowest, result.Failures = r.observer.told()
	result.Incidents = cur.chaos.done
	if r.simulated != nil {
		for _, count := range r.simulated.FaultCounts() {
			result.Faults = append(result.Faults, replaywire.Fault{Name: count.Fault, Injected: int64(count.Injected)})
		}
	}
	result.BadLines, result.Skipped, result.Late = r.in.badLines.Load(), r.in.skipped.Load(), r.in.late.Load()
	result.Unplaced = r.in.unplaced.Load()
	return &result, nil
}

// write writes the outputs, which are gathered for the most part, and the tables meanwhile.
func (r *run) write(ctx context.Context, g *groups, out outputs) (outputs, tables []replaywire.Topic, err error) {
	var finishing sync.WaitGroup
	var failed error
	finishing.Go(func() { outputs, failed = out.finish(ctx) })
	for _, t := range g.plan.sorted(func(t *topic) bool { return t.owner != "" }) {
		var table replaywire.Topic
		if table, err = writeTable(ctx, g.cluster, t, r.settings.Dir); err != nil {
			break
		}
		tables = append(tables, table)
	}
	finishing.Wait()
	return outputs, tables, cmp.Or(failed, err)
}

// cursor walks over the records of an input.
type cursor struct {
	in    *input
	tell  func(replaywire.Event)
	batch batch
	at    int
	timed map[*topic]bool // tables of which rows came between messages
	chaos *chaos

	position    int64 // records that were passed
	timeless    int64 // those that came before anything happened
	checkpoints *checkpoints
	simulated   *memkafka.Cluster // nil on a real cluster
	observer    *observer         // nil unless there is to be a report

	idle    func(context.Context) error // called before the input is waited for at its pace; may be nil
	waiting atomic.Bool                 // for the input
}

// pass passes the record that peek returned.
func (cur *cursor) pass() {
	cur.at++
	cur.position++
}

// passBefore is pass for records that no group is there yet to handle: nobody sees the rows that newer ones have replaced.
func (cur *cursor) passBefore(f *feed) {
	if cur.pass(); cur.position%underWay == 0 {
		f.kept.settled()
	}
}

// peek returns the next record without passing it, io.EOF at the end.
func (cur *cursor) peek(ctx context.Context) (*record, error) {
	for cur.at == len(cur.batch.records) {
		if cur.batch.err != nil {
			return nil, cur.batch.err
		}
		if err := cur.next(ctx); err != nil {
			return nil, err
		}
		for _, text := range cur.batch.badLines {
			cur.tell(replaywire.Event{BadLine: text})
		}
	}
	return &cur.batch.records[cur.at], nil
}

// next waits for the next batch. At a pace, all that was fed is done before, so that time, which stands still meanwhile, need not pass for it: but
// not where a seed decides what happens, in which the input's pace has no part.
func (cur *cursor) next(ctx context.Context) error {
	if settings := &cur.in.settings; cur.idle != nil && settings.Speed > 0 && !settings.Driven && len(cur.in.batches) == 0 {
		if err := cur.idle(ctx); err != nil {
			return err
		}
	}
	cur.waiting.Store(true)
	defer cur.waiting.Store(false)
	select {
	case b, ok := <-cur.in.batches:
		if !ok {
			return errInterrupted
		}
		cur.batch, cur.at = b, 0
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errInterrupted reports a run that was told to end.
var errInterrupted = errors.New("interrupted")

// feedTables feeds the rows that were there before anything happened.
func (cur *cursor) feedTables(ctx context.Context, f *feed) error {
	for {
		rec, err := cur.peek(ctx)
		switch {
		case err == io.EOF || err == nil && !rec.timeless():
			return f.flush()
		case err != nil:
			return err
		}
		if err := f.send(ctx, rec, cur.position); err != nil {
			return err
		}
		cur.passBefore(f)
	}
}

// feedFreely feeds all records as fast as the cluster takes them.
func (cur *cursor) feedFreely(ctx context.Context, f *feed, g *groups) error {
	for {
		rec, err := cur.peek(ctx)
		switch {
		case err == io.EOF:
			return f.flush()
		case err != nil:
			return g.cause(ctx, err)
		}
		if rec.topic.table {
			cur.timed[rec.topic] = true
		}
		if err := f.send(ctx, rec, cur.position); err != nil {
			return g.cause(ctx, err)
		}
		cur.pass()
	}
}

// feedInOrder feeds all records to a simulated cluster, so that an input sees exactly the rows of other tables that are
// older: as they were kept, or else, before rows, the groups finish what they have, and after them the rows arrive before
// anything else.
func (cur *cursor) feedInOrder(ctx context.Context, f *feed, g *groups, out outputs) error {
	rows, sinceSettled, sinceGathered, sinceTrimmed := false, 0, 0, 0
	cur.idle = func(ctx context.Context) error {
		if err := f.flush(); err != nil {
			return err
		}
		return g.settle(ctx)
	}
	for {
		rec, err := cur.peek(ctx)
		switch {
		case err == io.EOF:
			return errors.Join(f.flush(), out.failure())
		case err != nil:
			return g.cause(ctx, err)
		}
		if err := cur.observe(f, g); err != nil {
			return g.cause(ctx, err)
		}
		row := rec.topic.table && f.kept[rec.topic] == nil
		switch turn := row != rows; {
		case turn && rows: // a message after rows
			if err = f.flush(); err == nil {
				err = g.rowsArrive(ctx)
			}
		case turn, sinceSettled >= underWay: // a row after messages, or enough messages
			if err = errors.Join(cur.peak(f, g), f.flush()); err == nil {
				err = g.settle(ctx)
			}
			sinceSettled = 0
			f.kept.settled()
		}
		if err == nil && sinceTrimmed >= trimEvery && sinceSettled == 0 { // before outputs are gathered, for whose writing it would wait
			sinceTrimmed = 0
			err = g.trim(ctx, out.kept)
		}
		if err == nil && sinceGathered >= underWay && sinceSettled == 0 {
			sinceGathered = 0
			err = out.gather()
		}
		if err == nil {
			err = cur.keep(ctx, f, g, out)
		}
		if err == nil {
			err = cur.chaos.next(ctx, f, g)
		}
		if err := errors.Join(err, out.failure()); err != nil {
			return g.cause(ctx, err)
		}
		if err := f.send(ctx, rec, cur.position); err != nil {
			return g.cause(ctx, err)
		}
		rows = row
		sinceSettled++
		sinceGathered++
		sinceTrimmed++
		cur.pass()
	}
}
