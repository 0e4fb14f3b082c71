package results

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// maxDifferences bounds how many differences of a topic are written out; the rest is counted.
const maxDifferences = 20

// Comparison is how results compare with expected ones.
type Comparison struct {
	Compared   []string // topics with an expectation
	Unexpected []string // topics without one: their results were not compared
	Different  []string // topics that are not as expected
	Twice      int      // records of outputs that came more often than expected, where that is allowed
}

// Compare compares the results with the files of the same names in dir, plain or compressed, and writes what differs
// to w: lines with - are expected and missing, lines with + are there and not expected.
//
// Tables are compared by key. Of outputs the keys, values and headers are compared, as often as they occur: partitions,
// offsets, times and the order of records depend on how many partitions and instances there are. With atLeastOnce, expected records may come more
// than once.
func (s *Spool) Compare(result *replaywire.Result, dir string, w io.Writer, atLeastOnce bool) (Comparison, error) {
	var c Comparison
	expected, err := expectations(dir)
	if err != nil {
		return c, err
	}
	compare := func(t replaywire.Topic, differ func(want, got string, w io.Writer) (bool, error)) error {
		want, ok := expected[t.Name]
		if !ok {
			c.Unexpected = append(c.Unexpected, t.Name)
			return nil
		}
		delete(expected, t.Name)
		c.Compared = append(c.Compared, t.Name)
		different, err := differ(want, s.path(t), w)
		if different {
			c.Different = append(c.Different, t.Name)
		}
		return err
	}
	for _, t := range result.Tables {
		if err := compare(t, differentTables); err != nil {
			return c, fmt.Errorf("comparing table %s: %w", t.Name, err)
		}
	}
	for _, t := range result.Outputs {
		outputs := func(want, got string, w io.Writer) (bool, error) {
			different, twice, err := differentOutputs(want, got, w, atLeastOnce)
			c.Twice += twice
			return different, err
		}
		if err := compare(t, outputs); err != nil {
			return c, fmt.Errorf("comparing output %s: %w", t.Name, err)
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(expected)) {
		c.Different = append(c.Different, topic)
		if _, err := fmt.Fprintf(w, "%s: expected by %s, but no graph of this run has such a table or output\n", topic, expected[topic]); err != nil {
			return c, err
		}
	}
	return c, nil
}

// errNoFiles reports a directory without results.
var errNoFiles = errors.New("holds no TOPIC.jsonl file")

// CheckExpected tells what is wrong with a directory of expected results, before there are any to compare with them.
func CheckExpected(dir string) error {
	_, err := expectations(dir)
	return err
}

// expectations finds the files in dir by topic.
func expectations(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the directory of --expect: %w", err)
	}
	found := map[string]string{}
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".gz"), ".zst")
		topic, ok := strings.CutSuffix(name, ".jsonl")
		if !ok || e.IsDir() {
			continue
		}
		if other, twice := found[topic]; twice {
			return nil, fmt.Errorf("%s and %s expect the same topic; keep one", other, e.Name())
		}
		found[topic] = filepath.Join(dir, e.Name())
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("directory %s of --expect %w; write some by --expect %s --update", dir, errNoFiles, dir)
	}
	return found, nil
}

// differentTables compares two files of a table by key.
func differentTables(want, got string, w io.Writer) (bool, error) {
	wantRows, err := fold(want)
	if err != nil {
		return false, err
	}
	gotRows, err := fold(got)
	if err != nil {
		return false, err
	}
	keys := slices.Collect(maps.Keys(wantRows))
	for k := range gotRows {
		if _, ok := wantRows[k]; !ok {
			keys = append(keys, k)
		}
	}
	keys = slices.DeleteFunc(keys, func(k string) bool {
		a, inWant := wantRows[k]
		b, inGot := gotRows[k]
		return a == b && inWant == inGot
	})
	if len(keys) == 0 {
		return false, nil
	}
	slices.Sort(keys)
	d := differences{topic: nameOf(got), what: "row", count: len(keys), to: w}
	for _, k := range keys {
		a, inWant := wantRows[k]
		b, inGot := gotRows[k]
		switch {
		case !inGot:
			d.line("-", k, a)
		case !inWant:
			d.line("+", k, b)
		default:
			d.changed(k, a, b)
		}
	}
	return true, d.end()
}

// differentOutputs compares two files of records as bags. It holds a hash of each record, not the records. With atLeastOnce it counts further copies of
// records that are expected, and does not take them for a difference.
func differentOutputs(want, got string, w io.Writer, atLeastOnce bool) (different bool, twice int, err error) {
	type sum [16]byte
	sumOf := func(rec *dump.Record) sum {
		h := sha256.New()
		fmt.Fprintf(h, "%v %q %v %q", rec.Key == nil, rec.Key, rec.Value == nil, rec.Value) // a hash never fails
		for _, header := range rec.Headers {
			fmt.Fprintf(h, " %q %v %q", header.Key, header.Value == nil, header.Value)
		}
		return sum(h.Sum(nil)[:16])
	}
	surplus := map[sum]int{} // by how many more there are than expected
	if err := each(got, func(rec *dump.Record) error { surplus[sumOf(rec)]++; return nil }); err != nil {
		return false, 0, err
	}
	expected := map[sum]bool{}
	err = each(want, func(rec *dump.Record) error {
		s := sumOf(rec)
		surplus[s]--
		if atLeastOnce {
			expected[s] = true
		}
		return nil
	})
	if err != nil {
		return false, 0, err
	}
	for s := range expected {
		if n := surplus[s]; n > 0 {
			twice += n
			delete(surplus, s)
		}
	}
	count := 0
	maps.DeleteFunc(surplus, func(_ sum, n int) bool {
		count += max(n, -n)
		return n == 0
	})
	if count == 0 {
		return false, twice, nil
	}
	d := differences{topic: nameOf(got), what: "record", count: count, to: w}
	show := func(sign string, step int) func(rec *dump.Record) error {
		return func(rec *dump.Record) error {
			if s := sumOf(rec); surplus[s]*step > 0 {
				surplus[s] -= step
				d.line(sign, string(rec.Key), string(rec.Value))
			}
			return nil
		}
	}
	err = errors.Join(each(want, show("-", -1)), each(got, show("+", 1)))
	return true, twice, errors.Join(err, d.end())
}

func nameOf(file string) string { return strings.TrimSuffix(filepath.Base(file), ".jsonl") }
