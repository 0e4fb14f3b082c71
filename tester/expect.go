package tester

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokasim/gokasim/goka"
)

// compared are the options of go-cmp: unexported fields are compared, and no rows and nil rows are the same.
func (tt *Tester) compared() []gocmp.Option {
	return append([]gocmp.Option{
		gocmp.Exporter(func(reflect.Type) bool { return true }),
		cmpopts.EquateEmpty(),
	}, tt.settings.compare...)
}

// Table returns all rows of a table, decoded, by key.
func (tt *Tester) Table(table goka.Table) map[string]any {
	tt.mark.Helper()
	rows := map[string]any{}
	for _, key := range tt.GetTableKeys(table) {
		rows[key] = tt.TableValue(table, key)
	}
	return rows
}

// ExpectTable fails the test when the rows of a table are others than these, and shows the difference.
func (tt *Tester) ExpectTable(table goka.Table, want map[string]any) {
	tt.mark.Helper()
	got := tt.Table(table)
	if diff := gocmp.Diff(want, got, tt.compared()...); diff != "" {
		tt.errorf("table %s (-want +got):\n%s", table, diff)
	}
}

// ExpectOutput fails the test when others than these records came to a topic since the last ExpectOutput or
// ExpectNoOutput for it, or since the tester was made, and shows the difference. Keys and values are compared, headers and
// times where the expectation has them, and places where it was made by At. The order counts; with several partitions, or
// in a simulation, it counts within each key.
func (tt *Tester) ExpectOutput(topic string, want ...Record) {
	tt.mark.Helper()
	got, ok := tt.news(topic)
	if !ok {
		return
	}
	if tt.unordered(topic) {
		byKey := func(a, b Record) int { return cmp.Compare(a.Key, b.Key) }
		want = slices.Clone(want)
		slices.SortStableFunc(want, byKey)
		slices.SortStableFunc(got, byKey)
	}
	wants, gots := make([]expectation, len(want)), make([]expectation, len(got))
	for i, r := range want {
		wants[i] = r.expectation(r)
	}
	for i, r := range got {
		like := Record{}
		if i < len(want) {
			like = want[i]
		}
		gots[i] = r.expectation(like)
	}
	if diff := gocmp.Diff(wants, gots, tt.compared()...); diff != "" {
		tt.errorf("output %s (-want +got):\n%s", topic, diff)
	}
}

// ExpectNoOutput fails the test when a record came to one of these topics since the last ExpectOutput or ExpectNoOutput
// for it. Without topics it looks at all outputs of all processors, and fails the test when there is no processor yet.
func (tt *Tester) ExpectNoOutput(topics ...string) {
	tt.mark.Helper()
	if len(topics) == 0 {
		graphs := tt.graphs()
		if len(graphs) == 0 {
			tt.mistakef("outputs: there is no processor that has any; name topics, or make processors first")
			return
		}
		topics = outputsOf(graphs)
	}
	for _, topic := range topics {
		got, ok := tt.news(topic)
		if !ok || len(got) == 0 {
			continue
		}
		lines := make([]string, len(got))
		for i, r := range got {
			lines[i] = fmt.Sprintf("  %s/%d offset %d: %q = %v", topic, r.Partition, r.Offset, r.Key, r.Value)
		}
		tt.errorf("output %s has records that nobody expected:\n%s", topic, strings.Join(lines, "\n"))
	}
}

// expectation is what is compared of a record.
type expectation struct {
	Key     string
	Value   any
	Headers map[string]string
	Time    string
	Place   string
}

// expectation returns what of r a record like the other one lets compare.
func (r Record) expectation(like Record) expectation {
	e := expectation{Key: r.Key, Value: r.Value}
	if len(like.Headers) > 0 {
		e.Headers = map[string]string{}
		for name, value := range r.Headers {
			e.Headers[name] = string(value)
		}
	}
	if !like.Time.IsZero() {
		e.Time = r.Time.UTC().Format("2006-01-02 15:04:05.000")
	}
	if like.place {
		e.Place = fmt.Sprintf("partition %d offset %d", r.Partition, r.Offset)
	}
	return e
}

// news returns the records that came to a topic since it was last asked for.
func (tt *Tester) news(topic string) ([]Record, bool) {
	tt.mark.Helper()
	if err := tt.awaitStart(); err != nil {
		tt.fatalf("output %s: %v", topic, err)
		return nil, false
	}
	raw, err := tt.rawRecords(topic, tt.seen[topic])
	if err != nil {
		tt.fatalf("output %s: %v", topic, err)
		return nil, false
	}
	records := make([]Record, len(raw))
	for i, r := range raw {
		if records[i], err = tt.decoded(topic, r); err != nil {
			tt.fatalf("output %s: record at %d/%d, key %q: %v", topic, r.partition, r.Offset, r.Key, err)
			return nil, false
		}
		for len(tt.seen[topic]) <= int(r.partition) {
			tt.seen[topic] = append(tt.seen[topic], 0)
		}
		tt.seen[topic][r.partition] = r.Offset + 1
	}
	return records, true
}

// unordered reports whether the records of a topic have an order within their keys only.
func (tt *Tester) unordered(topic string) bool {
	if _, here := tt.ground.(*byHand); !here {
		return true
	}
	n, err := tt.ground.partitions(topic)
	return err != nil || n > 1 || tt.settings.partitions > 1
}

// outputsOf lists the outputs of all graphs, sorted.
func outputsOf(graphs []*goka.GroupGraph) []string {
	all := map[string]bool{}
	for _, gg := range graphs {
		for _, topic := range gg.OutputStreams().Topics() {
			all[topic] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
