package goka

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// Offsets without a record (compacted away, aborted, or a transaction's marker) are passed over by consumers in
// silence: who waits for the last record below the high watermark may wait for ever. sarama's consumers do not tell
// their position, so a topic manager that can looks for itself.
type gapFinder interface {
	// nextRecord returns an offset at or after from, and not after end, below which there are no records from from on:
	// end when there are none at all.
	nextRecord(topic string, partition int32, from, end int64) (int64, error)
}

const (
	gapPatience    = 100 * time.Millisecond // without a record, until somebody looks for a gap
	gapPatienceMax = 2 * time.Second        // ... when there was none before
	gapFetchBytes  = 1 << 20
)

func (m *topicManager) nextRecord(topic string, partition int32, from, end int64) (int64, error) {
	leader, err := m.client.Leader(topic, partition)
	if err != nil {
		return from, err
	}
	config := m.client.Config()
	for position := from; position < end; {
		request := &sarama.FetchRequest{Version: 11, MinBytes: 1, MaxBytes: gapFetchBytes, Isolation: config.Consumer.IsolationLevel}
		request.AddBlock(topic, partition, position, gapFetchBytes, -1)
		response, err := leader.Fetch(request)
		if err != nil {
			return position, err
		}
		block := response.GetBlock(topic, partition)
		switch {
		case block == nil:
			return position, fmt.Errorf("no answer for %s/%d", topic, partition)
		case block.Err != sarama.ErrNoError:
			return position, block.Err
		}
		next, found := firstVisible(block, position)
		if found {
			return min(next, end), nil
		}
		if next <= position { // nothing there, not even a batch
			if config.Consumer.IsolationLevel == sarama.ReadCommitted && block.LastStableOffset < end {
				return position, nil // nothing yet: a transaction is open
			}
			return end, nil
		}
		position = next
	}
	return end, nil
}

// firstVisible returns the offset of the first record that a consumer gets of what was fetched from position on, or the
// offset after everything that was fetched.
func firstVisible(block *sarama.FetchResponseBlock, position int64) (offset int64, found bool) {
	aborted := make(map[int64]int64, len(block.AbortedTransactions)) // first offsets by producer
	for _, t := range block.AbortedTransactions {
		aborted[t.ProducerID] = t.FirstOffset
	}
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
		first, isAborted := aborted[batch.ProducerID]
		switch {
		case batch.Control:
			delete(aborted, batch.ProducerID) // the marker ends the transaction
		case batch.IsTransactional && isAborted && batch.FirstOffset >= first:
		default:
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

// gapWatch looks for a gap between the position and the end, when no record has come for a while.
type gapWatch struct {
	finder   gapFinder
	patience time.Duration
	timer    *time.Timer
	log      Logger
}

// watchGaps returns nil when the consumer knows its position itself, or nobody can look.
func (p *PartitionTable) watchGaps() *gapWatch {
	finder, ok := p.topics.(gapFinder)
	if !ok {
		return nil
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
		g.patience = gapPatience
		g.timer.Reset(g.patience)
	}
}

// passed reports whether there is nothing but a gap from position to end.
func (g *gapWatch) passed(p *PartitionTable, position, end int64) bool {
	next, err := g.finder.nextRecord(p.topic, p.partition, position, end)
	if err == nil && next >= end {
		return true
	}
	if err != nil && !errors.Is(err, sarama.ErrOffsetOutOfRange) {
		debugf(g.log, "looking for records of %s/%d from offset %d on: %v", p.topic, p.partition, position, err)
	}
	g.patience = min(2*g.patience, gapPatienceMax)
	g.timer.Reset(g.patience)
	return false
}
