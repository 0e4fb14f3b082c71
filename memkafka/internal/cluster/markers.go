package cluster

import (
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// WriteTxnMarker ends a producer's transaction in one partition, whatever the coordinator thinks of it (WriteTxnMarkers): what
// an administrator does to a transaction that hangs (KIP-664).
func (c *Cluster) WriteTxnMarker(now kafka.Millis, p *Partition, m txn.WriteMarkers) error {
	if p.TP.Topic == txn.OffsetsTopic {
		c.endGroupTxns(now, p.TP.Partition, m)
		return nil
	}
	_, err := p.Log.AppendMarker(now, plog.Marker{
		ProducerID:    m.Producer.ID,
		ProducerEpoch: kafka.Epoch(m.Producer.Epoch),
		Marker:        batch.Marker{Commit: m.Commit, CoordinatorEpoch: m.CoordinatorEpoch},
		TxnVersion:    int8(m.Version),
	})
	if err == nil {
		c.touch(now, p)
	}
	return err
}
