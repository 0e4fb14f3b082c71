package cluster

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// refusal is an error that coordinators answer with instead of doing what they are asked for.
type refusal struct {
	code kafka.ErrorCode
	only []kafka.TopicPartition // the partitions of a commit that it is about; nil for the whole command
}

// Refusing carries out f, in which coordinators answer every command with an error and do nothing. Where only is given and
// the command is a commit, that happens to these partitions of it alone. The answers come by Take, as ever.
func (c *Cluster) Refusing(code kafka.ErrorCode, only []kafka.TopicPartition, f func()) {
	before := c.refusing
	c.refusing = &refusal{code, only}
	f()
	c.refusing = before
}

// commitSome gives a group the commit of the partitions that are not refused, and adds those that are to the answer.
func (c *Cluster) commitSome(now kafka.Millis, id string, cmd group.Command, tag any, offsets []group.OffsetCommit, with func(rest []group.OffsetCommit) group.Command) {
	r := c.refusing
	c.refusing = nil
	defer func() { c.refusing = r }()
	refused := func(o group.OffsetCommit) bool { return slices.Contains(r.only, o.TP) }
	rest := slices.DeleteFunc(slices.Clone(offsets), refused)
	if len(rest) == len(offsets) {
		c.GroupStep(now, id, cmd)
		return
	}
	c.GroupStep(now, id, with(rest))
	i := slices.IndexFunc(c.replies, func(r Reply) bool { return r.Tag == tag })
	if i < 0 {
		return
	}
	answer, ok := c.replies[i].Response.(group.CommitResponse)
	if !ok {
		return
	}
	var all []group.CommitResult
	given := answer.Partitions
	for _, o := range offsets {
		if refused(o) {
			all = append(all, group.CommitResult{TP: o.TP, Err: r.code})
		} else if len(given) > 0 {
			all = append(all, given[0])
			given = given[1:]
		}
	}
	answer.Partitions = all
	c.replies[i].Response = answer
}

// refuse answers a command to a group if coordinators refuse commands now. It reports whether it did.
func (c *Cluster) refuse(now kafka.Millis, id string, cmd group.Command) bool {
	r := c.refusing
	if r == nil {
		return false
	}
	if r.only != nil {
		switch commit := cmd.(type) {
		case group.Commit:
			c.commitSome(now, id, cmd, commit.Tag, commit.Offsets, func(rest []group.OffsetCommit) group.Command { commit.Offsets = rest; return commit })
			return true
		case group.TxnCommit:
			c.commitSome(now, id, cmd, commit.Tag, commit.Offsets, func(rest []group.OffsetCommit) group.Command { commit.Offsets = rest; return commit })
			return true
		}
	}
	if reply, asks := refuseGroup(cmd, r.code); asks {
		c.replies = append(c.replies, reply)
	}
	return true
}

// refuseGroup is the answer to a request that a group's coordinator refuses.
func refuseGroup(cmd group.Command, code kafka.ErrorCode) (Reply, bool) {
	failed := func(tps []kafka.TopicPartition) []group.CommitResult {
		results := make([]group.CommitResult, len(tps))
		for i, tp := range tps {
			results[i] = group.CommitResult{TP: tp, Err: code}
		}
		return results
	}
	switch cmd := cmd.(type) {
	case group.Join:
		return Reply{cmd.Tag, group.JoinResponse{Err: code, Generation: -1, MemberID: cmd.MemberID}}, true
	case group.Sync:
		return Reply{cmd.Tag, group.SyncResponse{Err: code}}, true
	case group.Heartbeat:
		return Reply{cmd.Tag, group.HeartbeatResponse{Err: code}}, true
	case group.Leave:
		return Reply{cmd.Tag, group.LeaveResponse{Err: code}}, true
	case group.ConsumerHeartbeat:
		r := group.ConsumerHeartbeatResponse{Err: code}
		if code == kafka.NotCoordinator {
			r.Message = "this is not the correct coordinator"
		}
		return Reply{cmd.Tag, r}, true
	case group.Commit:
		return Reply{cmd.Tag, group.CommitResponse{Err: code, Partitions: failed(partitionsOf(cmd.Offsets))}}, true
	case group.TxnCommit:
		return Reply{cmd.Tag, group.CommitResponse{Err: code, Partitions: failed(partitionsOf(cmd.Offsets))}}, true
	case group.FetchOffsets:
		return Reply{cmd.Tag, group.FetchOffsetsResponse{Err: code}}, true
	case group.DeleteOffsets:
		return Reply{cmd.Tag, group.DeleteOffsetsResponse{Err: code}}, true
	case group.Delete:
		return Reply{cmd.Tag, group.DeleteResponse{Err: code}}, true
	}
	return Reply{}, false
}

func partitionsOf(offsets []group.OffsetCommit) []kafka.TopicPartition {
	tps := make([]kafka.TopicPartition, len(offsets))
	for i, o := range offsets {
		tps[i] = o.TP
	}
	return tps
}

// refuseTxn is the answer to a request that the coordinator of its transactional id refuses.
func refuseTxn(cmd txn.Command, code kafka.ErrorCode) (reply txn.Reply, transactionalID string, asks bool) {
	switch cmd := cmd.(type) {
	case txn.InitProducerID:
		return txn.Reply{Tag: cmd.Tag, Response: txn.InitProducerIDResponse{Err: code, Producer: txn.NoProducer}}, cmd.TransactionalID, true
	case txn.AddPartitions:
		r := txn.AddPartitionsResponse{}
		for _, tp := range cmd.Partitions {
			r.Partitions = append(r.Partitions, txn.PartitionResult{TP: tp, Err: code})
		}
		return txn.Reply{Tag: cmd.Tag, Response: r}, cmd.TransactionalID, true
	case txn.AddOffsets:
		return txn.Reply{Tag: cmd.Tag, Response: txn.AddOffsetsResponse{Err: code}}, cmd.TransactionalID, true
	case txn.EndTxn:
		return txn.Reply{Tag: cmd.Tag, Response: txn.EndTxnResponse{Err: code, Producer: txn.NoProducer}}, cmd.TransactionalID, true
	}
	return txn.Reply{}, "", false
}

// absent reports whether a command goes to the coordinator of a transactional id while there is none.
func (c *Cluster) absent(cmd txn.Command, transactionalID string) bool {
	if init, ok := cmd.(txn.InitProducerID); ok && !init.Transactional {
		return false // any broker gives out producer ids
	}
	return c.TransactionCoordinator(transactionalID) == NoLeader
}
