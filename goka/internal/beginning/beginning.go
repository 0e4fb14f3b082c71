// Package beginning decides where a group begins to read a partition of an input: at what it has committed, unless that
// says nothing about the topic as it is now.
package beginning

// None is the offset of a group that has committed nothing, and of a decision that leaves things as they are.
const None int64 = -1

// Initial says where a group begins that has committed nothing.
type Initial int

const (
	// Unknown leaves it to the consumer.
	Unknown Initial = iota
	// Oldest is the partition's first record. The consumer finds it by itself.
	Oldest
	// Newest is what comes after the moment of the decision.
	Newest
	// First is the partition's first record, whatever the consumer would do.
	First
)

// Facts are what is known of a partition and of a group's commit for it.
type Facts struct {
	Committed   int64  // the committed offset, None for nothing
	CommittedOf string // the id of the topic that the commit is about, empty when it does not say
	TopicID     string // the id of the topic, empty when the broker gives none
	Oldest      int64  // the partition's first offset
	Newest      int64  // the offset that its next record gets
	Initial     Initial
}

// Reason says why a group does not begin where it has committed.
type Reason string

// The reasons.
const (
	Fine      Reason = ""
	FirstTime Reason = "nothing is committed"
	Recreated Reason = "the topic was created again"
	Truncated Reason = "the partition lost its last records"
	Expired   Reason = "the records after the committed offset are gone"
)

// Decide returns the offset to begin with and to commit, None to begin where the commit says.
//
// A commit beyond the end of a partition is about records that are no more. Where the topic is known to be the same one,
// the group goes on with what comes next; otherwise somebody deleted the topic and created it again, and none of its
// records was ever read.
func Decide(f Facts) (offset int64, why Reason) {
	same := f.TopicID != "" && f.CommittedOf == f.TopicID
	switch {
	case f.Committed < 0:
		switch f.Initial {
		case Newest:
			return f.Newest, FirstTime
		case First:
			return f.Oldest, FirstTime
		case Unknown, Oldest:
		}
		return None, Fine
	case f.TopicID != "" && f.CommittedOf != "" && !same:
		return f.Oldest, Recreated
	case f.Committed > f.Newest && same:
		return f.Newest, Truncated
	case f.Committed > f.Newest:
		return f.Oldest, Recreated
	case f.Committed < f.Oldest:
		return f.Oldest, Expired
	}
	return None, Fine
}
