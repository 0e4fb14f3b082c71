package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/load"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/report"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/picture"
	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
	"github.com/gokasim/gokasim/memkafka"
)

// replayFlags are the settings of gokasim replay, as given.
type replayFlags struct {
	graphs     []string
	inputs     []string
	partitions int
	instances  int
	out        string
	expect     string
	update     bool
	brokers    []string
	from, to   string
	speed      string
	seed       uint64
	rebalances int
	crashes    int
	faults     string
	input      dump.Options
	progress   string
	json       bool
	verbose    bool

	checkpoint      string
	checkpointEvery int64
	resume          bool
	report          string
}

func newReplay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay PACKAGE... [--graph FUNC]... --in FILE... [flags]",
		Short: "Replays recorded topics through a package's group graphs",
		Long: `Replay compiles PACKAGE, a directory or an import path, and runs the group graphs that its exported functions
func() *goka.GroupGraph return on recorded topics: in virtual time on a simulated cluster, or on a real one by --brokers.
The graphs of several packages run together, in the directory of the first one, or of the program among them.

The input is JSON lines as kcat -J prints them, plain, gzip or zstd, told apart by content; - is standard input. Without
--in it is what lies in the package's testdata/*.jsonl, compressed or not. Also read are the JSON of rpk, kaf, kafkactl and
Redpanda Console; *.csv and *.tsv files, whose first line names the columns; and Kafka's own segments, *.log in a folder
TOPIC-PARTITION. Files of all kinds may be mixed.

Records without a time come first, tables before streams; the others follow in order of time, so that an input sees
exactly the table rows that are older than it (on a simulated cluster). A file keeps its own order. Keys are hashed to
partitions as goka does it, times and headers are kept.

On a simulated cluster instances can leave and come back (--rebalance), crash (--crash) and requests fail (--faults), at
places that --seed decides: tables have to come out the same. With --seed the order of everything else is decided by it, too, and the
run is the same each time, also where the order of messages matters to the callbacks. That takes several times as long. An instance crashes after a commit, since what it did after one would be done
again. Outputs may come twice then; with --expect those are counted and told, and do not fail the run.

With --checkpoint the run is kept every --checkpoint-every records, when all that was fed is done and committed; the same
command with --resume goes on from there after a crash, and gives the results that it would have given. A checkpoint replaces
the one before when it is complete, and is removed when the run has come to its end.

Without --out, tables of up to 50 rows are shown. With it, each table becomes DIR/TOPIC.jsonl, sorted by key, and each
output topic DIR/TOPIC.jsonl, as kcat -J prints it: partition by partition, and in each in the order of the input records
that it comes from (on a real cluster by offset). A file is there whole or not at all; so is DIR, where
there was none before.

With --expect, each file in the directory is compared, TOPIC.jsonl, plain or compressed. A table or output that has none there is
named, and not compared: a directory of tables compares only those. --update writes all of them.`,
		Example: `  gokasim replay ./examples/flights
  gokasim replay ./orders --graph Totals --in orders.jsonl.gz --partitions 8 --instances 3 --out now
  gokasim replay ./orders ./payments --in orders.jsonl.gz --in payments.jsonl
  gokasim replay ./orders --in orders.jsonl.gz --expect testdata/expected
  gokasim replay ./orders --in orders.jsonl.gz --expect testdata/expected --update
  gokasim replay ./orders --instances 3 --rebalance 10 --crash 3 --seed 7 --expect testdata/expected
  gokasim replay ./orders --instances 3 --rebalance 10 --crash 3 --report run.html
  gokasim replay ./orders --in orders.jsonl.gz --from 2026-11-01 --to 2026-11-02T12:00:00Z
  gokasim replay ./orders --in orders.csv --topic orders --key-column id --time-column placed
  kcat -C -t orders -e -J | gokasim replay ./orders --in -
  gokasim replay ./orders --in orders.jsonl.gz --out now --checkpoint /tmp/orders --resume
  gokasim replay ./orders --in orders.jsonl.gz --brokers localhost:9092`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.parse(cmd, args)
			if err != nil {
				return err
			}
			return r.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.graphs, "graph", nil, "function that makes a graph to run; all of the packages unless given")
	flags.StringArrayVar(&f.inputs, "in", nil, "recorded topics to read; further files may follow it, as from a shell's *")
	flags.IntVar(&f.partitions, "partitions", 1, "partitions of every topic")
	flags.IntVar(&f.instances, "instances", 1, "processors of every group")
	flags.StringVar(&f.out, "out", "", "directory to write tables and outputs to")
	flags.StringVar(&f.expect, "expect", "", "directory of expected tables and outputs; exit status 1 when something differs")
	flags.BoolVar(&f.update, "update", false, "write tables and outputs to the directory of --expect instead of comparing them")
	flags.StringVar(&f.from, "from", "", "leave out records before this `position`: a time (2026-01-02, RFC 3339, ms since 1970) or an offset of each partition")
	flags.StringVar(&f.to, "to", "", "leave out this `position` and all behind it")
	flags.StringVar(&f.speed, "speed", "max", "pace: max, or times as fast as the records were made, as 1x or 10x")
	flags.IntVar(&f.rebalances, "rebalance", 0, "how often an instance leaves its group in the middle of its work and comes back")
	flags.IntVar(&f.crashes, "crash", 0, "how often an instance is killed and replaced, its tables in memory lost")
	flags.StringVar(&f.faults, "faults", "", "`file` with faults of the simulated cluster, as: on produce topic=t nth=3: drop-response")
	flags.Uint64Var(&f.seed, "seed", 1, "decides all that happens on the simulated cluster, so that the run is the same each time, byte for byte; slower")
	flags.StringVar(&f.checkpoint, "checkpoint", "", "`directory` to keep checkpoints of the run in, from which --resume goes on")
	flags.Int64Var(&f.checkpointEvery, "checkpoint-every", 1_000_000, "`records` of the input between two checkpoints")
	flags.BoolVar(&f.resume, "resume", false, "go on from the checkpoint in the directory of --checkpoint, or begin if there is none")
	flags.StringVar(&f.report, "report", "", "write a page about the run to this `file`: throughput, lags, assignments, slow callbacks, failures")
	flags.StringVar(&f.input.Topic, "topic", "", "topic of records that name none")
	addInputFlags(flags, &f.input)
	flags.StringSliceVar(&f.brokers, "brokers", nil, "brokers of a real cluster, on which the topics must be empty or missing")
	flags.StringVar(&f.progress, "progress", "auto", "how to show progress: auto, bar, plain or none")
	flags.BoolVar(&f.json, "json", false, "sum up on standard output as JSON, in the place of tables")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what goka logs")
	return cmd
}

// addInputFlags offers what inputs do not say themselves, and replay and load have in common.
func addInputFlags(flags *pflag.FlagSet, o *dump.Options) {
	flags.StringVar((*string)(&o.Keys), "key-format", "text", "how keys stand in JSON: text, json or base64")
	flags.StringVar((*string)(&o.Values), "value-format", "text", "how values stand in JSON: text, json or base64")
	flags.StringVar(&o.KeyColumn, "key-column", "", "column of CSV and TSV files that has the keys")
	flags.StringVar(&o.ValueColumn, "value-column", "", "column that has the values; all columns as a JSON object unless given")
	flags.StringVar(&o.TimeColumn, "time-column", "", "column that has the times")
	flags.StringVar(&o.TimeLayout, "time-layout", "", "how times are written, in the form of Go's package time (default: RFC 3339, dates, seconds or ms since 1970)")
}

// replay is one run of gokasim replay.
type replay struct {
	replayFlags
	names   []string // of the packages, as given
	display progress.Display
	cmd     *cobra.Command
	start   *replaywire.Position
	end     *replaywire.Position
	pace    float64
	told    *report.Report // what the report is made of, nil for none
	seeded  bool           // --seed was given
	drawn   *picture.Graph // what the program told of its graphs, when it was asked to
}

// parse checks the command line. Arguments beside the packages are inputs, when they are files.
func (f replayFlags) parse(cmd *cobra.Command, args []string) (*replay, error) {
	var packages []string
	for _, a := range args {
		if info, err := os.Stat(a); len(f.inputs) > 0 && (a == dump.Stdin || err == nil && !info.IsDir()) {
			f.inputs = append(f.inputs, a)
			continue
		}
		packages = append(packages, a)
	}
	style, err := progress.ParseStyle(f.progress)
	seed := cmd.Flags().Lookup("seed")
	r := &replay{replayFlags: f, cmd: cmd, seeded: seed != nil && seed.Changed}
	switch wrong := r.parsePositions(); {
	case wrong != nil:
		return nil, wrong
	case len(packages) == 0:
		return nil, usagef("name the package that has the group graphs, as in gokasim replay ./orders")
	case len(f.inputs) > 0 && missingFile(packages[1:]) != "":
		return nil, usagef("there is no file %s", missingFile(packages[1:]))
	case f.partitions < 1:
		return nil, usagef("--partitions %d: a topic has 1 or more", f.partitions)
	case f.instances < 1:
		return nil, usagef("--instances %d: a group needs 1 or more", f.instances)
	case err != nil:
		return nil, usagef("--%w", err)
	case f.rebalances < 0 || f.crashes < 0:
		return nil, usagef("--rebalance %d, --crash %d: give 0 or more", f.rebalances, f.crashes)
	case len(f.brokers) > 0 && (f.rebalances > 0 || f.crashes > 0 || f.faults != ""):
		return nil, usagef("--rebalance, --crash and --faults act on a simulated cluster; leave --brokers out")
	case len(f.brokers) > 0 && r.seeded:
		return nil, usagef("--seed %d decides what happens on a simulated cluster, and nothing on a real one; leave --seed or --brokers out", f.seed)
	case f.resume && f.checkpoint == "":
		return nil, usagef("--resume goes on from the directory of --checkpoint; name it")
	case f.checkpoint != "" && f.checkpointEvery < 1:
		return nil, usagef("--checkpoint-every %d: give 1 or more", f.checkpointEvery)
	case f.checkpoint != "" && (len(f.brokers) > 0 || f.faults != ""):
		return nil, usagef("--checkpoint keeps a simulated cluster, and faults count from the beginning of a run; leave --brokers and --faults out")
	case f.checkpoint != "" && slices.Contains(f.inputs, dump.Stdin):
		return nil, usagef("--checkpoint: standard input cannot be read again; replay a file")
	case f.update && f.expect == "":
		return nil, usagef("--update writes to the directory of --expect; name one")
	case f.update && f.out != "":
		return nil, usagef("--update writes to the directory of --expect, %s; leave --out %s out", f.expect, f.out)
	case f.out != "" && sameDir(f.out, f.expect):
		return nil, usagef("--out and --expect name the same directory %s; results would replace what they are compared with", f.out)
	}
	for i, in := range f.inputs {
		if slices.Contains(f.inputs[:i], in) {
			return nil, usagef("input %s is named twice", in)
		}
	}
	r.names, r.display = packages, progress.New(style, cmd.ErrOrStderr())
	return r, nil
}

// missingFile returns the first of names that is a file's rather than a package's.
func missingFile(names []string) string {
	for _, name := range names {
		if slices.Contains([]string{".jsonl", ".json", ".ndjson", ".gz", ".zst", ".csv", ".tsv", ".log"}, filepath.Ext(name)) {
			return name
		}
	}
	return ""
}

// parsePositions reads the flags that say which part of the input is replayed, and how fast.
func (r *replay) parsePositions() (err error) {
	if r.start, err = parsePosition(r.from); err != nil {
		return usagef("--from: %w", err)
	}
	if r.end, err = parsePosition(r.to); err != nil {
		return usagef("--to: %w", err)
	}
	if a, b := r.start, r.end; a != nil && b != nil && (a.Time >= 0) == (b.Time >= 0) && max(a.Time, a.Offset) >= max(b.Time, b.Offset) {
		return usagef("--from %s, --to %s: nothing lies between; give a --to that is behind --from", r.from, r.to)
	}
	if r.pace, err = load.ParseSpeed(r.speed); err != nil {
		return usagef("--speed: %w", err)
	}
	if err := r.input.Check(); err != nil {
		return usagef("--key-format and --value-format: %w", err)
	}
	return nil
}

// parsePosition reads a time or an offset, nil for none.
func parsePosition(text string) (*replaywire.Position, error) {
	if text == "" {
		return nil, nil
	}
	const digitsOfMillis = 12
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 && len(text) < digitsOfMillis {
		return &replaywire.Position{Time: -1, Offset: n}, nil
	}
	if t, err := dump.ParseTime(text); err == nil {
		return &replaywire.Position{Time: int64(t), Offset: -1}, nil
	}
	return nil, fmt.Errorf("%q is neither a time, as 2026-01-02, 2026-01-02T15:04:05Z or milliseconds since 1970, nor an offset", text)
}

func sameDir(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	x, errx := os.Stat(a)
	y, erry := os.Stat(b)
	if errx == nil && erry == nil {
		return os.SameFile(x, y)
	}
	return filepath.Clean(a) == filepath.Clean(b)
}

// say writes a line for the user.
func (r *replay) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.display, format+"\n", args...) // standard error is where a failure to write could be told
}

func (r *replay) run(ctx context.Context) (err error) {
	if err := r.checkFiles(); err != nil {
		return err
	}
	if r.report != "" { // a long run is not worth much without it
		if info, err := os.Stat(filepath.Dir(r.report)); err != nil || !info.IsDir() {
			return fmt.Errorf("--report %s: there is no directory %s to write it to; make it", r.report, filepath.Dir(r.report))
		}
	}
	if r.expect != "" && !r.update {
		if err := results.CheckExpected(r.expect); err != nil {
			return err
		}
	}
	var packages []*target.Package
	for _, name := range r.names {
		pkg, err := target.Find(ctx, name)
		if err != nil {
			return err
		}
		packages = append(packages, pkg)
	}
	selected, err := target.Select(packages, r.graphs)
	if err != nil {
		return err
	}
	faults, err := r.readFaults()
	if err != nil {
		return err
	}
	if err := r.findInputs(selected); err != nil {
		return err
	}
	if r.update {
		r.out, r.expect = r.expect, ""
	}
	spool, err := results.NewSpool(r.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()

	checkpoint, err := r.prepareCheckpoints()
	if err != nil {
		return err
	}
	binary, cleanUp, err := r.compile(ctx, selected)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	if r.report != "" {
		r.told = &report.Report{Title: "Replay of " + selected.String(), Command: strings.Join(os.Args, " "), Begun: time.Now()}
		defer func() { err = errors.Join(err, r.writeReport()) }()
	}
	result, err := r.execute(ctx, binary, selected.Host().Dir, replaywire.Settings{
		Inputs: r.inputs, Partitions: r.partitions, Instances: r.instances, Brokers: r.brokers, Dir: spool.Dir, Verbose: r.verbose,
		Input: r.input, From: r.start, To: r.end, Speed: r.pace,
		Report: r.report != "", Checkpoint: checkpoint, CheckpointEvery: r.checkpointEvery, Resume: r.resume,
		Seed: r.seed, Driven: r.seeded, Rebalances: r.rebalances, Crashes: r.crashes, Faults: faults,
	})
	if err != nil {
		return err
	}
	err = r.conclude(spool, result)
	if err == nil && checkpoint != "" { // the run is over, and there is nothing to go on with
		if err := os.Remove(filepath.Join(checkpoint, replaywire.CheckpointFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--checkpoint: %w", err)
		}
	}
	return err
}

// writeReport writes the page of --report. It is there whole or not at all.
func (r *replay) writeReport() error {
	if err := whole.Write(r.report, 0o644, r.told.Write); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	r.say("the report is in %s", r.report)
	return nil
}

// prepareCheckpoints makes the directory of --checkpoint, and returns its absolute path. Without --resume a run begins anew.
func (r *replay) prepareCheckpoints() (string, error) {
	if r.checkpoint == "" {
		return "", nil
	}
	if err := os.MkdirAll(r.checkpoint, 0o777); err != nil {
		return "", fmt.Errorf("making the directory of --checkpoint: %w", err)
	}
	dir, err := filepath.Abs(r.checkpoint)
	if err != nil {
		return "", fmt.Errorf("--checkpoint: %w", err)
	}
	if r.resume {
		return dir, nil
	}
	if err := os.Remove(filepath.Join(dir, replaywire.CheckpointFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("--checkpoint: %w", err)
	}
	return dir, nil
}

// readFaults reads and checks the plan of --faults.
func (r *replay) readFaults() (string, error) {
	if r.faults == "" {
		return "", nil
	}
	text, err := os.ReadFile(r.faults)
	if err != nil {
		return "", fmt.Errorf("reading --faults: %w", err)
	}
	if _, err := memkafka.ParseFaults(string(text)); err != nil {
		return "", fmt.Errorf("--faults %s: %w", r.faults, err)
	}
	return string(text), nil
}

// checkFiles opens each input once, before anything slow begins.
func (r *replay) checkFiles() error {
	for _, name := range r.inputs {
		if dump.Once(name) {
			if strings.HasPrefix(name, "/dev/fd/") || name == "/dev/stdin" {
				return usagef("input %s is a pipe of this process, which the compiled program has not; pipe it into --in -, or give a file", name)
			}
			continue // who reads it first takes it from who reads it then
		}
		f, err := dump.OpenWith(name, r.input)
		if err != nil {
			return fmt.Errorf("reading --in: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("reading --in: %w", err)
		}
	}
	if err := r.input.Unused(r.inputs); err != nil {
		return usagef("--key-column, --value-column, --time-column and --time-layout: %w", err)
	}
	return nil
}

// findInputs makes the paths of the inputs absolute, as the compiled program runs elsewhere, and takes the packages'
// testdata when none were named.
func (r *replay) findInputs(selected target.Selection) error {
	if len(r.inputs) == 0 {
		for _, c := range selected {
			found, err := c.Package.Testdata()
			if err != nil {
				return err
			}
			r.inputs = append(r.inputs, found...)
		}
		if len(r.inputs) == 0 {
			return usagef("there is nothing to replay: package %s has no testdata/*.jsonl, and no --in FILE was given", selected)
		}
		return nil
	}
	for i, name := range r.inputs {
		if name == dump.Stdin {
			continue
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return fmt.Errorf("reading --in: %w", err)
		}
		r.inputs[i] = abs
	}
	return nil
}

// compile builds the program that runs the graphs in a temporary directory, which cleanUp removes.
func (r *replay) compile(ctx context.Context, selected target.Selection) (binary string, cleanUp func() error, err error) {
	room, err := results.NewTemporary()
	if err != nil {
		return "", nil, fmt.Errorf("compiling %s: %w", selected, err)
	}
	cleanUp = room.Close
	long := time.AfterFunc(time.Second, func() { r.say("compiling %s", selected) })
	binary, err = selected.Build(ctx, room.Dir)
	long.Stop()
	var broken *target.CompileError
	if errors.As(err, &broken) {
		r.say("%s", broken.Output)
	}
	if err != nil {
		return "", nil, errors.Join(err, cleanUp())
	}
	return binary, cleanUp, nil
}

// conclude publishes, compares or shows the results and sums them up.
func (r *replay) conclude(spool *results.Spool, result *replaywire.Result) error {
	out := r.cmd.OutOrStdout()
	var comparison results.Comparison
	var long []string
	var err error
	switch {
	case r.expect != "":
		if r.json {
			out = r.cmd.ErrOrStderr()
		}
		comparison, err = spool.Compare(result, r.expect, out, r.crashes > 0 || r.faults != "")
	case r.out == "" && !r.json:
		long, err = spool.Show(result, out)
	}
	if err != nil {
		return err
	}
	if r.out != "" {
		if err := spool.Publish(result); err != nil {
			return err
		}
	}
	if r.json {
		if err := r.summariseAsJSON(result, comparison); err != nil {
			return err
		}
	}
	r.summarise(result)
	for _, name := range long {
		r.say("%s is too long to show; --out DIR writes it to DIR/%s.jsonl", name, name)
	}
	return r.verdict(result, comparison)
}

// verdict turns what is wrong with the results into an error.
func (r *replay) verdict(result *replaywire.Result, c results.Comparison) error {
	for _, name := range c.Unexpected {
		r.say("%s has no file in %s and was not compared", name, r.expect)
	}
	if result.BadLines > 0 {
		tell(r.display, "%s could not be read, see above; the results are those of all other lines", counted(result.BadLines, "line"))
	}
	if len(c.Different) > 0 {
		tell(r.display, "not as expected in %s: %s", r.expect, joined(c.Different))
	}
	if result.BadLines > 0 || len(c.Different) > 0 {
		return errSaid
	}
	if c.Twice > 0 {
		r.say("%s of outputs came again, as they may after a crash", counted(int64(c.Twice), "record"))
	}
	if r.expect != "" {
		r.say("as expected: %s", joined(c.Compared))
	}
	return nil
}
