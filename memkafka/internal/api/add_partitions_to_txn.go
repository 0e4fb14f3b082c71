package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// addPartitionsToTxn is AddPartitionsToTxn (KIP-98). Versions 4 and later are what brokers ask on behalf of producers, for
// several transactions at once (KIP-890).
var addPartitionsToTxn = serving(24, 0, 5, serveAddPartitionsToTxn)

func serveAddPartitionsToTxn(c *call, request *kmsg.AddPartitionsToTxnRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	response.Topics, response.Transactions = []kmsg.AddPartitionsToTxnResponseTopic{}, []kmsg.AddPartitionsToTxnResponseTransaction{}
	transactions := request.Transactions
	if c.version < 4 {
		t := kmsg.AddPartitionsToTxnRequestTransaction{
			TransactionalID: request.TransactionalID, ProducerID: request.ProducerID, ProducerEpoch: request.ProducerEpoch,
		}
		for _, topic := range request.Topics {
			t.Topics = append(t.Topics, kmsg.AddPartitionsToTxnRequestTransactionTopic(topic))
		}
		transactions = []kmsg.AddPartitionsToTxnRequestTransaction{t}
	}
	for i := range transactions {
		answer, ok := c.addPartitions(&transactions[i])
		if !ok {
			return nil
		}
		if c.version >= 4 {
			response.Transactions = append(response.Transactions, answer)
			continue
		}
		for _, t := range answer.Topics {
			single := kmsg.AddPartitionsToTxnResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				single.Partitions = append(single.Partitions, kmsg.AddPartitionsToTxnResponseTopicPartition(p))
			}
			response.Topics = append(response.Topics, single)
		}
	}
	return response
}

// addPartitions answers for one transaction. It reports whether there was an answer before the connection ended.
func (c *call) addPartitions(asked *kmsg.AddPartitionsToTxnRequestTransaction) (kmsg.AddPartitionsToTxnResponseTransaction, bool) {
	command := txn.AddPartitions{
		TransactionalID: asked.TransactionalID, Producer: txn.Producer{ID: asked.ProducerID, Epoch: asked.ProducerEpoch},
		VerifyOnly: asked.VerifyOnly, V2: c.version >= 4, NoProducerFenced: c.version < 2,
	}
	r := kmsg.AddPartitionsToTxnResponseTransaction{TransactionalID: asked.TransactionalID, Topics: []kmsg.AddPartitionsToTxnResponseTransactionTopic{}}
	missing := false
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for _, t := range asked.Topics {
			topic := kmsg.AddPartitionsToTxnResponseTransactionTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				code := kafka.OperationNotAttempted // unless all of them can be added
				if denied := c.mayTopic(core, cluster.Write, t.Topic); denied != kafka.None {
					code, missing = denied, true
				} else if core.Partition(t.Topic, p) == nil {
					code, missing = kafka.UnknownTopicOrPartition, true
				}
				topic.Partitions = append(topic.Partitions, kmsg.AddPartitionsToTxnResponseTransactionTopicPartition{Partition: p, ErrorCode: int16(code)})
				command.Partitions = append(command.Partitions, kafka.TopicPartition{Topic: t.Topic, Partition: p})
			}
			r.Topics = append(r.Topics, topic)
		}
	})
	if !ok || missing {
		return r, ok
	}
	answer, code, ok := askTransactions[txn.AddPartitionsResponse](c, "add partitions", asked.TransactionalID, func(tag *tag) txn.Command { command.Tag = tag; return command })
	if !ok {
		return r, false
	}
	next := 0
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			r.Topics[i].Partitions[j].ErrorCode = int16(code)
			if code == kafka.None {
				r.Topics[i].Partitions[j].ErrorCode = int16(answer.Partitions[next].Err)
				next++
			}
		}
	}
	return r, true
}
