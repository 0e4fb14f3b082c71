package picture

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func flights() *Graph {
	return &Graph{
		Groups: []Group{{Name: "aircraft", Notes: []string{"8 partitions running"}, State: Good}, {Name: "carriers"}},
		Edges: []Edge{
			{Group: "aircraft", Topic: "flights", Role: Input},
			{Group: "aircraft", Topic: "planes", Role: Join},
			{Group: "aircraft", Topic: "weather", Role: Lookup},
			{Group: "aircraft", Topic: "by-carrier", Role: Output},
			{Group: "aircraft", Topic: "aircraft-loop", Role: Loop},
			{Group: "aircraft", Topic: "aircraft-table", Role: Table},
			{Group: "carriers", Topic: "by-carrier", Role: Input},
			{Group: "carriers", Topic: "carriers-table", Role: Table},
		},
	}
}

func TestMermaid(t *testing.T) {
	const want = `flowchart LR
  t0(["aircraft-loop"])
  t1[("aircraft-table")]
  t2(["by-carrier"])
  t3[("carriers-table")]
  t4(["flights"])
  t5[("planes")]
  t6[("weather")]
  g0["aircraft"]
  g1["carriers"]
  t4 --> g0
  t5 -. join .-> g0
  t6 -. lookup .-> g0
  g0 --> t2
  g0 <-- loop --> t0
  g0 == table ==> t1
  t2 --> g1
  g1 == table ==> t3
`
	if got := flights().Mermaid(); got != want {
		t.Errorf("got:\n%s", got)
	}
	odd := &Graph{Groups: []Group{{Name: `a"<b>`}}}
	if got := odd.Mermaid(); !strings.Contains(got, `g0["a&quot;&lt;b&gt;"]`) {
		t.Errorf("odd name: %s", got)
	}
}

func TestSVGIsWellFormedAndNothingOverlaps(t *testing.T) {
	circle := &Graph{
		Groups: []Group{{Name: "ping<&>"}, {Name: "pong"}},
		Edges: []Edge{
			{Group: "ping<&>", Topic: "a", Role: Input},
			{Group: "ping<&>", Topic: "b", Role: Output},
			{Group: "pong", Topic: "b", Role: Input},
			{Group: "pong", Topic: "a", Role: Output},
		},
	}
	for name, g := range map[string]*Graph{"flights": flights(), "circle": circle, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			svg := g.SVG()
			for d := xml.NewDecoder(strings.NewReader(svg)); ; {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%v in:\n%s", err, svg)
				}
			}
			l := g.layOut()
			for i, a := range l.nodes {
				if a.x-a.w/2 < 0 || a.x+a.w/2 > l.width || a.y-a.h/2 < 0 || a.y+a.h/2 > l.height {
					t.Errorf("%s lies outside", a.name)
				}
				for _, b := range l.nodes[:i] {
					if abs(a.x-b.x) < (a.w+b.w)/2 && abs(a.y-b.y) < (a.h+b.h)/2 {
						t.Errorf("%s and %s overlap", a.name, b.name)
					}
				}
			}
		})
	}
	if svg := circle.SVG(); strings.Contains(svg, "ping<&>") {
		t.Error("a name is not escaped")
	}
}

func abs(x float64) float64 { return max(x, -x) }

func TestSVGIsTheSameEachTime(t *testing.T) {
	first := flights().SVG()
	for range 20 {
		if flights().SVG() != first {
			t.Fatal("two pictures of one graph differ")
		}
	}
}
