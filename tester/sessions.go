package tester

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// sessions are the sessions of members of groups, as their handlers see them.
type sessions struct {
	mu   sync.Mutex // guards all below
	open map[*watchedHandler]sarama.ConsumerGroupSession
	asks map[*watchedGroup]func() []string // what tells what a member waits for, also after its sessions
	held bool                              // HoldCommits
}

// watchedHandler notes the session that its handler works in.
type watchedHandler struct {
	sarama.ConsumerGroupHandler
	group *watchedGroup
}

func (h *watchedHandler) Setup(session sarama.ConsumerGroupSession) error {
	s := &h.group.tester.sessions
	s.mu.Lock()
	if s.open == nil {
		s.open = map[*watchedHandler]sarama.ConsumerGroupSession{}
	}
	s.open[h] = session
	s.mu.Unlock()
	return h.ConsumerGroupHandler.Setup(&curious{session, h})
}

// curious is a session that lets its handler tell what it waits for. It implements door.Curious.
type curious struct {
	sarama.ConsumerGroupSession
	handler *watchedHandler
}

func (c *curious) Explain(unfinished func() []string) {
	s := &c.handler.group.tester.sessions
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asks == nil {
		s.asks = map[*watchedGroup]func() []string{}
	}
	s.asks[c.handler.group] = unfinished
}

// unfinished tells what members of groups wait for, a line each.
func (s *sessions) unfinished() []string {
	s.mu.Lock()
	asked := slices.Collect(maps.Values(s.asks))
	s.mu.Unlock()
	var lines []string
	for _, ask := range asked {
		lines = append(lines, ask()...)
	}
	slices.Sort(lines)
	return lines
}

func (h *watchedHandler) Cleanup(session sarama.ConsumerGroupSession) error {
	err := h.ConsumerGroupHandler.Cleanup(session)
	s := &h.group.tester.sessions
	s.mu.Lock()
	delete(s.open, h)
	s.mu.Unlock()
	return err
}

// explained is what unfinished tells, each line below the one before, "" for nothing.
func (s *sessions) explained() string {
	var b strings.Builder
	for _, line := range s.unfinished() {
		b.WriteString("\n  " + line)
	}
	return b.String()
}

// commit commits what was handled, unless commits are held. In a simulation members commit at their own intervals.
func (tt *Tester) commit() {
	if _, simulated := tt.ground.(*inSimulation); simulated {
		return
	}
	s := &tt.sessions
	s.mu.Lock()
	if s.held {
		s.mu.Unlock()
		return
	}
	type member struct {
		client  string
		session sarama.ConsumerGroupSession
	}
	var members []member
	for h, session := range s.open {
		members = append(members, member{h.group.client, session})
	}
	s.mu.Unlock()
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.client, b.client) })
	for _, m := range members {
		m.session.Commit()
	}
}

// Commit has all processors commit the offsets of what they have finished. The tester does so by itself when it is asked
// for Cluster or Committed, and before Kill; instances that are stopped do so at their end. After HoldCommits it does
// nothing.
func (tt *Tester) Commit() { tt.commit() }

// HoldCommits keeps offsets from being committed until ReleaseCommits: an instance that is killed meanwhile has done all
// its work, and its heir does it once more. Instances that are stopped commit at their end nevertheless. In a simulation
// members commit when the seed says, and fault plans hold commits up.
func (tt *Tester) HoldCommits() {
	tt.mark.Helper()
	tt.holdCommits(true)
}

// ReleaseCommits ends HoldCommits.
func (tt *Tester) ReleaseCommits() {
	tt.mark.Helper()
	tt.holdCommits(false)
}

func (tt *Tester) holdCommits(on bool) {
	switch tt.ground.(type) {
	case *real:
		tt.mark.Helper()
		tt.skip("commits are held on simulated clusters only")
		return
	case *inSimulation:
		tt.mark.Helper()
		tt.mistakef("commits can be held by tester.New only; in a simulation a fault plan does it: on offset-commit: drop-request")
		return
	}
	tt.sessions.mu.Lock()
	tt.sessions.held = on
	tt.sessions.mu.Unlock()
}

// Committed returns the offset that a group has committed for a partition, -1 when it has committed none.
func (tt *Tester) Committed(group, topic string, partition int32) int64 {
	tt.commit()
	offset, ok, err := tt.ground.committed(group, topic, partition)
	if err != nil {
		tt.mark.Helper()
		tt.fatalf("committed offset of group %s in %s/%d: %v", group, topic, partition, err)
	}
	if !ok || err != nil {
		return int64(noOffset)
	}
	return int64(offset)
}

const noOffset memkafka.Offset = -1
