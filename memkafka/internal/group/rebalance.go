package group

import "github.com/gokasim/gokasim/internal/kafka"

// rebalance starts a rebalance unless one is being prepared, which may now be complete.
func (c *classic) rebalance() {
	if c.state == Preparing {
		c.completeJoinsIfAll()
		return
	}
	if c.state == Completing {
		c.abortSyncs()
	}
	c.stopTimer(timerSync)
	first := c.state == Empty
	c.move(Preparing)
	switch {
	case first && c.cfg.InitialRebalanceDelay == 0:
		c.completeJoins()
	case first:
		c.arrived = false
		c.delay = c.cfg.InitialRebalanceDelay
		c.remaining = max(c.rebalanceTimeout()-c.delay, 0)
		c.setTimer(timerJoin, c.now+c.delay)
	case c.allJoined():
		c.completeJoins()
	default:
		c.setTimer(timerJoin, c.now+c.rebalanceTimeout())
	}
}

// completeJoinsIfAll ends the wait early once nobody is missing. The first rebalance of an empty group waits all of
// its delay, since nobody knows who is still to come.
func (c *classic) completeJoinsIfAll() {
	if c.state == Preparing && c.previous != Empty && c.allJoined() {
		c.completeJoins()
	}
}

func (c *classic) allJoined() bool {
	return len(c.pending) == 0 && c.joined() == len(c.members.list)
}

func (c *classic) joined() int {
	n := 0
	for _, m := range c.members.list {
		if m.join != nil {
			n++
		}
	}
	return n
}

// rebalanceTimeout is the longest that a member asked for.
func (c *classic) rebalanceTimeout() kafka.Millis {
	var longest kafka.Millis
	for _, m := range c.members.list {
		longest = max(longest, m.rebalanceTimeout)
	}
	return longest
}

// joinTimer prolongs the first rebalance if somebody arrived since it was last looked at, or ends the wait for joins.
func (c *classic) joinTimer() {
	if c.previous == Empty && c.arrived && c.remaining > 0 {
		c.arrived = false
		passed := c.delay
		c.delay = min(c.cfg.InitialRebalanceDelay, c.remaining)
		c.remaining = max(c.remaining-passed, 0)
		c.setTimer(timerJoin, c.now+c.delay)
		return
	}
	c.completeJoins()
}

// completeJoins drops the dynamic members that did not come and begins the next generation with the rest.
func (c *classic) completeJoins() {
	c.stopTimer(timerJoin)
	for i := 0; i < len(c.members.list); {
		if m := c.members.list[i]; m.join == nil && m.instanceID == "" {
			c.remove(m)
		} else {
			i++
		}
	}
	if !c.electJoinedLeader() && len(c.members.list) > 0 {
		// Only static members are left and none has come back. Their sessions end the wait.
		c.setTimer(timerJoin, c.now+c.rebalanceTimeout())
		return
	}
	c.generation++
	if len(c.members.list) == 0 {
		c.protocol = ""
		c.subscribed = c.subscription()
		c.move(Empty)
		c.appendMetadata()
		return
	}
	c.protocol = c.selectProtocol()
	c.subscribed = c.subscription()
	c.move(Completing)
	for _, m := range c.members.list {
		c.answerJoin(m, c.joinResponse(m))
		m.isNew, m.unsynced = false, true
		c.keepAlive(m)
	}
	c.setTimer(timerSync, c.now+c.rebalanceTimeout())
}

// electJoinedLeader makes sure that the leader takes part in the generation: the present one, or the first of those
// that joined. It reports whether there is one.
func (c *classic) electJoinedLeader() bool {
	if leader, ok := c.members.byID[c.leader]; ok && leader.join != nil {
		return true
	}
	for _, m := range c.members.list {
		if m.join != nil {
			c.leader = m.id
			return true
		}
	}
	return false
}

// abortSyncs sends those that wait for an assignment back to joining.
func (c *classic) abortSyncs() {
	for _, m := range c.members.list {
		m.assignment = nil
		if c.answerSync(m, SyncResponse{Err: kafka.RebalanceInProgress}) {
			c.keepAlive(m)
		}
	}
}

// syncTimer drops the members that never asked for their assignment.
func (c *classic) syncTimer() {
	for i := 0; i < len(c.members.list); {
		if m := c.members.list[i]; m.unsynced {
			c.remove(m)
		} else {
			i++
		}
	}
	c.rebalance()
}

// removeAndRebalance drops a member and hands its partitions to the rest.
func (c *classic) removeAndRebalance(m *member) {
	c.remove(m)
	c.rebalance()
}

// remove takes a member out of the group, answers what it waits for, and passes leadership to the oldest of the rest.
func (c *classic) remove(m *member) {
	c.members.remove(m)
	c.stopTimer(m.sessionKey())
	c.answerJoin(m, JoinResponse{Err: kafka.UnknownMemberID, Generation: -1})
	c.answerSync(m, SyncResponse{Err: kafka.UnknownMemberID})
	if c.leader == m.id {
		c.leader = ""
		if len(c.members.list) > 0 {
			c.leader = c.members.list[0].id
		}
	}
}
