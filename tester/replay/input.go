package replay

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"os"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// input reads the dumps of a run, ahead of those who want the records. It works outside of a bubble, where files and
// pipes belong, and hands over batches.
type input struct {
	settings   replaywire.Settings
	files      []*dump.Reader
	totalBytes int64 // 0 when unknown
	batches    chan batch

	badLines atomic.Int64
	skipped  atomic.Int64
	late     atomic.Int64
	unplaced atomic.Int64
}

// batch is a part of the input, in order. After one with an error no more come.
type batch struct {
	records  []record
	badLines []string // the first few of all
	err      error    // io.EOF at the end
}

// record is a record of the input that has found its place.
type record struct {
	topic     *topic
	partition int32
	time      kafka.Millis
	key       []byte
	value     []byte
	headers   []sarama.RecordHeader
	file      string
	line      int
}

// maxBadLines is how many malformed lines are told one by one.
const maxBadLines = 20

// openInput opens the dumps called names.
func openInput(settings replaywire.Settings) (*input, error) {
	in := &input{settings: settings, batches: make(chan batch, 4)}
	known := true
	for _, name := range settings.Inputs {
		f, err := dump.OpenWith(name, settings.Input)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reading --in: %w", err), in.close())
		}
		in.files = append(in.files, f)
		info, err := os.Stat(name)
		if name == dump.Stdin || err != nil || !info.Mode().IsRegular() {
			known = false
			continue
		}
		in.totalBytes += info.Size()
	}
	if !known {
		in.totalBytes = 0
	}
	return in, nil
}

func (in *input) close() error {
	var errs []error
	for _, f := range in.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// bytesRead returns how much of the dumps was read, compressed as they are.
func (in *input) bytesRead() int64 {
	var n int64
	for _, f := range in.files {
		n += f.BytesRead()
	}
	return n
}

// read sends all records of the input in batches of up to size, until ctx ends.
func (in *input) read(ctx context.Context, p *plan, partitions int32, size int) {
	placer := placer{plan: p, partitions: partitions, hasher: goka.DefaultHasher()(), next: map[*topic]int32{}}
	merge := dump.NewMerge(placer.rank, in.files...)
	var told int
	var bad *dump.LineError
	pace := pacer{speed: in.settings.Speed}
	for {
		b := batch{records: make([]record, 0, size)}
		for b.err == nil && len(b.records) < size && !pace.due(len(b.records)) {
			rec, err := merge.Next()
			switch {
			case errors.As(err, &bad):
				in.badLines.Add(1)
				if told++; told <= maxBadLines {
					b.badLines = append(b.badLines, bad.Error())
				}
			case err != nil:
				b.err = err
			case !in.wanted(rec):
			default:
				var r record
				if r, b.err = placer.place(rec); b.err == nil {
					b.records = append(b.records, r)
					pace.add(r.time)
					if !r.topic.table && !in.placed(rec) {
						in.unplaced.Add(1)
					}
				}
			}
		}
		skipped := 0
		for _, f := range in.files {
			skipped += f.Skipped()
		}
		in.skipped.Store(int64(skipped))
		in.late.Store(int64(merge.Late()))
		if !pace.wait(ctx) {
			return
		}
		select {
		case in.batches <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

// wanted reports whether a record lies in the part that is replayed. Rows without a time always do.
func (in *input) wanted(rec *dump.Record) bool {
	from, to := in.settings.From, in.settings.To
	if rec.Timestamp < 0 && rec.Offset < 0 {
		return true
	}
	ms, offset := int64(rec.Timestamp), int64(rec.Offset)
	if from != nil && from.Before(ms, offset) {
		return false
	}
	return to == nil || to.Before(ms, offset) || to.Time >= 0 && ms < 0 || to.Time < 0 && offset < 0
}

// placed reports whether a record has what says where the part that is replayed begins and ends.
func (in *input) placed(rec *dump.Record) bool {
	for _, p := range []*replaywire.Position{in.settings.From, in.settings.To} {
		if p != nil && !p.Places(int64(rec.Timestamp), int64(rec.Offset)) {
			return false
		}
	}
	return true
}

// pacer holds records back until their time has come, at speed times the pace at which they were made. It stands outside of a bubble, where
// time passes by itself.
type pacer struct {
	speed float64

	first   kafka.Millis // the time of the first record that has one
	started time.Time
	next    time.Time // when the batch at hand may go
}

// due reports whether a batch of n records should go as it is, since the next record may have to wait.
func (p *pacer) due(n int) bool { return p.speed > 0 && n > 0 }

// add takes note of a record of the batch.
func (p *pacer) add(at kafka.Millis) {
	if p.speed <= 0 || at < 0 {
		return
	}
	if p.started.IsZero() {
		p.first, p.started = at, time.Now()
	}
	after := min(float64(at-p.first)*float64(time.Millisecond)/p.speed, 1<<62)
	p.next = p.started.Add(time.Duration(after))
}

// wait waits until the batch may go. It reports false when ctx ends first.
func (p *pacer) wait(ctx context.Context) bool {
	rest := time.Until(p.next)
	if p.speed <= 0 || rest <= 0 {
		return true
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// placer finds topic and partition of records.
type placer struct {
	plan       *plan
	partitions int32
	hasher     hash.Hash32
	next       map[*topic]int32 // the partition of the next record with neither key nor partition
	message    *record          // the first message of an input; nil before it
}

// rank puts rows without a time first, then messages without one, then everything else.
func (p *placer) rank(rec *dump.Record) int {
	switch t := p.plan.topics[rec.Topic]; {
	case rec.Timestamp >= 0:
		return 2
	case t != nil && t.table:
		return 0
	}
	return 1
}

// place copies rec and finds its topic and partition: that of its key, as goka hashes it, or for a null key the
// recorded one, or else one after the other.
func (p *placer) place(rec *dump.Record) (record, error) {
	t, err := p.plan.fed(rec.Topic, rec.Timestamp < 0)
	if err != nil {
		return record{}, fmt.Errorf("%s:%d: %w", rec.File, rec.Line, err)
	}
	r := record{topic: t, time: rec.Timestamp, file: rec.File, line: rec.Line}
	switch first := p.message; {
	case t.owner != "" && first != nil:
		return record{}, fmt.Errorf("%s:%d: a row of %s, the table of group %s, comes after a message (%s:%d): rows without a time are what a table "+
			"begins with; put them before all messages, or into a file of their own", rec.File, rec.Line, t.name, t.owner, first.file, first.line)
	case t.input && first == nil:
		p.message = &record{file: rec.File, line: rec.Line}
	}
	switch {
	case rec.Key != nil:
		p.hasher.Reset()
		_, _ = p.hasher.Write(rec.Key) // a hash never fails
		r.partition = int32(p.hasher.Sum32()) % p.partitions
		if r.partition < 0 {
			r.partition = -r.partition
		}
	case rec.Partition >= 0:
		r.partition = rec.Partition % p.partitions
	default:
		r.partition = p.next[t]
		p.next[t] = (r.partition + 1) % p.partitions
	}
	r.copy(rec)
	return r, nil
}

// copy takes over key, value and headers in one allocation.
func (r *record) copy(rec *dump.Record) {
	size := len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		size += len(h.Key) + len(h.Value)
	}
	memory := make([]byte, 0, size)
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		start := len(memory)
		memory = append(memory, b...)
		return memory[start:len(memory):len(memory)]
	}
	r.key, r.value = keep(rec.Key), keep(rec.Value)
	for _, h := range rec.Headers {
		start := len(memory)
		memory = append(memory, h.Key...)
		r.headers = append(r.headers, sarama.RecordHeader{Key: memory[start:len(memory):len(memory)], Value: keep(h.Value)})
	}
}

// timeless reports whether the record is a row that was there before anything happened.
func (r *record) timeless() bool { return r.time < 0 && r.topic.table }

func (r *record) timestamp() time.Time { return r.time.Time() }
