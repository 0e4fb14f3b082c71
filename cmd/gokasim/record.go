package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/connect"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/filter"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/record"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/schema"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// recordFlags are the settings of gokasim record, as given.
type recordFlags struct {
	connect     connect.Flags
	out         string
	offsets     []string
	partitions  []int32
	follow      bool
	raw         bool
	uncommitted bool
	fresh       bool
	force       bool
	progress    string
	json        bool
	timeout     time.Duration
	filter      string
	schemas     []string
}

func newRecord() *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use:   "record TOPIC... --brokers LIST [flags]",
		Short: "Records topics of a Kafka cluster to a dump",
		Long: `Record writes the records of topics as JSON lines, as kcat -J prints them: byte for byte where keys, values and headers are
UTF-8, and as base64 that says so where they are not (--raw keeps kcat's raw bytes). Records of several partitions are in
the order of time, those of one partition in that of their offsets. It ends at what is the end when it begins, or with
--follow when it is interrupted.

With --out, the file is there whole or not at all: until then it is FILE.part, and after an interruption, whatever it was,
the same command goes on where that ends. FILE.gz and FILE.zst are compressed. Without it, records go to standard output.

Offsets and times (--offset):
` + record.Grammar + `

` + filter.Grammar + `

Schemas (--schema), by which json is the decoded value; the recording has values as they are:
` + schema.Grammar + `.

The connection is set by librdkafka's names, as kcat takes them with -X or in its configuration file; security.protocol, sasl.* and
ssl.* among them.`,
		Example: `  gokasim record orders --brokers localhost:9092 --out orders.jsonl.gz
  gokasim record orders payments -b localhost:9092 --offset @-24h > yesterday.jsonl
  gokasim record orders -b localhost:9092 --partition 0,3 --offset 1000:2000
  gokasim record orders -b localhost:9092 --filter 'json.total > 100 && header("tenant") == "a"'
  gokasim record orders -b kafka:9093 -X security.protocol=sasl_ssl -X sasl.mechanism=PLAIN -X sasl.username=me -X sasl.password=$SECRET
  gokasim record orders -b localhost:9092 --follow | gokasim replay ./orders --in -`,
		ValidArgsFunction: f.connect.CompleteTopics,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.connect.Add(flags)
	flags.StringVarP(&f.out, "out", "w", "", "`file` to write; standard output unless given")
	flags.StringArrayVarP(&f.offsets, "offset", "o", nil, "what of each partition: offsets or times, see above; all that there is unless given")
	flags.Int32SliceVarP(&f.partitions, "partition", "p", nil, "partitions to record; all unless given")
	flags.StringVar(&f.filter, "filter", "", "record only what this `expression` is true for, see above")
	flags.StringArrayVar(&f.schemas, "schema", nil, "let json in --filter be the value decoded by this, `TARGET=FILE`, see above; may be given several times")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what comes, until interrupted")
	flags.BoolVar(&f.raw, "raw", false, "write bytes that are not UTF-8 as they are, as kcat does; such lines are not valid JSON")
	flags.BoolVar(&f.uncommitted, "uncommitted", false, "record what transactions wrote before they are committed, and when they never are")
	flags.BoolVar(&f.fresh, "fresh", false, "begin anew instead of going on with an interrupted recording")
	flags.BoolVar(&f.force, "force", false, "replace the file of --out")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long the cluster may take to answer for the first time")
	flags.StringVar(&f.progress, "progress", "auto", "how to show progress: auto, bar, plain or none")
	flags.BoolVar(&f.json, "json", false, "with --out, sum up on standard output as JSON")
	return cmd
}

func (f recordFlags) run(ctx context.Context, topics []string, stdout, stderr io.Writer) error {
	style, err := progress.ParseStyle(f.progress)
	if err != nil {
		return usagef("--%w", err)
	}
	if len(topics) == 0 {
		return usagef("name the topics to record, as in gokasim record orders --brokers localhost:9092")
	}
	for i, t := range topics {
		for _, u := range topics[:i] {
			if t == u {
				return usagef("topic %s is named twice", t)
			}
		}
	}
	within, err := record.ParseRange(time.Now(), f.offsets...)
	switch {
	case err != nil:
		return usagef("--offset: %w", err)
	case f.follow && within.To != record.Bound{}:
		return usagef("--follow has no end, and --offset gives one; leave one of them out")
	case (f.force || f.fresh) && f.out == "":
		return usagef("--force and --fresh are about the file of --out; give --out, or leave them out")
	case f.json && f.out == "":
		return usagef("--json: the records are on standard output; give --out too")
	case f.timeout <= 0:
		return usagef("--timeout %v: give a time over 0", f.timeout)
	}
	config, err := f.connect.Read()
	if err != nil {
		return &usageError{err}
	}
	wanted, chosen, err := f.chooser()
	if err != nil {
		return err
	}
	display := progress.NewCopy(style, stderr)
	defer display.End()
	config.TellUnused(display)
	begun := time.Now()
	recorded, err := record.Run(ctx, config, record.Options{
		Topics: topics, Partitions: f.partitions, Range: within, Follow: f.follow, Raw: f.raw, Uncommitted: f.uncommitted,
		Filter: f.filter, Wanted: wanted,
		Out: f.out, Fresh: f.fresh, Force: f.force, Stdout: stdout, Patience: f.timeout,
		Say:   func(format string, args ...any) { _, _ = fmt.Fprintf(display, format+"\n", args...) },
		Begin: display.Begin,
		Show:  func(done, records int64) { display.Show(replaywire.Progress{Bytes: done, Records: records}) },
	})
	display.End()
	if err != nil {
		return err
	}
	if n, err := chosen.Failures(); n > 0 {
		_, _ = fmt.Fprintf(stderr, "the filter failed at %s, left out; the first: %v\n", counted(n, "record"), err)
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(recorded)
	}
	elapsed := time.Since(begun)
	_, _ = fmt.Fprintf(stderr, "recorded %s in %v, %s records/s\n", counted(recorded.Records, "record"), elapsed.Round(time.Millisecond),
		progress.Count(int64(float64(recorded.Records)/max(elapsed.Seconds(), 1e-9))))
	return nil
}

// chooser is what --filter asks for: nil, which wants all, and a filter that was asked about nothing, when it was not given.
func (f recordFlags) chooser() (func(*dump.Record) bool, *filter.Filter, error) {
	if f.filter == "" {
		if len(f.schemas) > 0 {
			return nil, nil, usagef("--schema says something only with --filter")
		}
		return nil, new(filter.Filter), nil
	}
	chosen, err := filter.Compile(f.filter)
	if err != nil {
		return nil, nil, usagef("--%w", err)
	}
	schemas, err := readSchemas(f.schemas)
	if err != nil {
		return nil, nil, err
	}
	return func(r *dump.Record) bool {
		return chosen.Matches(filter.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp.Time(), Key: r.Key, Value: r.Value, Headers: r.Headers,
			JSON: func() []byte {
				if d, err := schemas.Decode(r.Topic, "value", r.Value); err == nil {
					return d.JSON
				}
				return r.Value
			},
		})
	}, chosen, nil
}
