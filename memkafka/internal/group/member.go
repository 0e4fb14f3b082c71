package group

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Protocol is an assignor that a member offers, with what it tells the leader about itself under it.
type Protocol struct {
	Name     string
	Metadata []byte
}

// member is one member of a classic group.
type member struct {
	id, instanceID       string // instanceID is empty for a dynamic member
	clientID, clientHost string
	session              string // sessionKey, once it was asked for
	sessionTimeout       kafka.Millis
	rebalanceTimeout     kafka.Millis
	protocols            []Protocol // in order of preference
	assignment           []byte

	isNew    bool     // has not completed a join yet, hence sends no heartbeats
	join     *waiting // the JoinGroup request it waits on
	sync     *waiting // the SyncGroup request it waits on
	unsynced bool     // has not sent its SyncGroup in this generation
}

// waiting is a request that is answered in a later step.
type waiting struct{ tag any }

// sessionKey is the key of the timer of the member's session.
func (m *member) sessionKey() string {
	if m.session == "" || m.session[len(timerSession):] != m.id { // a static member gets another id
		m.session = timerSession + m.id
	}
	return m.session
}

func (m *member) metadata(protocol string) []byte {
	for _, p := range m.protocols {
		if p.Name == protocol {
			return p.Metadata
		}
	}
	return nil
}

func (m *member) supports(protocol string) bool {
	return slices.ContainsFunc(m.protocols, func(p Protocol) bool { return p.Name == protocol })
}

// offers reports whether protocols is what the member offers already, in the same order and with the same metadata.
func (m *member) offers(protocols []Protocol) bool {
	return slices.EqualFunc(m.protocols, protocols, func(a, b Protocol) bool {
		return a.Name == b.Name && bytes.Equal(a.Metadata, b.Metadata)
	})
}

// roster is the members in the order in which they joined, found by id and by instance id.
type roster struct {
	list      []*member
	byID      map[string]*member
	instances map[string]*member
}

func newRoster() roster {
	return roster{byID: map[string]*member{}, instances: map[string]*member{}}
}

func (r *roster) add(m *member) {
	r.list = append(r.list, m)
	r.index(m)
}

func (r *roster) index(m *member) {
	r.byID[m.id] = m
	if m.instanceID != "" {
		r.instances[m.instanceID] = m
	}
}

func (r *roster) remove(m *member) {
	r.list = slices.DeleteFunc(r.list, func(o *member) bool { return o == m })
	delete(r.byID, m.id)
	if m.instanceID != "" {
		delete(r.instances, m.instanceID)
	}
}

func (r *roster) sorted() []*member {
	list := slices.Clone(r.list)
	slices.SortFunc(list, func(a, b *member) int { return strings.Compare(a.id, b.id) })
	return list
}

// validate says what is wrong with a request that names a member: UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID when
// another member took over its instance id (KIP-345).
func (r *roster) validate(memberID, instanceID string) kafka.ErrorCode {
	if instanceID != "" {
		owner, known := r.instances[instanceID]
		if !known {
			return kafka.UnknownMemberID
		}
		if owner.id != memberID {
			return kafka.FencedInstanceID
		}
	}
	if _, known := r.byID[memberID]; !known {
		return kafka.UnknownMemberID
	}
	return kafka.None
}
