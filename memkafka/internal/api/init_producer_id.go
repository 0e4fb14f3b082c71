package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// initProducerID is InitProducerId (KIP-98): a producer id, for a transactional id with a new epoch. From version 3 on a
// producer may go on after an error (KIP-360). Version 6, for transactions of others (KIP-939), is not stable in 4.3.
var initProducerID = serving(22, 0, 5, serveInitProducerID)

func serveInitProducerID(c *call, request *kmsg.InitProducerIDRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.InitProducerIDResponse)
	response.ProducerID, response.ProducerEpoch = -1, -1
	command := txn.InitProducerID{
		Transactional:    request.TransactionalID != nil,
		Timeout:          millis(request.TransactionTimeoutMillis),
		NoProducerFenced: c.version < 4,
	}
	if request.TransactionalID != nil {
		command.TransactionalID = *request.TransactionalID
	}
	if request.ProducerID >= 0 || request.ProducerEpoch >= 0 {
		if request.ProducerID < 0 || request.ProducerEpoch < 0 {
			response.ErrorCode = int16(kafka.InvalidRequest)
			return response
		}
		command.Expected = &txn.Producer{ID: request.ProducerID, Epoch: request.ProducerEpoch}
	}
	// A producer without transactions gets its id from any broker.
	answer, code, ok := ask[txn.InitProducerIDResponse](c, "init producer id", command.TransactionalID, func(core *cluster.Cluster, now millis, tag *tag) kafka.ErrorCode {
		switch {
		case command.Transactional:
			if code := c.mayTransact(core, cluster.Write, command.TransactionalID); code != kafka.None {
				return code
			}
		case !c.mayCluster(core, cluster.IdempotentWrite) && !core.AuthorizedSomewhere(c.principal, c.address, cluster.Write, cluster.TopicResource):
			return kafka.ClusterAuthorizationFailed
		}
		if command.Transactional && core.TransactionCoordinator(command.TransactionalID) != c.broker.id {
			return kafka.NotCoordinator
		}
		command.Tag = tag
		core.TxnStep(now, command)
		return kafka.None
	})
	if !ok {
		return nil
	}
	if code != kafka.None {
		response.ErrorCode = int16(code)
		return response
	}
	response.ErrorCode, response.ProducerID, response.ProducerEpoch = int16(answer.Err), answer.Producer.ID, answer.Producer.Epoch
	return response
}
