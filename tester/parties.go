package tester

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/memkafka"
)

// party is a registered processor or view: what it must read before messages are consumed.
type party struct {
	id     string // its client id
	what   string
	graph  *goka.GroupGraph // nil for a view
	inputs []string         // claimed together with the group's other processors
	joins  []string         // read together with the group's other processors
	views  []string         // read completely by each

	began bool // it opened a client
	open  int  // clients that are open
	ended bool // it closed all of them again
}

// parties are all that registered, in order.
type parties struct {
	gen atomic.Uint64 // counts changes
	ok  atomic.Uint64 // 1 + the gen and the ground's version for which everything was found to have started; 0 for none

	mu     sync.Mutex // guards all below, the states of each party, and changes of gen
	list   []*party
	visits int // members that joined for a rebalance alone

	kills  atomic.Int64
	killed sync.Map // by client id
}

// kill notes that nothing is to arrive any more which the client with an id sends.
func (ps *parties) kill(id string) {
	ps.killed.Store(id, true)
	ps.kills.Add(1)
}

func (ps *parties) isKilled(id string) bool {
	if ps.kills.Load() == 0 {
		return false
	}
	_, killed := ps.killed.Load(id)
	return killed
}

// visit counts one more of them.
func (ps *parties) visit() int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.visits++
	return ps.visits
}

func (ps *parties) add(p *party) string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.id = "client-" + strconv.Itoa(len(ps.list))
	ps.list = append(ps.list, p)
	ps.gen.Add(1)
	return p.id
}

// opened notes that a client with an id was opened, and returns what is to be called when it is closed.
func (ps *parties) opened(id string) (closed func()) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	i := slices.IndexFunc(ps.list, func(p *party) bool { return p.id == id })
	if i < 0 {
		return func() {}
	}
	p := ps.list[i]
	p.began, p.ended = true, false
	p.open++
	ps.gen.Add(1)
	return sync.OnceFunc(func() {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		if p.open--; p.open == 0 {
			p.ended = true
		}
		ps.gen.Add(1)
	})
}

// over notes that the party with an id has ended, which it may have done before it opened a client.
func (ps *parties) over(id string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.list {
		if p.id == id && !p.ended {
			p.began, p.ended = true, true
			ps.gen.Add(1)
		}
	}
}

// hasEnded reports whether the party with an id has closed all its clients.
func (ps *parties) hasEnded(id string) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return slices.ContainsFunc(ps.list, func(p *party) bool { return p.id == id && p.ended })
}

// graphs lists the graphs of all processors, those of a simulation included.
func (tt *Tester) graphs() []*goka.GroupGraph {
	var graphs []*goka.GroupGraph
	if g, ok := tt.ground.(*inSimulation); ok {
		graphs = slices.Collect(maps.Values(g.sim.groups))
	}
	tt.parties.mu.Lock()
	defer tt.parties.mu.Unlock()
	for _, p := range tt.parties.list {
		if p.graph != nil {
			graphs = append(graphs, p.graph)
		}
	}
	return graphs
}

// missing says what registered parties have not begun to read, "" when nothing is missing.
func (ps *parties) missing(subs []memkafka.Subscription, partitionsOf func(topic string) int) string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var missing []string
	for _, p := range ps.list {
		if p.ended {
			continue
		}
		if !p.began {
			missing = append(missing, p.what+" was registered and does not run; call its Run, or look at what that returned")
			continue
		}
		members := ps.membersOf(p)
		for _, topic := range p.inputs {
			if n := countPartitions(subs, topic, true, members); n < partitionsOf(topic) {
				missing = append(missing, fmt.Sprintf("%s has not begun to read all of topic %s (%d of %d partitions)", p.what, topic, n, partitionsOf(topic)))
			}
		}
		for _, topic := range p.joins {
			if n := countPartitions(subs, topic, false, members); n < partitionsOf(topic) {
				missing = append(missing, fmt.Sprintf("%s has not recovered table %s (%d of %d partitions)", p.what, topic, n, partitionsOf(topic)))
			}
		}
		for _, topic := range p.views {
			if n := countPartitions(subs, topic, false, []string{p.id}); n < partitionsOf(topic) {
				missing = append(missing, fmt.Sprintf("%s has not recovered table %s (%d of %d partitions)", p.what, topic, n, partitionsOf(topic)))
			}
		}
	}
	slices.Sort(missing)
	return strings.Join(slices.Compact(missing), "; ")
}

// membersOf lists the client ids of all processors that share p's group.
func (ps *parties) membersOf(p *party) []string {
	if p.graph == nil {
		return []string{p.id}
	}
	var ids []string
	for _, q := range ps.list {
		if q.graph != nil && q.graph.Group() == p.graph.Group() {
			ids = append(ids, q.id)
		}
	}
	return ids
}

func countPartitions(subs []memkafka.Subscription, topic string, claim bool, clients []string) int {
	seen := map[int32]bool{}
	for _, s := range subs {
		if s.Claim == claim && s.TP.Topic == topic && slices.Contains(clients, s.ClientID) {
			seen[s.TP.Partition] = true
		}
	}
	return len(seen)
}

// started reports whether nothing changed since every processor and view was found to have started.
func (tt *Tester) started() bool {
	return tt.parties.ok.Load() == 1+tt.parties.gen.Load()+tt.ground.version()
}

// toRead is how many partitions of a topic have to be read.
func (tt *Tester) toRead(topic string) int {
	n, err := tt.partitionsOf(topic)
	if err != nil {
		return tt.settings.partitions
	}
	return int(n)
}

// awaitStart waits until every registered processor and view that has not ended reads all that it has to.
func (tt *Tester) awaitStart() error {
	if tt.started() {
		return nil
	}
	missing, err := tt.ground.await(func() string {
		now := 1 + tt.parties.gen.Load() + tt.ground.version()
		missing := tt.parties.missing(tt.ground.reading(), tt.toRead)
		if missing == "" {
			tt.parties.ok.Store(now)
		}
		return missing
	})
	switch {
	case err != nil && missing != "":
		return fmt.Errorf("%s: %w", missing, err)
	case err != nil:
		return err
	case missing != "":
		return fmt.Errorf("waited %v: %s", tt.settings.timeout, missing)
	}
	return nil
}

// ConsumerGroupBuilder builds members of groups on the tester's cluster. goka calls it.
func (tt *Tester) ConsumerGroupBuilder() goka.ConsumerGroupBuilder {
	return tt.watching(func(_ []string, group, clientID string) (sarama.ConsumerGroup, error) {
		return tt.ground.group(group, tt.ground.config(clientID))
	})
}

// watching builds members that the tester watches.
func (tt *Tester) watching(build goka.ConsumerGroupBuilder) goka.ConsumerGroupBuilder {
	return func(brokers []string, group, clientID string) (sarama.ConsumerGroup, error) {
		cg, err := build(brokers, group, clientID)
		if err != nil {
			return nil, err
		}
		return &watchedGroup{ConsumerGroup: cg, client: clientID, closed: tt.parties.opened(clientID), tester: tt}, nil
	}
}

// watchedGroup tells the tester when a processor ends.
type watchedGroup struct {
	sarama.ConsumerGroup
	client string
	closed func()
	tester *Tester
}

// Consume lets the tester see the session.
func (g *watchedGroup) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	return g.ConsumerGroup.Consume(ctx, topics, &watchedHandler{ConsumerGroupHandler: handler, group: g})
}

// ReportTo has report called with the member's errors in place of Errors. It implements door.Reporting.
func (g *watchedGroup) ReportTo(report func(err error)) bool {
	own, ok := g.ConsumerGroup.(door.Reporting)
	return ok && own.ReportTo(report)
}

func (g *watchedGroup) Close() error {
	err := g.ConsumerGroup.Close()
	g.closed()
	g.tester.ground.wake()
	return err
}

// ConsumerBuilder builds consumers of tables on the tester's cluster. goka calls it.
func (tt *Tester) ConsumerBuilder() goka.SaramaConsumerBuilder {
	return func(_ []string, clientID string) (sarama.Consumer, error) {
		c, err := tt.ground.consumer(tt.ground.config(clientID))
		if err != nil {
			return nil, err
		}
		return &watchedConsumer{Consumer: c, closed: tt.parties.opened(clientID), tester: tt}, nil
	}
}

// watchedConsumer tells the tester when a view ends.
type watchedConsumer struct {
	sarama.Consumer
	closed func()
	tester *Tester
}

func (c *watchedConsumer) Close() error {
	err := c.Consumer.Close()
	c.closed()
	c.tester.ground.wake()
	return err
}
