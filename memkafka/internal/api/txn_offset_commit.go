package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// txnOffsetCommit is TxnOffsetCommit (KIP-98): offsets as part of a transaction. Version 2 has leader epochs (KIP-320), 3 names
// the member (KIP-447), 5 adds the group to the transaction by itself (KIP-890).
var txnOffsetCommit = serving(28, 0, 5, serveTxnOffsetCommit)

func serveTxnOffsetCommit(c *call, request *kmsg.TxnOffsetCommitRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	commit := group.TxnCommit{
		Transaction: group.Transaction{ProducerID: request.ProducerID, ProducerEpoch: request.ProducerEpoch},
		MemberID:    request.MemberID, InstanceID: orEmpty(request.InstanceID), Generation: -1,
	}
	if c.version >= 3 {
		commit.Generation = request.Generation
	}
	response.Topics = make([]kmsg.TxnOffsetCommitResponseTopic, len(request.Topics))
	var places []*kmsg.TxnOffsetCommitResponseTopicPartition // of commit.Offsets, in the answer
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i := range request.Topics {
			asked, t := &request.Topics[i], &response.Topics[i]
			t.Topic = asked.Topic
			t.Partitions = make([]kmsg.TxnOffsetCommitResponseTopicPartition, len(asked.Partitions))
			for j := range asked.Partitions {
				p, r := &asked.Partitions[j], &t.Partitions[j]
				r.Partition = p.Partition
				if code := c.mayTopic(core, cluster.Read, asked.Topic); code != kafka.None {
					r.ErrorCode = int16(code)
					continue
				}
				if core.Partition(asked.Topic, p.Partition) == nil {
					r.ErrorCode = int16(kafka.UnknownTopicOrPartition)
					continue
				}
				o := group.OffsetCommit{
					TP: kafka.TopicPartition{Topic: asked.Topic, Partition: p.Partition}, Offset: kafka.Offset(p.Offset), LeaderEpoch: -1, Metadata: orEmpty(p.Metadata),
				}
				if c.version >= 2 {
					o.LeaderEpoch = kafka.Epoch(p.LeaderEpoch)
				}
				commit.Offsets = append(commit.Offsets, o)
				places = append(places, r)
			}
		}
	})
	if !ok {
		return nil
	}
	if len(places) == 0 {
		return response
	}
	answer, code, ok := ask[group.CommitResponse](c, "commit in transaction", request.Group, func(core *cluster.Cluster, now millis, tag *tag) kafka.ErrorCode {
		if code := c.mayTransact(core, cluster.Write, request.TransactionalID); code != kafka.None {
			return code
		}
		if code := c.mayGroup(core, cluster.Read, request.Group); code != kafka.None {
			return code
		}
		if request.Group == "" {
			return kafka.InvalidGroupID
		}
		if core.GroupCoordinator(request.Group) != c.broker.id {
			return kafka.NotCoordinator
		}
		commit.Tag = tag
		core.TxnOffsetCommit(now, request.Group, request.TransactionalID, commit, c.version >= 5)
		return kafka.None
	})
	if !ok {
		return nil
	}
	for i, place := range places {
		err := code
		if code == kafka.None {
			err = answer.Partitions[i].Err
		}
		if err == kafka.InvalidTxnState && c.version >= 4 {
			err = kafka.TransactionAbortable
		}
		if err == kafka.ProducerFenced && c.version >= 5 {
			err = kafka.InvalidProducerEpoch // as for records
		}
		place.ErrorCode = int16(err)
	}
	return response
}
