package replay

import (
	"encoding/json"
	"fmt"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/picture"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// describe tells the graphs instead of replaying into them.
func describe(graphs []Graph, pipe *reporter) {
	p, err := newPlan(graphs)
	if err != nil {
		pipe.tell(replaywire.Event{Failure: &replaywire.Failure{Reason: err.Error()}})
		return
	}
	pipe.tell(replaywire.Event{Graph: p.picture()})
	pipe.tell(replaywire.Event{Result: &replaywire.Result{}})
}

// text is the plan's groups and their edges as JSON.
func (p *plan) text() (string, error) {
	text, err := json.Marshal(p.picture())
	return string(text), err
}

// picture is the plan's groups and their edges.
func (p *plan) picture() *picture.Graph {
	var drawn picture.Graph
	for _, g := range p.groups {
		drawn.Groups = append(drawn.Groups, picture.Group{Name: g.name})
		add := func(role picture.Role, edges ...goka.Edge) {
			for _, e := range edges {
				drawn.Edges = append(drawn.Edges, picture.Edge{Group: g.name, Topic: e.Topic(), Role: role, Codec: fmt.Sprintf("%T", e.Codec())})
			}
		}
		add(picture.Input, g.graph.InputStreams()...)
		add(picture.Join, g.graph.JointTables()...)
		add(picture.Lookup, g.graph.LookupTables()...)
		if e := g.graph.LoopStream(); e != nil {
			add(picture.Loop, e)
		}
		add(picture.Output, g.graph.OutputStreams()...)
		if e := g.graph.GroupTable(); e != nil {
			add(picture.Table, e)
		}
	}
	return &drawn
}
