package txn

import (
	"fmt"
	"math"

	"github.com/gokasim/gokasim/internal/kafka"
)

// transaction is what a coordinator knows of one transactional id. All of it but the last fields is in the id's last
// record in __transaction_state.
type transaction struct {
	id         string
	producer   Producer
	timeout    kafka.Millis
	state      State
	partitions []kafka.TopicPartition // of the transaction that is open or about to end; sorted
	start      kafka.Millis           // of the last transaction, NoTimestamp if there was none with this epoch
	updated    kafka.Millis
	version    int16 // of transactions, 2 or 0, that the client used last

	previousID int64 // the producer id before the last change of any kind, -1 at first
	nextID     int64 // the producer id that takes over when the transaction has ended, -1 if it stays

	// lastEpoch is the epoch before the last bump that the producer itself asked for, -1 if another one may have:
	// InitProducerId with that epoch is a repetition. It is lost in a fail-over, as in Kafka.
	lastEpoch int16
	// unmarked is the partitions that have no marker yet, while the transaction is about to end.
	unmarked []kafka.TopicPartition
}

const (
	noProducerID = -1
	noEpoch      = -1
)

// epochExhausted is true for the last epoch that a producer may have. One more is kept for fencing it.
func epochExhausted(epoch int16) bool { return epoch >= math.MaxInt16-1 }

// put replaces t by n, which was made from it, once the record of n is written.
func (c *Coordinator) put(t *transaction, n transaction) {
	n.previousID = t.producer.ID
	if err := t.checkMove(&n); err != nil {
		panic(fmt.Sprintf("transactional id %q: %v\nfrom %+v\nto %+v", t.id, err, *t, n))
	}
	c.append(c.record(&n))
	c.count(t.state, n.state)
	*t = n
	c.setTimerBefore(timerExpire, c.tick(c.now+c.cfg.IDExpiration, c.cfg.IDExpirationInterval))
}

// checkMove finds what no request may lead to.
func (t *transaction) checkMove(n *transaction) error {
	sameID := n.producer.ID == t.producer.ID
	switch {
	case !t.mayMove(n.state):
		return fmt.Errorf("%s does not follow on %s", n.state, t.state)
	case sameID && n.producer.Epoch != t.producer.Epoch && n.producer.Epoch != t.producer.Epoch+1:
		return fmt.Errorf("epoch %d does not follow on %d", n.producer.Epoch, t.producer.Epoch)
	case !sameID && n.producer.Epoch != 0:
		return fmt.Errorf("a new producer id begins with epoch %d", n.producer.Epoch)
	case n.state == Ongoing && (!sameID || n.producer.Epoch != t.producer.Epoch):
		return fmt.Errorf("the producer changes in the middle of a transaction")
	case !n.state.ending() && n.state != Ongoing && len(n.partitions) > 0:
		return fmt.Errorf("partitions in state %s", n.state)
	}
	return nil
}

// count keeps the number of open transactions, and the timer that aborts them.
func (c *Coordinator) count(from, to State) {
	if from == Ongoing {
		c.ongoing--
	}
	if to == Ongoing {
		c.ongoing++
	}
	if c.ongoing == 0 {
		c.stopTimer(timerAbort)
	}
}
