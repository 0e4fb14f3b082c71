package txn

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// WriteMarkers asks for the markers that end a transaction, one control batch in each of its partitions
// (WriteTxnMarkers). [MarkersWritten] tells when that is done.
type WriteMarkers struct {
	TransactionalID  string
	Producer         Producer // the epoch of a V2 transaction's markers is one above that of its data
	CoordinatorEpoch int32
	Commit           bool                   // or else abort
	Partitions       []kafka.TopicPartition // sorted; those of [OffsetsTopic] stand for the groups they hold
	Version          int16                  // the transaction.version by which the transaction ends: 2 or 0
}

func (WriteMarkers) effect() {}

// MarkersWritten says that markers of [WriteMarkers] are in their partitions. With the last of them the transaction has
// ended, and the next one can begin. What concerns a transaction that has ended already does nothing. It has no reply.
type MarkersWritten struct {
	TransactionalID string
	Producer        Producer               // as in WriteMarkers
	Partitions      []kafka.TopicPartition // nil for all of them
}

func (MarkersWritten) command() {}

func (c *Coordinator) writeMarkers(t *transaction) {
	t.unmarked = t.partitions
	if len(t.unmarked) == 0 {
		c.complete(t)
		return
	}
	c.effects = append(c.effects, WriteMarkers{
		TransactionalID: t.id, Producer: t.producer, CoordinatorEpoch: c.epoch, Commit: t.state == PrepareCommit,
		Partitions: t.partitions, Version: t.version,
	})
}

func (c *Coordinator) markersWritten(cmd MarkersWritten) {
	t := c.ids[cmd.TransactionalID]
	if t == nil || !t.state.ending() || t.producer != cmd.Producer {
		return
	}
	t.unmarked = slices.DeleteFunc(slices.Clone(t.unmarked), func(tp kafka.TopicPartition) bool {
		return cmd.Partitions == nil || slices.Contains(cmd.Partitions, tp)
	})
	if len(t.unmarked) == 0 {
		c.complete(t)
	}
}

func (c *Coordinator) complete(t *transaction) {
	n := *t
	_, n.state = outcomes(t.state == PrepareCommit)
	n.producer, n.nextID = t.afterEnd(), noProducerID
	n.partitions, n.unmarked, n.updated = nil, nil, c.now
	c.put(t, n)
}
