package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

func initializing(id string) *kmsg.InitProducerIDRequest {
	r := kmsg.NewPtrInitProducerIDRequest()
	r.TransactionalID, r.TransactionTimeoutMillis = &id, 60_000
	return r
}

// transactionalID initializes a transactional id, once there is a coordinator for it.
func (s *script) transactionalID(version int16, id string) (int64, int16) {
	s.t.Helper()
	s.coordinatorReady(1, id)
	r := until(s, version, func() kmsg.Request { return initializing(id) }, func(r *kmsg.InitProducerIDResponse) bool { return r.ErrorCode == 0 })
	s.note("the transactional id is initialized", r)
	return r.ProducerID, r.ProducerEpoch
}

func adding(id string, producer int64, epoch int16, topic string, partitions ...int32) *kmsg.AddPartitionsToTxnRequest {
	r := kmsg.NewPtrAddPartitionsToTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch = id, producer, epoch
	r.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: partitions}}
	return r
}

func ending(id string, producer int64, epoch int16, commit bool) *kmsg.EndTxnRequest {
	r := kmsg.NewPtrEndTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Commit = id, producer, epoch, commit
	return r
}

// transactionally sends a batch as part of a transaction.
func transactionally(id, topic string, topicID [16]byte, b *batch.Batch) *kmsg.ProduceRequest {
	r := produceTo(topic, topicID, 0, transactional(b).Bytes())
	r.TransactionID = &id
	return r
}

// ended waits until the markers of a transaction are written.
func (s *script) ended(id string) {
	s.t.Helper()
	until(s, 0, func() kmsg.Request {
		r := kmsg.NewPtrDescribeTransactionsRequest()
		r.TransactionalIDs = []string{id}
		return r
	}, func(r *kmsg.DescribeTransactionsResponse) bool {
		state := r.TransactionStates[0].State
		return state == "CompleteCommit" || state == "CompleteAbort"
	})
}

func TestTransactionsOfOldProducers(t *testing.T) {
	transcript(t, func(s *script) {
		topic := s.createTopic("txn1", 2)
		for v := range int16(4) {
			id := "old-" + string(rune('0'+v))
			pid, epoch := s.transactionalID(v, id)
			say[*kmsg.ProduceResponse](s, "a partition that was not added", 9, transactionally(id, "txn1", topic, from(records("a", "1"), pid, epoch, 0)))
			say[*kmsg.AddPartitionsToTxnResponse](s, "a topic that there is not", v, adding(id, pid, epoch, "txn1-none", 0))
			say[*kmsg.AddPartitionsToTxnResponse](s, "a partition that there is not", v, adding(id, pid, epoch, "txn1", 0, 5))
			say[*kmsg.AddPartitionsToTxnResponse](s, "two partitions", v, adding(id, pid, epoch, "txn1", 0, 1))
			say[*kmsg.ProduceResponse](s, "records", 9, transactionally(id, "txn1", topic, from(records("a", "1"), pid, epoch, 0)))
			look := fetchFrom("txn1", topic, 3*int64(v))
			look.IsolationLevel = 1
			say[*kmsg.FetchResponse](s, "not committed yet", 12, look)
			say[*kmsg.EndTxnResponse](s, "an older epoch", v, ending(id, pid, epoch-1, true))
			say[*kmsg.EndTxnResponse](s, "another producer", v, ending(id, pid+100, epoch, true))
			say[*kmsg.EndTxnResponse](s, "the end", v, ending(id, pid, epoch, v%2 == 0))
			s.ended(id)
			say[*kmsg.FetchResponse](s, "after the end", 12, look)
			say[*kmsg.ListOffsetsResponse](s, "a marker has an offset", 7, offsetsOf("txn1", 0, -1))
			say[*kmsg.EndTxnResponse](s, "the same end again", v, ending(id, pid, epoch, v%2 == 0))
			say[*kmsg.EndTxnResponse](s, "the other end", v, ending(id, pid, epoch, v%2 == 1))
			ask[*kmsg.ProduceResponse](s.client, 9, produceTo("txn1", topic, 0, records("b", "2").Bytes()))
		}
		say[*kmsg.EndTxnResponse](s, "of an id that nobody has", 3, ending("old-none", 1, 0, true))
	})
}

func TestTransactionsOfNewProducers(t *testing.T) {
	transcript(t, func(s *script) {
		topic := s.createTopic("txn2", 1)
		s.producerID() // 0, which is what answers about no producer say too
		pid, epoch := s.transactionalID(5, "new")
		say[*kmsg.ProduceResponse](s, "records, without adding", 12, transactionally("new", "txn2", topic, from(records("a", "1"), pid, epoch, 0)))
		end := say[*kmsg.EndTxnResponse](s, "committed", 5, ending("new", pid, epoch, true))
		s.ended("new")
		say[*kmsg.ProduceResponse](s, "the former epoch", 13, transactionally("new", "txn2", topic, from(records("a", "1"), pid, epoch, 1)))
		say[*kmsg.ProduceResponse](s, "the next transaction", 13, transactionally("new", "txn2", topic, from(records("b", "2"), pid, end.ProducerEpoch, 0)))
		end = say[*kmsg.EndTxnResponse](s, "aborted", 5, ending("new", pid, end.ProducerEpoch, false))
		s.ended("new")
		end = say[*kmsg.EndTxnResponse](s, "nothing, aborted", 5, ending("new", pid, end.ProducerEpoch, false))
		s.ended("new")
		say[*kmsg.EndTxnResponse](s, "nothing, committed", 5, ending("new", pid, end.ProducerEpoch, true))
		look := fetchFrom("txn2", topic, 0)
		look.IsolationLevel = 1
		say[*kmsg.FetchResponse](s, "what is to be seen", 12, look)
		say[*kmsg.FetchResponse](s, "what is to be seen", 18, look)
		r := kmsg.NewPtrDescribeProducersRequest()
		r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "txn2", Partitions: []int32{0, 1}}, {Topic: "txn2-none", Partitions: []int32{0}}}
		say[*kmsg.DescribeProducersResponse](s, "the producers", 0, r)
		d := kmsg.NewPtrDescribeTransactionsRequest()
		d.TransactionalIDs = []string{"new", "new-none", ""}
		say[*kmsg.DescribeTransactionsResponse](s, "the transactions", 0, d)
	})
}

func TestOffsetsInTransactions(t *testing.T) {
	transcript(t, func(s *script) {
		topic := s.createTopic("txn3", 1)
		s.coordinatorReady(0, "txn3-group")
		committing := func(id string, producer int64, epoch int16, offset int64) *kmsg.TxnOffsetCommitRequest {
			r := kmsg.NewPtrTxnOffsetCommitRequest()
			r.TransactionalID, r.Group, r.ProducerID, r.ProducerEpoch = id, "txn3-group", producer, epoch
			p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			p.Offset = offset
			r.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "txn3", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{p}}}
			return r
		}
		stable := fetching("txn3-group", "txn3", topic, 0)
		stable.RequireStable = true
		for v := range int16(6) {
			id := "offsets-" + string(rune('0'+v))
			pid, epoch := s.transactionalID(min(v, 5), id)
			if v < 5 {
				add := kmsg.NewPtrAddOffsetsToTxnRequest()
				add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, pid, epoch, "txn3-group"
				say[*kmsg.AddOffsetsToTxnResponse](s, "the group is added", min(v, 3), add)
			}
			say[*kmsg.TxnOffsetCommitResponse](s, "an offset", v, committing(id, pid, epoch, int64(v)+1))
			say[*kmsg.OffsetFetchResponse](s, "what the group has", 7, fetching("txn3-group", "txn3", topic, 0))
			say[*kmsg.OffsetFetchResponse](s, "what is stable", 7, stable)
			say[*kmsg.EndTxnResponse](s, "the end", min(v, 5), ending(id, pid, epoch, v != 1))
			s.ended(id)
			say[*kmsg.OffsetFetchResponse](s, "what the group has then", 7, stable)
		}
		pid, epoch := s.transactionalID(4, "offsets-9")
		say[*kmsg.TxnOffsetCommitResponse](s, "a group that was not added", 3, committing("offsets-9", pid, epoch, 1))
		say[*kmsg.AddPartitionsToTxnResponse](s, "another partition", 3, adding("offsets-9", pid, epoch, "txn3", 0))
		for v := range int16(5) {
			say[*kmsg.TxnOffsetCommitResponse](s, "still not added", v, committing("offsets-9", pid, epoch, 1))
		}
		bad := committing("offsets-0", 999, 0, 1)
		say[*kmsg.TxnOffsetCommitResponse](s, "a producer that nobody knows", 5, bad)
		member := committing("offsets-0", 999, 0, 1)
		member.MemberID, member.Generation = "nobody", 4
		say[*kmsg.TxnOffsetCommitResponse](s, "a member that nobody knows", 3, member)
	})
}

func TestListTransactions(t *testing.T) {
	transcript(t, func(s *script) {
		s.createTopic("txn4", 1)
		pid, epoch := s.transactionalID(4, "listed")
		say[*kmsg.AddPartitionsToTxnResponse](s, "a partition", 3, adding("listed", pid, epoch, "txn4", 0))
		for v := range int16(3) {
			r := kmsg.NewPtrListTransactionsRequest()
			r.ProducerIDFilters = []int64{pid}
			r.StateFilters = []string{"Ongoing", "Sleeping"}
			r.DurationFilterMillis = -1
			say[*kmsg.ListTransactionsResponse](s, "open ones", v, r)
			pattern := "list.*"
			r.TransactionalIDPattern = &pattern
			say[*kmsg.ListTransactionsResponse](s, "by their ids", v, r)
			r.DurationFilterMillis = 1_000_000
			say[*kmsg.ListTransactionsResponse](s, "old ones", v, r)
		}
		bad := "("
		r := kmsg.NewPtrListTransactionsRequest()
		r.TransactionalIDPattern = &bad
		say[*kmsg.ListTransactionsResponse](s, "a pattern that is none", 2, r)
		d := kmsg.NewPtrDescribeTransactionsRequest()
		d.TransactionalIDs = []string{"listed"}
		say[*kmsg.DescribeTransactionsResponse](s, "described", 0, d)
	})
}

func TestFenced(t *testing.T) {
	transcript(t, func(s *script) {
		topic := s.createTopic("txn5", 1)
		pid, epoch := s.transactionalID(4, "fenced")
		say[*kmsg.AddPartitionsToTxnResponse](s, "a partition", 3, adding("fenced", pid, epoch, "txn5", 0))
		say[*kmsg.ProduceResponse](s, "records", 9, transactionally("fenced", "txn5", topic, from(records("a", "1"), pid, epoch, 0)))
		say[*kmsg.InitProducerIDResponse](s, "another takes over", 4, initializing("fenced"))
		s.ended("fenced")
		say[*kmsg.InitProducerIDResponse](s, "and asks again", 4, initializing("fenced"))
		for _, v := range []int16{0, 1, 2, 3} {
			say[*kmsg.AddPartitionsToTxnResponse](s, "the former one adds", v, adding("fenced", pid, epoch, "txn5", 0))
			say[*kmsg.EndTxnResponse](s, "the former one ends", v, ending("fenced", pid, epoch, true))
		}
		say[*kmsg.ProduceResponse](s, "the former one writes", 9, transactionally("fenced", "txn5", topic, from(records("a", "1"), pid, epoch, 1)))
		long := initializing("fenced")
		long.TransactionTimeoutMillis = 10_000_000
		say[*kmsg.InitProducerIDResponse](s, "a time-out that is too long", 4, long)
		say[*kmsg.InitProducerIDResponse](s, "an empty id", 4, initializing(""))
	})
}
