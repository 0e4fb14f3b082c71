package group

import "github.com/gokasim/gokasim/internal/kafka"

// Type is the protocol that a group lives by, as ListGroups names it.
type Type string

// The types of groups.
const (
	Classic  Type = "classic"
	Consumer Type = "consumer" // KIP-848
)

// Description is what DescribeGroups, ConsumerGroupDescribe and ListGroups tell of a group.
type Description struct {
	ID           string
	Type         Type
	State        State
	ProtocolType string
	Protocol     string // of a classic group, empty unless it is Stable, as in Kafka; the assignor of a KIP-848 group
	Generation   int32  // or the group epoch
	Leader       string
	// AssignmentEpoch is the epoch of the target assignment of a KIP-848 group.
	AssignmentEpoch int32
	Members         []MemberDescription // sorted by id
}

// MemberDescription is one member of a [Description].
type MemberDescription struct {
	MemberID   string
	InstanceID string
	ClientID   string
	ClientHost string
	Metadata   []byte // for the protocol of a classic group; nil unless it is Stable
	Assignment []byte // in a classic group; nil unless it is Stable

	// The rest is for members of KIP-848 groups.

	Type             Type // the protocol that the member itself uses
	Epoch            int32
	State            string
	RackID           string
	SubscribedTopics []string
	SubscribedRegex  string
	Assigned         []TopicPartitions // that it may work on
	Revoking         []TopicPartitions // that it has to let go of
	Target           []TopicPartitions // that it shall have in the end
}

// Describe tells about the group.
func (g *Group) Describe() Description {
	d := Description{ID: g.id, Type: g.Type(), State: g.State(), Generation: g.Generation(), Members: g.Members()}
	if g.consumer.exists {
		d.ProtocolType, d.Protocol, d.AssignmentEpoch = protocolTypeConsumer, g.Protocol(), g.consumer.assignmentEpoch
		return d
	}
	d.ProtocolType, d.Leader = g.classic.protocolType, g.classic.leader
	if d.State == Stable {
		d.Protocol = g.classic.protocol
	}
	return d
}

// Members is the members, sorted by id. Those that were given an id and have not come back with it are not among them.
func (g *Group) Members() []MemberDescription {
	if g.consumer.exists {
		return g.consumer.describe()
	}
	return g.classic.describe()
}

func (c *classic) describe() []MemberDescription {
	list := make([]MemberDescription, 0, len(c.members.list))
	for _, m := range c.members.sorted() {
		d := MemberDescription{MemberID: m.id, InstanceID: m.instanceID, ClientID: m.clientID, ClientHost: m.clientHost, Type: Classic}
		if c.state == Stable {
			d.Metadata, d.Assignment = m.metadata(c.protocol), m.assignment
		}
		list = append(list, d)
	}
	return list
}

func (c *consumer) describe() []MemberDescription {
	list := make([]MemberDescription, 0, len(c.members))
	for _, m := range c.sorted() {
		d := MemberDescription{
			MemberID: m.id, InstanceID: m.instanceID, ClientID: m.clientID, ClientHost: m.clientHost, Type: Consumer,
			Epoch: m.epoch, State: m.state.String(), RackID: m.rackID, SubscribedTopics: m.topics, SubscribedRegex: m.regex,
			Assigned: m.assigned.topicPartitions(), Revoking: m.revoking.topicPartitions(), Target: c.target[m.id].topicPartitions(),
		}
		if m.classic != nil {
			d.Type = Classic
		}
		list = append(list, d)
	}
	return list
}

// Named is partitions by the names that their topics have now, sorted. Those of topics that are gone are left out.
func (g *Group) Named(list []TopicPartitions) []kafka.TopicPartition {
	ps := parts{}
	for _, tp := range list {
		for _, p := range tp.Partitions {
			ps[part{tp.Topic, p}] = 0
		}
	}
	return g.named(ps)
}
