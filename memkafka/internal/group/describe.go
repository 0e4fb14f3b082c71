package group

// Description is what DescribeGroups and ListGroups tell of a group.
type Description struct {
	ID           string
	State        State
	ProtocolType string
	Protocol     string // empty unless the group is Stable, as in Kafka
	Generation   int32
	Leader       string
	Members      []MemberDescription // sorted by id
}

// MemberDescription is one member of a [Description].
type MemberDescription struct {
	MemberID   string
	InstanceID string
	ClientID   string
	ClientHost string
	Metadata   []byte // for the group's protocol; nil unless the group is Stable
	Assignment []byte // nil unless the group is Stable
}

// Describe tells about the group.
func (g *Group) Describe() Description {
	c := &g.classic
	d := Description{
		ID: g.id, State: c.state, ProtocolType: c.protocolType, Generation: c.generation, Leader: c.leader, Members: g.Members(),
	}
	if c.state == Stable {
		d.Protocol = c.protocol
	}
	return d
}

// Members is the members, sorted by id. Those that were given an id and have not come back with it are not among them.
func (g *Group) Members() []MemberDescription {
	c := &g.classic
	list := make([]MemberDescription, 0, len(c.members.list))
	for _, m := range c.members.sorted() {
		d := MemberDescription{MemberID: m.id, InstanceID: m.instanceID, ClientID: m.clientID, ClientHost: m.clientHost}
		if c.state == Stable {
			d.Metadata, d.Assignment = m.metadata(c.protocol), m.assignment
		}
		list = append(list, d)
	}
	return list
}
