package tester

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// compareEffects compares what each record of a recording caused with a golden file, or writes that. Of a replay that ended
// early the file may have more; own says that the file was named for this replay, which writes it then even if it ended early.
func compareEffects(file string, got []byte, partly, own bool) error {
	write, err := fromGolden.boolean()
	if err != nil {
		return err
	}
	want, readErr := os.ReadFile(file)
	switch {
	case !write || !partly:
	case !own:
		return fmt.Errorf("golden file %s is not written from a part of the recording; run the whole, or name a file for the part by WithGolden", file)
	case bytes.HasPrefix(want, got):
		return nil // it may be that of a longer replay, too
	}
	if write || readErr != nil {
		return compareGolden(file, got)
	}
	if bytes.Equal(want, got) || partly && bytes.HasPrefix(want, got) {
		return nil
	}
	wants, gots := blocks(want), blocks(got)
	for i := range max(len(wants), len(gots)) {
		var w, g block
		if i < len(wants) {
			w = wants[i]
		}
		if i < len(gots) {
			g = gots[i]
		}
		if w.head == g.head && w.body == g.body {
			continue
		}
		if g.head == "" && partly {
			return nil
		}
		return w.difference(file, g)
	}
	return nil
}

// block is a record of the recording, and what it caused.
type block struct {
	head string
	line int
	body string
}

func blocks(text []byte) []block {
	var all []block
	for line := range strings.Lines(string(text)) {
		if head, ok := strings.CutPrefix(line, "% "); ok {
			b := block{head: strings.TrimSuffix(head, "\n")}
			_, _ = fmt.Sscanf(b.head, "line %d:", &b.line) // 0 is what a damaged file has
			all = append(all, b)
			continue
		}
		if len(all) == 0 {
			all = append(all, block{})
		}
		all[len(all)-1].body += line
	}
	return all
}

// difference says what differs, where b is wanted.
func (b block) difference(file string, got block) error {
	first := got
	switch {
	case got.head == "" || b.head != "" && b.line < got.line:
		first, got = b, block{} // it has no effect any more
	case b.head != got.head:
		b = block{} // it had none
	}
	diff := lineDiff(b.body, got.body)
	return errors.New("the first record whose effects differ from " + file + " is " + first.head + " (-want +got):\n" + diff +
		"-gokasim.golden (GOKASIM_GOLDEN=1) writes the file anew")
}

// diffContext is how many lines that are the same lineDiff shows on each side.
const diffContext = 3

// lineDiff shows where two texts differ: their lines from the first difference to the last.
func lineDiff(want, got string) string {
	ws, gs := lines([]byte(want)), lines([]byte(got))
	same := 0
	for same < len(ws) && same < len(gs) && ws[same] == gs[same] {
		same++
	}
	end := 0
	for end < len(ws)-same && end < len(gs)-same && ws[len(ws)-1-end] == gs[len(gs)-1-end] {
		end++
	}
	var b strings.Builder
	show := func(mark string, lines []string) {
		for _, l := range lines {
			if l != "" {
				b.WriteString(mark + l + "\n")
			}
		}
	}
	show("  ", ws[max(0, same-diffContext):same])
	show("- ", ws[same:len(ws)-end])
	show("+ ", gs[same:len(gs)-end])
	show("  ", ws[len(ws)-end:min(len(ws), len(ws)-end+diffContext)])
	return b.String()
}
