package group

import "slices"

// supportsProtocols reports whether a member with these protocols may join: the group is empty, or there is one that
// all its members support.
func (c *classic) supportsProtocols(protocolType string, protocols []Protocol) bool {
	if len(c.members.list) == 0 {
		return protocolType != "" && len(protocols) > 0
	}
	return protocolType == c.protocolType && slices.ContainsFunc(protocols, func(p Protocol) bool {
		return c.commonProtocol(p.Name)
	})
}

func (c *classic) commonProtocol(name string) bool {
	for _, m := range c.members.list {
		if !m.supports(name) {
			return false
		}
	}
	return true
}

// selectProtocol counts votes: each member gives one to the first of its protocols that all support. Among equals
// wins the one that the leader likes best.
func (c *classic) selectProtocol() string {
	leader := c.members.byID[c.leader]
	var candidates []string
	for _, p := range leader.protocols {
		if c.commonProtocol(p.Name) {
			candidates = append(candidates, p.Name)
		}
	}
	if len(candidates) == 1 {
		return candidates[0]
	}
	return c.mostVoted(candidates)
}

// mostVoted is the protocol that most members prefer among candidates, the first of several.
func (c *classic) mostVoted(candidates []string) string {
	votes := make(map[string]int, len(candidates))
	for _, m := range c.members.list {
		for _, p := range m.protocols {
			if slices.Contains(candidates, p.Name) {
				votes[p.Name]++
				break
			}
		}
	}
	var chosen string
	for _, name := range candidates {
		if chosen == "" || votes[name] > votes[chosen] {
			chosen = name
		}
	}
	return chosen
}
