package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/memkafka"
)

// How much is put into a partition at once.
const (
	fillRecords = 1000
	fillBytes   = 256 << 10
)

// filling is one topic that --load fills.
type filling struct {
	partitions int32
	records    int64
	skip       bool        // it has records already
	batches    []fillBatch // by partition
}

type fillBatch struct {
	records []memkafka.Record
	bytes   int
}

// loaded takes FILE or TOPIC=FILE, as given to --load, apart. A file that is there is one, whatever its name.
func loaded(given string) (topic, file string) {
	topic, file, with := strings.Cut(given, "=")
	if _, err := os.Stat(given); err == nil || !with {
		return "", given
	}
	return topic, file
}

// fill fills topics from the dumps of --load. The dumps are read twice: first to see that they are well-formed and how many
// partitions their topics have.
func (o *serveOptions) fill(ctx context.Context, log *slog.Logger, c *memkafka.Cluster) error {
	if len(o.load) == 0 {
		return nil
	}
	if slices.ContainsFunc(o.load, func(given string) bool { _, file := loaded(given); return file == dump.Stdin }) {
		return usagef("--load -: a dump is read twice, and standard input cannot be; name a file")
	}
	begun := time.Now()
	topics := map[string]*filling{}
	err := o.eachRecord(ctx, func(rec *dump.Record) error {
		if rec.Topic == "" {
			return fmt.Errorf("%s:%d: the record names no topic; --load TOPIC=%s gives one", rec.File, rec.Line, rec.File)
		}
		t := topics[rec.Topic]
		if t == nil {
			t = &filling{partitions: 1}
			topics[rec.Topic] = t
		}
		t.partitions = max(t.partitions, rec.Partition+1)
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if err := topics[name].prepare(c, name, log); err != nil {
			return err
		}
	}
	err = o.eachRecord(ctx, func(rec *dump.Record) error {
		t := topics[rec.Topic]
		if t.skip {
			return nil
		}
		t.records++
		b := &t.batches[max(rec.Partition, 0)]
		out := memkafka.Record{Timestamp: rec.Timestamp, Key: slices.Clone(rec.Key), Value: slices.Clone(rec.Value)}
		size := len(rec.Key) + len(rec.Value)
		for _, h := range rec.Headers {
			out.Headers = append(out.Headers, memkafka.Header{Key: h.Key, Value: slices.Clone(h.Value)})
			size += len(h.Key) + len(h.Value)
		}
		if len(b.records) > 0 && b.bytes+size > fillBytes {
			if err := b.flush(c, rec.Topic, max(rec.Partition, 0)); err != nil {
				return err
			}
		}
		b.records, b.bytes = append(b.records, out), b.bytes+size
		if len(b.records) < fillRecords && b.bytes < fillBytes {
			return nil
		}
		if err := b.flush(c, rec.Topic, max(rec.Partition, 0)); err != nil {
			return fmt.Errorf("%s:%d: %w", rec.File, rec.Line, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		t := topics[name]
		for i := range t.batches {
			if err := t.batches[i].flush(c, name, int32(i)); err != nil {
				return fmt.Errorf("--load: %w", err)
			}
		}
		if !t.skip {
			log.Info("a topic is loaded", "topic", name, "partitions", c.Partitions(name), "records", t.records)
		}
	}
	log.Info("all is loaded", "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// prepare sees to it that a topic can be filled.
func (t *filling) prepare(c *memkafka.Cluster, name string, log *slog.Logger) error {
	have := c.Partitions(name)
	if have == 0 {
		keep := []memkafka.TopicOption{memkafka.WithConfig("message.timestamp.type", "CreateTime"), memkafka.WithConfig("retention.ms", "-1")}
		if err := c.CreateTopic(name, t.partitions, keep...); err != nil {
			return fmt.Errorf("--load: topic %s: %w", name, err)
		}
		have = t.partitions
	}
	if have < t.partitions {
		return fmt.Errorf("--load: topic %s has %d partitions, and the dump has records of partition %d; create it with %d",
			name, have, t.partitions-1, t.partitions)
	}
	for p := range have {
		if _, high, err := c.Offsets(name, p); err != nil {
			return fmt.Errorf("--load: %w", err)
		} else if high > 0 {
			log.Info("a topic is not loaded, as it has records already", "topic", name)
			t.skip = true
			return nil
		}
	}
	t.batches = make([]fillBatch, have)
	return nil
}

func (b *fillBatch) flush(c *memkafka.Cluster, topic string, partition int32) error {
	if len(b.records) == 0 {
		return nil
	}
	_, err := c.Produce(topic, partition, b.records...)
	b.records, b.bytes = nil, 0 // they belong to the cluster now
	const messageTooLarge memkafka.ErrorCode = 10
	if errors.Is(err, messageTooLarge) {
		return fmt.Errorf("%w by -c message.max.bytes=N", err)
	}
	return err
}

// eachRecord gives the records of all dumps, merged by time, to visit. A line that is no record is an error.
func (o *serveOptions) eachRecord(ctx context.Context, visit func(*dump.Record) error) (err error) {
	var readers []*dump.Reader
	defer func() {
		for _, r := range readers {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, given := range o.load {
		topic, name := loaded(given)
		input := o.input
		input.Topic = topic
		r, err := dump.OpenWith(name, input)
		if err != nil {
			return fmt.Errorf("reading --load: %w", err)
		}
		readers = append(readers, r)
	}
	merge := dump.NewMerge(nil, readers...)
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rec, err := merge.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("reading --load: %w", err)
		}
		if err := visit(rec); err != nil {
			return err
		}
	}
}
