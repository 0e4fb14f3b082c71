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
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
	"github.com/gokasim/gokasim/memkafka"
)

// checkpoint is where a run was when all that it had fed was done and committed. In its file it is one line of JSON, behind
// which stand the outputs so far, one partition after the other, and a snapshot of the cluster.
type checkpoint struct {
	Settings  string                // of the run, without what does not change its results
	Graphs    string                // of the run, see plan.text
	Position  int64                 // records of the input that were fed
	Timeless  int64                 // of them, those that came before anything happened
	Counts    map[string]int64      // of them, by topic
	Time      time.Time             // in the simulation
	Incidents []replaywire.Incident // that happened
	Outputs   []int64               // how many bytes each partition of the outputs has
	Written   []int64               // how many records
	Taken     []int64               // up to which offset of the cluster

	file    *os.File // of one that was read, until the outputs were taken out of it
	outputs int64    // where they begin
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
	graphs   string // known before anything is written
	last     int64  // position of the last one
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
func (c *checkpoints) write(at checkpoint, cluster *memkafka.Cluster, outputs *drain) (err error) {
	at.Settings, at.Graphs = c.settings, c.graphs
	if at.Outputs, err = outputs.sizes(); err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	for _, t := range outputs.topics {
		for _, part := range outputs.parts[t] {
			at.Written, at.Taken = append(at.Written, part.count), append(at.Taken, int64(part.next))
		}
	}
	head, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	err = whole.Write(c.file, 0o666, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		_, err := out.Write(append(head, '\n'))
		return errors.Join(err, outputs.save(out), cluster.Snapshot(out), out.Flush())
	})
	if err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	c.last = at.Position
	return nil
}

// read reads the checkpoint, nil when there is none, and the cluster in it by restore. The caller closes the checkpoint.
func (c *checkpoints) read(restore func(io.Reader) error) (at *checkpoint, err error) {
	f, err := os.Open(c.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	in := bufio.NewReaderSize(f, 1<<20)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	at = &checkpoint{file: f, outputs: int64(len(line))}
	if err := json.Unmarshal(line, at); err != nil {
		return nil, fmt.Errorf("reading the checkpoint %s: %w", c.file, err)
	}
	if at.Settings != c.settings {
		return nil, fmt.Errorf("%w: it was made with %s, and this run has %s; give the same flags and inputs, or leave --resume out", errCheckpoint, at.Settings, c.settings)
	}
	for _, size := range at.Outputs {
		if _, err := io.CopyN(io.Discard, in, size); err != nil {
			return nil, fmt.Errorf("reading the checkpoint %s: %w", c.file, err)
		}
	}
	time.Sleep(time.Until(at.Time)) // virtual time goes on where it was
	if err := restore(in); err != nil {
		return nil, fmt.Errorf("reading the checkpoint %s: %w", c.file, err)
	}
	c.last = at.Position
	return at, nil
}

// suits reports whether a run into graphs can go on from a checkpoint, whose cluster and outputs have the topics of its own.
func (at *checkpoint) suits(graphs string) error {
	if at == nil || at.Graphs == graphs {
		return nil
	}
	return fmt.Errorf("%w: its group graphs were %s, and are %s; leave --resume out to begin anew", errCheckpoint, at.Graphs, graphs)
}

// close lets go of a checkpoint that was read. Nil is nothing.
func (at *checkpoint) close() error {
	if at == nil {
		return nil
	}
	return at.file.Close()
}

// resume takes the outputs out of a checkpoint.
func (d *drain) resume(at *checkpoint) error {
	if _, err := at.file.Seek(at.outputs, io.SeekStart); err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	i := 0
	for _, t := range d.topics {
		for _, part := range d.parts[t] {
			if i >= min(len(at.Outputs), len(at.Written), len(at.Taken)) {
				return fmt.Errorf("%w: it has %d partitions of outputs", errCheckpoint, len(at.Outputs))
			}
			if _, err := io.CopyN(part.file, at.file, at.Outputs[i]); err != nil {
				return fmt.Errorf("reading the checkpoint: %w", err)
			}
			part.count, part.next = at.Written[i], kafka.Offset(at.Taken[i])
			i++
		}
	}
	return nil
}

// resume brings a run to where a checkpoint was written.
func (cur *cursor) resume(ctx context.Context, f *feed, at *checkpoint, topics []*topic) error {
	for cur.position < at.Position {
		rec, err := cur.peek(ctx)
		if err == io.EOF {
			return fmt.Errorf("%w: it is behind %d records, and the input has %d", errCheckpoint, at.Position, cur.position)
		} else if err != nil {
			return err
		}
		f.keep(rec, cur.position)
		cur.passBefore(f)
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
func (cur *cursor) keep(ctx context.Context, f *feed, g *groups, out outputs) error {
	if !cur.checkpoints.due(cur.position) {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	if err := g.complete(ctx); err != nil {
		return err
	}
	if err := out.gather(); err != nil {
		return err
	}
	at := checkpoint{Position: cur.position, Timeless: cur.timeless, Counts: map[string]int64{}, Time: time.Now(), Incidents: cur.chaos.done}
	for t, n := range f.counts {
		at.Counts[t.name] = n
	}
	return cur.checkpoints.write(at, cur.simulated, out.(*drain))
}
