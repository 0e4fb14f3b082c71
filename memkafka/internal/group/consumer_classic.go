package group

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Members of the classic protocol may belong to a KIP-848 group while it is on its way from one protocol to the other.
// The broker makes their assignment too: each of them joins and syncs on its own, its member epoch being its generation,
// and nobody leads.

// joinConsumer is a JoinGroup to a KIP-848 group that has members.
func (g *Group) joinConsumer(cmd *Join) {
	c := &g.consumer
	first := cmd.MemberID == ""
	switch {
	case c.fullFor(cmd.MemberID):
		cmd.MemberID = ""
		g.refuseJoin(cmd, kafka.GroupMaxSizeReached)
		return
	case !c.supportsProtocols(cmd.ProtocolType, cmd.Protocols):
		g.refuseJoin(cmd, kafka.InconsistentGroupProtocol)
		return
	}
	subscription, err := decodeSubscription(cmd.Protocols[0].Metadata)
	if err != nil {
		g.refuseJoin(cmd, kafka.UnknownServerError)
		return
	}
	if first && cmd.InstanceID == "" {
		cmd.MemberID = g.newID(cmd.ClientID)
		if cmd.RequireKnownMemberID {
			g.refuseJoin(cmd, kafka.MemberIDRequired)
			return
		}
	}
	if err := c.admitClassic(cmd); err != kafka.None {
		g.refuseJoin(cmd, err)
		return
	}
	before := c.members[cmd.MemberID]
	c.setMember(c.updatedClassic(cmd, subscription))
	m := c.members[cmd.MemberID]
	changed := before == nil && len(m.topics) > 0 || before != nil && (!slices.Equal(before.topics, m.topics) || before.regex != "")
	if before != nil {
		c.forgetRegex(before.regex)
	}
	if first && cmd.InstanceID != "" && g.mayDowngrade(nil) {
		// The last one of KIP-848's own has come back as a classic member: the group goes back with it.
		g.downgrade(nil)
		g.reply(cmd.Tag, JoinResponse{
			Generation: g.classic.generation, ProtocolType: protocolTypeConsumer, Protocol: g.classic.protocol, MemberID: m.id,
		})
		if changed {
			g.classic.rebalance()
		}
		return
	}
	c.bump(changed)
	c.aim()
	m = c.reconcile(m, c.partsOf(subscription.owned), changed)
	c.keepAlive(m)
	c.stopTimer(timerRejoin + m.id)
	c.setTimer(timerResync+m.id, c.now+m.rebalanceTimeout)
	g.reply(cmd.Tag, JoinResponse{
		Generation: m.epoch, ProtocolType: protocolTypeConsumer, Protocol: m.classic.protocols[0].Name, MemberID: m.id,
	})
}

// supportsProtocols reports whether a consumer of the classic protocol shares one with all the others.
func (c *consumer) supportsProtocols(protocolType string, protocols []Protocol) bool {
	return protocolType == protocolTypeConsumer && slices.ContainsFunc(protocols, func(p Protocol) bool {
		for _, m := range c.members {
			if m.classic != nil && !(&member{protocols: m.classic.protocols}).supports(p.Name) {
				return false
			}
		}
		return true
	})
}

// admitClassic finds a static member its place; a new one gets an id, and takes over from the one before it.
func (c *consumer) admitClassic(cmd *Join) kafka.ErrorCode {
	if cmd.InstanceID == "" {
		return kafka.None
	}
	owner, taken := c.members[c.instances[cmd.InstanceID]]
	if cmd.MemberID == "" {
		cmd.MemberID = c.newID(cmd.InstanceID)
		if taken {
			c.replaceMember(owner, cmd.MemberID)
		}
		return kafka.None
	}
	switch {
	case !taken:
		return kafka.UnknownMemberID
	case owner.id != cmd.MemberID:
		return kafka.FencedInstanceID
	default:
		return kafka.None
	}
}

// updatedClassic is the member with what its join says of it.
func (c *consumer) updatedClassic(cmd *Join, s consumerSubscription) memberMetadata {
	m := memberMetadata{id: cmd.MemberID}
	if old, known := c.members[cmd.MemberID]; known {
		m = old.memberMetadata
	}
	m.instanceID = cmd.InstanceID
	m.clientID, m.clientHost = cmd.ClientID, cmd.ClientHost
	m.rebalanceTimeout = cmd.RebalanceTimeout
	if s.rackID != "" {
		m.rackID = s.rackID
	}
	m.topics = slices.Compact(slices.Sorted(slices.Values(s.topics)))
	if m.topics == nil {
		m.topics = []string{}
	}
	m.regex = ""
	m.classic = &classicMember{sessionTimeout: cmd.SessionTimeout, protocols: cmd.Protocols}
	return m
}

// partsOf is partitions by the ids of their topics. Those of topics that are gone are left out.
func (c *consumer) partsOf(list []kafka.TopicPartition) []TopicPartitions {
	ps := parts{}
	for _, tp := range list {
		if t, exists := c.topics[tp.Topic]; exists {
			ps[part{t.ID, tp.Partition}] = 0
		}
	}
	return ps.topicPartitions()
}

// named is partitions by the names of their topics, sorted. Those of topics that are gone are left out.
func (c *core) named(ps parts) []kafka.TopicPartition {
	var list []kafka.TopicPartition
	for p := range ps {
		if name, exists := c.topicName(p.topic); exists {
			list = append(list, kafka.TopicPartition{Topic: name, Partition: p.partition})
		}
	}
	slices.SortFunc(list, kafka.TopicPartition.Compare)
	return list
}

// classicOne finds the member of the classic protocol that a request names, in the generation that it names.
func (c *consumer) classicOne(memberID, instanceID string, generation int32) (*consumerMember, kafka.ErrorCode) {
	if instanceID != "" {
		owner, taken := c.instances[instanceID]
		switch {
		case !taken:
			return nil, kafka.UnknownMemberID
		case owner != memberID:
			return nil, kafka.FencedInstanceID
		}
	}
	m, known := c.members[memberID]
	switch {
	case !known || m.classic == nil:
		return nil, kafka.UnknownMemberID
	case m.epoch != generation:
		return nil, kafka.IllegalGeneration
	default:
		return m, kafka.None
	}
}

// sync is a SyncGroup to a KIP-848 group: the member asks for what it is assigned in its epoch.
func (c *consumer) sync(cmd Sync) SyncResponse {
	m, err := c.classicOne(cmd.MemberID, cmd.InstanceID, cmd.Generation)
	if err != kafka.None {
		return SyncResponse{Err: err}
	}
	protocol := m.classic.protocols[0]
	switch {
	case cmd.ProtocolType != "" && cmd.ProtocolType != protocolTypeConsumer, cmd.Protocol != "" && cmd.Protocol != protocol.Name:
		return SyncResponse{Err: kafka.InconsistentGroupProtocol}
	case c.epoch > m.epoch && m.state != memberRevoking:
		c.askToRejoin(m)
		return SyncResponse{Err: kafka.RebalanceInProgress}
	}
	subscription, _ := decodeSubscription(protocol.Metadata) // it could be read when the member joined
	c.stopTimer(timerResync + m.id)
	c.keepAlive(m)
	return SyncResponse{
		ProtocolType: protocolTypeConsumer, Protocol: protocol.Name,
		Assignment: encodeAssignment(subscription.version, c.named(m.assigned)),
	}
}

// beat is a Heartbeat to a KIP-848 group. The member has to join again when the group has moved on, when it has to let
// go of partitions, and when those that it waits for are free.
func (c *consumer) beat(cmd Heartbeat) kafka.ErrorCode {
	m, err := c.classicOne(cmd.MemberID, cmd.InstanceID, cmd.Generation)
	if err != kafka.None {
		return err
	}
	c.keepAlive(m)
	if m.epoch < c.epoch || m.state == memberRevoking || m.state == memberUnreleased && !c.waitsForOthers(m) {
		c.askToRejoin(m)
		return kafka.RebalanceInProgress
	}
	return kafka.None
}

// askToRejoin gives a member its rebalance time-out to join again.
func (c *consumer) askToRejoin(m *consumerMember) {
	if _, asked := c.timers[timerRejoin+m.id]; !asked {
		c.setTimer(timerRejoin+m.id, c.now+m.rebalanceTimeout)
	}
}

// waitsForOthers reports whether part of the member's target is still in other hands.
func (c *consumer) waitsForOthers(m *consumerMember) bool {
	for p := range c.target[m.id] {
		if _, has := m.assigned[p]; has {
			continue
		}
		if _, taken := c.owners[p]; taken {
			return true
		}
	}
	return false
}

// leaveConsumer is a LeaveGroup to a KIP-848 group, of members of either protocol.
func (g *Group) leaveConsumer(cmd Leave) {
	c := &g.consumer
	response := LeaveResponse{Members: make([]LeftMember, len(cmd.Members))}
	var leaving []*consumerMember
	for i, l := range cmd.Members {
		m, known := c.members[l.MemberID]
		err := kafka.None
		if l.InstanceID != "" {
			m, known = c.members[c.instances[l.InstanceID]]
			if known && l.MemberID != "" && m.id != l.MemberID {
				err = kafka.FencedInstanceID
			}
		}
		switch {
		case !known:
			err = kafka.UnknownMemberID
		case err == kafka.None && !slices.Contains(leaving, m):
			leaving = append(leaving, m)
		}
		response.Members[i] = LeftMember{MemberID: l.MemberID, InstanceID: l.InstanceID, Err: err}
	}
	g.fence(leaving...)
	g.reply(cmd.Tag, response)
}
