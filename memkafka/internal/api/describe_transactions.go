package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeTransactions is DescribeTransactions (KIP-664).
var describeTransactions = serving(65, 0, 0, serveDescribeTransactions)

func serveDescribeTransactions(c *call, request *kmsg.DescribeTransactionsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeTransactionsResponse)
	response.TransactionStates = make([]kmsg.DescribeTransactionsResponseTransactionState, len(request.TransactionalIDs))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i, id := range request.TransactionalIDs {
			response.TransactionStates[i] = c.describeTransaction(core, id)
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) describeTransaction(core *cluster.Cluster, id string) kmsg.DescribeTransactionsResponseTransactionState {
	r := kmsg.NewDescribeTransactionsResponseTransactionState()
	r.TransactionalID, r.Topics = id, []kmsg.DescribeTransactionsResponseTransactionStateTopic{}
	d, code := core.Transactions().Describe(id)
	if denied := c.mayTransact(core, cluster.Describe, id); denied != kafka.None {
		code = denied
	} else if id != "" && core.TransactionCoordinator(id) != c.broker.id {
		code = kafka.NotCoordinator
	}
	if code != kafka.None {
		r.ErrorCode = int16(code)
		return r
	}
	r.State, r.TimeoutMillis, r.StartTimestamp = d.State.String(), int32(d.Timeout), int64(d.Start)
	r.ProducerID, r.ProducerEpoch = d.Producer.ID, d.Producer.Epoch
	for _, tp := range d.Partitions {
		if c.mayTopic(core, cluster.Describe, tp.Topic) != kafka.None {
			continue
		}
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Topic != tp.Topic {
			r.Topics = append(r.Topics, kmsg.DescribeTransactionsResponseTransactionStateTopic{Topic: tp.Topic})
		}
		last := &r.Topics[len(r.Topics)-1]
		last.Partitions = append(last.Partitions, tp.Partition)
	}
	return r
}
