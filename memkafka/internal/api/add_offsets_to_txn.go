package api

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// addOffsetsToTxn is AddOffsetsToTxn (KIP-98): the offsets of a group become part of a transaction.
var addOffsetsToTxn = serving(25, 0, 4, serveAddOffsetsToTxn)

func serveAddOffsetsToTxn(c *call, request *kmsg.AddOffsetsToTxnRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
	denied := kafka.None
	if !c.do(func(core *cluster.Cluster, _ millis) { denied = c.mayGroup(core, cluster.Read, request.Group) }) {
		return nil
	}
	if denied != kafka.None {
		response.ErrorCode = int16(denied)
		return response
	}
	answer, code, ok := askTransactions[txn.AddOffsetsResponse](c, "add offsets", request.TransactionalID, func(tag *tag) txn.Command {
		return txn.AddOffsets{
			Tag: tag, TransactionalID: request.TransactionalID, GroupID: request.Group,
			Producer: txn.Producer{ID: request.ProducerID, Epoch: request.ProducerEpoch},
			V2:       c.version >= 4, NoProducerFenced: c.version < 2,
		}
	})
	if !ok {
		return nil
	}
	response.ErrorCode = int16(cmp.Or(code, answer.Err))
	return response
}
