package txn

import (
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Replay builds a coordinator again from the records of its partition of __transaction_state, oldest first, as a broker
// does that takes over at time now. epoch, newProducerID and started are as in [New]; epoch has to be larger than that of
// any earlier coordinator. The effects are to be carried out like those of [Coordinator.Step]: markers of transactions
// that were on their way to an end are written again, and open transactions keep their time-out.
func Replay(cfg Config, epoch int32, newProducerID func() int64, started, now kafka.Millis, records []kafka.Record) (*Coordinator, []Effect, error) {
	c := New(cfg, epoch, newProducerID, started)
	c.now = now
	for _, r := range records {
		if err := c.replay(r); err != nil {
			return nil, nil, fmt.Errorf("offset %d: %w", r.Offset, err)
		}
	}
	c.resume()
	effects := c.effects
	c.effects = nil
	return c, effects, nil
}

func (c *Coordinator) replay(r kafka.Record) error {
	id, ok, err := IDOf(r)
	if err != nil || !ok {
		return err
	}
	if r.Value == nil {
		delete(c.ids, id)
		return nil
	}
	t, err := decodeValue(id, r.Value)
	if err != nil {
		return err
	}
	if t.state == Dead || t.state == PrepareEpochFence {
		return fmt.Errorf("%w: transactional id %q is %s, a state that is never written", ErrRecord, id, t.state)
	}
	c.ids[id] = t
	return nil
}

// resume goes on with what the lost coordinator was doing.
func (c *Coordinator) resume() {
	for _, t := range c.ids {
		if t.state == Ongoing {
			c.ongoing++
		}
	}
	c.armAbort()
	c.armExpiry()
	for _, id := range c.sorted() {
		if t := c.ids[id]; t.state.ending() {
			c.writeMarkers(t)
		}
	}
}

// Records is one record for each transactional id, in the order of their names: what a compacted __transaction_state
// holds. [Replay] of them gives the same coordinator as all the records appended so far.
func (c *Coordinator) Records() []kafka.Record {
	records := make([]kafka.Record, 0, len(c.ids))
	for _, id := range c.sorted() {
		t := c.ids[id]
		r := c.record(t)
		r.Timestamp = t.updated
		records = append(records, r)
	}
	return records
}
