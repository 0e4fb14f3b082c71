package goka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Offsets without a record (compacted away, aborted, or a transaction's marker) are passed over by consumers in
// silence: who waits for the last record below the high watermark may wait for ever. sarama's consumers do not tell
// their position, so goka's own ones look for themselves, and its topic managers for those that cannot.
type gapFinder interface {
	// nextRecord returns an offset at or after from, and not after end, below which there are no records from from on:
	// end when there are none at all, with errNothing when that is not certain.
	nextRecord(ctx context.Context, topic string, partition int32, from, end int64) (int64, error)
}

// errBehind reports a leader whose high watermark is below the one that was seen before: one that was elected a moment
// ago and does not know better yet, or a topic that has lost records.
var errBehind = errors.New("the partition's high watermark has gone back")

// errNothing reports an answer without a batch below the high watermark. There may be none, or one that compaction has
// emptied, which sarama leaves out of its answers: behind it may be records.
var errNothing = errors.New("nothing was fetched below the partition's end")

// nothingPatience is how long there has to be nothing, while a consumer of sarama goes on: it passes batches that are empty
// at once, one answer after the other.
const nothingPatience = time.Second

const (
	gapPatience    = 100 * time.Millisecond // without a record, until somebody looks for a gap
	gapPatienceMax = 2 * time.Second        // ... when there was none before
	gapFetchBytes  = 1 << 20
	behindPatience = 30 * time.Second // with a high watermark that has gone back
)

func (m *topicManager) nextRecord(_ context.Context, topic string, partition int32, from, end int64) (int64, error) {
	return nextRecord(m.client, topic, partition, from, end)
}

func nextRecord(client sarama.Client, topic string, partition int32, from, end int64) (int64, error) {
	leader, err := client.Leader(topic, partition)
	if err != nil {
		return from, err
	}
	config := client.Config()
	for position := from; position < end; {
		block, err := fetchBlock(client, leader, topic, partition, position, gapFetchBytes)
		if err != nil {
			return position, err
		}
		next, found := firstVisible(block, position)
		if found {
			return min(next, end), nil
		}
		if next <= position { // nothing there that sarama tells of
			if config.Consumer.IsolationLevel == sarama.ReadCommitted && block.LastStableOffset < end {
				return position, nil // nothing yet: a transaction is open
			}
			if block.HighWaterMarkOffset < end {
				return position, fmt.Errorf("%w: %s/%d ends at offset %d, and ended at %d before",
					errBehind, topic, partition, block.HighWaterMarkOffset, end)
			}
			return end, errNothing
		}
		position = next
	}
	return end, nil
}

// lookAgain has the client find out who leads the topic's partitions now. It returns err.
func lookAgain(client sarama.Client, topic string, err error) error {
	return errors.Join(err, client.RefreshMetadata(topic))
}

// firstVisible returns the offset of the first record that a consumer gets of what was fetched from position on, or the
// offset after everything that was fetched.
func firstVisible(block *sarama.FetchResponseBlock, position int64) (offset int64, found bool) {
	open := newAborted(block)
	offset = position
	for _, records := range block.RecordsSet {
		if records.MsgSet != nil {
			for _, m := range records.MsgSet.Messages {
				if m.Offset >= position {
					return m.Offset, true
				}
			}
			continue
		}
		batch := records.RecordBatch
		if !open.hides(batch) {
			for _, r := range batch.Records {
				if o := batch.FirstOffset + r.OffsetDelta; o >= position {
					return o, true
				}
			}
		}
		if !batch.PartialTrailingRecord {
			offset = max(offset, batch.LastOffset()+1)
		}
	}
	return offset, false
}

// tableConsumer is a consumer of goka's own builders. It finds gaps itself, without waiting for brokers longer than its callers do.
type tableConsumer struct {
	sarama.Consumer
	connect func() (sarama.Client, error)
	lines   *lines         // of the client that connect makes
	slots   chan struct{}  // has room for the fetches that may be under way
	fetches sync.WaitGroup // the goroutines of readRange

	mu     sync.Mutex // guards what follows
	client *ownClient // nil until it is asked for, and once it could not connect
	closed bool
}

// ownClient is a client that connects, or has connected.
type ownClient struct {
	done   chan struct{} // closed once client or err is set
	client sarama.Client
	err    error
}

// own returns the client for fetches of its own, and has it connect before, which takes long where brokers do not answer: up to
// there nobody waits for longer than their own context. Those who ask while it connects wait for the same.
func (c *tableConsumer) own(ctx context.Context) (sarama.Client, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errCut
	}
	own := c.client
	if own == nil {
		own = &ownClient{done: make(chan struct{})}
		c.client = own
		c.fetches.Go(func() {
			defer close(own.done)
			if own.client, own.err = c.connect(); own.err != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.client = nil
			}
		})
	}
	c.mu.Unlock()
	select {
	case <-own.done:
		return own.client, own.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *tableConsumer) nextRecord(ctx context.Context, topic string, partition int32, from, end int64) (int64, error) {
	client, err := c.own(ctx)
	if err != nil {
		return from, err
	}
	type found struct {
		next int64
		err  error
	}
	answer := make(chan found, 1)
	if !c.beside(func() {
		next, err := nextRecord(client, topic, partition, from, end)
		answer <- found{next, err}
	}) {
		return from, errCut
	}
	select {
	case f := <-answer:
		return f.next, f.err
	case <-ctx.Done():
		return from, ctx.Err()
	}
}

// beside runs f in a goroutine that Close waits for. It reports false after Close.
func (c *tableConsumer) beside(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.fetches.Go(f)
	}
	return !c.closed
}

// Close also ends what waits for brokers.
func (c *tableConsumer) Close() error {
	c.lines.cut() // a client that connects or closes waits for answers
	c.mu.Lock()
	own := c.client
	c.client, c.closed = nil, true
	c.mu.Unlock()
	err := c.Consumer.Close()
	if own != nil {
		<-own.done
		if own.err == nil {
			_ = own.client.Close()
		}
	}
	c.fetches.Wait()
	return err
}

// silence finds gaps where nobody can look for them. A consumer of sarama's fetches all the time, and reports a fetch that
// is not answered within Net.ReadTimeout. So when it is silent for longer than that, and knew of the end before, there
// is no record up to there.
type silence struct {
	pc    sarama.PartitionConsumer
	since time.Time
}

// silencePatience is longer than Net.ReadTimeout usually is (30 s).
const silencePatience = 45 * time.Second

func (s *silence) nextRecord(_ context.Context, _ string, _ int32, from, end int64) (int64, error) {
	if s.pc.HighWaterMarkOffset() < end {
		s.since = time.Now()
	}
	if time.Since(s.since) < silencePatience {
		return from, nil
	}
	return end, nil
}

// gapWatch looks for a gap between the position and the end, when no record has come for a while.
type gapWatch struct {
	finder   gapFinder
	patience time.Duration
	timer    *time.Timer
	log      Logger
	behind   time.Time // since when the high watermark has gone back; zero when it has not
	nothing  time.Time // since when nothing was fetched below the end; zero when something was
}

// watchGaps looks for gaps where the consumer does not know its position itself.
func (p *PartitionTable) watchGaps(pc sarama.PartitionConsumer) *gapWatch {
	finder, ok := p.consumers.(gapFinder)
	if !ok {
		finder, ok = p.topics.(gapFinder)
	}
	if !ok {
		finder = &silence{pc, time.Now()}
	}
	return &gapWatch{finder: finder, patience: gapPatience, timer: time.NewTimer(gapPatience), log: p.log}
}

func (g *gapWatch) c() <-chan time.Time {
	if g == nil {
		return nil
	}
	return g.timer.C
}

func (g *gapWatch) stop() {
	if g != nil {
		g.timer.Stop()
	}
}

// saw notes that a record came.
func (g *gapWatch) saw() {
	if g != nil {
		if s, ok := g.finder.(*silence); ok {
			s.since = time.Now()
		}
		g.patience, g.nothing = gapPatience, time.Time{}
		g.timer.Reset(g.patience)
	}
}

// passed reports whether there is nothing but a gap from position to end. It fails when the partition has ended before
// that for a while: what is to be read has to be found out anew then.
func (g *gapWatch) passed(ctx context.Context, p *PartitionTable, position, end int64) (bool, error) {
	next, err := g.finder.nextRecord(ctx, p.topic, p.partition, position, end)
	switch {
	case err == nil && next >= end:
		return true, nil
	case errors.Is(err, errNothing):
		if g.nothing.IsZero() {
			g.nothing = time.Now()
		}
		if time.Since(g.nothing) >= nothingPatience {
			return true, nil
		}
		err, g.behind = nil, time.Time{}
	case !errors.Is(err, errBehind):
		g.behind = time.Time{}
	case g.behind.IsZero():
		g.behind = time.Now()
	case time.Since(g.behind) > behindPatience:
		return false, err
	}
	if err != nil && !errors.Is(err, sarama.ErrOffsetOutOfRange) {
		debugf(g.log, "looking for records of %s/%d from offset %d on: %v", p.topic, p.partition, position, err)
	}
	g.patience = min(2*g.patience, gapPatienceMax)
	g.timer.Reset(g.patience)
	return false, nil
}
