package tester

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
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

// diffContext is how many lines that are the same lineDiff shows on each side of those that are not.
const diffContext = 3

// lineDiff shows in which lines two texts differ, with some lines around them.
func lineDiff(want, got string) string {
	var b strings.Builder
	shown := 0 // of edits
	edits := edited(lines([]byte(want)), lines([]byte(got)))
	for i, e := range edits {
		if e.mark == same && !slices.ContainsFunc(edits[max(0, i-diffContext):min(len(edits), i+diffContext+1)], edit.changes) {
			continue
		}
		if shown < i && b.Len() > 0 {
			fmt.Fprintf(&b, "  ... // %d lines that are the same\n", i-shown)
		}
		shown = i + 1
		if e.line != "" {
			b.WriteString(e.mark + e.line + "\n")
		}
	}
	return b.String()
}

// edit is a line that is left, taken out or put in.
type edit struct{ mark, line string }

const same = "  "

func (e edit) changes() bool { return e.mark != same }

// diffCells bounds the table of a diff: of texts that differ in more lines than this allows, all from the first difference to
// the last is shown as changed.
const diffCells = 4 << 20

// edited makes one list of lines into another, leaving as many of them as it can.
func edited(want, got []string) []edit {
	var edits, tail []edit
	add := func(mark string, lines ...string) {
		for _, l := range lines {
			edits = append(edits, edit{mark, l})
		}
	}
	for len(want) > 0 && len(got) > 0 && want[0] == got[0] {
		add(same, want[0])
		want, got = want[1:], got[1:]
	}
	for len(want) > 0 && len(got) > 0 && want[len(want)-1] == got[len(got)-1] {
		tail = append(tail, edit{same, want[len(want)-1]})
		want, got = want[:len(want)-1], got[:len(got)-1]
	}
	if len(want)*len(got) <= diffCells {
		left := commonLines(want, got)
		for len(want) > 0 && len(got) > 0 {
			w, g := len(want), len(got)
			switch {
			case want[0] == got[0]:
				add(same, want[0])
				want, got = want[1:], got[1:]
			case left(w-1, g) >= left(w, g-1):
				add("- ", want[0])
				want = want[1:]
			default:
				add("+ ", got[0])
				got = got[1:]
			}
		}
	}
	add("- ", want...)
	add("+ ", got...)
	slices.Reverse(tail)
	return append(edits, tail...)
}

// commonLines returns how many lines the last w of one list and the last g of another have in common, in their order.
func commonLines(want, got []string) (of func(w, g int) int32) {
	row := len(got) + 1
	table := make([]int32, (len(want)+1)*row)
	for w := 1; w <= len(want); w++ {
		for g := 1; g <= len(got); g++ {
			if want[len(want)-w] == got[len(got)-g] {
				table[w*row+g] = table[(w-1)*row+g-1] + 1
			} else {
				table[w*row+g] = max(table[(w-1)*row+g], table[w*row+g-1])
			}
		}
	}
	return func(w, g int) int32 { return table[w*row+g] }
}
