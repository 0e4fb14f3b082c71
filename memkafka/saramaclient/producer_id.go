package saramaclient

import (
	"context"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// newProducerID asks for the id of an idempotent producer without transactions. In a driven cluster that is no event: which
// id a producer has shows nowhere, and who makes a producer may be the one who drives.
func newProducerID(s *seam.Client) (int64, error) {
	ask := s.Ask
	if s.Engine().Driven() {
		ask = s.AskNow
	}
	v, err := ask(context.Background(), "init producer id", "", func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		core.TxnStep(now, txn.InitProducerID{Tag: call})
	})
	if err != nil {
		return -1, err
	}
	r := v.(txn.InitProducerIDResponse)
	if r.Err != kafka.None {
		return -1, r.Err
	}
	return r.Producer.ID, nil
}
