package parity

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

var _ = register(map[string]func(a *args) kmsg.Request{
	"init-producer-id":      initProducerID,
	"add-partitions-to-txn": addPartitionsToTxn,
	"add-offsets-to-txn":    addOffsetsToTxn,
	"end-txn":               endTxn,
	"txn-offset-commit":     txnOffsetCommit,
	"write-txn-markers":     writeTxnMarkers,
	"describe-producers":    describeProducers,
	"describe-transactions": describeTransactions,
	"list-transactions":     listTransactions,
})

// init-producer-id [txn=ID] [timeout=60000] [producer=NAME] [epoch=N] [name=NAME]
//
// The producer in the answer gets the name of name=.
func initProducerID(a *args) kmsg.Request {
	r := kmsg.NewPtrInitProducerIDRequest()
	r.TransactionalID, r.TransactionTimeoutMillis = a.optional("txn"), a.int32("timeout", 60_000)
	p := a.producer()
	r.ProducerID, r.ProducerEpoch = p.id, p.epoch
	if name := a.text("name", ""); name != "" {
		a.after = func(answer kmsg.Response) error {
			if r := answer.(*kmsg.InitProducerIDResponse); r.ErrorCode == 0 {
				a.player.producers[name] = &producer{r.ProducerID, r.ProducerEpoch}
			}
			return nil
		}
	}
	return r
}

// add-partitions-to-txn ID producer=NAME [epoch=N] [verify]: TOPIC PARTITION..., ...
func addPartitionsToTxn(a *args) kmsg.Request {
	r := kmsg.NewPtrAddPartitionsToTxnRequest()
	p := a.producer()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch = a.word("a transactional id"), p.id, p.epoch
	t := kmsg.NewAddPartitionsToTxnRequestTransaction()
	t.TransactionalID, t.ProducerID, t.ProducerEpoch, t.VerifyOnly = r.TransactionalID, p.id, p.epoch, a.Flag("verify")
	a.each(func(topic string, e *args) {
		partitions := e.partitions()
		r.Topics = append(r.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: topic, Partitions: partitions})
		t.Topics = append(t.Topics, kmsg.AddPartitionsToTxnRequestTransactionTopic{Topic: topic, Partitions: partitions})
	})
	r.Transactions = append(r.Transactions, t)
	return r
}

// add-offsets-to-txn ID GROUP producer=NAME [epoch=N]
func addOffsetsToTxn(a *args) kmsg.Request {
	r := kmsg.NewPtrAddOffsetsToTxnRequest()
	p := a.producer()
	r.TransactionalID, r.Group, r.ProducerID, r.ProducerEpoch = a.word("a transactional id"), a.word("a group"), p.id, p.epoch
	return r
}

// end-txn ID commit|abort producer=NAME [epoch=N]
//
// An epoch in the answer, as transactions of version 2 have it, becomes the producer's.
func endTxn(a *args) kmsg.Request {
	r := kmsg.NewPtrEndTxnRequest()
	name := a.text("producer", "")
	p := producer{id: -1, epoch: -1}
	if name != "" {
		p = a.producer()
	}
	r.TransactionalID, r.ProducerID, r.ProducerEpoch = a.word("a transactional id"), p.id, p.epoch
	switch w := a.Word("commit or abort"); w.Value {
	case "commit":
		r.Commit = true
	case "abort":
	default:
		a.Fail(w.At, "%q; expected commit or abort", w.Value)
	}
	a.after = func(answer kmsg.Response) error {
		if e := answer.(*kmsg.EndTxnResponse); e.ErrorCode == 0 && e.GetVersion() >= 5 && a.player.producers[name] != nil {
			*a.player.producers[name] = producer{e.ProducerID, e.ProducerEpoch}
		}
		return nil
	}
	return r
}

// txn-offset-commit ID GROUP producer=NAME [epoch=N] [member=NAME] [generation=N] [instance=ID]: TOPIC PARTITION OFFSET, ...
func txnOffsetCommit(a *args) kmsg.Request {
	r := kmsg.NewPtrTxnOffsetCommitRequest()
	p := a.producer()
	r.TransactionalID, r.Group, r.ProducerID, r.ProducerEpoch = a.word("a transactional id"), a.word("a group"), p.id, p.epoch
	r.MemberID, r.Generation, r.InstanceID = a.member("member"), a.int32("generation", -1), a.optional("instance")
	a.each(func(topic string, e *args) {
		c := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		c.Partition, c.Offset, c.Metadata = e.partition(), e.number(e.Word("an offset")), e.optional("metadata")
		r.Topics = append(r.Topics, kmsg.TxnOffsetCommitRequestTopic{Topic: topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{c}})
	})
	return r
}

// write-txn-markers commit|abort producer=NAME [epoch=N] [coordinator-epoch=N]: TOPIC PARTITION..., ...
func writeTxnMarkers(a *args) kmsg.Request {
	r := kmsg.NewPtrWriteTxnMarkersRequest()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	p := a.producer()
	m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch, m.Committed = p.id, p.epoch, a.int32("coordinator-epoch", 0), a.word("commit or abort") == "commit"
	a.each(func(topic string, e *args) {
		m.Topics = append(m.Topics, kmsg.WriteTxnMarkersRequestMarkerTopic{Topic: topic, Partitions: e.partitions()})
	})
	r.Markers = append(r.Markers, m)
	return r
}

// describe-producers TOPIC PARTITION...
func describeProducers(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeProducersRequest()
	r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: a.word("a topic"), Partitions: a.partitions()}}
	return r
}

// describe-transactions ID...
func describeTransactions(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeTransactionsRequest()
	r.TransactionalIDs = a.words()
	return r
}

// list-transactions [state=STATE]... [producer=NAME]... [duration=MS] [pattern=REGEX]
func listTransactions(a *args) kmsg.Request {
	r := kmsg.NewPtrListTransactionsRequest()
	r.StateFilters, r.DurationFilterMillis, r.TransactionalIDPattern = a.texts("state"), a.int("duration", -1), a.optional("pattern")
	for _, v := range a.All("producer") {
		if known := a.player.producers[v.Value]; known != nil {
			r.ProducerIDFilters = append(r.ProducerIDFilters, known.id)
		} else {
			r.ProducerIDFilters = append(r.ProducerIDFilters, a.number(v))
		}
	}
	return r
}
