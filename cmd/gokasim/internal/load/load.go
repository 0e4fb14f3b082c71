// Package load brings a dump back to a Kafka cluster: each record into its partition, with its key, value, headers and time, in the
// order of the dump.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/connect"
	"github.com/gokasim/gokasim/internal/dump"
)

// Options say what to load, and how.
type Options struct {
	Inputs      []string
	Input       dump.Options
	Topic       string   // of all records; each keeps its own when it is empty
	DropHeaders []string // names of headers that are left out
	Partitions  int32    // of topics that are created; 0 for as many as the dump has
	NoCreate    bool     // missing topics are an error
	Hash        bool     // the partition follows from the key instead of from the dump
	Speed       float64  // times as fast as the records were; 0 for as fast as possible
	DryRun      bool
	Patience    time.Duration // for the cluster's first answer
	Stuck       time.Duration // how long nothing may be acknowledged: a minute, more than an election or a restart takes, unless set

	Say    func(format string, args ...any)
	Begin  func(total int64)         // is told when the dump is looked through, how many bytes it has, and when it is loaded, how many records; 0 when that is unknown
	Show   func(done, records int64) // is told how much of the total is done
	Broken func(line string)         // a line that is no record
}

// Loaded sums up.
type Loaded struct {
	Records  int64   `json:"records"`
	BadLines int64   `json:"bad_lines"`
	Topics   []Topic `json:"topics"`
}

// Topic is what was loaded into a topic, or would be.
type Topic struct {
	Topic      string `json:"topic"`
	Records    int64  `json:"records"`
	Bytes      int64  `json:"bytes"`      // of keys, values and headers
	Partitions int32  `json:"partitions"` // of the dump: the highest and one, 0 when it names none
	Created    bool   `json:"created"`    // it was missing
	First      int64  `json:"first_ms"`   // the earliest time, in ms since 1970, -1 for none
	Last       int64  `json:"last_ms"`
}

// Run loads. Records that were acknowledged before an error stay; the error says how many.
func Run(ctx context.Context, config *connect.Config, o Options) (*Loaded, error) {
	scanned, err := o.scan(ctx)
	if err != nil {
		return nil, err
	}
	if scanned != nil && scanned.BadLines > 0 {
		return scanned, fmt.Errorf("%s, see above; nothing was loaded", bad(scanned.BadLines))
	}
	partitioner := kgo.ManualPartitioner()
	if o.Hash {
		partitioner = kgo.StickyKeyPartitioner(nil)
	}
	client, err := config.Client(ctx, o.Patience, kgo.RecordPartitioner(partitioner), kgo.MaxBufferedRecords(100_000), kgo.MaxBufferedBytes(64<<20),
		kgo.ProducerLinger(5*time.Millisecond), kgo.RecordRetries(20), kgo.UnknownTopicRetries(20), kgo.MetadataMinAge(100*time.Millisecond)) // a time-out would count from a record's own time
	if err != nil {
		return nil, err
	}
	defer client.Close()
	l := &loader{Options: o, client: client, admin: kadm.NewClient(client), topics: map[string]*topic{}}
	if scanned != nil {
		for _, t := range scanned.Topics {
			if err := l.prepare(ctx, t.Topic, t.Partitions); err != nil {
				return nil, err
			}
		}
	}
	if o.DryRun {
		for i := range scanned.Topics {
			scanned.Topics[i].Created = l.topics[scanned.Topics[i].Topic].created
		}
		return scanned, nil
	}
	if scanned != nil {
		o.Begin(scanned.Records)
	} else {
		o.Begin(0)
	}
	return l.load(ctx)
}

// scan reads the whole dump once, before anything is sent, so that a broken line or a missing topic is told while nothing has happened.
// Standard input and other pipes cannot be read twice: they give nil.
func (o Options) scan(ctx context.Context) (*Loaded, error) {
	if o.once() && !o.DryRun {
		return nil, nil
	}
	o.Begin(o.size())
	return o.read(ctx, func(*dump.Record) error { return nil }, func(bytes, records int64) { o.Show(bytes, records) })
}

// size is how many bytes the inputs have, 0 when nobody knows.
func (o Options) size() (total int64) {
	for _, name := range o.Inputs {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}

// once reports whether an input can be read only once.
func (o Options) once() bool { return slices.ContainsFunc(o.Inputs, dump.Once) }

// read is each, and ends with ctx even while a pipe gives nothing.
func (o Options) read(ctx context.Context, visit func(*dump.Record) error, show func(bytes, records int64)) (*Loaded, error) {
	if !o.once() {
		return o.each(ctx, visit, show)
	}
	type outcome struct {
		sums *Loaded
		err  error
	}
	done := make(chan outcome, 1)
	go func() { // a read from a pipe cannot be ended; at worst this one ends with the process
		sums, err := o.each(ctx, visit, show)
		done <- outcome{sums, err}
	}()
	select {
	case read := <-done:
		return read.sums, read.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// each gives the records of all inputs, merged by time, to visit, and sums them up.
func (o Options) each(ctx context.Context, visit func(*dump.Record) error, show func(bytes, records int64)) (_ *Loaded, err error) {
	var readers []*dump.Reader
	defer func() {
		for _, r := range readers {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, name := range o.Inputs {
		r, err := dump.OpenWith(name, o.Input)
		if err != nil {
			return nil, fmt.Errorf("reading the dump: %w", err)
		}
		readers = append(readers, r)
	}
	sums := map[string]*Topic{}
	var total Loaded
	merge := dump.NewMerge(nil, readers...)
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		rec, err := merge.Next()
		var bad *dump.LineError
		switch {
		case err == io.EOF:
			for _, name := range slices.Sorted(maps.Keys(sums)) {
				total.Topics = append(total.Topics, *sums[name])
			}
			return &total, nil
		case errors.As(err, &bad):
			total.BadLines++
			o.Broken(bad.Error())
			continue
		case err != nil:
			return nil, err
		}
		if o.Topic != "" {
			rec.Topic = o.Topic
		}
		if rec.Topic == "" {
			return nil, fmt.Errorf("%s:%d: the record names no topic; --topic NAME gives one", rec.File, rec.Line)
		}
		if len(o.DropHeaders) > 0 {
			kept := rec.Headers[:0]
			for _, h := range rec.Headers {
				if !slices.Contains(o.DropHeaders, h.Key) {
					kept = append(kept, h)
				}
			}
			rec.Headers = kept
		}
		s := sums[rec.Topic]
		if s == nil {
			s = &Topic{Topic: rec.Topic, First: -1, Last: -1}
			sums[rec.Topic] = s
		}
		s.add(rec)
		total.Records++
		if err := visit(rec); err != nil {
			return nil, err
		}
		if n%256 == 0 || o.Speed > 0 {
			var bytes int64
			for _, r := range readers {
				bytes += r.BytesRead()
			}
			show(bytes, total.Records)
		}
	}
}

func (t *Topic) add(rec *dump.Record) {
	t.Records++
	t.Bytes += int64(len(rec.Key) + len(rec.Value))
	for _, h := range rec.Headers {
		t.Bytes += int64(len(h.Key) + len(h.Value))
	}
	t.Partitions = max(t.Partitions, rec.Partition+1)
	if ts := int64(rec.Timestamp); ts >= 0 {
		if t.First < 0 || ts < t.First {
			t.First = ts
		}
		t.Last = max(t.Last, ts)
	}
}

// topic is a topic of the cluster.
type topic struct {
	partitions int32
	created    bool
}

type loader struct {
	Options
	client *kgo.Client
	admin  *kadm.Client
	topics map[string]*topic

	first struct {
		record int64 // the time of the first record that has one, in ms
		real   time.Time
	}

	mu     sync.Mutex // guards what follows
	acked  int64
	failed error
}

// prepare finds a topic, and creates it when it is missing, with as many partitions as the dump has.
func (l *loader) prepare(ctx context.Context, name string, partitions int32) error {
	partitions = max(partitions, 1)
	found, err := l.admin.ListTopicsWithInternal(ctx, name)
	if err != nil {
		return fmt.Errorf("asking for topic %s: %w", name, err)
	}
	t := found[name]
	switch {
	case t.Err == nil && len(t.Partitions) > 0:
		if n := int32(len(t.Partitions)); n < partitions && !l.Hash {
			return fmt.Errorf("topic %s has %d partitions, and the dump has records of partition %d; --hash spreads them by key, or create it with %d",
				name, n, partitions-1, partitions)
		}
		l.topics[name] = &topic{partitions: int32(len(t.Partitions))}
		return nil
	case t.Err != nil && !errors.Is(t.Err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("topic %s: %w", name, t.Err)
	case l.NoCreate:
		return fmt.Errorf("topic %s does not exist; create it, or leave --no-create out", name)
	}
	if l.Partitions > 0 {
		if l.Partitions < partitions && !l.Hash {
			return fmt.Errorf("--partitions %d: the dump has records of partition %d of topic %s; --hash spreads them by key", l.Partitions, partitions-1, name)
		}
		partitions = l.Partitions
	}
	l.topics[name] = &topic{partitions: partitions, created: true}
	if l.DryRun {
		return nil
	}
	keep, forever := "CreateTime", "-1" // so that records keep their times, and do not expire by them at once
	answer, err := l.admin.CreateTopic(ctx, partitions, -1, map[string]*string{"message.timestamp.type": &keep, "retention.ms": &forever}, name)
	if err == nil {
		err = answer.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("creating topic %s with %d partitions: %w", name, partitions, err)
	}
	return nil
}

func (l *loader) load(ctx context.Context) (*Loaded, error) {
	whole := ctx
	ctx, cancel := context.WithCancelCause(whole)
	var watching sync.WaitGroup
	watching.Go(func() { l.watch(ctx, cancel) })
	defer watching.Wait()
	defer cancel(nil)
	sums, err := l.read(ctx, func(rec *dump.Record) error {
		if err := l.failure(); err != nil {
			return err
		}
		return l.send(ctx, rec)
	}, func(_, _ int64) {
		l.mu.Lock()
		acked := l.acked
		l.mu.Unlock()
		l.Show(acked, acked)
	})
	if err == nil {
		if err = l.client.Flush(ctx); err == nil {
			err = l.failure()
		}
	}
	if err != nil { // what is still buffered goes with the client: a broker that is gone would have it wait for ever
		switch {
		case whole.Err() != nil:
			err = whole.Err()
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, fmt.Errorf("%w; %d records were loaded before", err, l.acked)
	}
	for i := range sums.Topics {
		sums.Topics[i].Created = l.topics[sums.Topics[i].Topic].created
	}
	if sums.BadLines > 0 {
		return sums, fmt.Errorf("%s, see above; all others were loaded", bad(sums.BadLines))
	}
	return sums, nil
}

// watch ends a load of which nothing is acknowledged for too long: the client itself would try again for ever, as it does not know what became
// of records that it sent.
func (l *loader) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	stuck := cmp.Or(l.Stuck, time.Minute)
	look := time.NewTicker(stuck / 60)
	defer look.Stop()
	var acked int64
	since := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		l.mu.Lock()
		now := l.acked
		l.mu.Unlock()
		switch still := time.Since(since); {
		case now != acked || l.client.BufferedProduceRecords() == 0:
			acked, since = now, time.Now()
		case still >= stuck:
			cancel(fmt.Errorf("the cluster has acknowledged nothing for %v, with %d records on their way; see whether its brokers are up and every partition has a leader",
				still.Round(time.Second), l.client.BufferedProduceRecords()))
			return
		}
	}
}

func (l *loader) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *loader) send(ctx context.Context, rec *dump.Record) error {
	t := l.topics[rec.Topic]
	if t == nil {
		if err := l.prepare(ctx, rec.Topic, max(l.Partitions, rec.Partition+1)); err != nil {
			return err
		}
		t = l.topics[rec.Topic]
	}
	out := &kgo.Record{Topic: rec.Topic, Key: slices.Clone(rec.Key), Value: slices.Clone(rec.Value)}
	for _, h := range rec.Headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: slices.Clone(h.Value)})
	}
	if rec.Timestamp >= 0 {
		out.Timestamp = time.UnixMilli(int64(rec.Timestamp))
		if err := l.wait(ctx, int64(rec.Timestamp)); err != nil {
			return err
		}
	}
	if !l.Hash {
		out.Partition = max(rec.Partition, 0)
		if out.Partition >= t.partitions && t.created && l.Partitions == 0 {
			if err := l.grow(ctx, rec.Topic, t, out.Partition+1); err != nil {
				return fmt.Errorf("%s:%d: %w", rec.File, rec.Line, err)
			}
		}
		if out.Partition >= t.partitions {
			return fmt.Errorf("%s:%d: topic %s has %d partitions, and the record is of partition %d; --partitions N creates it with more, --hash spreads by key",
				rec.File, rec.Line, rec.Topic, t.partitions, rec.Partition)
		}
	}
	file, line, topic, bytes := rec.File, rec.Line, rec.Topic, len(rec.Key)+len(rec.Value)
	l.client.Produce(ctx, out, func(_ *kgo.Record, err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case err == nil:
			l.acked++
		case l.failed == nil && errors.Is(err, kerr.MessageTooLarge):
			l.failed = fmt.Errorf("%s:%d: the record of %d bytes is too large: %w; raise max.message.bytes of topic %s, and -X message.max.bytes=N here (1000012 unless set)",
				file, line, bytes, err, topic)
		case l.failed == nil:
			l.failed = fmt.Errorf("%s:%d: the cluster refused the record: %w", file, line, err)
		}
	})
	return nil
}

func bad(lines int64) string {
	if lines == 1 {
		return "1 line is no record"
	}
	return fmt.Sprintf("%d lines are no records", lines)
}

// grow adds partitions to a topic that was created here, when a dump that is read only once has records of higher ones than were seen so far. It returns
// when the client knows them.
func (l *loader) grow(ctx context.Context, name string, t *topic, partitions int32) error {
	answer, err := l.admin.UpdatePartitions(ctx, int(partitions), name)
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		return fmt.Errorf("adding partitions to topic %s, from %d to %d: %w", name, t.partitions, partitions, err)
	}
	t.partitions = partitions
	limit, cancel := context.WithTimeoutCause(ctx, l.Patience, fmt.Errorf("topic %s got %d partitions, and after %v the cluster has not told of them; run it again", name, partitions, l.Patience))
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		l.client.ForceMetadataRefresh() // no more often than the client is allowed to
		if leader, _, err := l.client.PartitionLeader(name, partitions-1); err == nil && leader >= 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-limit.Done():
			return context.Cause(limit)
		}
	}
}

// wait holds a record back until its time has come, at l.Speed times the pace at which the records were made.
func (l *loader) wait(ctx context.Context, ms int64) error {
	if l.Speed <= 0 {
		return nil
	}
	if l.first.real.IsZero() {
		l.first.record, l.first.real = ms, time.Now()
		return nil
	}
	after := float64(ms-l.first.record) * float64(time.Millisecond) / l.Speed
	if after > math.MaxInt64/2 {
		after = math.MaxInt64 / 2
	}
	rest := time.Until(l.first.real.Add(time.Duration(after)))
	if rest <= 0 {
		return nil
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ParseSpeed reads a pace: max, or how many times as fast as the records were made, as 1x or 10x.
func ParseSpeed(text string) (float64, error) {
	if text == "max" {
		return 0, nil
	}
	var speed float64
	digits, ok := strings.CutSuffix(text, "x")
	if _, err := fmt.Sscanf(digits, "%g", &speed); !ok || err != nil || speed <= 0 || math.IsInf(speed, 0) || math.IsNaN(speed) || fmt.Sprintf("%g", speed) != digits {
		return 0, fmt.Errorf("%q is no pace; it is max, or a number over 0 and x, as 1x, 0.5x or 10x", text)
	}
	return speed, nil
}
