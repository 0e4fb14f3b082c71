package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// listTransactions is ListTransactions (KIP-664): those that this broker coordinates, from version 1 on by their age (KIP-994),
// from 2 on by a pattern of their ids (KIP-1152).
var listTransactions = serving(66, 0, 2, serveListTransactions)

func serveListTransactions(c *call, request *kmsg.ListTransactionsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ListTransactionsResponse)
	response.UnknownStateFilters = []string{}
	response.TransactionStates = []kmsg.ListTransactionsResponseTransactionState{}
	filter := txn.Filter{ProducerIDs: request.ProducerIDFilters, States: request.StateFilters, LongerThan: -1, Pattern: orEmpty(request.TransactionalIDPattern)}
	if c.version >= 1 {
		filter.LongerThan = millis(request.DurationFilterMillis)
	}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		list, unknown, code := core.Transactions().List(now, filter)
		if response.ErrorCode = int16(code); code != kafka.None {
			return
		}
		response.UnknownStateFilters = append(response.UnknownStateFilters, unknown...)
		for _, d := range list {
			if core.TransactionCoordinator(d.TransactionalID) == c.broker.id && c.mayTransact(core, cluster.Describe, d.TransactionalID) == kafka.None {
				response.TransactionStates = append(response.TransactionStates, kmsg.ListTransactionsResponseTransactionState{
					TransactionalID: d.TransactionalID, ProducerID: d.Producer.ID, TransactionState: d.State.String(),
				})
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}
