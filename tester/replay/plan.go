package replay

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/goka"
)

// Graph is a group graph to replay into.
type Graph struct {
	Name string                  // of the function that makes it, for messages
	New  func() *goka.GroupGraph // makes it anew for each run
}

// plan is what the group graphs of a run say about its topics.
type plan struct {
	groups []*group          // sorted by name
	topics map[string]*topic // all that the groups read or write
}

// group is a group of the run.
type group struct {
	name   string
	graph  *goka.GroupGraph
	inputs []*topic // inputs and the loop, sorted by name: what is consumed and committed
	tables []*topic // joined or looked up
}

// topic is a topic in all of its roles.
type topic struct {
	name    string
	table   bool     // compacted
	readers []string // groups that read it as an input or a loop, join or look it up
	writers []string // groups that emit to it, or have it as their table or loop
	owner   string   // the group whose table it is
	loop    bool     // some group's loop
	input   bool     // some group consumes it, as an input or a loop
	output  bool     // some group's output
	kept    bool     // a table whose rows are kept as they were, see histories
}

// keepsAll reports whether records of a table are read as messages, too, so that those that newer ones replace go only when all have them.
func (t *topic) keepsAll() bool { return t.table && (t.input || t.output) }

// newPlan calls the functions of graphs and puts together what they say.
func newPlan(graphs []Graph) (*plan, error) {
	p := &plan{topics: map[string]*topic{}}
	for _, g := range graphs {
		gg, err := g.make()
		if err != nil {
			return nil, err
		}
		name := string(gg.Group())
		for _, other := range p.groups {
			if other.name == name {
				return nil, fmt.Errorf("%s makes a graph of group %s, and so does another function; choose one by --graph", g.Name, name)
			}
		}
		p.groups = append(p.groups, p.add(name, gg))
	}
	slices.SortFunc(p.groups, func(a, b *group) int { return strings.Compare(a.name, b.name) })
	p.keep()
	return p, nil
}

// keep finds the tables whose rows are kept as they were: those that come from the input alone, and are read by groups that know the place of
// each message in the input, as nobody but the input writes to theirs.
func (p *plan) keep() {
	for _, t := range p.topics {
		t.kept = t.table && len(t.writers) == 0
	}
	for _, g := range p.groups {
		if slices.ContainsFunc(g.inputs, func(t *topic) bool { return len(t.writers) > 0 }) {
			for _, t := range g.tables {
				t.kept = false
			}
		}
	}
}

// make calls the user's function.
func (g Graph) make() (gg *goka.GroupGraph, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s panicked: %v\n%s", g.Name, p, debug.Stack())
		}
	}()
	gg = g.New()
	if gg == nil {
		return nil, fmt.Errorf("%s returned no graph", g.Name)
	}
	if gg.Group() == "" {
		return nil, fmt.Errorf("%s returned a graph of a group without a name", g.Name)
	}
	if err := gg.Validate(); err != nil {
		return nil, fmt.Errorf("%s returned a graph of group %s that is wrong: %w", g.Name, gg.Group(), err)
	}
	return gg, nil
}

func (p *plan) add(name string, gg *goka.GroupGraph) *group {
	g := &group{name: name, graph: gg}
	reads := func(t *topic) *topic {
		t.readers = append(t.readers, name)
		return t
	}
	writes := func(t *topic) *topic {
		t.writers = append(t.writers, name)
		return t
	}
	for _, e := range gg.InputStreams() {
		t := reads(p.topic(e.Topic()))
		t.input = true
		g.inputs = append(g.inputs, t)
	}
	for _, e := range slices.Concat(gg.JointTables(), gg.LookupTables()) {
		t := reads(p.topic(e.Topic()))
		t.table = true
		g.tables = append(g.tables, t)
	}
	for _, e := range gg.OutputStreams() {
		writes(p.topic(e.Topic())).output = true
	}
	if e := gg.LoopStream(); e != nil {
		t := writes(reads(p.topic(e.Topic())))
		t.loop, t.input = true, true
		g.inputs = append(g.inputs, t)
	}
	if e := gg.GroupTable(); e != nil {
		t := writes(p.topic(e.Topic()))
		t.table, t.owner = true, name
	}
	slices.SortFunc(g.inputs, func(a, b *topic) int { return strings.Compare(a.name, b.name) })
	return g
}

func (p *plan) topic(name string) *topic {
	t := p.topics[name]
	if t == nil {
		t = &topic{name: name}
		p.topics[name] = t
	}
	return t
}

// sorted returns the topics that fit, by name.
func (p *plan) sorted(fits func(*topic) bool) []*topic {
	var topics []*topic
	for _, name := range slices.Sorted(maps.Keys(p.topics)) {
		if t := p.topics[name]; fits(t) {
			topics = append(topics, t)
		}
	}
	return topics
}

func (p *plan) groupNames() []string {
	var names []string
	for _, g := range p.groups {
		names = append(names, g.name)
	}
	return names
}

// errUnknownTopic reports a record of a topic that no graph of the run reads.
var errUnknownTopic = errors.New("unknown topic")

// fed returns the topic of a record of the input, or why the record has no place in the run. Rows of a group's own
// table are accepted where they have no time: they are what the table begins with.
func (p *plan) fed(name string, timeless bool) (*topic, error) {
	t := p.topics[name]
	switch {
	case name == "":
		return nil, fmt.Errorf("%w: the record names no topic; --topic NAME gives one", errUnknownTopic)
	case t == nil:
		return nil, fmt.Errorf("%w: no group of this run (%s) reads %q; they read %s", errUnknownTopic,
			strings.Join(p.groupNames(), ", "), name, strings.Join(p.readable(), ", "))
	case t.owner != "" && timeless:
		return t, nil
	case len(t.readers) == 0 || t.owner != "" || t.loop:
		return nil, fmt.Errorf("%w: %q is written by group %s itself; leave it out of the input", errUnknownTopic, name, t.writers[0])
	}
	return t, nil
}

// readable names the topics that records can be fed into.
func (p *plan) readable() []string {
	var names []string
	for _, t := range p.sorted(func(*topic) bool { return true }) {
		if _, err := p.fed(t.name, false); err == nil {
			names = append(names, t.name)
		}
	}
	return names
}
