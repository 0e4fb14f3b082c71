// Package picture draws group graphs: which groups read and write which topics, as Mermaid text and as SVG.
package picture

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what a topic is to a group.
type Role string

// The roles, by the edges of a group graph.
const (
	Input  Role = "input"
	Output Role = "output"
	Loop   Role = "loop"
	Table  Role = "table"
	Join   Role = "join"
	Lookup Role = "lookup"
)

// Graph is one or several groups with their topics.
type Graph struct {
	Groups []Group `json:"groups"`
	Edges  []Edge  `json:"edges"`
}

// Group is a group, and what is said of it below its name: a line each, as states of partitions.
type Group struct {
	Name  string   `json:"name"`
	Notes []string `json:"notes,omitempty"`
	State State    `json:"state,omitempty"`
	Link  string   `json:"link,omitempty"` // where a click on it leads
}

// State colours a group.
type State string

// The states; the empty one says nothing.
const (
	Good    State = "good"
	Waiting State = "waiting"
	Bad     State = "bad"
)

// Edge is one edge of a group's graph.
type Edge struct {
	Group string `json:"group"`
	Topic string `json:"topic"`
	Role  Role   `json:"role"`
	Codec string `json:"codec,omitempty"`
}

// tables are the topics that some group has as its table, joins or looks up.
func (g *Graph) tables() map[string]bool {
	tables := map[string]bool{}
	for _, e := range g.Edges {
		if e.Role == Table || e.Role == Join || e.Role == Lookup {
			tables[e.Topic] = true
		}
	}
	return tables
}

// topics are all topics, sorted.
func (g *Graph) topics() []string {
	var names []string
	for _, e := range g.Edges {
		names = append(names, e.Topic)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Mermaid is the graph as a Mermaid flowchart: groups are boxes, streams have round ends, tables are cylinders.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	tables := g.tables()
	for i, name := range g.topics() {
		id := fmt.Sprintf("t%d", i)
		ids[name] = id
		if tables[name] {
			fmt.Fprintf(&b, "  %s[(%s)]\n", id, quoted(name))
		} else {
			fmt.Fprintf(&b, "  %s([%s])\n", id, quoted(name))
		}
	}
	for i, group := range g.Groups {
		fmt.Fprintf(&b, "  g%d[%s]\n", i, quoted(group.Name))
	}
	for i, group := range g.Groups {
		for _, e := range g.Edges {
			if e.Group != group.Name {
				continue
			}
			topic, id := ids[e.Topic], fmt.Sprintf("g%d", i)
			switch e.Role {
			case Input:
				fmt.Fprintf(&b, "  %s --> %s\n", topic, id)
			case Join, Lookup:
				fmt.Fprintf(&b, "  %s -. %s .-> %s\n", topic, e.Role, id)
			case Output:
				fmt.Fprintf(&b, "  %s --> %s\n", id, topic)
			case Loop:
				fmt.Fprintf(&b, "  %s <-- loop --> %s\n", id, topic)
			case Table:
				fmt.Fprintf(&b, "  %s == table ==> %s\n", id, topic)
			}
		}
	}
	return b.String()
}

// quoted is a label of Mermaid, which knows HTML's entities and no escapes.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`&`, "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "#35;", "\n", " ").Replace(s) + `"`
}
