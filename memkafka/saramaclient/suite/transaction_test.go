package suite

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// transactional makes a producer transactional under an id.
func transactional(id string) func(*sarama.Config) {
	return func(c *sarama.Config) {
		manual(c)
		idempotent(c)
		c.Producer.Transaction.ID = id
		c.Producer.Transaction.Retry.Backoff = 5 * time.Millisecond
		c.Producer.Transaction.Retry.Max = 200
	}
}

func readCommitted(c *sarama.Config) { c.Consumer.IsolationLevel = sarama.ReadCommitted }

// send writes values to a partition in the producer's transaction.
func (e *env) send(p sarama.SyncProducer, topic string, partition int32, values ...string) {
	e.Helper()
	for _, v := range values {
		_, _, err := p.SendMessage(message(topic, partition, v))
		e.check(err, "SendMessage in a transaction")
	}
}

// firstCommitted are the first n values that a reader of committed records gets.
func (e *env) firstCommitted(topic string, n int) []string {
	e.Helper()
	var vs []string
	for _, m := range e.read(topic, 0, n, readCommitted) {
		vs = append(vs, string(m.Value))
	}
	return vs
}

// zombie reports an error that is not that of a producer whose successor is there.
func (e *env) zombie(err error, what string) {
	e.Helper()
	if !errors.Is(err, sarama.ErrProducerFenced) && !errors.Is(err, sarama.ErrInvalidProducerEpoch) {
		e.Errorf("%s of a zombie gives %v (%T), want ErrProducerFenced or ErrInvalidProducerEpoch", what, err, err)
	}
}

var transactionCases = []kase{
	{"a transactional producer tells its state", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		equal(e, "IsTransactional", p.IsTransactional(), true)
		equal(e, "TxnStatus", p.TxnStatus(), sarama.ProducerTxnFlagReady)
		e.check(p.BeginTxn(), "BeginTxn")
		equal(e, "TxnStatus", p.TxnStatus(), sarama.ProducerTxnFlagInTransaction)
		e.send(p, topic, 0, "a")
		e.check(p.CommitTxn(), "CommitTxn")
		equal(e, "TxnStatus", p.TxnStatus(), sarama.ProducerTxnFlagReady)
	}},
	{"nothing is sent outside of a transaction", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		_, _, err := p.SendMessage(message(topic, 0, "a"))
		e.wants(err, sarama.ErrTransactionNotReady, "SendMessage")
		e.wants(p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: 1}}}, "g"), sarama.ErrTransactionNotReady, "AddOffsetsToTxn")
	}},
	{"a transaction begins once", func(e *env) {
		p := e.syncProducer(transactional(e.name("txn")))
		e.check(p.BeginTxn(), "BeginTxn")
		e.wants(p.BeginTxn(), sarama.ErrTransitionNotAllowed, "BeginTxn again")
		e.check(p.AbortTxn(), "AbortTxn")
	}},
	{"transactions may be empty", func(e *env) {
		p := e.syncProducer(transactional(e.name("txn")))
		for range 2 {
			e.check(p.BeginTxn(), "BeginTxn")
			e.check(p.CommitTxn(), "CommitTxn")
			e.check(p.BeginTxn(), "BeginTxn")
			e.check(p.AbortTxn(), "AbortTxn")
		}
	}},
	{"what was committed is read, and a marker takes an offset", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		for _, v := range []string{"a", "b"} {
			e.check(p.BeginTxn(), "BeginTxn")
			e.send(p, topic, 0, v)
			e.check(p.CommitTxn(), "CommitTxn")
		}
		for what, change := range map[string]func(*sarama.Config){"committed": readCommitted, "uncommitted": func(*sarama.Config) {}} {
			ms := e.read(topic, 0, 2, change)
			equal(e, what, fmt.Sprintf("%d %s, %d %s", ms[0].Offset, ms[0].Value, ms[1].Offset, ms[1].Value), "0 a, 2 b")
		}
	}},
	{"what was aborted is not read as committed", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "a")
		e.check(p.AbortTxn(), "AbortTxn")
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "b")
		e.check(p.CommitTxn(), "CommitTxn")
		same(e, "committed", e.firstCommitted(topic, 1), []string{"b"})
		ms := e.read(topic, 0, 2)
		equal(e, "uncommitted", string(ms[0].Value)+string(ms[1].Value), "ab")
	}},
	{"an open transaction is read by those who do not care", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		committed := e.partition(e.consumer(readCommitted), topic, 0, sarama.OffsetOldest)
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "a")
		equal(e, "uncommitted", string(e.read(topic, 0, 1)[0].Value), "a")
		nothing(e, committed.Messages(), "Messages of committed records")
		e.check(p.CommitTxn(), "CommitTxn")
		same(e, "committed", e.values(committed, 1), []string{"a"})
	}},
	{"an open transaction holds up what comes behind it", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		e.produce(topic, 0, "before")
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "in")
		e.produce(topic, 0, "behind")
		committed := e.partition(e.consumer(readCommitted), topic, 0, sarama.OffsetOldest)
		same(e, "committed", e.values(committed, 1), []string{"before"})
		nothing(e, committed.Messages(), "Messages behind an open transaction")
		e.check(p.AbortTxn(), "AbortTxn")
		same(e, "committed", e.values(committed, 1), []string{"behind"})
	}},
	{"transactions of two producers mix", func(e *env) {
		topic := e.topic(1)
		p, q := e.syncProducer(transactional(e.name("txn"))), e.syncProducer(transactional(e.name("txn")))
		e.check(p.BeginTxn(), "BeginTxn")
		e.check(q.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "p1")
		e.send(q, topic, 0, "q1")
		e.send(p, topic, 0, "p2")
		e.check(q.CommitTxn(), "CommitTxn")
		e.check(p.AbortTxn(), "AbortTxn")
		e.produce(topic, 0, "end")
		same(e, "committed", e.firstCommitted(topic, 2), []string{"q1", "end"})
	}},
	{"a transaction covers topics and partitions", func(e *env) {
		a, b := e.topic(2), e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, a, 0, "a0")
		e.send(p, a, 1, "a1")
		e.send(p, b, 0, "b0")
		e.check(p.CommitTxn(), "CommitTxn")
		for _, c := range []struct {
			topic     string
			partition int32
			want      string
		}{{a, 0, "a0"}, {a, 1, "a1"}, {b, 0, "b0"}} {
			equal(e, "value", string(e.read(c.topic, c.partition, 1, readCommitted)[0].Value), c.want)
		}
	}},
	{"an asynchronous producer commits what was put in", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer(transactional(e.name("txn")))
		go func() {
			for range p.Successes() { //nolint:revive // drained until it is closed
			}
		}()
		e.check(p.BeginTxn(), "BeginTxn")
		for i := range 20 {
			p.Input() <- message(topic, 0, fmt.Sprint(i))
		}
		e.check(p.CommitTxn(), "CommitTxn")
		equal(e, "messages", len(e.firstCommitted(topic, 20)), 20)
		e.check(p.Close(), "Close")
	}},
	{"offsets are committed with the transaction", func(e *env) {
		topic, group := e.topic(2), e.name("group")
		p := e.syncProducer(transactional(e.name("txn")))
		meta := "with it"
		e.check(p.BeginTxn(), "BeginTxn")
		e.check(p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: 5, Metadata: &meta}}}, group), "AddOffsetsToTxn")
		e.check(p.AddMessageToTxn(&sarama.ConsumerMessage{Topic: topic, Partition: 1, Offset: 7}, group, nil), "AddMessageToTxn")
		o, _ := e.committed(group, topic, 0)
		equal(e, "committed before the end", o, -1)
		e.check(p.CommitTxn(), "CommitTxn")
		e.until("the offset is committed", func() bool { o, _ := e.committed(group, topic, 0); return o == 5 })
		o, m := e.committed(group, topic, 0)
		equal(e, "offset and metadata", fmt.Sprintf("%d %s", o, m), "5 with it")
		o, _ = e.committed(group, topic, 1)
		equal(e, "offset of the message", o, 8)
	}},
	{"offsets are aborted with the transaction", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		p := e.syncProducer(transactional(e.name("txn")))
		for i, end := range []func() error{p.CommitTxn, p.AbortTxn} {
			e.check(p.BeginTxn(), "BeginTxn")
			e.check(p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: int64(i + 1)}}}, group), "AddOffsetsToTxn")
			e.check(end(), "the end")
		}
		e.until("the first offset is committed", func() bool { o, _ := e.committed(group, topic, 0); return o == 1 })
	}},
	{"a member sends its offsets with a transaction", func(e *env) {
		in, out, group := e.topic(1), e.topic(1), e.name("group")
		e.produce(in, 0, "a", "b")
		p := e.syncProducer(transactional(e.name("txn")))
		done := make(chan error, 10)
		m := e.joinWith(group, []string{in}, func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			for msg := range c.Messages() {
				done <- errors.Join(p.BeginTxn(),
					second(p.SendMessage(message(out, 0, string(msg.Value)+"!"))),
					p.AddMessageToTxnWithGroupMetadata(msg, sarama.NewConsumerGroupMetadataFromSession(s, group, nil), nil),
					p.CommitTxn())
			}
			return nil
		}, byHand)
		e.check(receive(e, done, "a transaction"), "the first transaction")
		e.check(receive(e, done, "a transaction"), "the second transaction")
		same(e, "committed", e.firstCommitted(out, 2), []string{"a!", "b!"})
		e.until("the offset is committed", func() bool { o, _ := e.committed(group, in, 0); return o == 2 })
		m.leave()
	}},
	{"offsets of a member that was thrown out are refused", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		m := e.join(group, []string{topic})
		m.untilHolds(topic, 1)
		p := e.syncProducer(transactional(e.name("txn")), func(c *sarama.Config) { c.Producer.Transaction.Retry.Max = 1 })
		e.check(p.BeginTxn(), "BeginTxn")
		meta := &sarama.ConsumerGroupMetadata{GroupID: group, GenerationID: m.current().GenerationID() + 1, MemberID: m.current().MemberID()}
		err := p.AddOffsetsToTxnWithGroupMetadata(map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: 5}}}, meta)
		err = errors.Join(err, p.CommitTxn())
		e.wants(err, sarama.ErrIllegalGeneration, "offsets of another generation")
		m.leave()
	}},
	{"a successor fences its zombie, and its transaction is aborted", func(e *env) {
		topic, id := e.topic(1), e.name("txn")
		p := e.syncProducer(transactional(id))
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "zombie")
		q := e.syncProducer(transactional(id))
		e.check(q.BeginTxn(), "BeginTxn")
		e.send(q, topic, 0, "successor")
		e.check(q.CommitTxn(), "CommitTxn")
		e.zombie(p.CommitTxn(), "CommitTxn")
		equal(e, "TxnStatus has the fatal flag", p.TxnStatus()&sarama.ProducerTxnFlagFatalError != 0, true)
		same(e, "committed", e.firstCommitted(topic, 1), []string{"successor"})
	}},
	{"a zombie cannot send", func(e *env) {
		topic, id := e.topic(1), e.name("txn")
		p := e.syncProducer(transactional(id))
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "zombie")
		q := e.syncProducer(transactional(id))
		_, _, err := p.SendMessage(message(topic, 0, "zombie"))
		e.zombie(err, "SendMessage")
		e.check(q.BeginTxn(), "BeginTxn")
		e.send(q, topic, 0, "successor")
		e.check(q.CommitTxn(), "CommitTxn")
		same(e, "committed", e.firstCommitted(topic, 1), []string{"successor"})
	}},
	{"a zombie cannot begin to write to a partition", func(e *env) {
		topic, id := e.topic(1), e.name("txn")
		p := e.syncProducer(transactional(id))
		_ = e.syncProducer(transactional(id))
		e.check(p.BeginTxn(), "BeginTxn")
		_, _, err := p.SendMessage(message(topic, 0, "zombie"))
		e.zombie(err, "SendMessage")
	}},
	{"a transaction that takes too long is aborted", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")), func(c *sarama.Config) { c.Producer.Transaction.Timeout = time.Second })
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "late")
		e.produce(topic, 0, "behind")
		committed := e.partition(e.consumer(readCommitted), topic, 0, sarama.OffsetOldest)
		same(e, "committed", e.values(committed, 1), []string{"behind"})
		if err := p.CommitTxn(); err == nil {
			e.Errorf("CommitTxn of a transaction that took too long gives no error")
		}
	}},
	{"a time-out that the broker does not allow is an error", func(e *env) {
		c := e.client(transactional(e.name("txn")), func(c *sarama.Config) { c.Producer.Transaction.Timeout = 100 * time.Hour })
		_, err := e.NewSyncProducerFromClient(c)
		e.wants(err, sarama.ErrInvalidTransactionTimeout, "NewSyncProducerFromClient")
	}},
	{"a message that fails dooms the transaction", func(e *env) {
		topic := e.topic(1, "max.message.bytes", "500")
		p := e.syncProducer(transactional(e.name("txn")))
		e.check(p.BeginTxn(), "BeginTxn")
		_, _, err := p.SendMessage(message(topic, 0, string(make([]byte, 600))))
		e.wants(err, sarama.ErrMessageSizeTooLarge, "SendMessage")
		equal(e, "TxnStatus has the abortable flag", p.TxnStatus()&sarama.ProducerTxnFlagAbortableError != 0, true)
		if err := p.CommitTxn(); err == nil {
			e.Errorf("CommitTxn of a doomed transaction gives no error")
		}
		e.check(p.AbortTxn(), "AbortTxn")
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "next")
		e.check(p.CommitTxn(), "CommitTxn")
		same(e, "committed", e.firstCommitted(topic, 1), []string{"next"})
	}},
	{"a group reads what was committed", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		p := e.syncProducer(transactional(e.name("txn")))
		m := e.join(group, []string{topic}, readCommitted)
		for i, end := range []func() error{p.CommitTxn, p.AbortTxn, p.CommitTxn} {
			e.check(p.BeginTxn(), "BeginTxn")
			e.send(p, topic, 0, fmt.Sprint(i))
			e.check(end(), "the end")
		}
		m.untilGot("0", "2")
		m.leave()
	}},
	{"the latest offset of committed records stands before an open transaction", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(transactional(e.name("txn")))
		e.produce(topic, 0, "a")
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "b", "c")
		for level, want := range map[sarama.IsolationLevel]int64{sarama.ReadCommitted: 1, sarama.ReadUncommitted: 3} {
			r, err := e.clusterAdmin().ListOffsets(map[string]map[int32]int64{topic: {0: sarama.OffsetNewest}}, &sarama.ListOffsetsOptions{IsolationLevel: level})
			e.check(err, "ListOffsets")
			e.wants(r[topic][0].Err, sarama.ErrNoError, "ListOffsets of the partition")
			equal(e, fmt.Sprint("the latest offset at level ", level), r[topic][0].Offset, want)
		}
		e.check(p.AbortTxn(), "AbortTxn")
	}},
	{"transactions are described", func(e *env) {
		topic, id := e.topic(1), e.name("txn")
		admin, ok := e.clusterAdmin().(sarama.TransactionClusterAdmin)
		if !ok {
			e.Fatalf("%T is no TransactionClusterAdmin", e.clusterAdmin())
		}
		p := e.syncProducer(transactional(id))
		e.check(p.BeginTxn(), "BeginTxn")
		e.send(p, topic, 0, "a")
		ds, err := admin.DescribeTransactions([]string{id, id + "-nobody"})
		e.check(err, "DescribeTransactions")
		equal(e, "state", ds[id].TransactionState, "Ongoing")
		equal(e, "error of an id that there is not", ds[id+"-nobody"].ErrorCode, sarama.KError(105))
		equal(e, "partitions", fmt.Sprint(ds[id].Topics), fmt.Sprintf("[{%s [0]}]", topic))
		producers, err := admin.DescribeProducers(map[string][]int32{topic: {0}})
		e.check(err, "DescribeProducers")
		active := producers[topic][0].ActiveProducers
		if len(active) != 1 || active[0].ProducerID != ds[id].ProducerID || active[0].CurrentTxnStartOffset != 0 || active[0].LastSequence != 0 {
			e.Errorf("DescribeProducers gives %+v, want one of id %d in a transaction", active, ds[id].ProducerID)
		}
		ongoing := func() bool {
			ts, err := admin.ListTransactions([]string{"Ongoing"}, nil, -1)
			e.check(err, "ListTransactions")
			return slices.ContainsFunc(ts, func(t sarama.ListTransactionsResponseTransactionState) bool { return t.TransactionalID == id })
		}
		equal(e, "ListTransactions has it", ongoing(), true)
		e.check(p.CommitTxn(), "CommitTxn")
		e.until("the transaction is complete", func() bool {
			ds, err := admin.DescribeTransactions([]string{id})
			e.check(err, "DescribeTransactions")
			return ds[id].TransactionState == "CompleteCommit"
		})
		equal(e, "ListTransactions has it", ongoing(), false)
	}},
}

func second(_ int32, _ int64, err error) error { return err }
