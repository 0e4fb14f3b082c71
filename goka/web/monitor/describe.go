package monitor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/picture"
)

// Overview is what the first page shows, also as JSON.
type Overview struct {
	Processors []Processor `json:"processors"` // in the order in which they were attached
	Views      []View      `json:"views"`      // in the order in which they were attached
	picture    *picture.Graph
}

// Processor is one processor of this process at one moment.
type Processor struct {
	Index      int           `json:"index"`           // by which its page is found
	Group      string        `json:"group"`           // its group
	State      string        `json:"state"`           // not started, starting, recovering, running, stopping or stopped
	Class      string        `json:"class"`           // good, waiting or bad
	Error      string        `json:"error,omitempty"` // what it ended with; empty if nothing failed
	Lag        int64         `json:"lag"`             // records, over all inputs and partitions
	LagTime    time.Duration `json:"lag_time"`        // nanoseconds
	Trend      string        `json:"trend"`           // of the lag: ↑, ↓ or →
	Rate       float64       `json:"rate"`            // messages a second
	Partitions []Partition   `json:"partitions"`      // those it has, by number
	Lookups    []View        `json:"lookups"`         // by topic
	Rebalances []Rebalance   `json:"rebalances"`      // newest first
	graph      *goka.GroupGraph
	picture    *picture.Graph
}

// Partition is one partition of a processor.
type Partition struct {
	Number  int32    `json:"partition"` // its number
	State   string   `json:"state"`     // idle, recovering, running, hot standby, stalled, stopping or stopped
	Class   string   `json:"class"`     // good, waiting or bad
	Standby bool     `json:"standby"`   // it is here for its tables alone
	Inputs  []Input  `json:"inputs"`    // by topic; empty on standby
	Outputs []Output `json:"outputs"`   // by topic; empty on standby
	Tables  []Table  `json:"tables"`    // the group's own, then the joined ones
}

// Input is one topic that a partition reads.
type Input struct {
	Topic   string        `json:"topic"`    // its name
	Count   uint          `json:"count"`    // messages since the partition was opened
	Bytes   int           `json:"bytes"`    // of their values
	Offset  int64         `json:"offset"`   // of the last message; -1 before
	Lag     int64         `json:"lag"`      // records after it
	LagTime time.Duration `json:"lag_time"` // nanoseconds; the age of the last message while there are more, else 0
}

// Output is one topic that a partition writes.
type Output struct {
	Topic string `json:"topic"` // its name
	Count uint   `json:"count"` // messages or rows since the partition was opened
	Bytes int    `json:"bytes"` // of their values
}

// Table is one partition of a table.
type Table struct {
	Topic     string        `json:"topic"`     // its name
	Partition int32         `json:"partition"` // its number
	State     string        `json:"state"`     // stopped, opening, connecting, recovering, preparing, running or stalled
	Class     string        `json:"class"`     // good, waiting or bad
	Stalled   bool          `json:"stalled"`   // nothing came for two minutes, though it follows its topic
	Standby   bool          `json:"standby"`   // it is here for another generation
	Offset    int64         `json:"offset"`    // read so far
	End       int64         `json:"end"`       // where the recovery ends
	Percent   int           `json:"percent"`   // of the recovery
	Rate      float64       `json:"rate"`      // of the recovery, records a second
	Left      time.Duration `json:"left"`      // until the recovery ends, at this rate; 0 when that is not known
	Took      time.Duration `json:"took"`      // the recovery, once it is over
	Lag       int64         `json:"lag"`       // records that are not read yet
	Read      uint          `json:"read"`      // records since it was opened
	Written   uint          `json:"written"`   // rows that callbacks wrote since it was opened
}

// Recovering reports whether the table is being recovered.
func (t Table) Recovering() bool { return t.State == "recovering" }

// View is one view, or a lookup table, at one moment.
type View struct {
	Index      int     `json:"index"`      // by which its page is found; 0 for a lookup table
	Table      string  `json:"table"`      // its topic
	State      string  `json:"state"`      // not running, opening, connecting, recovering, running or stalled
	Class      string  `json:"class"`      // good, waiting or bad
	Lag        int64   `json:"lag"`        // records, over all partitions
	Trend      string  `json:"trend"`      // of the lag: ↑, ↓ or →
	Rate       float64 `json:"rate"`       // records a second; 0 for a lookup table
	Partitions []Table `json:"partitions"` // by number
}

// Rebalance is one generation of a group as the processor took part in it.
type Rebalance struct {
	Number     int           `json:"number"`          // of the generations of this processor, from 1 on
	Generation int32         `json:"generation"`      // of the group
	Partitions []int32       `json:"partitions"`      // that the processor was given
	Gained     []int32       `json:"gained"`          // of these, those it did not have before
	Lost       []int32       `json:"lost"`            // those it had before
	Began      time.Time     `json:"began"`           // when the processor learned of it
	Took       time.Duration `json:"took"`            // until all partitions were recovered; 0 if they are not
	Ended      time.Time     `json:"ended"`           // zero while it lasts
	Error      string        `json:"error,omitempty"` // what went wrong while it was set up; empty if nothing did
}

// history is what was seen of a processor or view at earlier times, for rates and trends.
type history struct {
	mu      sync.Mutex // guards samples
	samples []sample
}

type sample struct {
	at    time.Time
	count float64
	lag   int64
}

// How far a history goes back, and how close its samples are.
const (
	historyLength = 30 * time.Second
	historyStep   = time.Second
)

// see adds a sample, and returns the rate of counts and the trend of the lag since the oldest one.
func (h *history) see(now time.Time, count float64, lag int64) (rate float64, trend string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.samples) > 1 && now.Sub(h.samples[0].at) > historyLength {
		h.samples = h.samples[1:]
	}
	trend = "→"
	if len(h.samples) > 0 {
		first := h.samples[0]
		if took := now.Sub(first.at).Seconds(); took > 0 {
			rate = max(0, (count-first.count)/took)
		}
		switch {
		case lag > first.lag:
			trend = "↑"
		case lag < first.lag:
			trend = "↓"
		}
	}
	if n := len(h.samples); n == 0 || now.Sub(h.samples[n-1].at) >= historyStep {
		h.samples = append(h.samples, sample{now, count, lag})
	}
	return rate, trend
}

var processorStates = map[goka.State][2]string{
	goka.ProcStateIdle:     {"not started", "waiting"},
	goka.ProcStateStarting: {"starting", "waiting"},
	goka.ProcStateSetup:    {"recovering", "waiting"},
	goka.ProcStateRunning:  {"running", "good"},
	goka.ProcStateStopping: {"stopping", "waiting"},
	goka.ProcStateStopped:  {"stopped", "bad"},
}

var partitionStates = map[goka.State][2]string{
	goka.PPStateIdle:       {"idle", "waiting"},
	goka.PPStateRecovering: {"recovering", "waiting"},
	goka.PPStateRunning:    {"running", "good"},
	goka.PPStateStopping:   {"stopping", "waiting"},
	goka.PPStateStopped:    {"stopped", "bad"},
}

var tableStates = map[goka.PartitionStatus][2]string{
	goka.PartitionStopped:      {"stopped", "waiting"},
	goka.PartitionInitializing: {"opening", "waiting"},
	goka.PartitionConnecting:   {"connecting", "waiting"},
	goka.PartitionRecovering:   {"recovering", "waiting"},
	goka.PartitionPreparing:    {"preparing", "waiting"},
	goka.PartitionRunning:      {"running", "good"},
}

var viewStates = map[goka.ViewState][2]string{
	goka.ViewStateIdle:         {"not running", "bad"},
	goka.ViewStateInitializing: {"opening", "waiting"},
	goka.ViewStateConnecting:   {"connecting", "waiting"},
	goka.ViewStateCatchUp:      {"recovering", "waiting"},
	goka.ViewStateRunning:      {"running", "good"},
}

func (s *Server) describe(index int, w *watched[*goka.Processor], now time.Time) Processor {
	p := w.it
	state := processorStates[p.StateReader().State()]
	d := Processor{
		Index: index, Group: string(p.Graph().Group()), State: state[0], Class: state[1], graph: p.Graph(),
		Partitions: []Partition{}, Lookups: []View{}, Rebalances: rebalances(p.Rebalances()),
	}
	if err := p.Error(); err != nil {
		d.Error = err.Error()
	}
	stats, count := p.Stats(), 0.0
	for _, number := range slices.Sorted(maps.Keys(stats.Group)) {
		part := describePartition(number, stats.Group[number], d.graph, now)
		for _, in := range part.Inputs {
			count += float64(in.Count)
			d.Lag += in.Lag
			d.LagTime = max(d.LagTime, in.LagTime)
		}
		d.Partitions = append(d.Partitions, part)
	}
	for _, topic := range slices.Sorted(maps.Keys(stats.Lookup)) {
		v := View{Table: topic, State: "running", Class: "good"}
		v.fill(stats.Lookup[topic], now)
		for _, t := range v.Partitions {
			if t.Class != "good" {
				v.State, v.Class = t.State, t.Class
			}
		}
		if len(v.Partitions) == 0 {
			v.State, v.Class = "not running", "waiting"
		}
		d.Lookups = append(d.Lookups, v)
	}
	d.Rate, d.Trend = w.history.see(now, count, d.Lag)
	return d
}

func describePartition(number int32, s *goka.PartitionProcStats, graph *goka.GroupGraph, now time.Time) Partition {
	state := partitionStates[s.State]
	p := Partition{
		Number: number, State: state[0], Class: state[1], Standby: s.RunMode != 0,
		Inputs: []Input{}, Outputs: []Output{}, Tables: []Table{},
	}
	if p.Standby && s.State == goka.PPStateRunning {
		p.State = "hot standby"
	}
	if !p.Standby {
		for _, topic := range slices.Sorted(maps.Keys(s.Input)) {
			in := s.Input[topic]
			p.Inputs = append(p.Inputs, Input{topic, in.Count, in.Bytes, in.LastOffset, in.OffsetLag, in.LagTime(now)})
		}
		for _, topic := range slices.Sorted(maps.Keys(s.Output)) {
			p.Outputs = append(p.Outputs, Output{topic, s.Output[topic].Count, s.Output[topic].Bytes})
		}
	}
	if s.TableStats != nil {
		p.Tables = append(p.Tables, describeTable(graph.GroupTable().Topic(), number, s.TableStats, now))
	}
	for _, topic := range slices.Sorted(maps.Keys(s.Joined)) {
		p.Tables = append(p.Tables, describeTable(topic, number, s.Joined[topic], now))
	}
	for _, t := range p.Tables {
		if t.Stalled {
			p.State, p.Class = "stalled", "bad"
		}
	}
	return p
}

func describeTable(topic string, partition int32, s *goka.TableStats, now time.Time) Table {
	state := tableStates[s.Status]
	t := Table{
		Topic: topic, Partition: partition, State: state[0], Class: state[1], Stalled: s.Stalled, Standby: s.RunMode != 0,
		Lag: s.Input.OffsetLag, Read: s.Input.Count, Written: s.Writes.Count, Percent: 100,
	}
	if s.Stalled {
		t.State, t.Class = "stalled", "bad"
	}
	r := s.Recovery
	t.Offset, t.End = r.Offset, r.Hwm
	if !r.RecoveryTime.IsZero() {
		t.Took = max(0, r.RecoveryTime.Sub(r.StartTime))
		return t
	}
	if r.StartTime.IsZero() || r.Hwm <= 0 {
		return t
	}
	t.Percent = int(100 * max(0, min(r.Offset, r.Hwm)) / r.Hwm)
	if took := now.Sub(r.StartTime).Seconds(); took > 0 && s.Input.Count > 0 {
		t.Rate = float64(s.Input.Count) / took
		t.Left = time.Duration(float64(max(0, r.Hwm-r.Offset)) / t.Rate * float64(time.Second))
	}
	return t
}

func describeView(index int, w *watched[*goka.View], now time.Time) View {
	state := viewStates[w.it.CurrentState()]
	v := View{Index: index, Table: w.it.Topic(), State: state[0], Class: state[1]}
	count := v.fill(stats(w.it), now)
	v.Rate, v.Trend = w.history.see(now, count, v.Lag)
	return v
}

// fill adds the partitions, and returns how many records they have read.
func (v *View) fill(s *goka.ViewStats, now time.Time) (count float64) {
	v.Partitions, v.Trend = []Table{}, "→"
	for _, number := range slices.Sorted(maps.Keys(s.Partitions)) {
		t := describeTable(v.Table, number, s.Partitions[number], now)
		v.Partitions = append(v.Partitions, t)
		v.Lag += t.Lag
		count += float64(t.Read)
		if t.Stalled {
			v.State, v.Class = "stalled", "bad"
		}
	}
	return count
}

// rebalances lists generations, the newest first, with what each changed.
func rebalances(list []goka.Rebalance) []Rebalance {
	out := []Rebalance{}
	var before []int32
	for i, r := range list {
		d := Rebalance{Number: r.Number, Generation: r.Generation, Partitions: r.Partitions, Began: r.Began, Ended: r.Ended}
		if !r.Ready.IsZero() {
			d.Took = r.Ready.Sub(r.Began)
		}
		if r.Err != nil {
			d.Error = r.Err.Error()
		}
		if i > 0 || r.Number == 1 {
			d.Gained, d.Lost = without(r.Partitions, before), without(before, r.Partitions)
		}
		before = r.Partitions
		out = append(out, d)
	}
	slices.Reverse(out)
	return out
}

func without(list, other []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(list), func(p int32) bool { return slices.Contains(other, p) })
}

// states says how many partitions are in which state.
func states(list []Partition) string {
	if len(list) == 0 {
		return "no partitions"
	}
	n := map[string]int{}
	for _, p := range list {
		n[p.State]++
	}
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
	}
	return strings.Join(parts, ", ")
}

// Picture is the graph of what the page shows.
func (o Overview) Picture() string { return drawn(o.picture) }

// Picture is the graph of the processor.
func (p Processor) Picture() string { return drawn(p.picture) }

func drawn(g *picture.Graph) string {
	if g == nil || len(g.Groups) == 0 {
		return ""
	}
	return g.SVG()
}

// States says how many partitions are in which state.
func (p Processor) States() string { return states(p.Partitions) }
