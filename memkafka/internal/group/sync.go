package group

import "github.com/gokasim/gokasim/internal/kafka"

// Sync is SyncGroup: the leader brings the assignment of the generation, everybody asks for its own part. Its reply is
// a [SyncResponse], which waits for the leader.
type Sync struct {
	Tag          any
	MemberID     string
	InstanceID   string
	Generation   int32
	ProtocolType string // empty: not checked (SyncGroup before version 5)
	Protocol     string // empty: not checked
	Assignments  []MemberAssignment
}

// MemberAssignment is the leader's word on what one member works on.
type MemberAssignment struct {
	MemberID   string
	Assignment []byte
}

// SyncResponse answers a [Sync].
type SyncResponse struct {
	Err          kafka.ErrorCode
	ProtocolType string
	Protocol     string
	Assignment   []byte
}

func (Sync) command() {}

func (g *Group) sync(cmd Sync) {
	switch {
	case g.id == "":
		g.reply(cmd.Tag, SyncResponse{Err: kafka.InvalidGroupID})
	case g.consumer.exists:
		g.reply(cmd.Tag, g.consumer.sync(cmd))
	default:
		g.classic.sync(cmd)
	}
}

func (c *classic) sync(cmd Sync) {
	if err := c.checkSync(cmd); err != kafka.None {
		c.reply(cmd.Tag, SyncResponse{Err: err})
		return
	}
	m := c.members.byID[cmd.MemberID]
	m.unsynced = false
	if c.allSynced() {
		c.stopTimer(timerSync)
	}
	if c.state == Stable {
		c.reply(cmd.Tag, c.syncResponse(m))
		return
	}
	// The client gave up on an earlier request of the same member, so that answer is for nobody.
	c.answerSync(m, SyncResponse{Err: kafka.RebalanceInProgress})
	m.sync = &waiting{cmd.Tag}
	if m.id == c.leader {
		c.assign(cmd.Assignments)
	}
}

func (c *classic) checkSync(cmd Sync) kafka.ErrorCode {
	if err := c.members.validate(cmd.MemberID, cmd.InstanceID); err != kafka.None {
		return err
	}
	differs := func(asked, have string) bool { return asked != "" && have != "" && asked != have }
	switch {
	case cmd.Generation != c.generation:
		return kafka.IllegalGeneration
	case differs(cmd.ProtocolType, c.protocolType), differs(cmd.Protocol, c.protocol):
		return kafka.InconsistentGroupProtocol
	case c.state == Preparing:
		return kafka.RebalanceInProgress
	default:
		return kafka.None
	}
}

// assign makes the leader's assignment the group's. Members that it leaves out get an empty one.
func (c *classic) assign(assignments []MemberAssignment) {
	for _, m := range c.members.list {
		m.assignment = []byte{}
	}
	for _, a := range assignments {
		if m, known := c.members.byID[a.MemberID]; known && a.Assignment != nil {
			m.assignment = a.Assignment
		}
	}
	c.move(Stable)
	c.appendMetadata()
	for _, m := range c.members.list {
		if c.answerSync(m, c.syncResponse(m)) {
			c.keepAlive(m)
		}
	}
}

func (c *classic) allSynced() bool {
	for _, m := range c.members.list {
		if m.unsynced {
			return false
		}
	}
	return true
}

func (c *classic) syncResponse(m *member) SyncResponse {
	return SyncResponse{ProtocolType: c.protocolType, Protocol: c.protocol, Assignment: m.assignment}
}

func (c *classic) answerSync(m *member, r SyncResponse) bool {
	if m.sync == nil {
		return false
	}
	c.reply(m.sync.tag, r)
	m.sync = nil
	return true
}
