package group

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// becomeConsumer makes the group one of KIP-848, so that the member can join it. A classic group with members is
// converted if the migration policy lets it.
func (g *Group) becomeConsumer(cmd ConsumerHeartbeat) ConsumerHeartbeatResponse {
	switch {
	case g.consumer.exists:
		return ConsumerHeartbeatResponse{}
	case cmd.MemberEpoch != epochJoin && g.State() == Dead:
		return refuseConsumer(kafka.GroupIDNotFound, "Consumer group %s not found.", g.id)
	case cmd.MemberEpoch != epochJoin:
		return refuseConsumer(kafka.GroupIDNotFound, "Group %s is not a consumer group.", g.id)
	case g.classic.state == Dead:
	case g.classic.state == Empty:
		g.classic.end()
	default:
		return g.upgrade()
	}
	g.consumer.exists = true
	return ConsumerHeartbeatResponse{}
}

// upgrade converts a classic group of consumers with all its members. They keep what they were assigned, their
// generation becomes their epoch, and whoever waits in a round is sent back to join again.
func (g *Group) upgrade() ConsumerHeartbeatResponse {
	refuse := func(why string) ConsumerHeartbeatResponse {
		return refuseConsumer(kafka.GroupIDNotFound, "Cannot upgrade classic group %s to consumer group because %s.", g.id, why)
	}
	c := &g.classic
	switch {
	case !g.cfg.Migration.upgrades():
		return refuse("online upgrade is disabled")
	case c.protocolType != protocolTypeConsumer:
		return refuse("the group does not use the consumer embedded protocol")
	case g.cfg.ConsumerMaxSize > 0 && len(c.members.list) >= g.cfg.ConsumerMaxSize:
		return refuse("the group size exceeds the consumer group maximum size")
	}
	members, ok := c.asConsumers()
	if !ok {
		return refuse("the embedded consumer protocol is malformed")
	}
	generation := c.generation
	c.dissolve()

	k := &g.consumer
	for _, m := range members {
		k.put(memberRecord{memberID: m.id, metadata: &m.memberMetadata})
	}
	k.put(epochRecord{epoch: generation, hash: k.hashTopics()})
	for _, m := range members {
		k.put(targetRecord{memberID: m.id, target: m.assigned})
	}
	k.put(targetEpochRecord{epoch: generation})
	for _, m := range members {
		k.put(progressRecord{memberID: m.id, progress: &m.memberProgress})
		k.keepAlive(m)
	}
	return ConsumerHeartbeatResponse{}
}

// asConsumers is the members of a classic group as a KIP-848 group has them. It is false when they say something that
// no consumer says.
func (c *classic) asConsumers() ([]*consumerMember, bool) {
	var members []*consumerMember
	taken := map[part]bool{}
	for _, m := range c.members.list {
		protocol := c.protocol
		if protocol == "" {
			protocol = m.protocols[0].Name
		}
		s, err := decodeSubscription(m.metadata(protocol))
		if err != nil {
			return nil, false
		}
		partitions, err := decodeAssignment(m.assignment)
		if err != nil {
			return nil, false
		}
		assigned := parts{}
		for _, tp := range partitions {
			t, exists := c.topics[tp.Topic]
			// The leader of a classic group may give a partition away twice; here that cannot be.
			if p := (part{t.ID, tp.Partition}); exists && !taken[p] {
				taken[p], assigned[p] = true, c.generation
			}
		}
		topics := slices.Compact(slices.Sorted(slices.Values(s.topics)))
		if topics == nil {
			topics = []string{}
		}
		members = append(members, &consumerMember{
			memberMetadata: memberMetadata{
				id: m.id, instanceID: m.instanceID, rackID: s.rackID, clientID: m.clientID, clientHost: m.clientHost,
				topics: topics, rebalanceTimeout: m.rebalanceTimeout,
				classic: &classicMember{sessionTimeout: m.sessionTimeout, protocols: m.protocols},
			},
			memberProgress: memberProgress{
				epoch: c.generation, previousEpoch: c.generation, state: memberStable, assigned: assigned, revoking: parts{},
			},
		})
	}
	return members, true
}

// dissolve ends a classic group whose members go on elsewhere.
func (c *classic) dissolve() {
	for _, m := range c.members.list {
		c.answerJoin(m, JoinResponse{Err: kafka.RebalanceInProgress, Generation: -1, MemberID: m.id})
		c.answerSync(m, SyncResponse{Err: kafka.RebalanceInProgress})
		c.stopTimer(m.sessionKey())
	}
	c.stopTimer(timerJoin)
	c.stopTimer(timerSync)
	c.members = newRoster()
	c.end()
}

// mayDowngrade reports whether nobody of KIP-848's own protocol would be left without some members, so that the group
// goes back to the classic protocol.
func (g *Group) mayDowngrade(without []*consumerMember) bool {
	left := 0
	for _, m := range g.consumer.members {
		if slices.Contains(without, m) {
			continue
		}
		if m.classic == nil {
			return false
		}
		left++
	}
	return left > 0 && g.cfg.Migration.downgrades() && (g.cfg.MaxSize == 0 || left <= g.cfg.MaxSize)
}

// becomeClassicWithout converts the group back, if the members that leave were the last of KIP-848's own, and lets the
// rest share out anew.
func (g *Group) becomeClassicWithout(leaving []*consumerMember) bool {
	if !g.mayDowngrade(leaving) {
		return false
	}
	g.downgrade(leaving)
	g.classic.rebalance()
	return true
}

// downgrade makes a classic group of the members but those that leave, stable in the generation that is the epoch, each
// with its part of the target.
func (g *Group) downgrade(leaving []*consumerMember) {
	k, c := &g.consumer, &g.classic
	generation := k.epoch
	for _, m := range k.sorted() {
		if slices.Contains(leaving, m) {
			continue
		}
		s, _ := decodeSubscription(m.classic.protocols[0].Metadata) // it could be read when the member joined
		c.members.add(&member{
			id: m.id, instanceID: m.instanceID, clientID: m.clientID, clientHost: m.clientHost,
			sessionTimeout: m.classic.sessionTimeout, rebalanceTimeout: m.rebalanceTimeout, protocols: m.classic.protocols,
			assignment: encodeAssignment(s.version, k.named(k.target[m.id])),
		})
	}
	k.end()
	c.generation, c.protocolType, c.leader = generation, protocolTypeConsumer, c.members.list[0].id
	c.protocol = c.selectProtocol()
	c.subscribed = c.subscription()
	c.move(Stable)
	c.appendMetadata()
	for _, m := range c.members.list {
		c.keepAlive(m)
	}
}
