package group

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/assign"
)

// ConsumerHeartbeat is ConsumerGroupHeartbeat (KIP-848): a member joins, says that it lives and what it owns, learns
// what it is assigned, and leaves. Its reply, at once, is a [ConsumerHeartbeatResponse].
type ConsumerHeartbeat struct {
	Tag      any
	MemberID string
	// MemberEpoch is the epoch that the member was told last; 0 joins, -1 leaves, -2 leaves for a while as a static
	// member.
	MemberEpoch int32
	InstanceID  string // group.instance.id; empty for a dynamic member
	RackID      string
	ClientID    string
	ClientHost  string
	// RequireMemberID refuses to make up a member id (version 1 of the request: the client does).
	RequireMemberID  bool
	RebalanceTimeout kafka.Millis // how long the member may take to let go of partitions; -1 as before
	SubscribedTopics []string     // nil: as before
	SubscribedRegex  *string      // nil: as before; empty: none
	Assignor         string       // of the broker's; empty: as before
	// Owned is the partitions that the member works on at present; nil: as before.
	Owned []TopicPartitions
}

// ConsumerHeartbeatResponse answers a [ConsumerHeartbeat].
type ConsumerHeartbeatResponse struct {
	Err               kafka.ErrorCode
	Message           string // what is wrong; empty without Err
	MemberID          string
	MemberEpoch       int32
	HeartbeatInterval kafka.Millis
	// Assigned is what the member shall work on from now on; nil: as before. It has to let go of everything else, and
	// to say so in Owned.
	Assigned []TopicPartitions
}

func (ConsumerHeartbeat) command() {}

func (g *Group) consumerHeartbeat(cmd ConsumerHeartbeat) {
	if r := g.cfg.checkConsumerHeartbeat(g.id, cmd); r.Err != kafka.None {
		g.reply(cmd.Tag, r)
		return
	}
	if cmd.MemberEpoch < epochJoin {
		g.reply(cmd.Tag, g.consumerLeave(cmd))
		return
	}
	if r := g.becomeConsumer(cmd); r.Err != kafka.None {
		g.reply(cmd.Tag, r)
		return
	}
	g.reply(cmd.Tag, g.consumer.heartbeat(cmd))
	g.consumer.resolveRegexes()
}

func refuseConsumer(err kafka.ErrorCode, format string, args ...any) ConsumerHeartbeatResponse {
	return ConsumerHeartbeatResponse{Err: err, Message: fmt.Sprintf(format, args...)}
}

// checkConsumerHeartbeat finds what no client should send.
func (c Config) checkConsumerHeartbeat(groupID string, cmd ConsumerHeartbeat) ConsumerHeartbeatResponse {
	invalid := func(format string, args ...any) ConsumerHeartbeatResponse {
		return refuseConsumer(kafka.InvalidRequest, format, args...)
	}
	switch {
	case cmd.MemberID == "" && (cmd.RequireMemberID || cmd.MemberEpoch != epochJoin):
		return invalid("MemberId can't be empty.")
	case groupID == "":
		return invalid("GroupId can't be empty.")
	case cmd.MemberEpoch == epochJoin && cmd.RebalanceTimeout < 0:
		return invalid("RebalanceTimeoutMs must be provided in first request.")
	case cmd.MemberEpoch == epochJoin && (cmd.Owned == nil || len(cmd.Owned) > 0):
		return invalid("TopicPartitions must be empty when (re-)joining.")
	case cmd.MemberEpoch == epochJoin && cmd.SubscribedTopics == nil && cmd.SubscribedRegex == nil:
		return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	case cmd.MemberEpoch == epochStaticLeave && cmd.InstanceID == "":
		return invalid("InstanceId can't be null.")
	case cmd.MemberEpoch < epochStaticLeave:
		return invalid("MemberEpoch is invalid.")
	case cmd.Assignor != "" && !slices.Contains(c.assignors(), cmd.Assignor):
		return refuseConsumer(kafka.UnsupportedAssignor, "ServerAssignor %s is not supported. Supported assignors: %s.",
			cmd.Assignor, strings.Join(c.assignors(), ", "))
	}
	if cmd.SubscribedRegex != nil {
		if _, err := compileRegex(*cmd.SubscribedRegex); err != nil {
			why := err.Error()
			if bad := (*syntax.Error)(nil); errors.As(err, &bad) {
				why = bad.Code.String()
			}
			return refuseConsumer(kafka.InvalidRegularExpression, "SubscribedTopicRegex `%s` is not a valid regular expression: %s.",
				*cmd.SubscribedRegex, why)
		}
	}
	return ConsumerHeartbeatResponse{}
}

// assignors is group.consumer.assignors, as far as there are such.
func (c Config) assignors() []string {
	var known []string
	for _, name := range c.ConsumerAssignors {
		if assign.Server()[name] != nil {
			known = append(known, name)
		}
	}
	if len(known) == 0 {
		return []string{"uniform", "range"}
	}
	return known
}

// heartbeat brings the member up to date, the group's epoch and target after it, and then the member a step towards its
// target.
func (c *consumer) heartbeat(cmd ConsumerHeartbeat) ConsumerHeartbeatResponse {
	if c.fullFor(cmd.MemberID) {
		return refuseConsumer(kafka.GroupMaxSizeReached, "The consumer group has reached its maximum capacity of %d members.", c.cfg.ConsumerMaxSize)
	}
	if cmd.MemberID == "" {
		cmd.MemberID = c.newID(cmd.ClientID)
	}
	if r := c.admit(cmd); r.Err != kafka.None {
		return r
	}
	before := memberProgress{}
	subscribed, regex := []string{}, ""
	if old, known := c.members[cmd.MemberID]; known {
		before, subscribed, regex = old.memberProgress, old.topics, old.regex
	}
	metadata := c.updated(cmd)
	c.setMember(metadata)
	topicsChanged := !slices.Equal(subscribed, metadata.topics)
	regexMatters := c.changeRegex(regex, metadata.regex)
	c.bump(topicsChanged || regexMatters)
	c.aim()
	m := c.reconcile(c.members[cmd.MemberID], cmd.Owned, topicsChanged || regex != metadata.regex)
	c.keepAlive(m)

	r := ConsumerHeartbeatResponse{MemberID: m.id, MemberEpoch: m.epoch, HeartbeatInterval: c.cfg.ConsumerHeartbeatInterval}
	full := cmd.RebalanceTimeout >= 0 && (cmd.SubscribedTopics != nil || cmd.SubscribedRegex != nil) && cmd.Owned != nil
	if cmd.MemberEpoch == epochJoin || full || !sameProgress(memberProgress{assigned: before.assigned}, memberProgress{assigned: m.assigned}) {
		r.Assigned = m.assigned.topicPartitions()
	}
	return r
}

// fullFor applies group.consumer.max.size.
func (c *consumer) fullFor(memberID string) bool {
	_, known := c.members[memberID]
	return c.cfg.ConsumerMaxSize > 0 && len(c.members) >= c.cfg.ConsumerMaxSize && !known
}

// admit says whether the member may speak in the epoch that it names. A static member that comes back gets the place of
// the one before it.
func (c *consumer) admit(cmd ConsumerHeartbeat) ConsumerHeartbeatResponse {
	m, known := c.members[cmd.MemberID]
	if cmd.InstanceID != "" {
		owner, taken := c.members[c.instances[cmd.InstanceID]]
		switch {
		case cmd.MemberEpoch == epochJoin && taken:
			if owner.classic == nil && owner.epoch != epochStaticLeave {
				return refuseConsumer(kafka.UnreleasedInstanceID,
					"Static member %s with instance id %s cannot join the group because the instance id is owned by %s member.",
					cmd.MemberID, cmd.InstanceID, owner.id)
			}
			c.replaceMember(owner, cmd.MemberID)
			return ConsumerHeartbeatResponse{}
		case cmd.MemberEpoch == epochJoin:
			return ConsumerHeartbeatResponse{}
		case !taken:
			return refuseConsumer(kafka.UnknownMemberID, "Instance id %s is unknown.", cmd.InstanceID)
		case owner.id != cmd.MemberID:
			return refuseConsumer(kafka.FencedInstanceID, "Static member %s with instance id %s was fenced by member %s.",
				cmd.MemberID, cmd.InstanceID, owner.id)
		}
		m, known = owner, true
	}
	if cmd.MemberEpoch == epochJoin {
		return ConsumerHeartbeatResponse{}
	}
	if !known {
		return refuseConsumer(kafka.UnknownMemberID, "Member %s is not a member of group %s.", cmd.MemberID, c.id)
	}
	return checkMemberEpoch(m, cmd)
}

// checkMemberEpoch fences a member whose epoch is not the coordinator's. It may be one behind, since the answer that
// told it may have been lost, as long as it owns nothing but what it was assigned.
func checkMemberEpoch(m *consumerMember, cmd ConsumerHeartbeat) ConsumerHeartbeatResponse {
	switch {
	case cmd.MemberEpoch > m.epoch:
		return refuseConsumer(kafka.FencedMemberEpoch,
			"The consumer group member has a greater member epoch (%d) than the one known by the group coordinator (%d). The member must abandon all its partitions and rejoin.",
			cmd.MemberEpoch, m.epoch)
	case cmd.MemberEpoch < m.epoch && (cmd.MemberEpoch != m.previousEpoch || cmd.Owned == nil || !m.assigned.holdsAll(cmd.Owned)):
		return refuseConsumer(kafka.FencedMemberEpoch,
			"The consumer group member has a smaller member epoch (%d) than the one known by the group coordinator (%d). The member must abandon all its partitions and rejoin.",
			cmd.MemberEpoch, m.epoch)
	default:
		return ConsumerHeartbeatResponse{}
	}
}

// updated is the member with what the heartbeat says of it.
func (c *consumer) updated(cmd ConsumerHeartbeat) memberMetadata {
	m := memberMetadata{id: cmd.MemberID, instanceID: cmd.InstanceID, topics: []string{}, rebalanceTimeout: -1}
	if old, known := c.members[cmd.MemberID]; known {
		m = old.memberMetadata
	}
	m.clientID, m.clientHost, m.classic = cmd.ClientID, cmd.ClientHost, nil
	if cmd.RackID != "" {
		m.rackID = cmd.RackID
	}
	if cmd.RebalanceTimeout >= 0 {
		m.rebalanceTimeout = cmd.RebalanceTimeout
	}
	if cmd.Assignor != "" {
		m.assignor = cmd.Assignor
	}
	if cmd.SubscribedTopics != nil {
		m.topics = slices.Compact(slices.Sorted(slices.Values(cmd.SubscribedTopics)))
		if m.topics == nil {
			m.topics = []string{}
		}
	}
	if cmd.SubscribedRegex != nil {
		m.regex = *cmd.SubscribedRegex
	}
	return m
}

// setMember records what a member says of itself, if that is news.
func (c *consumer) setMember(m memberMetadata) {
	if old, known := c.members[m.id]; known && sameMetadata(old.memberMetadata, m) {
		return
	}
	c.put(memberRecord{memberID: m.id, metadata: &m})
}

func sameMetadata(a, b memberMetadata) bool {
	return a.instanceID == b.instanceID && a.rackID == b.rackID && a.clientID == b.clientID && a.clientHost == b.clientHost &&
		slices.Equal(a.topics, b.topics) && a.regex == b.regex && a.rebalanceTimeout == b.rebalanceTimeout &&
		a.assignor == b.assignor && sameClassic(a.classic, b.classic)
}

func sameClassic(a, b *classicMember) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.sessionTimeout == b.sessionTimeout && (&member{protocols: a.protocols}).offers(b.protocols)
}

// replaceMember gives a static member's place to its next incarnation: its subscription, its part of the target, and
// what it was assigned, but in epoch 0.
func (c *consumer) replaceMember(old *consumerMember, id string) {
	metadata, progress, target := old.memberMetadata, old.memberProgress, c.target[old.id]
	c.removeMember(old)
	metadata.id = id
	progress.epoch, progress.previousEpoch = 0, 0
	c.put(memberRecord{memberID: id, metadata: &metadata})
	if target == nil {
		target = parts{}
	}
	c.put(targetRecord{memberID: id, target: target})
	c.put(progressRecord{memberID: id, progress: &progress})
}

// removeMember takes a member out; what it held is free.
func (c *consumer) removeMember(m *consumerMember) {
	c.stopTimers(m.id)
	c.put(progressRecord{memberID: m.id})
	c.put(targetRecord{memberID: m.id})
	c.put(memberRecord{memberID: m.id})
}

// keepAlive gives the member a whole session from now on.
func (c *consumer) keepAlive(m *consumerMember) {
	session := c.cfg.ConsumerSessionTimeout
	if m.classic != nil {
		session = m.classic.sessionTimeout
	}
	if session > 0 {
		c.setTimer(timerSession+m.id, c.now+session)
	}
}

func (g *Group) consumerLeave(cmd ConsumerHeartbeat) ConsumerHeartbeatResponse {
	c := &g.consumer
	if !c.exists {
		if g.State() == Dead {
			return refuseConsumer(kafka.GroupIDNotFound, "Group %s not found.", g.id)
		}
		return refuseConsumer(kafka.GroupIDNotFound, "Group %s is not a consumer group.", g.id)
	}
	m, known := c.members[cmd.MemberID]
	if cmd.InstanceID != "" {
		owner, taken := c.members[c.instances[cmd.InstanceID]]
		switch {
		case !taken:
			return refuseConsumer(kafka.UnknownMemberID, "Instance id %s is unknown.", cmd.InstanceID)
		case owner.id != cmd.MemberID:
			return refuseConsumer(kafka.FencedInstanceID, "Static member %s with instance id %s was fenced by member %s.",
				cmd.MemberID, cmd.InstanceID, owner.id)
		}
		m, known = owner, true
	}
	if !known {
		return refuseConsumer(kafka.UnknownMemberID, "Member %s is not a member of group %s.", cmd.MemberID, g.id)
	}
	if cmd.MemberEpoch == epochStaticLeave {
		progress := m.memberProgress
		progress.epoch, progress.revoking = epochStaticLeave, parts{}
		c.put(progressRecord{memberID: m.id, progress: &progress})
	} else {
		g.fence(m)
	}
	return ConsumerHeartbeatResponse{MemberID: m.id, MemberEpoch: cmd.MemberEpoch}
}

// fence takes members out of a KIP-848 group for good.
func (g *Group) fence(members ...*consumerMember) {
	if len(members) == 0 || g.becomeClassicWithout(members) {
		return
	}
	c := &g.consumer
	for _, m := range members {
		c.removeMember(m)
	}
	for _, m := range members {
		c.forgetRegex(m.regex)
	}
	c.bump(true)
}

// consumerTimer takes out a member that was silent, or took too long.
func (g *Group) consumerTimer(key string) {
	for _, prefix := range []string{timerSession, timerRevoke, timerRejoin, timerResync} {
		if id, is := strings.CutPrefix(key, prefix); is {
			if m, known := g.consumer.members[id]; known {
				g.fence(m)
			}
			return
		}
	}
}
