package group

import (
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Join is JoinGroup: a member asks to take part in the next generation. Its reply is a [JoinResponse], which waits
// until the generation begins.
type Join struct {
	Tag        any
	MemberID   string // empty at first
	InstanceID string // group.instance.id; empty for a dynamic member
	ClientID   string
	ClientHost string
	// RequireKnownMemberID answers the first join of a dynamic member with MEMBER_ID_REQUIRED and the id to come
	// back with (JoinGroup version 4, KIP-394).
	RequireKnownMemberID bool
	// SupportsSkipAssignment says that the client knows [JoinResponse.SkipAssignment] (JoinGroup version 9, KIP-814).
	SupportsSkipAssignment bool
	ProtocolType           string     // "consumer" for consumers
	Protocols              []Protocol // in order of preference
	SessionTimeout         kafka.Millis
	RebalanceTimeout       kafka.Millis
	Reason                 string // why it joins (KIP-800); for people
}

func (Join) command() {}

// JoinResponse answers a [Join].
type JoinResponse struct {
	Err          kafka.ErrorCode
	Generation   int32 // -1 on error
	ProtocolType string
	Protocol     string
	Leader       string
	MemberID     string
	Members      []JoinedMember // in the order in which they joined; for the leader only
	// SkipAssignment tells a static leader that came back that the present assignment stands (KIP-814).
	SkipAssignment bool
}

// JoinedMember is what the leader learns of a member: its metadata for the chosen protocol.
type JoinedMember struct {
	MemberID   string
	InstanceID string
	Metadata   []byte
}

func (g *Group) join(cmd *Join) {
	switch {
	case g.id == "":
		g.refuseJoin(cmd, kafka.InvalidGroupID)
	case g.cfg.MinSessionTimeout > 0 && cmd.SessionTimeout < g.cfg.MinSessionTimeout,
		g.cfg.MaxSessionTimeout > 0 && cmd.SessionTimeout > g.cfg.MaxSessionTimeout:
		g.refuseJoin(cmd, kafka.InvalidSessionTimeout)
	case g.consumer.exists && !g.consumer.vacant():
		g.joinConsumer(cmd)
	default:
		if g.consumer.exists && cmd.MemberID == "" && g.classic.supportsProtocols(cmd.ProtocolType, cmd.Protocols) {
			g.consumer.end() // an empty group takes any protocol
		}
		g.classic.join(cmd)
	}
}

func (c *classic) join(cmd *Join) {
	switch {
	case c.state == Dead && cmd.MemberID != "":
		c.refuseJoin(cmd, kafka.UnknownMemberID)
		return
	case c.state == Dead && !c.supportsProtocols(cmd.ProtocolType, cmd.Protocols):
		c.refuseJoin(cmd, kafka.InconsistentGroupProtocol)
		return
	}
	if !c.hasRoomFor(cmd.MemberID) {
		if m, known := c.members.byID[cmd.MemberID]; known {
			c.remove(m)
		}
		cmd.MemberID = ""
		c.refuseJoin(cmd, kafka.GroupMaxSizeReached)
		return
	}
	if !c.supportsProtocols(cmd.ProtocolType, cmd.Protocols) {
		c.refuseJoin(cmd, kafka.InconsistentGroupProtocol)
		return
	}
	if c.state == Dead {
		c.create()
	}
	if cmd.MemberID == "" {
		c.joinNew(cmd)
	} else {
		c.joinAgain(cmd)
	}
}

func (c *core) refuseJoin(cmd *Join, err kafka.ErrorCode) {
	c.reply(cmd.Tag, JoinResponse{Err: err, Generation: -1, MemberID: cmd.MemberID})
}

// hasRoomFor applies group.max.size. While a rebalance is prepared, those who wait in it count rather than all
// members, so that the last ones to rejoin are left out when the group is too large.
func (c *classic) hasRoomFor(memberID string) bool {
	if c.cfg.MaxSize == 0 {
		return true
	}
	m, known := c.members.byID[memberID]
	switch c.state {
	case Preparing:
		return known && m.join != nil || c.joined() < c.cfg.MaxSize
	case Completing, Stable:
		return known || len(c.members.list) < c.cfg.MaxSize
	default:
		return true
	}
}

// create brings the group into being, with a record that says so.
func (c *classic) create() {
	c.move(Empty)
	c.appendMetadata()
}

// end takes the group out of being; only an empty one may go.
func (c *classic) end() {
	c.move(Dead)
	c.append(kafka.Record{Key: encodeMetadataKey(c.id)})
	c.generation, c.protocolType, c.protocol, c.leader = 0, "", "", ""
	c.subscribed = subscription{}
	for _, id := range slices.Sorted(maps.Keys(c.pending)) {
		c.forget(id)
	}
}

// forget takes back a member id that was given out and not used.
func (c *classic) forget(id string) {
	delete(c.pending, id)
	c.stopTimer(timerSession + id)
	c.expiryChanged = true
}

func (c *classic) joinNew(cmd *Join) {
	if cmd.InstanceID != "" {
		id := c.newID(cmd.InstanceID)
		if owner, taken := c.members.instances[cmd.InstanceID]; taken {
			c.takeOver(owner, id, cmd)
			return
		}
		c.addMember(id, cmd)
		return
	}
	id := c.newID(cmd.ClientID)
	if cmd.RequireKnownMemberID {
		if c.pending == nil {
			c.pending = map[string]kafka.Millis{}
		}
		c.pending[id] = cmd.SessionTimeout
		c.setTimer(timerSession+id, c.now+cmd.SessionTimeout)
		cmd.MemberID = id
		c.refuseJoin(cmd, kafka.MemberIDRequired)
		return
	}
	c.addMember(id, cmd)
}

func (c *classic) joinAgain(cmd *Join) {
	if _, given := c.pending[cmd.MemberID]; given && cmd.InstanceID == "" {
		c.addMember(cmd.MemberID, cmd)
		return
	}
	if err := c.members.validate(cmd.MemberID, cmd.InstanceID); err != kafka.None {
		c.refuseJoin(cmd, err)
		return
	}
	m := c.members.byID[cmd.MemberID]
	changed := !m.offers(cmd.Protocols)
	switch {
	// The first answer may have been lost: it is given again.
	case c.state == Completing && !changed:
		c.reply(cmd.Tag, c.joinResponse(m))
	// A follower that brings nothing new goes on to sync. The leader's joining is its way to say that the topics
	// have changed.
	case c.state == Stable && !changed && m.id != c.leader:
		c.reply(cmd.Tag, c.joinResponse(m))
	default:
		c.updateMember(m, cmd)
		c.rebalance()
	}
}

func (c *classic) addMember(id string, cmd *Join) {
	m := &member{
		id: id, instanceID: cmd.InstanceID, clientID: cmd.ClientID, clientHost: cmd.ClientHost, isNew: true,
	}
	if c.state == Preparing && c.previous == Empty {
		c.arrived = true
	}
	if len(c.members.list) == 0 {
		c.protocolType = cmd.ProtocolType
	}
	if c.leader == "" {
		c.leader = id
	}
	delete(c.pending, id)
	c.members.add(m)
	c.updateMember(m, cmd)
	if c.cfg.NewMemberJoinTimeout > 0 {
		c.setTimer(m.sessionKey(), c.now+c.cfg.NewMemberJoinTimeout)
	} else {
		c.stopTimer(m.sessionKey()) // its id was given a session
	}
	c.rebalance()
}

// updateMember takes over what the member says of itself now, and lets it wait for the generation.
func (c *classic) updateMember(m *member, cmd *Join) {
	m.protocols = cmd.Protocols
	m.sessionTimeout, m.rebalanceTimeout = cmd.SessionTimeout, cmd.RebalanceTimeout
	// The client gave up on an earlier request of the same member, so that answer is for nobody.
	c.answerJoin(m, JoinResponse{Err: kafka.RebalanceInProgress, Generation: -1, MemberID: m.id})
	m.join = &waiting{cmd.Tag}
}

func (c *classic) joinResponse(m *member) JoinResponse {
	r := JoinResponse{
		Generation: c.generation, ProtocolType: c.protocolType, Protocol: c.protocol, Leader: c.leader, MemberID: m.id,
	}
	if m.id == c.leader {
		r.Members = c.joinedMembers()
	}
	return r
}

func (c *classic) joinedMembers() []JoinedMember {
	members := make([]JoinedMember, len(c.members.list))
	for i, m := range c.members.list {
		members[i] = JoinedMember{MemberID: m.id, InstanceID: m.instanceID, Metadata: m.metadata(c.protocol)}
	}
	return members
}

func (c *classic) answerJoin(m *member, r JoinResponse) bool {
	if m.join == nil {
		return false
	}
	c.reply(m.join.tag, r)
	m.join = nil
	return true
}
