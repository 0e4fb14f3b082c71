package picture

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// style suits light and dark pages.
const style = `
.node rect,.node path{stroke:#667;stroke-width:1.2;fill:#f4f5f9}
.group rect{fill:#e3ebfb;stroke:#3a62b8}
.group.good rect{fill:#dff3e3;stroke:#2c7a43}
.group.waiting rect{fill:#fdf1d0;stroke:#9a6b00}
.group.bad rect{fill:#fbdfdf;stroke:#b02a2a}
text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#1c1f26;text-anchor:middle;dominant-baseline:central}
text.note{font-size:11px;fill:#4a4f5c}
.arrow{fill:none;stroke:#667;stroke-width:1.4}
.arrow.join,.arrow.lookup{stroke-dasharray:5 4}
.arrow.table{stroke-width:2.4}
.head{fill:#667}
text.role{font-size:10px;fill:#667}
@media (prefers-color-scheme:dark){
.node rect,.node path{fill:#262a33;stroke:#99a}
.group rect{fill:#22304f;stroke:#7fa0e6}
.group.good rect{fill:#1d3a26;stroke:#6cc283}
.group.waiting rect{fill:#41361a;stroke:#d8b04a}
.group.bad rect{fill:#4a2222;stroke:#e88}
text{fill:#e8eaf0}
text.note{fill:#b8bcc8}
.arrow{stroke:#99a}
.head{fill:#99a}
text.role{fill:#aab}
}
`

// SVG is the graph as a picture that stands alone: no script, no font and no file beside it.
func (g *Graph) SVG() string {
	l := g.layOut()
	var b strings.Builder
	role := "img"
	if slices.ContainsFunc(g.Groups, func(g Group) bool { return g.Link != "" }) {
		role = "group" // an image has nothing in it that one could go to
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="%s" aria-label="%s">`+"\n",
		l.width, l.height, l.width, l.height, role, escaped(g.caption()))
	b.WriteString("<style>" + style + "</style>\n")
	b.WriteString(`<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">` +
		`<path class="head" d="M0 0L10 5L0 10z"/></marker></defs>` + "\n")
	for _, a := range l.arrows {
		a.draw(&b)
	}
	groups := map[string]Group{}
	for _, group := range g.Groups {
		groups[group.Name] = group
	}
	for _, n := range l.nodes {
		switch {
		case n.bend:
		case n.group:
			n.drawGroup(&b, groups[n.name])
		default:
			n.drawTopic(&b)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// caption says in words what the picture shows.
func (g *Graph) caption() string {
	var names []string
	for _, group := range g.Groups {
		names = append(names, group.Name)
	}
	return "Graph of " + strings.Join(names, ", ")
}

func (a *arrow) draw(b *strings.Builder) {
	var path strings.Builder
	from := a.way[0]
	x, y := from.x+from.w/2, from.y
	fmt.Fprintf(&path, "M%.1f %.1f", x, y)
	for _, n := range a.way[1:] {
		tx, ty := n.x-n.w/2, n.y
		half := (tx - x) / 2
		fmt.Fprintf(&path, "C%.1f %.1f %.1f %.1f %.1f %.1f", x+half, y, tx-half, ty, tx, ty)
		x, y = n.x+n.w/2, ty
		if n.bend {
			x = n.x
		}
	}
	heads := ` marker-end="url(#head)"`
	if a.turn {
		heads = ` marker-start="url(#head)"`
	}
	if a.both {
		heads = ` marker-start="url(#head)" marker-end="url(#head)"`
	}
	fmt.Fprintf(b, `<path class="arrow %s" d="%s"%s/>`+"\n", a.role, &path, heads)
	if a.role == Join || a.role == Lookup || a.role == Loop {
		to := a.way[len(a.way)-1]
		before := a.way[len(a.way)-2]
		mx, my := (before.x+before.w/2+to.x-to.w/2)/2, (before.y+to.y)/2
		fmt.Fprintf(b, `<text class="role" x="%.1f" y="%.1f">%s</text>`+"\n", mx, my-7, a.role)
	}
}

func (n *node) drawGroup(b *strings.Builder, group Group) {
	link := group.Link != ""
	if link {
		fmt.Fprintf(b, `<a href="%s">`, escaped(group.Link))
	}
	fmt.Fprintf(b, `<g class="node group %s"><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>`, group.State, n.x-n.w/2, n.y-n.h/2, n.w, n.h)
	top := n.y - n.h/2 + nodeHeight/2
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`, n.x, top, escaped(n.name))
	for i, note := range group.Notes {
		fmt.Fprintf(b, `<text class="note" x="%.1f" y="%.1f">%s</text>`, n.x, top+lineHeight*float64(i+1), escaped(note))
	}
	b.WriteString("</g>")
	if link {
		b.WriteString("</a>")
	}
	b.WriteString("\n")
}

func (n *node) drawTopic(b *strings.Builder) {
	left, top, right, bottom := n.x-n.w/2, n.y-n.h/2, n.x+n.w/2, n.y+n.h/2
	if n.table { // a cylinder on its side has no room for a name; this one stands
		const lid = 5
		fmt.Fprintf(b, `<g class="node table"><path d="M%.1f %.1fa%.1f %d 0 0 1 %.1f 0v%.1fa%.1f %d 0 0 1 %.1f 0z"/><path fill="none" d="M%.1f %.1fa%.1f %d 0 0 0 %.1f 0"/>`,
			left, top+lid, n.w/2, lid, n.w, n.h-2*lid, n.w/2, lid, -n.w, left, top+lid, n.w/2, lid, n.w)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text></g>`+"\n", n.x, n.y+3, escaped(n.name))
		return
	}
	fmt.Fprintf(b, `<g class="node stream"><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.1f"/>`, left, top, right-left, bottom-top, n.h/2)
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text></g>`+"\n", n.x, n.y, escaped(n.name))
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}
