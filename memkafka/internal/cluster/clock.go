package cluster

import (
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

// JumpClock moves the clock of a broker, or of all for 0, forward or back: the one by which it stamps records and judges
// their timestamps, deletes and compacts, and counts the time-outs of the groups that it coordinates. Time-outs of
// transactions follow the clocks of all brokers only, when these jump together.
func (c *Cluster) JumpClock(now kafka.Millis, broker int32, by time.Duration) error {
	if broker != 0 {
		if err := c.checkBroker(broker); err != nil {
			return err
		}
	}
	if c.skew == nil {
		c.skew = map[int32]kafka.Millis{}
	}
	d := kafka.Millis(by.Milliseconds())
	for b := int32(1); b <= c.settings.Brokers; b++ {
		if broker == 0 || broker == b {
			c.skew[b] += d
		}
	}
	for _, id := range c.Groups() {
		if at := c.GroupCoordinator(id); broker == 0 || broker == at {
			for _, key := range c.groups[id].Timers() {
				c.timers.move(timerID{id, key}, -d)
			}
		}
	}
	if broker == 0 || c.settings.Brokers == 1 {
		c.txnSkew += d
		for _, key := range c.txns.Timers() {
			c.timers.move(timerID{transactions, key}, -d)
		}
	}
	return nil
}

// clock is what a broker takes for the time.
func (c *Cluster) clock(now kafka.Millis, broker int32) kafka.Millis {
	if len(c.skew) == 0 {
		return now
	}
	return now + c.skew[broker]
}

// groupClock is what the coordinator of a group takes for the time.
func (c *Cluster) groupClock(now kafka.Millis, id string) kafka.Millis {
	if len(c.skew) == 0 {
		return now
	}
	return c.clock(now, c.GroupCoordinator(id))
}
