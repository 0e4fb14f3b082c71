package group

import "github.com/gokasim/gokasim/internal/kafka"

// half is the part of a group that keeps its members: those of a classic group, or those of a KIP-848 group. Offsets
// are kept beside it, and ask it who may do what.
type half interface {
	current() State
	// checkCommit says whether a commit may be stored; checkTxnCommit the same of one in a transaction.
	checkCommit(memberID, instanceID string, generation int32, offsets []OffsetCommit) kafka.ErrorCode
	checkTxnCommit(memberID, instanceID string, generation int32, offsets []OffsetCommit) kafka.ErrorCode
	// checkFetch says whether the member that a fetch of offsets names may have them.
	checkFetch(memberID string, memberEpoch int32) kafka.ErrorCode
	// committed tells that a member has shown that it lives by committing.
	committed(memberID string)
	// checkDeleteOffsets says whether offsets of topics to which nobody subscribes may be deleted.
	checkDeleteOffsets() kafka.ErrorCode
	// subscribedTo reports whether a member may be reading topic.
	subscribedTo(topic string) bool
	// idleSince is the time from which an offset ages; false while it does not.
	idleSince(o committedOffset) (kafka.Millis, bool)
	// vacant reports whether nobody is a member, nor about to be.
	vacant() bool
	// end takes the half out of being, with tombstones for its records.
	end()
}

var (
	_ half = (*classic)(nil)
	_ half = (*consumer)(nil)
)

// half is the one that the group's members belong to now.
func (g *Group) half() half {
	if g.consumer.exists {
		return &g.consumer
	}
	return &g.classic
}
