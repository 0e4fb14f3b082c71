package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// collector writes the outputs of a run to files while they come in, a file for each partition.
type collector struct {
	cluster  *cluster
	dir      string
	consumer sarama.Consumer
	topics   []*topic
	parts    map[*topic][]*part
	reading  sync.WaitGroup
}

// part is one partition of an output.
type part struct {
	source sarama.PartitionConsumer
	file   *os.File
	out    *dump.Writer
	broker int32
	next   atomic.Int64 // the offset after the last record that was written
	count  int64

	mu  sync.Mutex // guards err
	err error
}

// collect begins to read topics from their beginning.
func collect(c *cluster, topics []*topic, dir string) (_ *collector, err error) {
	col := &collector{cluster: c, dir: dir, topics: topics, parts: map[*topic][]*part{}}
	if col.consumer, err = c.door.NewConsumer(c.brokers, c.config); err != nil {
		return nil, fmt.Errorf("making a consumer for %s: %w", c, err)
	}
	for _, t := range topics {
		leaders, err := c.leaders(t)
		if err != nil {
			return nil, errors.Join(err, col.close())
		}
		for p := range int32(c.partitions) {
			if err := col.follow(t, p, leaders[p]); err != nil {
				return nil, errors.Join(fmt.Errorf("reading %s/%d: %w", t.name, p, err), col.close())
			}
		}
	}
	return col, nil
}

// leaders returns which broker leads each partition, dump.NoBroker where nobody knows.
func (c *cluster) leaders(t *topic) (map[int32]int32, error) {
	described, err := c.admin.DescribeTopics([]string{t.name})
	if err != nil {
		return nil, fmt.Errorf("describing topic %s: %w", t.name, err)
	}
	leaders := map[int32]int32{}
	for p := range int32(c.partitions) {
		leaders[p] = dump.NoBroker
	}
	for _, d := range described {
		for _, p := range d.Partitions {
			leaders[p.ID] = p.Leader
		}
	}
	return leaders, nil
}

func (col *collector) follow(t *topic, partition, leader int32) error {
	file, err := os.CreateTemp(col.dir, t.name+".*.part")
	if err != nil {
		return err
	}
	p := &part{file: file, out: dump.NewWriter(file), broker: leader}
	col.parts[t] = append(col.parts[t], p)
	if p.source, err = col.consumer.ConsumePartition(t.name, partition, sarama.OffsetOldest); err != nil {
		return err
	}
	col.reading.Go(func() {
		for m := range p.source.Messages() {
			p.write(m)
		}
	})
	col.reading.Go(func() {
		for e := range p.source.Errors() {
			p.fail(e)
		}
	})
	return nil
}

func (p *part) write(m *sarama.ConsumerMessage) {
	rec := dump.Record{
		Topic: m.Topic, Partition: m.Partition, Offset: kafka.Offset(m.Offset), Broker: p.broker,
		TimestampType: dump.TimestampCreate, Timestamp: kafka.MillisOf(m.Timestamp), Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		rec.Headers = append(rec.Headers, kafka.Header{Key: string(h.Key), Value: h.Value})
	}
	if err := p.out.Write(&rec); err != nil {
		p.fail(err)
	}
	p.count++
	p.next.Store(m.Offset + 1)
}

func (p *part) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *part) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// failure returns the first thing that went wrong.
func (col *collector) failure() error {
	for _, t := range col.topics {
		for _, p := range col.parts[t] {
			if err := p.failure(); err != nil {
				return fmt.Errorf("output %s: %w", t.name, err)
			}
		}
	}
	return nil
}

// gather does nothing: records are taken as they come.
func (col *collector) gather() error { return nil }

// kept returns how far a partition may be trimmed as far as the collector is concerned.
func (col *collector) kept(t *topic, partition int) int64 {
	if !slices.Contains(col.topics, t) {
		return 1<<63 - 1
	}
	return col.parts[t][partition].next.Load()
}

// finish waits until the outputs are read to their ends, and puts each together in one file.
func (col *collector) finish(ctx context.Context) ([]replaywire.Topic, error) {
	var done []replaywire.Topic
	for _, t := range col.topics {
		if err := col.catchUp(ctx, t); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(col.close(), col.failure()); err != nil {
		return nil, err
	}
	for _, t := range col.topics {
		r, err := col.join(t)
		if err != nil {
			return nil, fmt.Errorf("writing output %s: %w", t.name, err)
		}
		done = append(done, r)
	}
	return done, nil
}

func (col *collector) catchUp(ctx context.Context, t *topic) error {
	ends, err := col.cluster.ends(t)
	if err != nil {
		return err
	}
	var seen int64
	stillSince := time.Now()
	for p, end := range ends {
		for {
			at := col.parts[t][p].next.Load()
			if at >= end {
				break
			}
			if err := col.failure(); err != nil {
				return err
			}
			if at != seen {
				seen, stillSince = at, time.Now()
			}
			where := func() string { return fmt.Sprintf("%d of %d records of output %s/%d were read", at, end, t.name, p) }
			if err := col.cluster.pause(ctx, stillSince, where); err != nil {
				return err
			}
		}
	}
	return nil
}

// close stops reading. It may be called twice.
func (col *collector) close() error {
	if col.consumer == nil {
		return nil
	}
	for _, parts := range col.parts {
		for _, p := range parts {
			if p.source != nil {
				p.source.AsyncClose()
			}
		}
	}
	col.reading.Wait()
	err := col.consumer.Close()
	col.consumer = nil
	return err
}

// join puts the partitions of an output into one file, one after the other.
func (col *collector) join(t *topic) (_ replaywire.Topic, err error) {
	r := replaywire.Topic{Name: t.name, File: t.name + ".jsonl"}
	for _, p := range col.parts[t] {
		r.Count += p.count
		if err := p.out.Flush(); err != nil {
			return r, err
		}
		if _, err := p.file.Seek(0, io.SeekStart); err != nil {
			return r, err
		}
	}
	err = writeFile(filepath.Join(col.dir, r.File), func(w io.Writer) error {
		for _, p := range col.parts[t] {
			if _, err := io.Copy(w, p.file); err != nil {
				return err
			}
		}
		return nil
	})
	for _, p := range col.parts[t] {
		err = errors.Join(err, p.file.Close(), os.Remove(p.file.Name()))
	}
	return r, err
}

// writeFile makes a file. It is put on disk when it gets its final name.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}

// writeTable reads a table from its topic and writes its rows, sorted by key.
func writeTable(ctx context.Context, c *cluster, t *topic, dir string) (_ replaywire.Topic, err error) {
	r := replaywire.Topic{Name: t.name, File: t.name + ".jsonl"}
	consumer, err := c.door.NewConsumer(c.brokers, c.config)
	if err != nil {
		return r, fmt.Errorf("making a consumer for %s: %w", c, err)
	}
	defer func() { err = errors.Join(err, consumer.Close()) }()
	rows := map[string][]byte{}
	for p := range int32(c.partitions) {
		if err := c.readRows(ctx, consumer, t.name, p, rows); err != nil {
			return r, fmt.Errorf("reading table %s/%d: %w", t.name, p, err)
		}
	}
	err = writeFile(filepath.Join(dir, r.File), func(w io.Writer) error {
		out := dump.NewWriter(w)
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			if err := out.WriteRow([]byte(key), rows[key]); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	if err != nil {
		return r, fmt.Errorf("writing table %s: %w", t.name, err)
	}
	r.Count = int64(len(rows))
	return r, nil
}

// readRows applies all records of a partition of a table to rows.
func (c *cluster) readRows(ctx context.Context, consumer sarama.Consumer, topic string, partition int32, rows map[string][]byte) (err error) {
	oldest, newest, err := c.offsets(topic, partition)
	if err != nil || oldest == newest {
		return err
	}
	source, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var reached <-chan struct{} // never ends where the consumer does not tell: then the last record does
	if p, ok := source.(door.Positioned); ok {
		reached = p.Reached(newest)
	}
	apply := func(m *sarama.ConsumerMessage) {
		if m.Value == nil {
			delete(rows, string(m.Key))
		} else {
			rows[string(m.Key)] = m.Value
		}
	}
	bound := time.NewTimer(patience)
	defer bound.Stop()
	for {
		select {
		case m, ok := <-source.Messages():
			if !ok {
				return errors.New("the consumer ended early")
			}
			apply(m)
			if m.Offset >= newest-1 {
				return nil
			}
			bound.Reset(patience)
		case e := <-source.Errors():
			return e
		case <-reached:
			for len(source.Messages()) > 0 {
				apply(<-source.Messages())
			}
			return nil
		case <-bound.C:
			return fmt.Errorf("nothing came for %v; the log goes to offset %d", patience, newest)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
