package txn

import (
	"math"

	"github.com/gokasim/gokasim/internal/kafka"
)

const timerAbort = "abort timed-out transactions"

// abortAt is when an open transaction is found to have taken too long.
func (c *Coordinator) abortAt(t *transaction) kafka.Millis {
	return c.tick(max(t.start+t.timeout+1, c.now), c.cfg.AbortInterval)
}

// abortOverdue fences the producers whose transactions have taken too long.
func (c *Coordinator) abortOverdue() {
	for _, id := range c.sorted() {
		if t := c.ids[id]; t.state == Ongoing && t.start+t.timeout < c.now {
			c.fence(t)
		}
	}
	c.armAbort()
}

// armAbort sets the timer for the open transaction that is due first.
func (c *Coordinator) armAbort() {
	if c.ongoing == 0 {
		return
	}
	first := kafka.Millis(math.MaxInt64)
	for _, t := range c.ids {
		if t.state == Ongoing {
			first = min(first, c.abortAt(t))
		}
	}
	c.setTimer(timerAbort, first)
}
