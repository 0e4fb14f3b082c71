package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/simulate"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// simulateFlags are the settings of gokasim simulate, as given.
type simulateFlags struct {
	run      []string
	seeds    uint64
	first    uint64
	duration time.Duration
	parallel int
	failures int
	timeout  time.Duration
	check    bool
	race     bool
	progress string
	json     bool

	disturbFlags
}

func newSimulate() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate PACKAGE [--run TEST | --in FILE]... [flags]",
		Short: "Hunts for bugs: a package's simulations, or its graphs, with many seeds",
		Long: `Simulate compiles PACKAGE with its tests and runs those that call tester.Simulate or tester.Run, once for each of many seeds, several at a
time. A seed decides the order of everything that happens at the cluster: what a failing seed found happens again each time that it is run. The
first failure ends it, and its output is shown, with the commands that run it again and that make it small.

With --in, or when no test of the package simulates, it replays the recording into the package's group graphs instead: once in
peace, and then with rebalances, crashes and faults where each seed says, which has to give the same tables and outputs.`,
		Example: `  gokasim simulate ./orders
  gokasim simulate ./orders --run TestCountsSurvive --seeds 10000
  gokasim simulate ./orders --for 10m --failures 0 --json
  gokasim simulate ./orders --seeds 200 --check-determinism
  gokasim simulate ./orders --in orders.jsonl.gz --seeds 50 --rebalance 10 --crash 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usagef("name the package whose tests simulate, as in gokasim simulate ./orders")
			case 1:
				return f.hunt(cmd.Context(), cmd, args[0])
			}
			return usagef("%q and %q are two packages; name one package", args[0], args[1])
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.run, "run", nil, "test to run; all that simulate unless given")
	f.add(flags)
	flags.Uint64Var(&f.seeds, "seeds", 100, "how many seeds; with --for 0 is as many as there is time for")
	flags.Uint64Var(&f.first, "from", 1, "the first seed")
	flags.DurationVar(&f.duration, "for", 0, "begin no seed after this time")
	flags.IntVar(&f.parallel, "parallel", runtime.GOMAXPROCS(0), "how many seeds at a time")
	flags.IntVar(&f.failures, "failures", 1, "stop after so many seeds have failed; 0 never")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "real time that one seed may take")
	flags.BoolVar(&f.check, "check-determinism", false, "run each seed twice, and fail where two runs differ")
	flags.BoolVar(&f.race, "race", false, "compile with the race detector")
	flags.StringVar(&f.progress, "progress", "auto", "how to show progress: auto, bar, plain or none")
	flags.BoolVar(&f.json, "json", false, "tell what was found on standard output as JSON")
	return cmd
}

// simulations finds the tests to run.
func simulations(cmd *cobra.Command, name string, pkg *target.Package, named []string) ([]string, error) {
	all, err := pkg.Tests()
	if err != nil {
		return nil, toldCompile(cmd, err)
	}
	var simulating []string
	for _, t := range all {
		if t.Simulates {
			simulating = append(simulating, t.Name)
		}
	}
	if len(named) == 0 && len(simulating) == 0 {
		return nil, fmt.Errorf("package %s has no test that calls tester.Simulate or tester.Run; write one, "+
			"or disturb replays of a recording: gokasim simulate %s --in FILE", pkg.ImportPath, word(name))
	}
	for _, test := range named {
		function, _, _ := strings.Cut(test, "/")
		if !slices.ContainsFunc(all, func(t target.Test) bool { return t.Name == function }) {
			return nil, fmt.Errorf("package %s has no test %s; %s", pkg.ImportPath, function, simulatedBy(simulating))
		}
		if !slices.Contains(simulating, function) {
			tell(cmd.ErrOrStderr(), "%s does not call tester.Simulate or tester.Run itself; unless a function that it calls does, seeds change nothing in it", function)
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	return simulating, nil
}

// simulatedBy says which tests simulate.
func simulatedBy(tests []string) string {
	if len(tests) == 0 {
		return "none of its tests simulates"
	}
	return "its tests that simulate: " + joined(tests)
}

// compileTests compiles the package with its tests.
func compileTests(ctx context.Context, cmd *cobra.Command, pkg *target.Package, race bool) (binary string, cleanUp func() error, err error) {
	room, err := results.NewTemporary()
	if err != nil {
		return "", nil, fmt.Errorf("compiling %s: %w", pkg.ImportPath, err)
	}
	if binary, err = pkg.BuildTests(ctx, room.Dir, race); err != nil {
		return "", nil, errors.Join(toldCompile(cmd, err), room.Close())
	}
	return binary, room.Close, nil
}

// toldCompile shows what the compiler said.
func toldCompile(cmd *cobra.Command, err error) error {
	var broken *target.CompileError
	if errors.As(err, &broken) {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), broken.Output)
	}
	return err
}

func (f simulateFlags) hunt(ctx context.Context, cmd *cobra.Command, name string) (err error) {
	style, err := progress.ParseStyle(f.progress)
	switch {
	case err != nil:
		return usagef("--%w", err)
	case f.parallel < 1:
		return usagef("--parallel %d: give 1 or more", f.parallel)
	case f.failures < 0:
		return usagef("--failures %d: give 0 or more", f.failures)
	case f.timeout <= 0:
		return usagef("--timeout %v: give a time over 0", f.timeout)
	case f.first == 0:
		return usagef("--from 0: seeds begin with 1")
	case f.seeds == 0 && f.duration <= 0:
		return usagef("--seeds 0 never ends; give --for too")
	}
	pkg, err := target.Find(ctx, name)
	if err != nil {
		return err
	}
	replays, err := f.replays(cmd, pkg, f.run)
	switch {
	case err != nil:
		return err
	case replays:
		return f.disturb(ctx, cmd, name, pkg, style)
	}
	tests, err := simulations(cmd, name, pkg, f.run)
	if err != nil {
		return err
	}
	binary, cleanUp, err := compileTests(ctx, cmd, pkg, f.race)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	again := func(found *simulate.Found) string {
		first := found.Failures[0]
		failed := first.Tests[:min(len(first.Tests), 1)]
		if len(failed) == 0 { // the process died before any of them had ended
			failed = tests
		}
		lines := fmt.Sprintf("run it again:   go test %s -run %s -gokasim.seed=%d", word(name), word(simulate.Pattern(failed...)), first.Seed)
		for _, test := range failed {
			lines += fmt.Sprintf("\nmake it small:  gokasim shrink %s --run %s --seed %d", word(name), word(test), first.Seed)
		}
		return lines
	}
	return f.seek(ctx, cmd, style, strings.Join(tests, ", ")+" of "+pkg.ImportPath, again, simulate.Options{
		Binary: binary, Dir: pkg.Dir, Tests: tests, Timeout: f.timeout, Check: f.check,
	})
}

// word is text as one word of a shell.
func word(text string) string {
	if regexp.MustCompile(`^[\w./-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// seek runs seeds, and tells what they found.
func (f simulateFlags) seek(ctx context.Context, cmd *cobra.Command, style progress.Style, what string, again func(*simulate.Found) string, o simulate.Options) error {
	display := progress.NewSeeds(style, cmd.ErrOrStderr())
	defer display.End()
	_, _ = fmt.Fprintf(display, "simulating %s\n", what)
	display.Begin(int64(f.seeds))
	begun := time.Now()
	o.First, o.Seeds, o.For, o.Parallel, o.Failures = f.first, f.seeds, f.duration, f.parallel, f.failures
	o.Done = func(seeds, failures int64) {
		display.Show(replaywire.Progress{Bytes: seeds, Records: seeds, Processed: failures})
	}
	found, err := simulate.Run(ctx, o)
	display.End()
	if err != nil && ctx.Err() == nil {
		return err
	}
	slices.SortFunc(found.Failures, func(a, b simulate.Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	if f.json {
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(found); err != nil {
			return fmt.Errorf("writing to standard output: %w", err)
		}
	}
	err = f.tell(cmd, again, found, time.Since(begun))
	if ctx.Err() != nil { // a hunt that was ended has found what it has found
		return ctx.Err()
	}
	return err
}

func (f simulateFlags) tell(cmd *cobra.Command, again func(*simulate.Found) string, found *simulate.Found, elapsed time.Duration) error {
	stderr := cmd.ErrOrStderr()
	_, _ = fmt.Fprintf(stderr, "%s in %v, %.1f seeds/s, %s\n", counted(found.Seeds, "seed"), elapsed.Round(time.Millisecond),
		float64(found.Seeds)/max(elapsed.Seconds(), 1e-9), counted(int64(len(found.Failures)), "failure"))
	if len(found.Failures) == 0 {
		return nil
	}
	first := found.Failures[0]
	_, _ = fmt.Fprintf(stderr, "\nseed %d:\n%s\n%s\n", first.Seed, first.Output, again(found))
	var seeds []string
	for _, failure := range found.Failures {
		seeds = append(seeds, fmt.Sprint(failure.Seed))
	}
	noun := "seed"
	if len(seeds) > 1 {
		noun = "seeds"
	}
	tell(stderr, "failed with %s %s", noun, strings.Join(seeds, ", "))
	return errSaid
}
