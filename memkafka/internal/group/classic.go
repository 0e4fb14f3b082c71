package group

import "github.com/gokasim/gokasim/internal/kafka"

// classic is the protocol in which members join, one of them makes the assignment, and all sync (KIP-62, KIP-345).
type classic struct {
	*core

	state    State
	previous State        // the state before this one
	since    kafka.Millis // when state was entered

	generation   int32
	protocolType string // of the members, empty until the first joined
	protocol     string // chosen for this generation, empty while the group has no members
	leader       string // a member's id; empty only while there are no members

	members roster
	pending map[string]kafka.Millis // session time-outs of the ids given out with MEMBER_ID_REQUIRED and not used yet

	// The first rebalance of an empty group waits for delay, and once more for each delay in which somebody arrived,
	// while remaining is not used up.
	arrived          bool
	delay, remaining kafka.Millis

	subscribed subscription // to topics, in this generation
}

// Timer keys. Those of sessions are followed by the member id.
const (
	timerJoin    = "join"
	timerSync    = "sync"
	timerOffsets = "offsets"
	timerSession = "session/"
)

func (c *classic) current() State { return c.state }

func (c *classic) vacant() bool { return len(c.members.list) == 0 && len(c.pending) == 0 }
