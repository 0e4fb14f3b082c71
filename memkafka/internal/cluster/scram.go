package cluster

import (
	"maps"
	"slices"
)

// ScramCredential is what brokers keep of a user's password for one SCRAM mechanism (KIP-554).
type ScramCredential struct {
	Iterations                 int32
	Salt, StoredKey, ServerKey []byte
}

// Scram is a user's credential for a mechanism.
func (c *Cluster) Scram(user, mechanism string) (ScramCredential, bool) {
	known, ok := c.scram[user][mechanism]
	return known, ok
}

// SetScram gives a user a credential for a mechanism, in the place of one that it had.
func (c *Cluster) SetScram(user, mechanism string, credential ScramCredential) {
	if c.scram == nil {
		c.scram = map[string]map[string]ScramCredential{}
	}
	if c.scram[user] == nil {
		c.scram[user] = map[string]ScramCredential{}
	}
	c.scram[user][mechanism] = credential
	c.keepHead()
}

// DeleteScram takes a user's credential for a mechanism away, and reports whether there was one.
func (c *Cluster) DeleteScram(user, mechanism string) bool {
	_, found := c.scram[user][mechanism]
	delete(c.scram[user], mechanism)
	if len(c.scram[user]) == 0 {
		delete(c.scram, user)
	}
	c.keepHead()
	return found
}

// ScramUsers lists the users that have credentials, sorted.
func (c *Cluster) ScramUsers() []string { return slices.Sorted(maps.Keys(c.scram)) }

// ScramMechanisms lists the mechanisms for which a user has credentials, sorted.
func (c *Cluster) ScramMechanisms(user string) []string {
	return slices.Sorted(maps.Keys(c.scram[user]))
}
