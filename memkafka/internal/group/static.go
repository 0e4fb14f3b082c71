package group

import "github.com/gokasim/gokasim/internal/kafka"

// takeOver lets a static member that came back, under a new member id, have the place of the one before it (KIP-345).
// In a stable group whose choice of protocol stays the same nobody else notices.
func (c *classic) takeOver(old *member, id string, cmd *Join) {
	formerLeader := c.leader
	c.replace(old, id)
	m := c.members.byID[id]
	c.updateMember(m, cmd)
	c.keepAlive(m)
	switch {
	case c.state == Preparing:
		c.completeJoinsIfAll()
	case c.state == Completing:
		// The leader may have been told the old id, so its assignment would name nobody.
		c.rebalance()
	case c.selectProtocol() != c.protocol:
		c.rebalance()
	default:
		c.appendMetadata()
		response := c.joinResponse(m)
		if cmd.SupportsSkipAssignment {
			response.SkipAssignment = id == c.leader
		} else {
			// A client that cannot be told to skip must not think that it leads, lest it assigns anew.
			response.Leader, response.Members = formerLeader, nil
		}
		c.answerJoin(m, response)
	}
}

// replace gives a member a new id. Whoever still waits under the old one is fenced.
func (c *classic) replace(m *member, id string) {
	c.stopTimer(m.sessionKey())
	c.answerJoin(m, JoinResponse{Err: kafka.FencedInstanceID, Generation: -1, MemberID: m.id})
	c.answerSync(m, SyncResponse{Err: kafka.FencedInstanceID})
	delete(c.members.byID, m.id)
	if c.leader == m.id {
		c.leader = id
	}
	m.id = id
	c.members.index(m)
}
