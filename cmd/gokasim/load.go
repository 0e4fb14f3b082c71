package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/connect"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/load"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// loadFlags are the settings of gokasim load, as given.
type loadFlags struct {
	connect     connect.Flags
	topic       string
	input       dump.Options
	dropHeaders []string
	partitions  int32
	noCreate    bool
	hash        bool
	speed       string
	dryRun      bool
	progress    string
	json        bool
	timeout     time.Duration
}

func newLoad() *cobra.Command {
	var f loadFlags
	cmd := &cobra.Command{
		Use:   "load FILE... --brokers LIST [flags]",
		Short: "Loads a dump into a Kafka cluster, with times, headers and partitions",
		Long: `Load brings recorded topics back: each record goes into the topic and partition it was in, with its key, value, headers and time;
null and empty stay apart. Several files are merged by time, the order in a file is kept; - is standard input. A topic
that is missing is created with as many partitions as the dump has of it, and retention.ms=-1, as old records would expire at
once. A topic that is there keeps its own retention.

Files are read once before anything is sent: a malformed line, or a topic with too few partitions, is told while nothing has
happened. --dry-run ends there. A pipe is read once: a topic that is made from it gets partitions as records of higher ones come, so
consumers may find some later; give --partitions to make it as wide at once.

Offsets are the cluster's to give: they are those of the dump when a topic was empty and the dump has no holes.`,
		Example: `  gokasim load orders.jsonl.gz --brokers localhost:9092
  gokasim load orders.jsonl.gz -b localhost:9092 --dry-run
  gokasim load orders.jsonl -b localhost:9092 --topic orders-copy --hash --drop-header traceparent
  gokasim load orders.jsonl -b localhost:9092 --speed 10x
  gokasim record orders -b there:9092 | gokasim load - -b here:9092 --partitions 8`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.connect.Add(flags)
	flags.StringVarP(&f.topic, "topic", "t", "", "load all records into this topic")
	addInputFlags(flags, &f.input)
	flags.StringArrayVar(&f.dropHeaders, "drop-header", nil, "leave headers of this name out; may be given several times")
	flags.Int32Var(&f.partitions, "partitions", 0, "partitions of topics that are created; as many as the dump has unless given")
	flags.BoolVar(&f.noCreate, "no-create", false, "fail when a topic is missing")
	flags.BoolVar(&f.hash, "hash", false, "choose partitions by key, as Kafka's own clients do, instead of those of the dump")
	flags.StringVar(&f.speed, "speed", "max", "pace: max, or times as fast as the records were made, as 1x or 10x")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be loaded, and load nothing")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long the cluster may take to answer for the first time")
	flags.StringVar(&f.progress, "progress", "auto", "how to show progress: auto, bar, plain or none")
	flags.BoolVar(&f.json, "json", false, "sum up on standard output as JSON")
	return cmd
}

func (f loadFlags) run(ctx context.Context, inputs []string, stdout, stderr io.Writer) error {
	style, err := progress.ParseStyle(f.progress)
	if err != nil {
		return usagef("--%w", err)
	}
	speed, err := load.ParseSpeed(f.speed)
	switch {
	case err != nil:
		return usagef("--speed: %w", err)
	case f.input.Check() != nil:
		return usagef("--key-format and --value-format: %w", f.input.Check())
	case len(inputs) == 0:
		return usagef("name the files to load, as in gokasim load orders.jsonl --brokers localhost:9092")
	case f.partitions < 0:
		return usagef("--partitions %d: a topic has 1 or more", f.partitions)
	case f.timeout <= 0:
		return usagef("--timeout %v: give a time over 0", f.timeout)
	}
	for i, name := range inputs {
		for _, other := range inputs[:i] {
			if name == other {
				return usagef("file %s is named twice", name)
			}
		}
	}
	if err := f.input.Unused(inputs); err != nil {
		return usagef("--key-column, --value-column, --time-column and --time-layout: %w", err)
	}
	config, err := f.connect.Read()
	if err != nil {
		return &usageError{err}
	}
	display := progress.NewCopy(style, stderr)
	defer display.End()
	config.TellUnused(display)
	begun := time.Now()
	loaded, err := load.Run(ctx, config, load.Options{
		Inputs: inputs, Input: f.input, Topic: f.topic, DropHeaders: f.dropHeaders, Partitions: f.partitions, NoCreate: f.noCreate, Hash: f.hash,
		Speed: speed, DryRun: f.dryRun, Patience: f.timeout,
		Say: func(format string, args ...any) { _, _ = fmt.Fprintf(display, format+"\n", args...) },
		Begin: func(total int64) {
			display.End() // of what went before
			display.Begin(total)
		},
		Show:   func(done, records int64) { display.Show(replaywire.Progress{Bytes: done, Records: records}) },
		Broken: func(line string) { _, _ = fmt.Fprintln(display, line) },
	})
	display.End()
	if loaded != nil && f.json {
		if err := json.NewEncoder(stdout).Encode(loaded); err != nil {
			return fmt.Errorf("writing to standard output: %w", err)
		}
	}
	if err != nil {
		return err
	}
	f.summarise(stderr, loaded, time.Since(begun))
	return nil
}

func (f loadFlags) summarise(stderr io.Writer, loaded *load.Loaded, elapsed time.Duration) {
	word := "loaded"
	if f.dryRun {
		word = "would load"
	}
	_, _ = fmt.Fprintf(stderr, "%s %s in %v, %s records/s\n", word, counted(loaded.Records, "record"), elapsed.Round(time.Millisecond),
		progress.Count(int64(float64(loaded.Records)/max(elapsed.Seconds(), 1e-9))))
	for _, t := range loaded.Topics {
		made := ""
		switch {
		case t.Created && f.dryRun:
			made = ", which would be created"
		case t.Created:
			made = ", which was created"
		}
		span := ""
		if t.First >= 0 {
			span = fmt.Sprintf(", from %s to %s", time.UnixMilli(t.First).UTC().Format(time.RFC3339), time.UnixMilli(t.Last).UTC().Format(time.RFC3339))
		}
		_, _ = fmt.Fprintf(stderr, "  %s into topic %s%s%s\n", counted(t.Records, "record"), t.Topic, made, span)
	}
}
