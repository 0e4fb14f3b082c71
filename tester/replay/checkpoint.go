package replay

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
	"github.com/gokasim/gokasim/memkafka"
)

// checkpoint is where a run was when all that it had fed was done and committed. In its file it is one line of JSON, behind
// which stands a snapshot of the cluster, outputs included.
type checkpoint struct {
	Settings  string                // of the run, without what does not change its results
	Position  int64                 // records of the input that were fed
	Timeless  int64                 // of them, those that came before anything happened
	Counts    map[string]int64      // of them, by topic
	Time      time.Time             // in the simulation
	Incidents []replaywire.Incident // that happened
}

// errCheckpoint reports a checkpoint that a run cannot go on from.
var errCheckpoint = errors.New("the checkpoint is not of this run")

// fingerprint is what has to be the same in a run that goes on: settings, and the inputs as far as they can be told apart.
func fingerprint(s replaywire.Settings) (string, error) {
	s.Dir, s.Checkpoint, s.CheckpointEvery, s.Resume, s.Verbose, s.Speed = "", "", 0, false, false, 0
	inputs := make([]string, len(s.Inputs))
	for i, name := range s.Inputs {
		info, err := os.Stat(name)
		if name == dump.Stdin || err != nil {
			return "", fmt.Errorf("checkpoints: %s cannot be read again; replay a file", name)
		}
		inputs[i] = fmt.Sprintf("%s of %d bytes, changed at %v", name, info.Size(), info.ModTime().UTC())
	}
	s.Inputs = inputs
	text, err := json.Marshal(s)
	return string(text), err
}

// checkpoints writes and reads the checkpoints of a run.
type checkpoints struct {
	file     string // empty for none
	every    int64
	settings string
	last     int64 // position of the last one
}

func newCheckpoints(s replaywire.Settings) (*checkpoints, error) {
	c := &checkpoints{every: s.CheckpointEvery}
	if s.Checkpoint == "" {
		return c, nil
	}
	c.file = filepath.Join(s.Checkpoint, replaywire.CheckpointFile)
	var err error
	c.settings, err = fingerprint(s)
	return c, err
}

// due reports whether a checkpoint is to be written.
func (c *checkpoints) due(position int64) bool { return c.file != "" && position-c.last >= c.every }

// write writes a checkpoint in the place of the one before. It has its name only when it is complete.
func (c *checkpoints) write(at checkpoint, cluster *memkafka.Cluster) (err error) {
	at.Settings = c.settings
	head, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	err = whole.Write(c.file, 0o666, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		_, err := out.Write(append(head, '\n'))
		return errors.Join(err, cluster.Snapshot(out), out.Flush())
	})
	if err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	c.last = at.Position
	return nil
}

// read reads the checkpoint and the cluster in it, nil when there is none.
func (c *checkpoints) read(options ...memkafka.Option) (at *checkpoint, cluster *memkafka.Cluster, err error) {
	f, err := os.Open(c.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReaderSize(f, 1<<20)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	at = &checkpoint{}
	if err := json.Unmarshal(line, at); err != nil {
		return nil, nil, fmt.Errorf("reading the checkpoint %s: %w", c.file, err)
	}
	if at.Settings != c.settings {
		return nil, nil, fmt.Errorf("%w: it was made with %s, and this run has %s; give the same flags and inputs, or leave --resume out", errCheckpoint, at.Settings, c.settings)
	}
	time.Sleep(time.Until(at.Time)) // virtual time goes on where it was
	if cluster, err = memkafka.Restore(in, options...); err != nil {
		return nil, nil, fmt.Errorf("reading the checkpoint %s: %w", c.file, err)
	}
	c.last = at.Position
	return at, cluster, nil
}

// resume brings a run to where a checkpoint was written.
func (cur *cursor) resume(ctx context.Context, f *feed, at *checkpoint, topics []*topic) error {
	for cur.position < at.Position {
		if _, err := cur.peek(ctx); err == io.EOF {
			return fmt.Errorf("%w: it is behind %d records, and the input has %d", errCheckpoint, at.Position, cur.position)
		} else if err != nil {
			return err
		}
		cur.pass()
	}
	for _, t := range topics {
		if n := at.Counts[t.name]; n > 0 {
			f.counts[t] = n
		}
	}
	f.sent.Store(at.Position)
	return nil
}

// resume forgets the incidents that happened before a checkpoint, and what was drawn for them.
func (c *chaos) resume(at *checkpoint, members int, fed int64) {
	c.done, c.fed = at.Incidents, fed
	for range c.done {
		c.rng.IntN(members)
	}
	c.incidents = c.incidents[len(c.done):]
}

// begin tells positions of what was committed before.
func (g *groups) begin() error {
	for _, group := range g.plan.groups {
		committed, err := g.cluster.committed(group, group.inputs)
		if err != nil {
			return err
		}
		for _, t := range group.inputs {
			for p, offset := range committed[t] {
				g.positions[group].note(t.name, int32(p), max(offset, 0))
			}
		}
	}
	return nil
}

// keep writes a checkpoint when one is due.
func (cur *cursor) keep(ctx context.Context, f *feed, g *groups) error {
	if !cur.checkpoints.due(cur.position) {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	if err := g.complete(ctx); err != nil {
		return err
	}
	at := checkpoint{Position: cur.position, Timeless: cur.timeless, Counts: map[string]int64{}, Time: time.Now(), Incidents: cur.chaos.done}
	for t, n := range f.counts {
		at.Counts[t.name] = n
	}
	return cur.checkpoints.write(at, cur.simulated)
}

// kept returns how far outputs may be trimmed. A checkpoint has them all.
func (cur *cursor) kept(outputs *collector) func(t *topic, partition int) int64 {
	if cur.checkpoints.file == "" {
		return outputs.kept
	}
	return func(t *topic, partition int) int64 {
		if t.output {
			return 0
		}
		return outputs.kept(t, partition)
	}
}
