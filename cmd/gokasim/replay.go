package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/picture"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// replayFlags are the settings of gokasim replay, as given.
type replayFlags struct {
	graphs     []string
	inputs     []string
	partitions int
	instances  int
	out        string
	expect     string
	brokers    []string
	progress   string
	verbose    bool
}

func newReplay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay PACKAGE [--graph FUNC]... --in FILE... [flags]",
		Short: "Replays recorded topics through a package's group graphs",
		Long: `Replay compiles PACKAGE, a directory or an import path, and runs the group graphs that its exported functions
func() *goka.GroupGraph return on recorded topics: in virtual time on a simulated cluster, or on a real one by --brokers.

The input is JSON lines as kcat -J prints them, plain, gzip or zstd, told apart by content; - is standard input. Without
--in it is what lies in the package's testdata/*.jsonl, compressed or not. Records without a time come first, tables
before streams; the others follow in order of time, so that an input sees exactly the table rows that are older than it
(on a simulated cluster). A file keeps its own order. Keys are hashed to partitions as goka does it, times and headers are
kept.

Without --out, tables of up to 50 rows are shown. With it, each table becomes DIR/TOPIC.jsonl, sorted by key, and each
output topic DIR/TOPIC.jsonl, as kcat -J prints it, by partition and offset; a file is there whole or not at all.`,
		Example: `  gokasim replay ./examples/flights
  gokasim replay ./orders --graph Totals --in orders.jsonl.gz --partitions 8 --instances 3 --out now
  gokasim replay ./orders --in orders.jsonl.gz --expect testdata/expected
  kcat -C -t orders -e -J | gokasim replay ./orders --in -
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
	flags.StringSliceVar(&f.graphs, "graph", nil, "function that makes a graph to run; all of the package unless given")
	flags.StringArrayVar(&f.inputs, "in", nil, "recorded topics to read; further files may follow it, as from a shell's *")
	flags.IntVar(&f.partitions, "partitions", 1, "partitions of every topic")
	flags.IntVar(&f.instances, "instances", 1, "processors of every group")
	flags.StringVar(&f.out, "out", "", "directory to write tables and outputs to")
	flags.StringVar(&f.expect, "expect", "", "directory of expected tables and outputs; exit status 1 when something differs")
	flags.StringSliceVar(&f.brokers, "brokers", nil, "brokers of a real cluster, on which the topics must be empty or missing")
	flags.StringVar(&f.progress, "progress", "auto", "how to show progress: auto, bar, plain or none")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what goka logs")
	return cmd
}

// replay is one run of gokasim replay.
type replay struct {
	replayFlags
	pkg     string
	display progress.Display
	cmd     *cobra.Command
	drawn   *picture.Graph // what the program told of its graphs, when it was asked to
}

// parse checks the command line. Arguments beside the package are inputs, when they are files.
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
	switch {
	case len(packages) == 0:
		return nil, usagef("name the package that has the group graphs, as in gokasim replay ./orders")
	case len(packages) > 1:
		return nil, usagef("%q and %q are two packages, or the second is a missing file; name one package", packages[0], packages[1])
	case f.partitions < 1:
		return nil, usagef("--partitions %d: a topic has 1 or more", f.partitions)
	case f.instances < 1:
		return nil, usagef("--instances %d: a group needs 1 or more", f.instances)
	case err != nil:
		return nil, usagef("--%w", err)
	case f.out != "" && sameDir(f.out, f.expect):
		return nil, usagef("--out and --expect name the same directory %s; results would replace what they are compared with", f.out)
	}
	for i, in := range f.inputs {
		if slices.Contains(f.inputs[:i], in) {
			return nil, usagef("input %s is named twice", in)
		}
	}
	return &replay{replayFlags: f, pkg: packages[0], cmd: cmd, display: progress.New(style, cmd.ErrOrStderr())}, nil
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
	if err := checkFiles(r.inputs); err != nil {
		return err
	}
	if r.expect != "" {
		if _, err := os.ReadDir(r.expect); err != nil {
			return fmt.Errorf("reading the directory of --expect: %w", err)
		}
	}
	pkg, err := target.Find(ctx, r.pkg)
	if err != nil {
		return err
	}
	graphs, err := pkg.Select(r.graphs)
	if err != nil {
		return err
	}
	if err := r.findInputs(pkg); err != nil {
		return err
	}
	spool, err := results.NewSpool(r.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()

	binary, cleanUp, err := r.compile(ctx, pkg, graphs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	result, err := r.execute(ctx, binary, pkg.Dir, replaywire.Settings{
		Inputs: r.inputs, Partitions: r.partitions, Instances: r.instances, Brokers: r.brokers, Dir: spool.Dir, Verbose: r.verbose,
	})
	if err != nil {
		return err
	}
	return r.conclude(spool, result)
}

// checkFiles opens each input once, before anything slow begins.
func checkFiles(names []string) error {
	for _, name := range names {
		if name == dump.Stdin {
			continue
		}
		f, err := dump.Open(name)
		if err != nil {
			return fmt.Errorf("reading --in: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("reading --in: %w", err)
		}
	}
	return nil
}

// findInputs makes the paths of the inputs absolute, as the compiled program runs elsewhere, and takes the package's
// testdata when none were named.
func (r *replay) findInputs(pkg *target.Package) error {
	if len(r.inputs) == 0 {
		found, err := pkg.Testdata()
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return usagef("there is nothing to replay: package %s has no testdata/*.jsonl, and no --in FILE was given", pkg.ImportPath)
		}
		r.inputs = found
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

// compile builds the package's test binary in a temporary directory, which cleanUp removes.
func (r *replay) compile(ctx context.Context, pkg *target.Package, graphs []target.Graph) (binary string, cleanUp func() error, err error) {
	dir, err := os.MkdirTemp("", "gokasim-*")
	if err != nil {
		return "", nil, fmt.Errorf("compiling %s: %w", pkg.ImportPath, err)
	}
	cleanUp = func() error { return os.RemoveAll(dir) }
	long := time.AfterFunc(time.Second, func() { r.say("compiling %s", pkg.ImportPath) })
	binary, err = pkg.Build(ctx, graphs, dir)
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
		comparison, err = spool.Compare(result, r.expect, out)
	case r.out == "":
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
	if r.expect != "" {
		r.say("as expected: %s", joined(c.Compared))
	}
	return nil
}
