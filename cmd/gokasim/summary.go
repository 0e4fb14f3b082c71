package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// summarise tells what went in, what came out, and how fast.
func (r *replay) summarise(result *replaywire.Result) {
	var records int64
	for _, t := range result.Inputs {
		records += t.Count
	}
	elapsed := time.Duration(result.Nanos)
	r.say("replayed %s in %v, %s records/s", counted(records, "record"), elapsed.Round(time.Millisecond),
		progress.Count(int64(float64(records)/max(elapsed.Seconds(), 1e-9))))
	width := 0
	for _, t := range slices.Concat(result.Inputs, result.Tables, result.Outputs) {
		width = max(width, len(t.Name))
	}
	r.topics("input", result.Inputs, "record", width)
	r.topics("table", result.Tables, "row", width)
	r.topics("output", result.Outputs, "record", width)
	for _, f := range result.Faults {
		r.say("  fault   %s: struck %s", f.Name, counted(f.Injected, "time"))
	}
	if n := len(result.Incidents); n > 0 {
		crashes := 0
		for _, i := range result.Incidents {
			if i.Kind == "crash" {
				crashes++
			}
		}
		r.say("went through %s and %s, with seed %d", counted(int64(n-crashes), "rebalance"), counted(int64(crashes), "crash"), r.seed)
	}
	if result.Skipped > 0 {
		r.say("skipped %s beginning with %%", counted(result.Skipped, "line"))
	}
	if result.Late > 0 {
		r.say("kept the place of %s older than one before it in its file", counted(result.Late, "record"))
	}
	if result.Unplaced > 0 {
		r.say("--from and --to left out none of %s without the time or offset that they name", counted(result.Unplaced, "record"))
	}
	if r.out != "" {
		r.say("tables and outputs are in %s", r.out)
	}
}

// summariseAsJSON tells scripts the same on standard output.
func (r *replay) summariseAsJSON(result *replaywire.Result, c results.Comparison) error {
	summary := struct {
		Inputs      []replaywire.Topic `json:"inputs"`
		Tables      []replaywire.Topic `json:"tables"`
		Outputs     []replaywire.Topic `json:"outputs"`
		BadLines    int64              `json:"bad_lines"`
		Skipped     int64              `json:"skipped_lines"`
		Millis      int64              `json:"millis"`
		Different   []string           `json:"different"`
		NotCompared []string           `json:"not_compared,omitempty"` // for want of a file in the directory of --expect
		Again       int                `json:"came_again,omitempty"`   // records of outputs, as they may after a crash
	}{
		append([]replaywire.Topic{}, result.Inputs...), append([]replaywire.Topic{}, result.Tables...), append([]replaywire.Topic{}, result.Outputs...),
		result.BadLines, result.Skipped, result.Nanos / 1e6, append([]string{}, c.Different...), c.Unexpected, c.Twice,
	}
	if r.out == "" { // there are no files
		for _, topics := range [][]replaywire.Topic{summary.Tables, summary.Outputs} {
			for i := range topics {
				topics[i].File = ""
			}
		}
	}
	if err := json.NewEncoder(r.cmd.OutOrStdout()).Encode(summary); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

func (r *replay) topics(kind string, topics []replaywire.Topic, noun string, width int) {
	for _, t := range topics {
		r.say("  %-6s  %-*s  %14s", kind, width, t.Name, counted(t.Count, noun))
	}
}

// counted is a number of things.
func counted(n int64, noun string) string {
	if n != 1 {
		if strings.HasSuffix(noun, "sh") {
			noun += "e"
		}
		noun += "s"
	}
	return progress.Count(n) + " " + noun
}

func joined(names []string) string { return strings.Join(names, ", ") }
