package group

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// The states of a KIP-848 group beside [Dead], [Empty] and [Stable].
const (
	Assigning   State = "Assigning"   // the group's epoch is ahead of its target assignment
	Reconciling State = "Reconciling" // members are on their way to the target assignment
)

// consumer is the protocol in which the broker makes the assignment and each member is led to its part of it on its own
// (KIP-848). Members of the classic protocol may be among its members (see joinConsumer).
//
// All of it but what its last two fields remember is what records say: see put.
type consumer struct {
	*core
	exists bool

	epoch           int32 // grows with every change of members, subscriptions or topics
	metadataHash    int64 // of the topics that members subscribe to, when epoch was last looked at
	assignmentEpoch int32 // the epoch for which target was made

	members   map[string]*consumerMember
	instances map[string]string // member ids by instance id
	target    map[string]parts  // by member id
	owners    map[part]string   // who was given a partition and has not let go of it, by member id
	regexes   map[string]resolvedRegex

	hashed     int // the version of the topics that metadataHash was compared with
	regexesFor int // the version of the topics that regexes was made for
}

// memberState is how far a member is with its assignment, numbered as in Kafka's records.
type memberState int8

const (
	memberStable     memberState = 0 // has all of the target assignment of its epoch
	memberRevoking   memberState = 1 // has to let go of partitions first (UNREVOKED_PARTITIONS)
	memberUnreleased memberState = 2 // waits for partitions that others have not let go (UNRELEASED_PARTITIONS)
)

func (s memberState) String() string {
	switch s {
	case memberStable:
		return "stable"
	case memberRevoking:
		return "unrevoked_partitions"
	case memberUnreleased:
		return "unreleased_partitions"
	default:
		return "unknown"
	}
}

// Member epochs that stand for a wish rather than an epoch.
const (
	epochJoin        = 0
	epochLeave       = -1
	epochStaticLeave = -2 // for a while: the instance id keeps its place until the session ends
)

// consumerMember is one member of a KIP-848 group. It is never changed, only replaced.
type consumerMember struct {
	memberMetadata
	memberProgress
}

// memberMetadata is what a member says of itself.
type memberMetadata struct {
	id, instanceID, rackID string
	clientID, clientHost   string
	topics                 []string // sorted
	regex                  string
	rebalanceTimeout       kafka.Millis
	assignor               string         // empty: the group's choice
	classic                *classicMember // nil unless it uses the classic protocol
}

// classicMember is what the classic protocol adds.
type classicMember struct {
	sessionTimeout kafka.Millis
	protocols      []Protocol
}

// memberProgress is how far a member has come.
type memberProgress struct {
	epoch, previousEpoch int32
	state                memberState
	assigned             parts // that it may work on
	revoking             parts // that it has to let go of
}

// advanced is the progress to epoch, from which a member may be one answer behind.
func (p memberProgress) advanced(epoch int32) memberProgress {
	p.epoch, p.previousEpoch = epoch, p.epoch
	return p
}

func (m *consumerMember) reconciledTo(epoch int32) bool {
	return m.state == memberStable && m.epoch == epoch
}

func newConsumer(c *core) consumer {
	return consumer{
		core: c, members: map[string]*consumerMember{}, instances: map[string]string{}, target: map[string]parts{},
		owners: map[part]string{}, regexes: map[string]resolvedRegex{},
	}
}

func (c *consumer) current() State {
	switch {
	case len(c.members) == 0:
		return Empty
	case c.epoch > c.assignmentEpoch:
		return Assigning
	}
	for _, m := range c.members {
		if !m.reconciledTo(c.assignmentEpoch) {
			return Reconciling
		}
	}
	return Stable
}

// sorted is the members by id.
func (c *consumer) sorted() []*consumerMember {
	list := make([]*consumerMember, 0, len(c.members))
	for _, m := range c.members {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *consumerMember) int { return cmp.Compare(a.id, b.id) })
	return list
}

func (c *consumer) vacant() bool { return len(c.members) == 0 }

func (c *consumer) subscribedTo(topic string) bool {
	for _, m := range c.members {
		if _, found := slices.BinarySearch(m.topics, topic); found {
			return true
		}
		if slices.Contains(c.regexes[m.regex].topics, topic) {
			return true
		}
	}
	return false
}

func (c *consumer) idleSince(o committedOffset) (kafka.Millis, bool) {
	return o.at, !c.subscribedTo(o.TP.Topic)
}

func (c *consumer) checkDeleteOffsets() kafka.ErrorCode { return kafka.None }

func (c *consumer) committed(string) {}

func (c *consumer) checkCommit(memberID, _ string, epoch int32, offsets []OffsetCommit) kafka.ErrorCode {
	if epoch < 0 && len(c.members) == 0 {
		return kafka.None
	}
	return c.checkEpoch(memberID, epoch, offsets)
}

func (c *consumer) checkTxnCommit(memberID, instanceID string, epoch int32, offsets []OffsetCommit) kafka.ErrorCode {
	if epoch < 0 && (len(c.members) == 0 || memberID == "" && instanceID == "") {
		return kafka.None
	}
	err := c.checkEpoch(memberID, epoch, offsets)
	if err == kafka.StaleMemberEpoch {
		return kafka.IllegalGeneration // TxnOffsetCommit knows no other
	}
	return err
}

// checkEpoch lets a member commit in its epoch, and in an earlier one too for partitions that it was given by then and
// has not lost since (KIP-1251).
func (c *consumer) checkEpoch(memberID string, epoch int32, offsets []OffsetCommit) kafka.ErrorCode {
	m, known := c.members[memberID]
	if !known {
		return kafka.UnknownMemberID
	}
	if epoch == m.epoch {
		return kafka.None
	}
	stale := kafka.StaleMemberEpoch
	if m.classic != nil {
		stale = kafka.IllegalGeneration
	}
	if epoch > m.epoch {
		return stale
	}
	for _, o := range offsets {
		if since, held := c.assignedSince(m, o.TP); !held || epoch < since {
			return stale
		}
	}
	return kafka.None
}

// assignedSince is the epoch in which the member was given the partition.
func (c *consumer) assignedSince(m *consumerMember, tp kafka.TopicPartition) (int32, bool) {
	p := part{c.topics[tp.Topic].ID, tp.Partition}
	if since, held := m.assigned[p]; held {
		return since, true
	}
	since, held := m.revoking[p]
	return since, held
}

func (c *consumer) checkFetch(memberID string, epoch int32) kafka.ErrorCode {
	if memberID == "" {
		return kafka.None
	}
	m, known := c.members[memberID]
	switch {
	case !known:
		return kafka.UnknownMemberID
	case m.epoch == epoch:
		return kafka.None
	case m.classic != nil:
		return kafka.IllegalGeneration
	default:
		return kafka.StaleMemberEpoch
	}
}

// end takes out the group and whoever is left in it.
func (c *consumer) end() {
	for _, m := range c.sorted() {
		c.stopTimers(m.id)
		c.put(progressRecord{memberID: m.id})
	}
	for _, m := range c.sorted() {
		c.put(targetRecord{memberID: m.id})
	}
	c.put(targetEpochRecord{gone: true})
	for _, m := range c.sorted() {
		c.put(memberRecord{memberID: m.id})
	}
	for _, regex := range slices.Sorted(maps.Keys(c.regexes)) {
		c.put(regexRecord{regex: regex})
	}
	c.put(epochRecord{gone: true})
}

// Timer keys of members; those of sessions are the same as in a classic group.
const (
	timerRevoke = "revoke/" // the member has to let go of partitions
	timerRejoin = "rejoin/" // the member of the classic protocol has to join again
	timerResync = "resync/" // the member of the classic protocol has to sync
)

func (c *consumer) stopTimers(memberID string) {
	for _, prefix := range []string{timerSession, timerRevoke, timerRejoin, timerResync} {
		c.stopTimer(prefix + memberID)
	}
}
