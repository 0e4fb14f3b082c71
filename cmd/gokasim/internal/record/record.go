// Package record writes topics of a Kafka cluster to a dump, in whole or in part, so that an interrupted recording goes on where it was
// and ends with the same bytes.
package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/connect"
	"github.com/gokasim/gokasim/internal/dump"
)

// Options say what to record.
type Options struct {
	Topics      []string
	Partitions  []int32 // all when empty
	Range       Range
	Follow      bool                    // go on with what comes until the context ends
	Raw         bool                    // bytes that are no UTF-8 stay raw, as kcat writes them
	Uncommitted bool                    // records of transactions that are not committed, too
	Filter      string                  // that Wanted stands for, so that an interrupted recording goes on with the same one
	Wanted      func(*dump.Record) bool // leaves out records; nil wants all
	Out         string
	Fresh       bool // throw away what an interrupted recording left
	Force       bool // replace Out
	Stdout      io.Writer
	Patience    time.Duration // for the cluster's first answer

	// Say is told what the user should know; Show how far it is, of total offsets (0 when that is unknown).
	Say   func(format string, args ...any)
	Begin func(total int64)
	Show  func(done, records int64)
}

// Recorded sums up a recording.
type Recorded struct {
	Records int64   `json:"records"`
	Topics  []Count `json:"topics"`
}

// Count is how many records there are of a topic.
type Count struct {
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
}

// Run records. When ctx ends, a recording that follows is complete; another one fails, and goes on when it is run again.
func Run(ctx context.Context, config *connect.Config, o Options) (*Recorded, error) {
	isolation := kgo.ReadCommitted()
	o.Uncommitted = o.Uncommitted || config.Uncommitted
	if o.Uncommitted {
		isolation = kgo.ReadUncommitted()
	}
	client, err := config.Client(ctx, o.Patience, kgo.FetchIsolationLevel(isolation), kgo.KeepControlRecords(),
		kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(1<<20), kgo.MaxConcurrentFetches(3),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.RequestRetries(5))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ranges, err := resolve(ctx, kadm.NewClient(client), o)
	if err != nil {
		return nil, err
	}
	asked := plan{Version: planVersion, Raw: o.Raw, Uncommitted: o.Uncommitted, Filter: o.Filter, Asked: o.Range.texts, Parts: ranges}
	if o.Out == "" {
		return o.stream(ctx, client, asked)
	}
	return o.file(ctx, client, asked)
}

// stream writes to standard output, which cannot be resumed.
func (o Options) stream(ctx context.Context, client *kgo.Client, p plan) (*Recorded, error) {
	w := dump.NewWriter(o.Stdout, o.writer()...)
	parts := begin(p)
	err := o.copy(ctx, client, parts, w)
	if flushed := w.Flush(); flushed != nil {
		return nil, fmt.Errorf("writing to standard output: %w", flushed)
	}
	if err != nil {
		return nil, err
	}
	return sum(parts), nil
}

func (o Options) writer() []dump.WriterOption {
	if o.Raw {
		return []dump.WriterOption{dump.WithRawBytes()}
	}
	return nil
}

func begin(p plan) []*part {
	parts := make([]*part, len(p.Parts))
	for i, q := range p.Parts {
		parts[i] = &part{Part: q, next: q.From, time: -1}
	}
	return parts
}

// copy writes what the cluster has of parts to w.
func (o Options) copy(ctx context.Context, client *kgo.Client, parts []*part, w *dump.Writer) error {
	var total int64
	for _, p := range parts {
		if p.To == endless {
			total = 0
			break
		}
		total += p.To - p.From
	}
	o.Begin(total)
	r := newReader(client, parts, o.Follow)
	r.say = o.Say
	r.wanted = o.Wanted
	r.write = func(rec *dump.Record, _ *part) error { return w.Write(rec) }
	r.show = func() {
		var done, records int64
		for _, p := range parts {
			done += p.next - p.From
			records += p.count
		}
		o.Show(done, records)
		if o.Follow {
			_ = w.Flush() // a writer that failed says so at the next record, and at the end
		}
	}
	err := r.run(ctx)
	if o.Follow && errors.Is(err, context.Canceled) {
		return r.emit(true) // it is told to end, and writes what it has
	}
	return err
}

func sum(parts []*part) *Recorded {
	var s Recorded
	for _, p := range parts {
		s.Records += p.count
		if n := len(s.Topics); n == 0 || s.Topics[n-1].Topic != p.Topic {
			s.Topics = append(s.Topics, Count{Topic: p.Topic})
		}
		s.Topics[len(s.Topics)-1].Records += p.count
	}
	return &s
}
