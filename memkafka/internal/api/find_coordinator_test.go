package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
)

// coordinatorReady waits until somebody looks after a group (0) or a transactional id (1).
func (s *script) coordinatorReady(kind int8, key string) {
	s.t.Helper()
	until(s, 4, func() kmsg.Request { return coordinatorOf(kind, key) }, func(r *kmsg.FindCoordinatorResponse) bool {
		return r.Coordinators[0].ErrorCode == 0
	})
	if kind == 0 {
		until(s, 0, func() kmsg.Request {
			r := kmsg.NewPtrDescribeGroupsRequest()
			r.Groups = []string{key}
			return r
		}, func(r *kmsg.DescribeGroupsResponse) bool { return r.Groups[0].ErrorCode == 0 })
		return
	}
	until(s, 0, func() kmsg.Request {
		r := kmsg.NewPtrDescribeTransactionsRequest()
		r.TransactionalIDs = []string{key}
		return r
	}, func(r *kmsg.DescribeTransactionsResponse) bool {
		code := r.TransactionStates[0].ErrorCode
		return code == 0 || code == int16(kafka.TransactionalIDNotFound)
	})
}

func coordinatorOf(kind int8, keys ...string) *kmsg.FindCoordinatorRequest {
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.CoordinatorType, r.CoordinatorKeys = kind, keys
	if len(keys) > 0 {
		r.CoordinatorKey = keys[0]
	}
	return r
}

func TestFindCoordinator(t *testing.T) {
	transcript(t, func(s *script) {
		s.coordinatorReady(0, "group")
		s.coordinatorReady(1, "transaction")
		for v := range int16(7) {
			say[*kmsg.FindCoordinatorResponse](s, "of a group", v, coordinatorOf(0, "group"))
			if v > 0 {
				say[*kmsg.FindCoordinatorResponse](s, "of a transactional id", v, coordinatorOf(1, "transaction"))
			}
		}
		say[*kmsg.FindCoordinatorResponse](s, "of several", 4, coordinatorOf(0, "a", "b"))
		say[*kmsg.FindCoordinatorResponse](s, "of none", 4, coordinatorOf(0))
		say[*kmsg.FindCoordinatorResponse](s, "of something else", 4, coordinatorOf(9, "a"))
		say[*kmsg.FindCoordinatorResponse](s, "of a group without a name", 4, coordinatorOf(0, ""))
	})
}
