package group

import (
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Heartbeat is a member's sign of life. Its reply, at once, is a [HeartbeatResponse].
type Heartbeat struct {
	Tag        any
	MemberID   string
	InstanceID string
	Generation int32
}

// HeartbeatResponse answers a [Heartbeat]. REBALANCE_IN_PROGRESS asks the member to join again.
type HeartbeatResponse struct{ Err kafka.ErrorCode }

func (Heartbeat) command() {}

func (g *Group) heartbeat(cmd Heartbeat) {
	var err kafka.ErrorCode
	switch {
	case g.id == "":
		err = kafka.InvalidGroupID
	case g.consumer.exists:
		err = g.consumer.beat(cmd)
	default:
		err = g.classic.beat(cmd)
	}
	g.reply(cmd.Tag, HeartbeatResponse{Err: err})
}

func (c *classic) beat(cmd Heartbeat) kafka.ErrorCode {
	if err := c.members.validate(cmd.MemberID, cmd.InstanceID); err != kafka.None {
		return err
	}
	if cmd.Generation != c.generation {
		return kafka.IllegalGeneration
	}
	c.keepAlive(c.members.byID[cmd.MemberID])
	if c.state == Preparing {
		return kafka.RebalanceInProgress
	}
	return kafka.None
}

// keepAlive gives the member a whole session time-out from now on.
func (c *classic) keepAlive(m *member) {
	c.setTimer(m.sessionKey(), c.now+m.sessionTimeout)
}

func (c *classic) timer(key string) {
	switch id, isSession := strings.CutPrefix(key, timerSession); {
	case isSession:
		c.sessionTimer(id)
	case key == timerJoin:
		c.joinTimer()
	case key == timerSync:
		c.syncTimer()
	}
}

// sessionTimer drops a member that was silent for too long. One that waits for an answer of ours cannot speak, unless
// it is new: then its client may have given up on the join, and no heartbeat would ever tell.
func (c *classic) sessionTimer(id string) {
	if _, given := c.pending[id]; given {
		c.forget(id)
		c.completeJoinsIfAll()
		return
	}
	m := c.members.byID[id]
	if !m.isNew && (m.join != nil || m.sync != nil) {
		return
	}
	c.removeAndRebalance(m)
}
