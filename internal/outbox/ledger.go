package outbox

import (
	"errors"
	"math"

	"github.com/IBM/sarama"
)

// stamp is what a broker knows a batch again by (KIP-98).
type stamp struct {
	id       int64 // the producer's
	epoch    int16
	sequence int32 // of the first record
}

// unstamped is the stamp of batches that are not idempotent.
var unstamped = stamp{id: -1, epoch: -1, sequence: -1}

// ledger numbers the batches of one partition. Brokers keep the epoch of an idempotent producer by partition, so a partition can go
// on under a higher one without the others (KIP-360, which has all partitions do so).
type ledger struct {
	next stamp // of the next batch that has none; unstamped for ever without idempotence
	used bool  // the producer id is of no use any more, another one is needed
}

func (l *ledger) idempotent() bool { return l.next.id >= 0 }

// enter stamps a batch, unless it is stamped. Only a batch that is resolved changes what comes next.
func (l *ledger) enter(b *batch) {
	if !b.stamped {
		b.stamp, b.stamped = l.next, true
	}
}

// renew begins anew, under the next epoch.
func (l *ledger) renew() {
	switch {
	case !l.idempotent():
	case l.next.epoch == math.MaxInt16:
		l.used = true
	default:
		l.next.epoch, l.next.sequence = l.next.epoch+1, 0
	}
}

// renewed reports whether l has begun anew since it was as before.
func (l *ledger) renewed(before ledger) bool {
	return l.next.epoch != before.next.epoch || l.used != before.used
}

// abandon takes note of a batch that fails without another answer.
func (l *ledger) abandon(b *batch) {
	if b.doubtful {
		l.renew()
	}
}

// verdict is what becomes of a batch.
type verdict int

const (
	written verdict = iota
	again           // send it again
	split           // send each half of it
	failed
)

// resolve judges the answer to a batch that was sent, or could not be sent. A batch may be sent again at most retries times.
//
// A batch that is refused, and of which no attempt can have been written, leaves its sequence numbers to the next. Once an attempt may
// have been written, the very same batch is sent until an answer tells, and when it fails, its numbers are never used again: the next
// batch begins a higher epoch, in which the broker refuses what may still be under way from before.
func (l *ledger) resolve(b *batch, err error, retries int) verdict {
	if err == nil || errors.Is(err, sarama.ErrDuplicateSequenceNumber) {
		if l.idempotent() {
			l.next.sequence = after(b.stamp.sequence, len(b.messages))
		}
		return written
	}
	o := outcomes[kind(err)]
	if !o.refused {
		b.doubtful = true
	}
	if o.lost && l.idempotent() {
		// The broker does not go on from what it has written. With no attempt in doubt, this batch is not there, and can begin an epoch.
		// Otherwise it may have been written, and deleted with all that the broker knew of the producer.
		l.renew()
		if o.usedUp {
			l.used = true
		}
		if b.doubtful || b.retries >= retries {
			return failed
		}
		b.stamped = false
		return again
	}
	switch {
	case o.tooLarge && len(b.messages) > 1 && !b.doubtful:
		return split
	case o.retriable && b.retries < retries:
		return again
	}
	l.abandon(b)
	return failed
}

// after returns the sequence number that follows n records. Numbers begin anew at 0 after the largest.
func after(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & math.MaxInt32)
}
