package goka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/recovery"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/storage"
)

// load reads from the offset after the stored one to the high watermark.
func (p *PartitionTable) load(ctx context.Context) error { return p.ofOneTopic(ctx, p.loadOnce) }

// ofOneTopic has f read, and once more from the beginning when it finds that the storage was filled from another topic of this name.
func (p *PartitionTable) ofOneTopic(ctx context.Context, f func(ctx context.Context) error) error {
	err := f(ctx)
	var other *otherTopicError
	if !errors.As(err, &other) {
		return err
	}
	logger.Warnf(p.log, "table %s/%d: %v: somebody created the topic again, so the storage is emptied and filled anew", p.topic, p.partition, err)
	p.releaseConsumer()
	if err := p.clear(other.stored, recovery.Never); err != nil {
		return permanent("error emptying the storage of %s/%d: %w", p.topic, p.partition, err)
	}
	return f(ctx)
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
	p.releaseConsumer() // of a generation that ended before its tables were followed
	p.setState(PartitionConnecting)
	p.recover.start.Store(time.Now().UnixNano())
	p.recover.end.Store(0)
	plan, err := p.plan(ctx)
	if err != nil {
		return err
	}
	progress := p.newProgress(plan.Start, plan.End)
	p.recover.offset.Store(plan.Start - 1)
	p.recover.hwm.Store(plan.End)
	p.input.highWatermark.Store(plan.End)
	p.input.last.Store(plan.Start - 1)
	if from := p.firstToRead(plan); plan.Kind == recovery.Read || from < plan.Start {
		position, err := p.fetchTable(ctx, plan, from)
		if err != nil {
			return err
		}
		if !plan.Done(position) {
			if err := p.connect(ctx, position); err != nil {
				return err
			}
			p.setState(PartitionRecovering)
			plan.Start = max(plan.Start, position)
			if err := p.read(ctx, p.consumer, plan); err != nil {
				return err
			}
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
	progress.done()
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
func (p *PartitionTable) follow(ctx context.Context) error { return p.ofOneTopic(ctx, p.followOnce) }

func (p *PartitionTable) followOnce(ctx context.Context) error {
	if p.consumer == nil {
		plan, err := p.plan(ctx)
		if err != nil {
			return err
		}
		p.input.highWatermark.Store(plan.End)
		position, recovered := plan.Start, true
		if !p.IsRecovered() {
			position = p.firstToRead(plan)
			recovered = plan.Kind != recovery.Read && position == plan.Start
		}
		if !recovered {
			if position, err = p.fetchTable(ctx, plan, position); err != nil {
				return err
			}
		}
		if err := p.connect(ctx, position); err != nil {
			return err
		}
		plan.Start = max(plan.Start, position)
		if !recovered && !plan.Done(position) {
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
// filled from. That is of use once, after the storage was opened or reading has failed, and only while rows are what the records say.
func (p *PartitionTable) firstToRead(plan recovery.Plan) int64 {
	p.verify = recovery.Never
	if p.verified || p.update != nil || plan.Start == 0 || plan.Start <= plan.Oldest {
		return plan.Start
	}
	if plan.Kind != recovery.Read && !isOwn(p.consumers) {
		return plan.Start // whoever made the consumer does not expect it to be used where nothing is to be read
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

func (p *PartitionTable) connect(ctx context.Context, start int64) error {
	if p.released != nil {
		<-p.released
	}
	var pc sarama.PartitionConsumer
	err := p.whileLeaderless(ctx, func() (err error) {
		pc, err = p.consumers.ConsumePartition(p.topic, p.partition, start)
		return err
	})
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

// reading is one pass over a partition's records.
type reading struct {
	*PartitionTable
	pc       sarama.PartitionConsumer
	messages <-chan *sarama.ConsumerMessage
	batch    []*sarama.ConsumerMessage
	rows     []storage.Row // of the batch, kept to be used again
	position int64         // the offset after the last record
	end      int64         // where the topic ended, where there is no pc to ask
}

// read applies records until plan is done, or for ever. It returns ctx's error when ctx ends.
func (p *PartitionTable) read(ctx context.Context, pc sarama.PartitionConsumer, plan recovery.Plan) error {
	var (
		r        = reading{PartitionTable: p, pc: pc, messages: pc.Messages(), position: plan.Start}
		failures = pc.Errors()
		reached  <-chan struct{}
		gaps     *gapWatch
		progress = p.newProgress(plan.Start, plan.End)
	)
	if plan.End >= 0 {
		if positioned, ok := pc.(door.Positioned); ok {
			reached = positioned.Reached(plan.End)
		} else {
			gaps = p.watchGaps(pc)
			defer gaps.stop()
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case err, open := <-failures:
			if !open {
				return p.ended(ctx)
			}
			return fmt.Errorf("error reading %s/%d: %w", p.topic, p.partition, err)
		case msg, open := <-r.messages:
			if !open {
				return p.ended(ctx)
			}
			if err := r.take(msg); err != nil {
				return err
			}
			if plan.End >= 0 && plan.Done(r.position) {
				return nil
			}
			gaps.saw()
			progress.at(r.position)
		case <-gaps.c():
			passed, err := gaps.passed(ctx, p, r.position, plan.End)
			if passed || err != nil {
				return err
			}
		case <-reached:
			if hasEnded(pc) {
				return p.ended(ctx)
			}
			return r.drain(ctx)
		}
	}
}

// hasEnded reports whether a consumer that knows its position delivers no more.
func hasEnded(pc sarama.PartitionConsumer) bool {
	select {
	case <-pc.(door.Positioned).Reached(math.MaxInt64):
		return true
	default:
		return false
	}
}

// drain takes what waits in the channel.
func (r *reading) drain(ctx context.Context) error {
	for {
		select {
		case msg, open := <-r.messages:
			if !open {
				return r.ended(ctx)
			}
			if err := r.take(msg); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// take applies a record, together with those that are buffered behind it. It waits for none: what was received is
// applied before anything else is.
func (r *reading) take(msg *sarama.ConsumerMessage) error {
	r.batch = r.batch[:0]
	if err := r.add(msg); err != nil {
		return err
	}
	for n := len(r.messages); n > 0; n-- {
		if err := r.add(<-r.messages); err != nil {
			return err
		}
	}
	if len(r.batch) == 0 {
		return nil
	}
	r.position = r.batch[len(r.batch)-1].Offset + 1
	return r.apply()
}

// add adds a record to the batch: not nil, which means nothing, and not the one that is there to be compared.
func (r *reading) add(msg *sarama.ConsumerMessage) error {
	switch {
	case msg == nil:
		return nil
	case msg.Offset != r.verify:
		r.batch = append(r.batch, msg)
		return nil
	}
	r.verify = recovery.Never
	stored, err := r.isStored(msg)
	if err == nil && !stored {
		err = &otherTopicError{msg.Offset, msg.Key}
	}
	return err
}

func (p *PartitionTable) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("error reading %s/%d: %w", p.topic, p.partition, errConsumerEnded)
}

// apply writes the batch to the storage, together with the offset of its last record.
func (r *reading) apply() error {
	st, last, now := r.storage(), r.batch[len(r.batch)-1], time.Now()
	if st == nil {
		return permanent("table %s/%d: %w", r.topic, r.partition, storage.ErrClosed)
	}
	if err := r.write(st, last.Offset); err != nil {
		return err
	}
	bytes, delay := 0, time.Duration(0)
	for _, msg := range r.batch {
		bytes += len(msg.Value)
	}
	if !last.Timestamp.IsZero() {
		delay = now.Sub(last.Timestamp)
	}
	r.input.addAll(len(r.batch), last.Offset, bytes, delay)
	r.input.highWatermark.Store(max(r.highWatermark(), last.Offset+1))
	r.recover.offset.Store(last.Offset)
	r.recover.reading.Store(now.UnixNano())
	return nil
}

func (r *reading) highWatermark() int64 {
	if r.pc == nil {
		return r.end
	}
	return r.pc.HighWaterMarkOffset()
}

// write applies the batch to the storage. Neither the update callback nor the storage ends the program by a panic.
func (r *reading) write(st storage.Storage, last int64) (err error) {
	where := "storage"
	if r.update != nil {
		where = "update callback"
	}
	defer func() {
		if x := recover(); x != nil {
			err = permanent("panic in %s at table %s/%d, up to offset %d: %v\n%s", where, r.topic, r.partition, last, x, userStack())
		}
	}()
	if r.update != nil {
		return r.callUpdate(st, last)
	}
	return r.writeRows(st, last)
}

func (r *reading) writeRows(st storage.Storage, last int64) error {
	r.rows = r.rows[:0]
	for _, msg := range r.batch {
		r.rows = append(r.rows, storage.Row{Key: string(msg.Key), Value: msg.Value})
	}
	if err := writeRows(st, r.rows, last); err != nil {
		return permanent("error writing %s/%d to the storage up to offset %d: %w", r.topic, r.partition, last, err)
	}
	return nil
}

func (r *reading) callUpdate(st storage.Storage, last int64) error {
	for _, msg := range r.batch {
		if err := r.update(NewUpdateContext(msg), st, string(msg.Key), slices.Clip(msg.Value)); err != nil {
			return permanent("Error from the update callback while recovering from the log: %w (table %s/%d, offset %d, key %q)",
				err, r.topic, r.partition, msg.Offset, msg.Key)
		}
	}
	if err := st.SetOffset(last); err != nil {
		return permanent("error writing offset %d of %s/%d to the storage: %w", last, r.topic, r.partition, err)
	}
	return nil
}
