package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// MaxShown is the number of rows up to which a table is shown.
const MaxShown = 50

// Show writes the tables of up to MaxShown rows to w, as columns, and returns the names of those that are longer.
func (s *Spool) Show(result *replaywire.Result, w io.Writer) (long []string, err error) {
	shown := 0
	for _, t := range result.Tables {
		if t.Count > MaxShown {
			long = append(long, t.Name)
			continue
		}
		if shown++; shown > 1 {
			if _, err := fmt.Fprintln(w); err != nil {
				return long, err
			}
		}
		if err := showTable(t.Name, s.path(t), w); err != nil {
			return long, fmt.Errorf("showing table %s: %w", t.Name, err)
		}
	}
	return long, nil
}

func showTable(name, file string, w io.Writer) error {
	head := []string{"key"}
	var rows []map[string]string
	err := each(file, func(rec *dump.Record) error {
		names, cells := columns(string(rec.Value))
		for _, n := range names {
			if !slices.Contains(head[1:], n) {
				head = append(head, n)
			}
		}
		cells["\x00key"] = Text(string(rec.Key)) // which no member is called
		rows = append(rows, cells)
		return nil
	})
	if err != nil {
		return err
	}
	grid := [][]string{head}
	for _, cells := range rows {
		line := []string{cells["\x00key"]}
		for _, n := range head[1:] {
			line = append(line, cells[n])
		}
		grid = append(grid, line)
	}
	if _, err := fmt.Fprintf(w, "%s (%s)\n", name, plural(len(rows), "row")); err != nil {
		return err
	}
	if len(rows) == 0 {
		return nil
	}
	return writeGrid(grid, w)
}

// columns takes a value apart into columns: the members of a JSON object in their order, else one called value.
func columns(value string) (names []string, cells map[string]string) {
	cells = map[string]string{}
	d := json.NewDecoder(strings.NewReader(value))
	if open, err := d.Token(); err != nil || open != json.Delim('{') || !json.Valid([]byte(value)) {
		return []string{"value"}, map[string]string{"value": Text(value)}
	}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var raw json.RawMessage
		if err != nil || !ok || d.Decode(&raw) != nil {
			return []string{"value"}, map[string]string{"value": Text(value)}
		}
		names = append(names, name)
		cells[name] = cell(raw)
	}
	return names, cells
}

// cell returns a JSON value as a reader of tables expects it: strings without quotes, null as nothing.
func cell(raw json.RawMessage) string {
	var text string
	var b bytes.Buffer
	switch {
	case string(raw) == "null":
		return ""
	case json.Unmarshal(raw, &text) == nil:
		return Text(text)
	case json.Compact(&b, raw) == nil:
		return Text(b.String())
	}
	return Text(string(raw))
}

// writeGrid writes cells in columns, those with numbers alone to the right.
func writeGrid(grid [][]string, w io.Writer) error {
	widths := make([]int, len(grid[0]))
	numeric := make([]bool, len(grid[0]))
	for i := range grid[0] {
		numeric[i] = len(grid) > 1
		for j, line := range grid {
			widths[i] = max(widths[i], utf8.RuneCountInString(line[i]))
			if j > 0 && line[i] != "" && !isNumber(line[i]) {
				numeric[i] = false
			}
		}
	}
	for _, line := range grid {
		var b strings.Builder
		for i, text := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i > 0 {
				b.WriteString("  ")
			}
			if numeric[i] {
				b.WriteString(pad + text)
			} else {
				b.WriteString(text + pad)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func isNumber(s string) bool {
	return json.Valid([]byte(s)) && strings.ContainsAny(s[:1], "-0123456789")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
