package goka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/recovery"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/storage"
)

// load reads from the offset after the stored one to the high watermark.
func (p *PartitionTable) load(ctx context.Context) error {
	err := p.loadOnce(ctx)
	var other *otherTopicError
	if !errors.As(err, &other) {
		return err
	}
	p.log.Printf("table %s/%d: %v: somebody created the topic again, so the storage is emptied and filled anew", p.topic, p.partition, err)
	p.releaseConsumer()
	if err := p.clear(other.stored, recovery.Never); err != nil {
		return permanent("error emptying the storage of %s/%d: %w", p.topic, p.partition, err)
	}
	return p.loadOnce(ctx)
}

// otherTopicError says that the record at the stored offset is not the one that the storage has.
type otherTopicError struct {
	stored int64
	key    []byte
}

func (e *otherTopicError) Error() string {
	return fmt.Sprintf("the topic's record at offset %d (key %q) is not the row that the storage has from there", e.stored, e.key)
}

func (p *PartitionTable) loadOnce(ctx context.Context) error {
	p.setState(PartitionConnecting)
	p.recover.start.Store(time.Now().UnixNano())
	p.recover.end.Store(0)
	plan, err := p.plan()
	if err != nil {
		return err
	}
	p.recover.offset.Store(plan.Start - 1)
	p.recover.hwm.Store(plan.End)
	p.input.highWatermark.Store(plan.End)
	p.input.last.Store(plan.Start - 1)
	if plan.Kind == recovery.Read {
		if err := p.connect(p.firstToRead(plan)); err != nil {
			return err
		}
		p.setState(PartitionRecovering)
		if err := p.read(ctx, p.consumer, plan); err != nil {
			return err
		}
		if !p.follows {
			p.releaseConsumer()
		}
	}
	p.setState(PartitionPreparing)
	if err := p.markRecovered(); err != nil {
		return err
	}
	p.recover.end.Store(time.Now().UnixNano())
	p.setState(PartitionRunning)
	return ctx.Err()
}

// markRecovered tells the storage, once, that recovery is over.
func (p *PartitionTable) markRecovered() error {
	if p.marked {
		return nil
	}
	if err := p.storage().MarkRecovered(); err != nil {
		return permanent("error ending the recovery of the storage for %s/%d: %w", p.topic, p.partition, err)
	}
	p.marked = true
	return nil
}

// follow reads for ever. It goes on where load ended, or starts where the storage does: then the partition is running
// again only once it has what was there at the start.
func (p *PartitionTable) follow(ctx context.Context) error {
	if p.consumer == nil {
		plan, err := p.plan()
		if err != nil {
			return err
		}
		p.input.highWatermark.Store(plan.End)
		if err := p.connect(plan.Start); err != nil {
			return err
		}
		if plan.Kind == recovery.Read && !p.IsRecovered() {
			if err := p.read(ctx, p.consumer, plan); err != nil {
				return err
			}
		}
		p.setState(PartitionRunning)
	}
	return p.read(ctx, p.consumer, forEver)
}

// forEver is a plan that is never done.
var forEver = recovery.Plan{Kind: recovery.Read, End: -1}

// firstToRead is where plan begins, or one record earlier, to see whether the topic still is the one that the storage was
// filled from. That is of use once, after the storage was opened, and only while rows are what the records say.
func (p *PartitionTable) firstToRead(plan recovery.Plan) int64 {
	p.verify = recovery.Never
	if p.verified || p.update != nil || plan.Start == 0 || plan.Start <= plan.Oldest {
		return plan.Start
	}
	p.verified = true
	p.verify = plan.Start - 1
	return p.verify
}

// isStored reports whether the storage has what a record says.
func (p *PartitionTable) isStored(msg *sarama.ConsumerMessage) (bool, error) {
	value, err := p.storage().Get(string(msg.Key))
	if err != nil {
		return false, permanent("error reading key %q of %s/%d from the storage: %w", msg.Key, p.topic, p.partition, err)
	}
	return (value == nil) == (msg.Value == nil) && bytes.Equal(value, msg.Value), nil
}

func (p *PartitionTable) connect(start int64) error {
	if p.released != nil {
		<-p.released
	}
	pc, err := p.consumers.ConsumePartition(p.topic, p.partition, start)
	if err != nil {
		return fmt.Errorf("error consuming %s/%d from offset %d: %w", p.topic, p.partition, start, err)
	}
	p.consumer = pc
	p.recover.reading.Store(time.Now().UnixNano())
	return nil
}

// releaseConsumer lets go of the consumer, if there is one. What it still has to say is of no interest; sarama takes up
// to a long poll for that, which nobody waits for but the next connect.
func (p *PartitionTable) releaseConsumer() {
	pc := p.consumer
	if pc == nil {
		return
	}
	p.consumer = nil
	p.recover.reading.Store(0)
	released := make(chan struct{})
	p.released = released
	pc.AsyncClose()
	go func() {
		defer close(released)
		for range pc.Messages() {
		}
		for range pc.Errors() {
		}
	}()
}

// errConsumerEnded is what a closed channel means while the table still wants to read.
var errConsumerEnded = errors.New("the consumer ended")

const progressInterval = 10 * time.Second

// read applies records until plan is done, or for ever. It returns ctx's error when ctx ends.
func (p *PartitionTable) read(ctx context.Context, pc sarama.PartitionConsumer, plan recovery.Plan) error {
	var (
		reached <-chan struct{}
		gaps    *gapWatch
	)
	if plan.End >= 0 {
		if positioned, ok := pc.(door.Positioned); ok {
			reached = positioned.Reached(plan.End)
		} else {
			gaps = p.watchGaps()
			defer gaps.stop()
		}
	}
	var (
		position = plan.Start
		messages = pc.Messages()
		failures = pc.Errors()
		batch    []*sarama.ConsumerMessage
		progress = progress{began: time.Now(), next: time.Now().Add(progressInterval), start: plan.Start}
	)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err, open := <-failures:
			if !open {
				return p.ended(ctx)
			}
			return fmt.Errorf("error reading %s/%d: %w", p.topic, p.partition, err)
		case msg, open := <-messages:
			if !open {
				return p.ended(ctx)
			}
			if msg == nil {
				continue
			}
			if msg.Offset == p.verify {
				p.verify = recovery.Never
				stored, err := p.isStored(msg)
				if err == nil && !stored {
					err = &otherTopicError{msg.Offset, msg.Key}
				}
				if err != nil {
					return err
				}
				continue
			}
			batch = append(batch[:0], msg)
			for n := len(messages); n > 0; n-- { // what is buffered; a receiver that waits would delay what it has
				if msg := <-messages; msg != nil {
					batch = append(batch, msg)
				}
			}
			position = batch[len(batch)-1].Offset + 1
			if err := p.apply(pc, batch); err != nil {
				return err
			}
			if plan.End < 0 {
				continue
			}
			if plan.Done(position) {
				return nil
			}
			gaps.saw()
			progress.log(p, position, plan.End)
		case <-gaps.c():
			if gaps.passed(p, position, plan.End) {
				return nil
			}
		case <-reached:
			// all records below the end are in the channel, unless the consumer ended
			for {
				select {
				case msg, open := <-messages:
					if !open {
						return p.ended(ctx)
					}
					if msg == nil {
						continue
					}
					if err := p.apply(pc, append(batch[:0], msg)); err != nil {
						return err
					}
					continue
				default:
				}
				return nil
			}
		}
	}
}

func (p *PartitionTable) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("error reading %s/%d: %w", p.topic, p.partition, errConsumerEnded)
}

// apply writes records to the storage, together with the offset of the last one.
func (p *PartitionTable) apply(pc sarama.PartitionConsumer, batch []*sarama.ConsumerMessage) error {
	st, last, now := p.storage(), batch[len(batch)-1], time.Now()
	if st == nil {
		return permanent("table %s/%d: %w", p.topic, p.partition, storage.ErrClosed)
	}
	if p.update == nil {
		rows := make([]storage.Row, len(batch))
		for i, msg := range batch {
			rows[i] = storage.Row{Key: string(msg.Key), Value: msg.Value}
		}
		if err := writeRows(st, rows, last.Offset); err != nil {
			return permanent("error writing %s/%d to the storage up to offset %d: %w", p.topic, p.partition, last.Offset, err)
		}
	} else {
		for _, msg := range batch {
			if err := p.update(NewUpdateContext(msg), st, string(msg.Key), msg.Value); err != nil {
				return permanent("Error from the update callback while recovering from the log: %w (table %s/%d, offset %d, key %q)",
					err, p.topic, p.partition, msg.Offset, msg.Key)
			}
		}
		if err := st.SetOffset(last.Offset); err != nil {
			return permanent("error writing offset %d of %s/%d to the storage: %w", last.Offset, p.topic, p.partition, err)
		}
	}
	for _, msg := range batch {
		delay := time.Duration(0)
		if !msg.Timestamp.IsZero() {
			delay = now.Sub(msg.Timestamp)
		}
		p.input.add(msg.Offset, len(msg.Value), delay)
	}
	p.input.highWatermark.Store(max(pc.HighWaterMarkOffset(), last.Offset+1))
	p.recover.offset.Store(last.Offset)
	p.recover.reading.Store(now.UnixNano())
	return nil
}

// progress logs how far a recovery is, now and then.
type progress struct {
	began, next time.Time
	start       int64
}

func (g *progress) log(p *PartitionTable, position, end int64) {
	now := time.Now()
	if now.Before(g.next) {
		return
	}
	g.next = now.Add(progressInterval)
	rate := float64(position-g.start) / now.Sub(g.began).Seconds()
	left := time.Duration(float64(end-position) / max(rate, 1) * float64(time.Second))
	p.log.Printf("recovering table %s/%d: at offset %d of %d, %.0f records/s, about %s left",
		p.topic, p.partition, position, end, rate, left.Round(time.Second))
}
