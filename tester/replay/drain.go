package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/memkafka"
)

// outputs writes what groups emit to files.
type outputs interface {
	// gather takes what is there. On a simulated cluster it is called while nothing goes on.
	gather() error
	// failure returns the first thing that went wrong.
	failure() error
	// kept returns how far a partition may be trimmed as far as the outputs are concerned.
	kept(t *topic, partition int) int64
	// finish takes the rest, and puts each output together in one file.
	finish(ctx context.Context) ([]replaywire.Topic, error)
	close() error
}

// drain writes the outputs of a simulated cluster: by partition, and in each in the order of what they come from. Their
// offsets are counted in that order. What was gathered is taken and written while the run goes on.
type drain struct {
	cluster    *memkafka.Cluster
	order      *order
	dir        string
	topics     []*topic
	partitions int
	parts      map[*topic][]*drained

	gathered []gathered // of each partition what is to be written
	ends     []end      // of each partition of the order, when that was gathered
	writing  sync.WaitGroup
	failed   error // of writing, once that is over
}

// gathered are the records of a partition that are written together.
type gathered struct {
	topic     *topic
	partition int32
	until     kafka.Offset // they are those before it
	records   []kafka.Record
	keys      []byte // what the records are ordered by
	ranks     []rank
}

// end is how far a partition has come.
type end struct {
	topic     string
	partition int32
	offset    kafka.Offset
}

// drained is one partition of an output.
type drained struct {
	file   *os.File
	out    *dump.Writer
	broker int32
	next   kafka.Offset // the offset after the last record that was taken
	count  int64        // records that were written
}

// rank is the place of a record among those that are taken together.
type rank struct {
	record     int
	begin, end int // of its key
}

// newDrain makes the files of topics, which go on behind what a checkpoint has of them.
func newDrain(c *cluster, simulated *memkafka.Cluster, o *order, topics []*topic, dir string, resumed *checkpoint) (_ *drain, err error) {
	d := &drain{cluster: simulated, order: o, dir: dir, topics: topics, partitions: c.partitions, parts: map[*topic][]*drained{}}
	for _, t := range topics {
		leaders, err := c.leaders(t)
		if err != nil {
			return nil, errors.Join(err, d.close())
		}
		for p := range int32(c.partitions) {
			file, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s.%d.part", t.name, p)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
			if err != nil {
				if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
					err = fmt.Errorf("%w: output %s has %d partitions, with a file for each; give fewer --partitions, or let the process open more files (ulimit -n)",
						err, t.name, c.partitions)
				}
				return nil, errors.Join(err, d.close())
			}
			d.parts[t] = append(d.parts[t], &drained{file: file, out: dump.NewWriter(file), broker: leaders[p]})
			d.gathered = append(d.gathered, gathered{topic: t, partition: p})
		}
	}
	for name, partitions := range o.topics {
		for p := range partitions {
			d.ends = append(d.ends, end{topic: name, partition: int32(p)})
		}
	}
	if err := d.findEnds(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.forget()
	if resumed != nil {
		if err := d.resume(resumed); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	return d, nil
}

// kept returns how far a partition may be trimmed, once what was gathered is written.
func (d *drain) kept(t *topic, partition int) int64 {
	if !t.output {
		return math.MaxInt64
	}
	d.writing.Wait()
	return int64(d.parts[t][partition].next)
}

func (d *drain) failure() error { return nil } // the next gather tells

// gather has all taken and written that was emitted since it was last called.
func (d *drain) gather() error {
	if err := d.written(); err != nil {
		return err
	}
	for i := range d.gathered {
		g := &d.gathered[i]
		_, high, err := d.cluster.Offsets(g.topic.name, g.partition)
		if err != nil {
			return fmt.Errorf("output %s: %w", g.topic.name, err)
		}
		g.until = high
	}
	if err := d.findEnds(); err != nil {
		return err
	}
	d.writing.Go(func() {
		for i := range d.gathered {
			g := &d.gathered[i]
			part := d.parts[g.topic][g.partition]
			err := d.take(g, part)
			if err == nil {
				err = g.write(part)
			}
			if err != nil && d.failed == nil {
				d.failed = fmt.Errorf("output %s: %w", g.topic.name, err)
			}
		}
		d.forget()
	})
	return nil
}

// findEnds finds out how far the partitions of the order have come.
func (d *drain) findEnds() error {
	for i := range d.ends {
		e := &d.ends[i]
		_, high, err := d.cluster.Offsets(e.topic, e.partition)
		if err != nil {
			return err
		}
		e.offset = high
	}
	return nil
}

// forget lets go of what the order knows of records before the ends, for which nobody asks any more.
func (d *drain) forget() {
	for _, e := range d.ends {
		d.order.forget(e.topic, e.partition, e.offset)
	}
}

// written waits until all that was gathered is written.
func (d *drain) written() error {
	d.writing.Wait()
	return d.failed
}

// takenAtOnce is how many records are taken while the cluster waits.
const takenAtOnce = 512

// take takes the records, and finds out what they come from.
func (d *drain) take(g *gathered, part *drained) error {
	for part.next < g.until {
		records, err := d.cluster.Fetch(g.topic.name, g.partition, part.next, int(min(g.until-part.next, takenAtOnce)))
		if err != nil {
			return err
		}
		part.next = g.until // unless there are more
		if n := len(records); n > 0 {
			part.next = min(records[n-1].Offset+1, g.until)
		}
		for _, r := range records {
			if r.Offset < g.until {
				g.records = append(g.records, r)
			}
		}
	}
	for i := range g.records {
		begin := len(g.keys)
		g.keys = d.order.key(g.keys, g.topic.name, g.partition, g.records[i].Offset)
		g.ranks = append(g.ranks, rank{i, begin, len(g.keys)})
	}
	return nil
}

// write writes the records in their order, and forgets them.
func (g *gathered) write(to *drained) error {
	slices.SortStableFunc(g.ranks, func(a, b rank) int { return bytes.Compare(g.keys[a.begin:a.end], g.keys[b.begin:b.end]) })
	var err error
	for _, r := range g.ranks {
		if err = to.write(g.topic.name, g.partition, &g.records[r.record]); err != nil {
			break
		}
	}
	clear(g.records) // they hold parts of the log
	g.records, g.keys, g.ranks = g.records[:0], g.keys[:0], g.ranks[:0]
	return err
}

func (part *drained) write(topic string, partition int32, r *kafka.Record) error {
	rec := dump.Record{
		Topic: topic, Partition: partition, Offset: kafka.Offset(part.count), Broker: part.broker, TimestampType: dump.TimestampCreate,
		Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Headers: r.Headers,
	}
	part.count++
	return part.out.Write(&rec)
}

// finish takes what is left, and puts each output together in one file, one partition after the other.
func (d *drain) finish(context.Context) ([]replaywire.Topic, error) {
	err := d.gather()
	if err == nil {
		err = d.written()
	}
	if err != nil {
		return nil, err
	}
	var done []replaywire.Topic
	for _, t := range d.topics {
		r, err := d.join(t)
		if err != nil {
			return nil, fmt.Errorf("writing output %s: %w", t.name, err)
		}
		done = append(done, r)
	}
	return done, nil
}

// join puts the other partitions of an output behind the first one, whose file then gets the name of the output.
func (d *drain) join(t *topic) (replaywire.Topic, error) {
	r := replaywire.Topic{Name: t.name, File: t.name + ".jsonl"}
	first := d.parts[t][0]
	err := first.out.Flush()
	for i, part := range d.parts[t] {
		if r.Count += part.count; i > 0 && err == nil {
			err = part.copy(first.file)
		}
	}
	if err != nil {
		return r, err
	}
	d.parts[t] = d.parts[t][1:]
	return r, errors.Join(first.file.Close(), os.Rename(first.file.Name(), filepath.Join(d.dir, r.File)))
}

// copy writes all that a partition has so far.
func (part *drained) copy(w io.Writer) error {
	if err := part.out.Flush(); err != nil {
		return err
	}
	if _, err := part.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, part.file) // it ends where writing goes on
	return err
}

// close lets go of the files. It may be called twice.
func (d *drain) close() error {
	d.writing.Wait()
	var errs []error
	for _, t := range d.topics {
		for _, part := range d.parts[t] {
			errs = append(errs, part.file.Close(), os.Remove(part.file.Name()))
		}
	}
	d.topics = nil
	return errors.Join(errs...)
}

// sizes returns how long the files of all partitions are, in the order in which save writes them.
func (d *drain) sizes() ([]int64, error) {
	if err := d.written(); err != nil {
		return nil, err
	}
	var sizes []int64
	for _, t := range d.topics {
		for _, part := range d.parts[t] {
			if err := part.out.Flush(); err != nil {
				return nil, err
			}
			size, err := part.file.Seek(0, io.SeekEnd)
			if err != nil {
				return nil, err
			}
			sizes = append(sizes, size)
		}
	}
	return sizes, nil
}

// save writes all that is there of all outputs into a checkpoint.
func (d *drain) save(w io.Writer) error {
	for _, t := range d.topics {
		for _, part := range d.parts[t] {
			if err := part.copy(w); err != nil {
				return fmt.Errorf("output %s: %w", t.name, err)
			}
		}
	}
	return nil
}
