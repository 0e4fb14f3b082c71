package group

import "github.com/gokasim/gokasim/internal/kafka"

// Leave is LeaveGroup: members go at once rather than by a time-out, by their own wish or an administrator's. Its
// reply, at once, is a [LeaveResponse].
type Leave struct {
	Tag     any
	Members []LeavingMember
}

// LeavingMember names who leaves: by member id, or a static member by instance id alone.
type LeavingMember struct {
	MemberID   string
	InstanceID string
	Reason     string // for people (KIP-800)
}

// LeaveResponse answers a [Leave], member by member in the order asked. Before version 3 of the request there is one
// member, whose error is the response's.
type LeaveResponse struct {
	Err     kafka.ErrorCode
	Members []LeftMember
}

// LeftMember says how it went with one member.
type LeftMember struct {
	MemberID   string
	InstanceID string
	Err        kafka.ErrorCode
}

func (Leave) command() {}

func (g *Group) leave(cmd Leave) {
	switch {
	case g.id == "":
		g.reply(cmd.Tag, LeaveResponse{Err: kafka.InvalidGroupID})
	case g.State() == Dead:
		r := LeaveResponse{Members: make([]LeftMember, len(cmd.Members))}
		for i, l := range cmd.Members {
			r.Members[i] = LeftMember{MemberID: l.MemberID, InstanceID: l.InstanceID, Err: kafka.UnknownMemberID}
		}
		g.reply(cmd.Tag, r)
	case g.consumer.exists:
		g.leaveConsumer(cmd)
	default:
		g.classic.leave(cmd)
	}
}

func (c *classic) leave(cmd Leave) {
	response := LeaveResponse{Members: make([]LeftMember, len(cmd.Members))}
	left := false
	for i, l := range cmd.Members {
		err := c.leaveOne(l)
		left = left || err == kafka.None
		response.Members[i] = LeftMember{MemberID: l.MemberID, InstanceID: l.InstanceID, Err: err}
	}
	if left && c.state != Empty {
		c.rebalance()
	}
	c.reply(cmd.Tag, response)
}

// leaveOne takes one member out, or takes back an id that was given out and not used.
func (c *classic) leaveOne(l LeavingMember) kafka.ErrorCode {
	if l.MemberID == "" {
		m, known := c.members.instances[l.InstanceID]
		if !known {
			return kafka.UnknownMemberID
		}
		c.remove(m)
		return kafka.None
	}
	if _, given := c.pending[l.MemberID]; given {
		c.forget(l.MemberID)
		return kafka.None
	}
	if err := c.members.validate(l.MemberID, l.InstanceID); err != kafka.None {
		return err
	}
	c.remove(c.members.byID[l.MemberID])
	return kafka.None
}
