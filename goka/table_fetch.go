package goka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/recovery"
)

// rangeReader is what goka's own consumers offer for recoveries, beside sarama's interface: the records of a range, fetched
// one request after the other. A consumer of sarama waits 100 ms for others to begin with, hands over record by record, and
// lets go of a partition for a while whose reader is busy.
type rangeReader interface {
	// readRange hands records to take, batch by batch and in order, from one offset to before end at least. It returns the
	// offset before which there are no others: end or more, unless Kafka did not give all of them. Then it is to be read on by
	// other means. An error is that of take, or of ctx.
	readRange(ctx context.Context, topic string, partition int32, from, end int64, take func(batch []*sarama.ConsumerMessage, next int64) error) (int64, error)
}

// answer is the answer to a fetch.
type answer struct {
	batch []*sarama.ConsumerMessage
	next  int64 // the offset after all that was fetched
	err   error
}

// fetchesAtOnce bounds the fetches of a consumer that are under way, so that sarama's client never blocks.
const fetchesAtOnce = 4

func (c *tableConsumer) readRange(ctx context.Context, topic string, partition int32, from, end int64,
	take func(batch []*sarama.ConsumerMessage, next int64) error,
) (int64, error) {
	client, err := c.own(ctx)
	if err != nil || len(client.Config().Consumer.Interceptors) > 0 {
		return from, ctx.Err() // of brokers, sarama's consumer says what is wrong, and tries again
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, 1) // the next one comes while one is applied
	if !c.beside(func() {
		defer close(answers)
		for position := from; position < end; {
			f := c.fetch(ctx, client, topic, partition, position)
			select {
			case answers <- f:
			case <-ctx.Done():
				return
			}
			if f.err != nil || f.next <= position {
				return
			}
			position = f.next
		}
	}) {
		return from, nil
	}
	for position := from; ; {
		select {
		case <-ctx.Done():
			return position, ctx.Err()
		case f, open := <-answers:
			if !open || f.err != nil {
				return position, ctx.Err()
			}
			if err := take(f.batch, f.next); err != nil {
				return position, err
			}
			position = f.next
		}
	}
}

// fetch asks once for what there is from an offset on. An answer without a batch ends the reading: sarama leaves out batches that
// compaction has emptied, behind which there may be more.
func (c *tableConsumer) fetch(ctx context.Context, client sarama.Client, topic string, partition int32, position int64) answer {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return answer{err: ctx.Err()}
	}
	leader, err := client.Leader(topic, partition)
	if err != nil {
		return answer{err: err}
	}
	block, err := fetchBlock(client, leader, topic, partition, position, max(gapFetchBytes, client.Config().Consumer.Fetch.Default))
	if err != nil {
		return answer{err: err}
	}
	isolation := client.Config().Consumer.IsolationLevel
	batch, next, err := visible(block, topic, partition, position, isolation)
	return answer{batch, next, err}
}

// fetchBlock fetches from one partition, without waiting for records to come.
func fetchBlock(client sarama.Client, leader *sarama.Broker, topic string, partition int32, position int64, bytes int32) (*sarama.FetchResponseBlock, error) {
	request := &sarama.FetchRequest{
		Version: 11, MinBytes: 1, MaxBytes: bytes, Isolation: client.Config().Consumer.IsolationLevel,
		SessionEpoch: -1, // no fetch session (KIP-227): nobody would end it
	}
	request.AddBlock(topic, partition, position, bytes, -1)
	response, err := leader.Fetch(request)
	if err != nil {
		_ = leader.Close() // so that the client connects again
		return nil, lookAgain(client, topic, err)
	}
	block := response.GetBlock(topic, partition)
	switch {
	case block == nil:
		return nil, fmt.Errorf("no answer for %s/%d", topic, partition)
	case block.Err != sarama.ErrNoError:
		return nil, lookAgain(client, topic, block.Err)
	}
	return block, nil
}

var errOldFormat = errors.New("the records are of a format before Kafka 0.11")

// visible returns the records that a consumer gets of what was fetched from position on, and the offset after everything
// that was fetched.
func visible(block *sarama.FetchResponseBlock, topic string, partition int32, position int64, isolation sarama.IsolationLevel) (batch []*sarama.ConsumerMessage, next int64, err error) {
	next = position
	n := 0
	for _, records := range block.RecordsSet {
		if records.RecordBatch == nil {
			return nil, position, errOldFormat
		}
		n += len(records.RecordBatch.Records)
	}
	messages := make([]sarama.ConsumerMessage, 0, n)
	open := newAborted(block)
	for _, records := range block.RecordsSet {
		b := records.RecordBatch
		hidden := open.hides(b)
		if !b.Control && (!hidden || isolation != sarama.ReadCommitted) {
			for _, r := range b.Records {
				offset := b.FirstOffset + r.OffsetDelta
				if offset < position {
					continue
				}
				timestamp := b.FirstTimestamp.Add(r.TimestampDelta)
				if b.LogAppendTime {
					timestamp = b.MaxTimestamp
				}
				messages = append(messages, sarama.ConsumerMessage{
					Topic: topic, Partition: partition, Key: r.Key, Value: r.Value, Offset: offset, Timestamp: timestamp, Headers: r.Headers,
				})
			}
		}
		switch {
		case !b.PartialTrailingRecord:
			next = max(next, b.LastOffset()+1)
		case len(messages) > 0:
			next = max(next, messages[len(messages)-1].Offset+1)
		}
	}
	batch = make([]*sarama.ConsumerMessage, len(messages))
	for i := range messages {
		batch[i] = &messages[i]
	}
	return batch, next, nil
}

// aborted follows the transactions of a fetch that were aborted.
type aborted struct {
	coming []*sarama.AbortedTransaction // in the order of their first offsets
	open   map[int64]bool               // producers within one
}

func newAborted(block *sarama.FetchResponseBlock) *aborted {
	return &aborted{coming: slices.SortedFunc(slices.Values(block.AbortedTransactions), byFirstOffset), open: make(map[int64]bool)}
}

func byFirstOffset(a, b *sarama.AbortedTransaction) int {
	return cmp.Compare(a.FirstOffset, b.FirstOffset)
}

// hides reports whether a batch belongs to a transaction that was aborted. Batches have to come in their order.
func (a *aborted) hides(b *sarama.RecordBatch) bool {
	for len(a.coming) > 0 && a.coming[0].FirstOffset <= b.LastOffset() {
		a.open[a.coming[0].ProducerID] = true
		a.coming = a.coming[1:]
	}
	if b.Control {
		delete(a.open, b.ProducerID) // the marker ends the transaction
		return true
	}
	return b.IsTransactional && a.open[b.ProducerID]
}

// fetchTable reads as much as there is of a plan by fetches of its own, from one offset on. It returns how far it came.
func (p *PartitionTable) fetchTable(ctx context.Context, plan recovery.Plan, from int64) (int64, error) {
	reader, ok := p.consumers.(rangeReader)
	if !ok {
		return from, nil
	}
	p.setState(PartitionRecovering)
	p.recover.reading.Store(time.Now().UnixNano())
	defer p.recover.reading.Store(0)
	r, progress := reading{PartitionTable: p, position: from, end: plan.End}, p.newProgress(plan.Start, plan.End)
	return reader.readRange(ctx, p.topic, p.partition, from, plan.End, func(batch []*sarama.ConsumerMessage, next int64) error {
		r.batch = r.batch[:0]
		for _, msg := range batch {
			if err := r.add(msg); err != nil {
				return err
			}
		}
		if len(r.batch) > 0 {
			if err := r.apply(); err != nil {
				return err
			}
		}
		progress.at(next)
		return nil
	})
}
