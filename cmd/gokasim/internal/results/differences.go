package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// differences writes the differences of one topic, the first few in full.
type differences struct {
	topic, what string
	count       int    // of all
	signs       string // what - and + stand for; expected and got when empty
	to          io.Writer

	written int
	err     error
}

func (d *differences) printf(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.to, format, args...)
	}
}

// next begins a difference, and reports whether it is to be written out.
func (d *differences) next() bool {
	if d.written == 0 {
		verb := "differ"
		if d.count == 1 {
			verb = "differs"
		}
		signs := d.signs
		if signs == "" {
			signs = "-expected +got"
		}
		d.printf("%s: %s %s (%s)\n", d.topic, plural(d.count, d.what), verb, signs)
	}
	d.written++
	return d.written <= maxDifferences
}

// line shows a row or record that is on one side only.
func (d *differences) line(sign, key, value string) {
	if d.next() {
		if d.signs != "" { // labels that are made for people
			d.printf("%s %s: %s\n", sign, key, value)
			return
		}
		d.printf("%s %s: %s\n", sign, Text(key), Text(value))
	}
}

// changed shows the values of one key; of two JSON objects only the members that differ.
func (d *differences) changed(key, want, got string) {
	if !d.next() {
		return
	}
	a, aok := members(want)
	b, bok := members(got)
	if !aok || !bok {
		d.printf("- %s: %s\n+ %s: %s\n", Text(key), Text(want), Text(key), Text(got))
		return
	}
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	d.printf("  %s:\n", Text(key))
	same := true
	for _, name := range names {
		wantValue, inWant := a[name]
		gotValue, inGot := b[name]
		if inWant == inGot && wantValue == gotValue {
			continue
		}
		same = false
		if inWant {
			d.printf("-     %s: %s\n", Text(name), Text(wantValue))
		}
		if inGot {
			d.printf("+     %s: %s\n", Text(name), Text(gotValue))
		}
	}
	if same {
		d.printf("-     %s\n+     %s\n", Text(want), Text(got)) // they differ in order or spaces
	}
}

func (d *differences) end() error {
	if more := d.written - maxDifferences; more > 0 {
		d.printf("  ... and %s more\n", plural(more, d.what))
	}
	return d.err
}

// members takes a JSON object apart; the values are compact JSON.
func members(text string) (map[string]string, bool) {
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &raw) != nil || raw == nil {
		return nil, false
	}
	compact := map[string]string{}
	for name, value := range raw {
		var b bytes.Buffer
		if json.Compact(&b, value) != nil {
			return nil, false
		}
		compact[name] = b.String()
	}
	return compact, true
}

// Text returns s as it can stand in a line on a terminal: shortened, and quoted when it holds anything that does not
// print.
func Text(s string) string {
	const limit = 300
	cut := ""
	if len(s) > limit {
		s, cut = strings.ToValidUTF8(s[:limit], ""), "..."
	}
	quoted := fmt.Sprintf("%q", s)
	if s == "" || quoted[1:len(quoted)-1] != strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) {
		return quoted + cut
	}
	return s + cut
}
