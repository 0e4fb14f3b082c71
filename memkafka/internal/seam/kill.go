package seam

import (
	"slices"

	"github.com/gokasim/gokasim/memkafka/internal/group"
)

// Kill ends all clients with a client id, and takes them out of their groups. It returns how many there were.
func (e *Engine) Kill(id string) int {
	e.mu.Lock()
	victims := e.bar(slices.DeleteFunc(e.sortedClients(), func(c *Client) bool { return c.id != id })...)
	e.mu.Unlock()
	end(victims)
	e.expel(id)
	return len(victims)
}

// expel takes the members with a client id out of their groups, as the session's time-out would.
func (e *Engine) expel(clientID string) {
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return
	}
	now := nowMillis()
	for _, name := range e.core.Groups() {
		var gone []group.LeavingMember
		for _, m := range e.core.Group(name).Members() {
			if m.ClientID == clientID {
				gone = append(gone, group.LeavingMember{MemberID: m.MemberID, InstanceID: m.InstanceID, Reason: "it crashed"})
			}
		}
		if len(gone) > 0 {
			nobody := &Call{client: &Client{e: e}}
			e.core.GroupStep(now, name, group.Leave{Tag: nobody, Members: gone})
		}
	}
	e.afterStep()
	e.hand.beat()
}

// Rebalancing reports whether the members of a group are sharing its partitions out anew.
func (e *Engine) Rebalancing(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.core.Group(id)
	return g != nil && (g.State() == group.Preparing || g.State() == group.Completing)
}

// Beats is closed when members of groups by hand should send a heartbeat now, since a group may be rebalancing: nobody
// wants to wait for the next one in real time. In other modes it is nil.
func (e *Engine) Beats() <-chan struct{} {
	if e.mode != ByHand {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hand.beats == nil {
		e.hand.beats = make(chan struct{})
	}
	return e.hand.beats
}

// beat has all members send a heartbeat, and those look again who wait for changes. Called with mu held.
func (h *hand) beat() {
	if h.beats != nil {
		close(h.beats)
		h.beats = nil
	}
	h.signal()
}
