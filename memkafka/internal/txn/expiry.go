package txn

import (
	"math"

	"github.com/gokasim/gokasim/internal/kafka"
)

const timerExpire = "expire transactional ids"

// expire forgets the transactional ids that were not used for long, and leaves tombstones for them.
func (c *Coordinator) expire() {
	var tombstones []kafka.Record
	for _, id := range c.sorted() {
		if t := c.ids[id]; t.updated+c.cfg.IDExpiration <= c.now && t.mayMove(Dead) {
			tombstones = append(tombstones, kafka.Record{Timestamp: c.now, Key: encodeKey(id)})
			delete(c.ids, id)
		}
	}
	if len(tombstones) > 0 {
		c.append(tombstones...)
	}
	c.armExpiry()
}

// armExpiry sets the timer for the transactional id that was not used for longest. Those in the middle of a transaction
// set it when that has ended.
func (c *Coordinator) armExpiry() {
	oldest := kafka.Millis(math.MaxInt64)
	for _, t := range c.ids {
		if t.mayMove(Dead) {
			oldest = min(oldest, t.updated)
		}
	}
	if oldest < math.MaxInt64 {
		c.setTimer(timerExpire, c.tick(max(oldest+c.cfg.IDExpiration, c.now+1), c.cfg.IDExpirationInterval))
	}
}
