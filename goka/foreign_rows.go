package goka

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/storage"
)

// A member that the group has expelled may have rows under way, and goes on sending them until it hears of it. They land
// behind those of the partition's new owner, and whoever reads the topic would take them for newer. But the messages behind
// them were not committed, so that the owner handles them again: what it has is right, and it writes these rows once more.
//
// It finds them where its own rows have offsets that do not follow one another, and, for a while after it has got the
// partition, by asking where the topic ends. Until they are written again the offset in the storage stays before the first
// of them, so that a recovery reads them, and what lies between.

// foreignRows are what recovery has to know, and has found. The zero value knows of none.
type foreignRows struct {
	mu    sync.Mutex         // guards what follows
	own   map[int64]struct{} // offsets of rows that this instance sent, maybe while the partition was another's
	all   bool               // all that recovery finds is foreign: nobody else had the partition meanwhile
	keys  []string           // of rows that recovery found and did not apply
	first int64              // the offset of the first of them
}

// manySent bounds how many rows are noted. With more, recovery takes all rows for what they are.
const manySent = 1 << 16

// sent notes a row of this instance that is behind rows of others.
func (f *foreignRows) sent(offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.own == nil {
		f.own = make(map[int64]struct{})
	}
	if len(f.own) < manySent {
		f.own[offset] = struct{}{}
	}
}

// none reports whether there is nothing to skip.
func (f *foreignRows) none() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.own) == 0 && !f.all && len(f.keys) == 0
}

// forget makes a recovery apply all that it finds.
func (f *foreignRows) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own, f.all = nil, false
}

// expect tells whether all that the next recovery finds is foreign.
func (f *foreignRows) expect(all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.keys = all, nil
}

// skip reports whether a record is not to be applied, and notes its key then.
func (f *foreignRows) skip(msg *sarama.ConsumerMessage) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, own := f.own[msg.Offset]; !f.all && (!own || len(f.own) == manySent) {
		return false
	}
	if len(f.keys) == 0 {
		f.first = msg.Offset
	}
	f.keys = append(f.keys, string(msg.Key))
	return true
}

// upTo returns the offset that a storage may have which was told of all records up to last but those that were skipped; a
// negative one leaves its offset as it is.
func (f *foreignRows) upTo(last int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.keys) > 0 {
		return -1
	}
	return last
}

// take returns the keys that were skipped, and the offset of the first of them.
func (f *foreignRows) take() (keys []string, first int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys = f.keys
	f.own, f.all, f.keys = nil, false, nil
	return keys, f.first
}

// lateRow is a row that Kafka has taken after its generation was abandoned: nobody waits for it, and the message or visit
// behind it was not finished. But it is in the table's topic, maybe behind the end that the partition's next generation
// has recovered up to.
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
		pp.table.foreign.sent(row.offset)
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

// sawLate deals with a row of an abandoned generation, unless recovery has read it. A producer gives results of one
// partition in the order of their offsets, so that none of the rows of this generation was stored yet.
func (r *partitionRun) sawLate(late lateRow) {
	switch {
	case r.broken || r.isGone.Load() || late.offset <= r.stored:
	case !r.restores:
		r.storeRows(append(r.rows[:0], late.Row), late.offset)
	case late.offset >= r.own:
		r.sawGap(r.own, late.offset+1)
	}
}

// seenRows is what the guard of a table has seen.
type seenRows struct {
	keys []string // of rows that others have written
	end  int64    // the offset before which all was read, or where the topic ended
}

// watchTable begins to look for rows of others, which are written again if restores is set.
func (r *partitionRun) watchTable(restores bool, until time.Time) {
	table := r.pp.table
	r.restores, r.own = restores, max(r.stored+1, table.recover.hwm.Load())
	if !restores {
		until = time.Time{}
	}
	r.guard = newTableGuard(r, until)
	keys, first := table.foreign.take()
	if len(keys) > 0 {
		r.stored, r.gap, r.asked = first-1, first, r.own
		r.inbox.push(item{kind: itemForeign, seen: &seenRows{keys, r.own}})
	}
}

// sawRow notes where a row of this generation is in the table's topic.
func (r *partitionRun) sawRow(offset int64) {
	if offset < 0 || r.own < 0 {
		return
	}
	if offset > r.own {
		r.sawGap(r.own, offset)
	}
	if r.gap >= 0 {
		r.pp.table.foreign.sent(offset)
	}
	r.own = max(r.own, offset+1)
}

// sawEnd notes where the table's topic ended a moment ago. While rows are under way, that says nothing.
func (r *partitionRun) sawEnd(end int64) {
	if r.overlay.Len() == 0 && r.own >= 0 && end > r.own {
		r.sawGap(r.own, end)
	}
}

// sawGap has the records read from one offset to before another, which are not rows of this generation.
func (r *partitionRun) sawGap(from, to int64) {
	r.own = max(r.own, to)
	if r.guard == nil {
		return
	}
	if r.gap < 0 {
		r.gap = from
	}
	r.asked = max(r.asked, to)
	r.guard.ask(from, to)
}

// sawForeign writes the rows again that others have written in between, as they are here. Everything before the offset to
// was read. In the first generation of a group there is nobody whose rows could be late, and what others wrote stays.
func (r *partitionRun) sawForeign(keys []string, to int64) {
	r.read = max(r.read, to)
	if len(keys) > 0 && !r.restores {
		return // the offset in the storage stays before them
	}
	seen := make(map[string]bool, len(keys))
	for _, key := range keys {
		if r.broken || r.isGone.Load() {
			return
		}
		if !seen[key] {
			seen[key] = true
			r.restore(key)
		}
	}
	if len(seen) > 0 {
		r.pp.log.Printf("table %s/%d has rows before offset %d that another instance wrote after this one had got the partition: "+
			"%d are written again as they are here", r.pp.table.topic, r.pp.partition, to, len(seen))
	}
	r.closeGap()
}

// closeGap lets the offset in the storage move on once all that was in the way is written again.
func (r *partitionRun) closeGap() {
	if r.gap >= 0 && r.restoring == 0 && r.read >= r.asked {
		r.gap = -1
		r.pp.table.foreign.forget()
	}
}

// restore writes a row as it is.
func (r *partitionRun) restore(key string) {
	value, written := r.overlay.Get(key)
	if !written {
		var err error
		if value, err = guardedGet(r.store, key); err != nil {
			r.fail(err)
			return
		}
	}
	m := r.newInflight()
	m.key, m.offset, m.pending = key, -1, 1
	o := r.newOutgoing()
	o.Topic, o.Partition, o.Key, o.Value = r.pp.table.topic, r.pp.partition, []byte(key), value
	o.from, o.table, o.row = m, true, r.overlay.Put(key, value)
	o.owner, o.Done = o, outgoingDone
	o.Source = kafka.Source{Topic: r.pp.table.topic, Partition: r.pp.partition, Offset: kafka.Offset(r.read), N: r.restored}
	r.restored++
	r.restoring++
	r.outstanding++
	o.way.Store(onItsWay)
	r.pp.producer.Produce(&o.Emission)
}

func guardedGet(st storage.Storage, key string) (value []byte, err error) {
	defer caught("storage", &err)
	return st.Get(key)
}

// tableGuard reads what others have written to a table while this instance has it.
type tableGuard struct {
	run   *partitionRun
	table *PartitionTable
	until time.Time // how long to ask where the topic ends
	end   context.CancelFunc
	done  chan struct{} // closed once nothing is read any more
	wake  chan struct{} // has room for one: there is something to read

	mu       sync.Mutex // guards what follows
	from, to int64      // what is to be read; nothing when they are equal
}

const (
	guardTime  = 5 * time.Minute // for which the topic's end is asked for: rows do not stay under way for ever
	guardPause = time.Second     // before it is asked for first; twice as long each time
	guardTries = 5               // to read what lies between the own rows
)

func newTableGuard(r *partitionRun, until time.Time) *tableGuard {
	ctx, end := context.WithCancel(r.ctx)
	g := &tableGuard{run: r, table: r.pp.table, until: until, end: end, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go func() {
		defer close(g.done)
		g.loop(ctx)
	}()
	return g
}

// ask has records read.
func (g *tableGuard) ask(from, to int64) {
	g.mu.Lock()
	if g.from == g.to {
		g.from = from
	}
	g.from, g.to = min(g.from, from), max(g.to, to)
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *tableGuard) loop(ctx context.Context) {
	pause := guardPause
	timer := time.NewTimer(pause)
	defer timer.Stop()
	if _, own := g.table.topics.(groupTopics); !own || time.Now().After(g.until) {
		timer.Stop() // one that a test has made may not expect to be asked
	}
	var looked time.Time
	for {
		asked, due := false, false
		select {
		case <-ctx.Done():
		case <-g.wake:
			asked = true
		case <-timer.C:
			due = true
		}
		if ctx.Err() != nil { // in this order, where several are so
			return
		}
		select {
		case <-timer.C:
			due = true
		default:
		}
		if due {
			if end, err := g.table.limit(ctx, sarama.OffsetNewest); err == nil {
				g.run.inbox.push(item{kind: itemTableEnd, seen: &seenRows{end: end}})
			}
			if pause *= 2; time.Now().Add(pause).Before(g.until) {
				timer.Reset(pause)
			}
		}
		if asked {
			// while two instances take themselves for the owner, each writes again what the other one did
			if sleep(ctx, time.Until(looked.Add(guardPause))) != nil {
				return
			}
			g.look(ctx)
			looked = time.Now()
		}
	}
}

// look reads what is to be read, and tells the run.
func (g *tableGuard) look(ctx context.Context) {
	g.mu.Lock()
	from, to := g.from, g.to
	g.from = g.to
	g.mu.Unlock()
	if from == to {
		return
	}
	for try := 1; ; try++ {
		keys, err := g.keys(ctx, from, to)
		if err == nil {
			g.run.inbox.push(item{kind: itemForeign, seen: &seenRows{keys, to}})
			return
		}
		if ctx.Err() != nil {
			return
		}
		g.table.log.Printf("error reading what others have written to %s/%d from offset %d to %d: %v", g.table.topic, g.table.partition, from, to, err)
		if try == guardTries || sleep(ctx, time.Second) != nil {
			return
		}
	}
}

// keys returns the keys of the records from one offset to before another.
func (g *tableGuard) keys(ctx context.Context, from, to int64) (keys []string, err error) {
	pc, err := g.table.consumers.ConsumePartition(g.table.topic, g.table.partition, from)
	if err != nil {
		return nil, err
	}
	defer drained(pc)
	var (
		reached  <-chan struct{}
		gaps     *gapWatch
		position = from
	)
	if positioned, ok := pc.(door.Positioned); ok {
		reached = positioned.Reached(to)
	} else {
		gaps = g.table.watchGaps(pc)
		defer gaps.stop()
	}
	for position < to {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case err, open := <-pc.Errors():
			if open {
				return nil, err
			}
			return nil, errConsumerEnded
		case msg, open := <-pc.Messages():
			switch {
			case !open:
				return nil, errConsumerEnded
			case msg == nil:
			case msg.Offset >= to:
				return keys, nil
			default:
				keys, position = append(keys, string(msg.Key)), msg.Offset+1
				gaps.saw()
			}
		case <-gaps.c():
			passed, err := gaps.passed(g.table, position, to)
			if passed || err != nil {
				return keys, err
			}
		case <-reached:
			if hasEnded(pc) {
				return nil, errConsumerEnded
			}
			for {
				select {
				case msg, open := <-pc.Messages():
					if open && msg != nil && msg.Offset < to {
						keys = append(keys, string(msg.Key))
						continue
					}
				default:
				}
				return keys, nil
			}
		}
	}
	return keys, nil
}

// drained closes a consumer.
func drained(pc sarama.PartitionConsumer) {
	pc.AsyncClose()
	for range pc.Messages() {
	}
	for range pc.Errors() {
	}
}
