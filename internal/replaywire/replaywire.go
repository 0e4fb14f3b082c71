// Package replaywire is what gokasim replay and the program that it compiles say to each other: settings on the way
// in, as JSON in an environment variable; events on the way out, as JSON lines through an inherited pipe.
package replaywire

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/picture"
)

// Version is the version of the conversation. Both sides are usually compiled from one source, except where a module
// requires another version of this one than gokasim was built from.
const Version = 3

// SettingsVariable names the environment variable that holds the Settings.
const SettingsVariable = "GOKASIM_REPLAY"

// PipeDescriptor is the file descriptor that the events are written to.
const PipeDescriptor = 3

// TestName is the test that the generated file declares.
const TestName = "TestGokasimReplay"

// Settings say what to replay.
type Settings struct {
	Version    int      `json:"version"`
	Inputs     []string `json:"inputs"`     // dumps, as absolute paths or dump.Stdin
	Partitions int      `json:"partitions"` // of every topic
	Instances  int      `json:"instances"`  // processors of every group
	Brokers    []string `json:"brokers"`    // empty for a simulated cluster in virtual time
	Dir        string   `json:"dir"`        // an existing directory for the results
	Report     bool     `json:"report"`     // tell samples and callbacks
	Verbose    bool     `json:"verbose"`    // let goka log to standard error
	Describe   bool     `json:"describe"`   // replay nothing: tell the graphs, and end with an empty result

	Input dump.Options `json:"input"`           // what the inputs do not say themselves
	From  *Position    `json:"from,omitempty"`  // earlier records are left out; nil for none
	To    *Position    `json:"to,omitempty"`    // this record and later ones are left out; nil for none
	Speed float64      `json:"speed,omitempty"` // times as fast as the records were made; 0 for as fast as possible

	// On a simulated cluster only.
	Seed       uint64 `json:"seed,omitempty"`       // decides where incidents happen, and what faults do by chance
	Driven     bool   `json:"driven,omitempty"`     // the seed decides the order of all that happens, too: slower, and the same each time
	Rebalances int    `json:"rebalances,omitempty"` // how often an instance leaves its group and comes back
	Crashes    int    `json:"crashes,omitempty"`    // how often one is killed and replaced
	Faults     string `json:"faults,omitempty"`     // a plan of faults, as text

	Checkpoint      string `json:"checkpoint,omitempty"`       // an existing directory for checkpoints; empty for none
	CheckpointEvery int64  `json:"checkpoint_every,omitempty"` // records of the input between two of them
	Resume          bool   `json:"resume,omitempty"`           // go on from the checkpoint, if there is one
}

// CheckpointFile is the name of the checkpoint in its directory. It is there whole or not at all.
const CheckpointFile = "replay.checkpoint"

// Position is a place in the recorded topics, by time or by offset.
type Position struct {
	Time   int64 `json:"time"`   // in ms since 1970; -1 when Offset counts
	Offset int64 `json:"offset"` // of each partition; -1 when Time counts
}

// Before reports whether a record of the given time and offset lies before p. Records without what p counts by lie nowhere: they are before no
// position, and behind none.
func (p *Position) Before(ms, offset int64) bool {
	if p.Time >= 0 {
		return ms >= 0 && ms < p.Time
	}
	return offset >= 0 && offset < p.Offset
}

// Places reports whether a record of the given time and offset has what p counts by.
func (p *Position) Places(ms, offset int64) bool {
	if p.Time >= 0 {
		return ms >= 0
	}
	return offset >= 0
}

// Environment returns s as an entry of an environment.
func (s Settings) Environment() (string, error) {
	s.Version = Version
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("writing the settings of a replay: %w", err)
	}
	return SettingsVariable + "=" + string(text), nil
}

// SettingsFromEnvironment reads what Environment wrote. It returns false when there is nothing.
func SettingsFromEnvironment() (Settings, bool, error) {
	text, ok := os.LookupEnv(SettingsVariable)
	if !ok {
		return Settings{}, false, nil
	}
	var s Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Settings{}, true, fmt.Errorf("reading the settings in %s: %w", SettingsVariable, err)
	}
	if s.Version != Version {
		return s, true, fmt.Errorf("gokasim speaks version %d of the replay protocol and this module's github.com/gokasim/gokasim "+
			"version %d; install the gokasim command of the version that go.mod requires", s.Version, Version)
	}
	return s, true, nil
}

// Event is one thing that happened during a replay; one field is set. The last event of a run that came to its end is
// a Result or a Failure.
type Event struct {
	Plan     *Plan          `json:"plan,omitempty"`
	Graph    *picture.Graph `json:"graph,omitempty"` // the groups and their topics, when they are to be described
	Progress *Progress      `json:"progress,omitempty"`
	Note     string         `json:"note,omitempty"`     // something to tell the user, not an error
	BadLine  string         `json:"bad_line,omitempty"` // a line that could not be read, with its place
	Sample   *Sample        `json:"sample,omitempty"`   // when there is to be a report
	Failure  *Failure       `json:"failure,omitempty"`
	Result   *Result        `json:"result,omitempty"`
}

// Plan says what is going to run.
type Plan struct {
	Groups     []string `json:"groups"`
	Partitions int      `json:"partitions"`
	Instances  int      `json:"instances"`
	TotalBytes int64    `json:"total_bytes"` // of all inputs, compressed as they are; 0 when unknown
}

// Progress counts since the start of the run.
type Progress struct {
	Records   int64 `json:"records"`   // read from the inputs and given to the cluster
	Bytes     int64 `json:"bytes"`     // read from the inputs, compressed as they are
	Processed int64 `json:"processed"` // input records that the groups are done with, their own included
}

// Failure ends a run that gave no results.
type Failure struct {
	Reason string `json:"reason"`

	Slowest  []Callback `json:"slowest,omitempty"`  // when there is to be a report
	Failures []Callback `json:"failures,omitempty"` // likewise
}

// Sample is how far a run is, between two records of the input.
type Sample struct {
	Records int64             `json:"records"` // that were fed
	Lags    map[string]int64  `json:"lags"`    // records that a group was not done with, at most since the last sample, by GROUP TOPIC/PARTITION
	Owners  map[string]string `json:"owners"`  // instances by GROUP PARTITION, with the number of their replacement behind a dash
	Tables  map[string]int64  `json:"tables"`  // changes of tables so far
}

// Callback is one call of a callback of a group.
type Callback struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Key       string `json:"key"`
	Micros    int64  `json:"micros"`            // how long it took, in real time
	Failure   string `json:"failure,omitempty"` // what it failed with
}

// Result ends a run whose results lie in Settings.Dir.
type Result struct {
	Inputs   []Topic `json:"inputs"`
	Tables   []Topic `json:"tables"`
	Outputs  []Topic `json:"outputs"`
	BadLines int64   `json:"bad_lines"` // lines that could not be read
	Skipped  int64   `json:"skipped"`   // lines beginning with %
	Late     int64   `json:"late"`      // records older than one before them in their file
	Unplaced int64   `json:"unplaced"`  // messages that Settings.From and To say nothing about, for want of a time or an offset; all were replayed
	Nanos    int64   `json:"nanos"`     // real time from the first record to the last result

	Incidents []Incident `json:"incidents,omitempty"`
	Faults    []Fault    `json:"faults,omitempty"`

	Slowest  []Callback `json:"slowest,omitempty"`  // when there is to be a report, slowest first
	Failures []Callback `json:"failures,omitempty"` // likewise: callbacks that failed, the first of them
}

// Incident is something that was done to the groups.
type Incident struct {
	Record   int64  `json:"record"` // how many records were fed before
	Kind     string `json:"kind"`   // rebalance or crash
	Group    string `json:"group"`
	Instance int    `json:"instance"`
}

// Fault is how often a fault of the plan struck.
type Fault struct {
	Name     string `json:"name"`
	Injected int64  `json:"injected"`
}

// Topic is a topic of a Result.
type Topic struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`          // records, or rows of a table
	File  string `json:"file,omitempty"` // in Settings.Dir; inputs have none
}

// Write writes e as one line.
func (e Event) Write(w io.Writer) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("writing an event of a replay: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Events reads events.
type Events struct{ d *json.Decoder }

// NewEvents returns a reader of the events in r.
func NewEvents(r io.Reader) *Events { return &Events{json.NewDecoder(r)} }

// Next returns the next event, io.EOF when the other side has gone.
func (es *Events) Next() (Event, error) {
	var e Event
	err := es.d.Decode(&e)
	return e, err
}
