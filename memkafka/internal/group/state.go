package group

import (
	"fmt"
	"slices"
)

// State is where a group is in its life, under the names that Kafka's DescribeGroups gives.
type State string

// The states of a classic group (KIP-62).
const (
	Dead       State = "Dead"                // does not exist: never created, or deleted
	Empty      State = "Empty"               // no members; offsets perhaps
	Preparing  State = "PreparingRebalance"  // waits until every member has joined
	Completing State = "CompletingRebalance" // waits for the leader's assignment
	Stable     State = "Stable"              // every member may work on its partitions
)

// next holds the legal moves of a classic group. One with members is Dead only once it goes on as a KIP-848 group, and
// one that was such a group begins as Stable.
var next = map[State][]State{
	Dead:       {Empty, Stable},
	Empty:      {Preparing, Dead},
	Preparing:  {Completing, Empty, Dead},
	Completing: {Stable, Preparing, Dead},
	Stable:     {Preparing, Dead},
}

func (c *classic) move(to State) {
	if !slices.Contains(next[c.state], to) {
		panic(fmt.Sprintf("group %q: moves from %s to %s, which no group does", c.id, c.state, to))
	}
	c.previous, c.state, c.since = c.state, to, c.now
	c.expiryChanged = true
}
