package seam

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// spoiled is the answer of a coordinator with an error put into it, for some of the partitions of a commit if there are any.
// Answers of no coordinator become the error.
func spoiled(value any, code kafka.ErrorCode, only []kafka.TopicPartition) (any, error) {
	switch r := value.(type) {
	case group.JoinResponse:
		return group.JoinResponse{Err: code, Generation: -1, MemberID: r.MemberID}, nil
	case group.SyncResponse:
		return group.SyncResponse{Err: code}, nil
	case group.HeartbeatResponse:
		return group.HeartbeatResponse{Err: code}, nil
	case group.LeaveResponse:
		return group.LeaveResponse{Err: code}, nil
	case group.ConsumerHeartbeatResponse:
		return group.ConsumerHeartbeatResponse{Err: code}, nil
	case group.FetchOffsetsResponse:
		return group.FetchOffsetsResponse{Err: code}, nil
	case group.DeleteOffsetsResponse:
		return group.DeleteOffsetsResponse{Err: code}, nil
	case group.DeleteResponse:
		return group.DeleteResponse{Err: code}, nil
	case group.CommitResponse:
		results := slices.Clone(r.Partitions)
		for i := range results {
			if only == nil || slices.Contains(only, results[i].TP) {
				results[i].Err = code
			}
		}
		if only == nil {
			r.Err = code
		}
		r.Partitions = results
		return r, nil
	case txn.InitProducerIDResponse:
		return txn.InitProducerIDResponse{Err: code, Producer: txn.NoProducer}, nil
	case txn.AddPartitionsResponse:
		results := slices.Clone(r.Partitions)
		for i := range results {
			if only == nil || slices.Contains(only, results[i].TP) {
				results[i].Err = code
			}
		}
		r.Partitions = results
		return r, nil
	case txn.AddOffsetsResponse:
		return txn.AddOffsetsResponse{Err: code}, nil
	case txn.EndTxnResponse:
		return txn.EndTxnResponse{Err: code, Producer: txn.NoProducer}, nil
	}
	return nil, code
}
