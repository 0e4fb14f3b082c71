package goka_test

import (
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestG1_DefiningAGroupNeverPanics(t *testing.T) {
	c := new(codec.String)
	in := goka.Input("in", c, ignore)
	for _, test := range []struct {
		name  string
		edges []goka.Edge
		want  string
	}{
		{"an empty topic", []goka.Edge{goka.Input("", c, ignore)}, "Input topic cannot be empty. This will not work."},
		{"a topic twice", []goka.Edge{in, in}, "Callback for topic in already exists. It is illegal to consume a topic twice"},
		{"among several", []goka.Edge{in, goka.Inputs(goka.Streams{"other", "in"}, c, ignore)}, "Callback for topic in already exists"},
		{"in another role", []goka.Edge{in, goka.Output("in", c)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			gg := goka.DefineGroup("g", test.edges...)
			if test.want != "" {
				refused(t, gg.Validate(), test.want)
			} else if err := gg.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}
