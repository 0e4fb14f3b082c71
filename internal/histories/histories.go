// Package histories runs properties of random histories, and prints one that fails as a script.
package histories

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/script"
)

// Check is rapid.Check. When property fails it also logs the shortest history that rapid has found to do so, in the language of internal/script: a
// line "begin" with what was drawn before the first action of [rapid.T.Repeat], then each action with what was drawn for
// it, in order. The same history runs again with the seed or the file that rapid names.
func Check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	r := &recorder{T: t}
	defer r.print()
	rapid.Check(r, property)
}

// recorder is a test that listens to what rapid says of the last run of a property, which is the shortest one that fails. All others run
// silently.
type recorder struct {
	*testing.T
	script []script.Statement
}

// How rapid says what it drew, and how Repeat labels the name of an action.
const (
	drew   = "[rapid] draw %v: %#v"
	action = "action"
)

func (r *recorder) Logf(format string, args ...any) {
	r.Helper()
	r.T.Logf(format, args...)
	if format == drew && len(args) == 2 {
		r.draw(fmt.Sprint(args[0]), args[1])
	}
}

func (r *recorder) draw(label string, value any) {
	if label == action {
		r.script = append(r.script, script.Statement{Command: script.Command{Name: word(fmt.Sprint(value))}})
		return
	}
	if len(r.script) == 0 {
		r.script = append(r.script, script.Statement{Command: script.Command{Name: "begin"}})
	}
	last := &r.script[len(r.script)-1]
	last.Args = append(last.Args, script.Pair(word(label), text(value)))
}

// text is a value without its Go type.
func text(value any) string {
	switch v := value.(type) {
	case []byte:
		return string(v)
	case string:
		return v
	}
	return fmt.Sprintf("%+v", value)
}

// word makes a name out of what may have spaces.
func word(s string) string {
	if w := strings.Join(strings.Fields(s), "-"); script.IsWord(w) {
		return w
	}
	return "unnamed"
}

func (r *recorder) print() {
	r.Helper()
	if !r.Failed() || len(r.script) == 0 {
		return
	}
	var b strings.Builder
	for s := range slices.Values(r.script) {
		fmt.Fprintf(&b, "\n\t%s", s)
	}
	r.T.Logf("the shortest history that fails, as a script:%s", &b)
}
