package picture

import (
	"cmp"
	"slices"
)

// node is a group, a topic, or a bend of an arrow that passes a column.
type node struct {
	name   string
	group  bool
	table  bool
	bend   bool
	column int
	row    float64
	w, h   float64
	x, y   float64 // of the middle
	in     []*node
	out    []*node
}

// arrow is a line from one node to another, by way of bends.
type arrow struct {
	role Role
	way  []*node
	both bool // heads on both ends
	turn bool // it was laid out the other way round, since it closes a circle
}

const (
	charWidth  = 7.4
	nodeHeight = 34
	lineHeight = 15
	gapX       = 90
	gapY       = 26
	margin     = 16
)

// layout is the graph with places.
type layout struct {
	nodes         []*node
	arrows        []*arrow
	width, height float64
}

// layOut places what flows from left to right: each node in the column after the last of those that flow into it, where circles are cut;
// rows so that arrows cross little.
func (g *Graph) layOut() *layout {
	l := &layout{}
	topics, groups := map[string]*node{}, map[string]*node{}
	tables := g.tables()
	for _, name := range g.topics() {
		n := &node{name: name, table: tables[name], w: charWidth*float64(len([]rune(name))) + 36, h: nodeHeight}
		topics[name] = n
		l.nodes = append(l.nodes, n)
	}
	for _, group := range g.Groups {
		widest := len([]rune(group.Name))
		for _, note := range group.Notes {
			widest = max(widest, len([]rune(note)))
		}
		n := &node{name: group.Name, group: true, w: charWidth*float64(widest) + 28, h: nodeHeight + lineHeight*float64(len(group.Notes))}
		groups[group.Name] = n
		l.nodes = append(l.nodes, n)
	}
	for _, e := range g.Edges {
		t, p := topics[e.Topic], groups[e.Group]
		if p == nil {
			continue
		}
		switch e.Role {
		case Input, Join, Lookup:
			l.connect(t, p, e.Role, false)
		case Output, Table:
			l.connect(p, t, e.Role, false)
		case Loop:
			l.connect(p, t, e.Role, true)
		}
	}
	l.cutCircles()
	l.columns()
	l.bends()
	l.rows()
	l.places()
	return l
}

func (l *layout) connect(from, to *node, role Role, both bool) {
	from.out, to.in = append(from.out, to), append(to.in, from)
	l.arrows = append(l.arrows, &arrow{role: role, way: []*node{from, to}, both: both})
}

// cutCircles turns arrows round that lead back to a node which the way has come by.
func (l *layout) cutCircles() {
	const fresh, open, done = 0, 1, 2
	state := map[*node]int{}
	var visit func(*node)
	visit = func(n *node) {
		state[n] = open
		for _, a := range l.arrows {
			if a.way[0] != n || a.turn {
				continue
			}
			switch to := a.way[1]; state[to] {
			case fresh:
				visit(to)
			case open:
				a.turn = true
			}
		}
		state[n] = done
	}
	for _, n := range l.nodes {
		if len(n.in) == 0 {
			visit(n)
		}
	}
	for _, n := range l.nodes {
		if state[n] == fresh {
			visit(n)
		}
	}
	for _, n := range l.nodes {
		n.in, n.out = nil, nil
	}
	for _, a := range l.arrows {
		if a.turn {
			a.way[0], a.way[1] = a.way[1], a.way[0]
		}
		a.way[0].out = append(a.way[0].out, a.way[1])
		a.way[1].in = append(a.way[1].in, a.way[0])
	}
}

// columns puts each node behind those that flow into it, and sources right before what they flow into.
func (l *layout) columns() {
	for changed := true; changed; {
		changed = false
		for _, n := range l.nodes {
			for _, from := range n.in {
				if n.column <= from.column {
					n.column = from.column + 1
					changed = true
				}
			}
		}
	}
	for _, n := range l.nodes {
		if len(n.in) > 0 || len(n.out) == 0 {
			continue
		}
		first := n.out[0].column
		for _, to := range n.out {
			first = min(first, to.column)
		}
		n.column = first - 1
	}
}

// bends gives arrows that pass columns a place in each.
func (l *layout) bends() {
	for _, a := range l.arrows {
		from, to := a.way[0], a.way[1]
		way := []*node{from}
		for c := from.column + 1; c < to.column; c++ {
			b := &node{bend: true, column: c, h: 8}
			l.nodes = append(l.nodes, b)
			way = append(way, b)
		}
		way = append(way, to)
		a.way = way
	}
	for _, n := range l.nodes {
		n.in, n.out = nil, nil
	}
	for _, a := range l.arrows {
		for i := 1; i < len(a.way); i++ {
			from, to := a.way[i-1], a.way[i]
			from.out, to.in = append(from.out, to), append(to.in, from)
		}
	}
}

func (l *layout) byColumn() [][]*node {
	last := 0
	for _, n := range l.nodes {
		last = max(last, n.column)
	}
	columns := make([][]*node, last+1)
	for _, n := range l.nodes {
		columns[n.column] = append(columns[n.column], n)
	}
	return columns
}

// rows orders each column by the middle of its neighbours, to and fro.
func (l *layout) rows() {
	columns := l.byColumn()
	number := func(column []*node) {
		for i, n := range column {
			n.row = float64(i) - float64(len(column)-1)/2
		}
	}
	for _, c := range columns {
		number(c)
	}
	middle := func(n *node, around []*node) float64 {
		if len(around) == 0 {
			return n.row
		}
		var sum float64
		for _, a := range around {
			sum += a.row
		}
		return sum / float64(len(around))
	}
	const sweeps = 12
	for s := range sweeps {
		for i := range columns {
			c := columns[i]
			if s%2 == 1 {
				c = columns[len(columns)-1-i]
			}
			key := make(map[*node]float64, len(c))
			for _, n := range c {
				if s%2 == 0 {
					key[n] = middle(n, n.in)
				} else {
					key[n] = middle(n, n.out)
				}
			}
			slices.SortStableFunc(c, func(a, b *node) int { return cmp.Compare(key[a], key[b]) })
			number(c)
		}
	}
}

// places turns columns and rows into coordinates, each column in the middle of the height.
func (l *layout) places() {
	columns := l.byColumn()
	heights := make([]float64, len(columns))
	for i, c := range columns {
		slices.SortStableFunc(c, func(a, b *node) int { return cmp.Compare(a.row, b.row) })
		for _, n := range c {
			heights[i] += n.h + gapY
		}
		heights[i] -= gapY
		l.height = max(l.height, heights[i])
	}
	x := float64(margin)
	for i, c := range columns {
		widest := 0.0
		for _, n := range c {
			widest = max(widest, n.w)
		}
		y := margin + (l.height-heights[i])/2
		for _, n := range c {
			n.x, n.y = x+widest/2, y+n.h/2
			y += n.h + gapY
		}
		x += widest + gapX
	}
	l.width = x - gapX + margin
	l.height += 2 * margin
}
