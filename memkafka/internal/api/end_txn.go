package api

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/txn"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// endTxn is EndTxn (KIP-98): a transaction is committed or aborted. From version 5 on the epoch grows with every transaction
// (KIP-890).
var endTxn = serving(26, 0, 5, serveEndTxn)

func serveEndTxn(c *call, request *kmsg.EndTxnRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.EndTxnResponse)
	response.ProducerID, response.ProducerEpoch = txn.NoProducer.ID, txn.NoProducer.Epoch
	answer, code, ok := askTransactions[txn.EndTxnResponse](c, "end transaction", request.TransactionalID, func(tag *tag) txn.Command {
		return txn.EndTxn{
			Tag: tag, TransactionalID: request.TransactionalID, Commit: request.Commit,
			Producer: txn.Producer{ID: request.ProducerID, Epoch: request.ProducerEpoch},
			V2:       c.version >= 5, NoProducerFenced: c.version < 2,
		}
	})
	if !ok {
		return nil
	}
	if response.ErrorCode = int16(cmp.Or(code, answer.Err)); response.ErrorCode == 0 {
		response.ProducerID, response.ProducerEpoch = answer.Producer.ID, answer.Producer.Epoch
	}
	return response
}
