package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/simulate"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// disturbFlags say which replays are disturbed, and how.
type disturbFlags struct {
	inputs     []string
	graphs     []string
	partitions int
	instances  int
	rebalances int
	crashes    int
	faults     string
}

func (f *disturbFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.inputs, "in", nil, "recorded topics to replay into the package's graphs")
	flags.StringSliceVar(&f.graphs, "graph", nil, "function that makes a graph to replay into; all of the package unless given")
	flags.IntVar(&f.partitions, "partitions", 4, "partitions of every topic, in replays")
	flags.IntVar(&f.instances, "instances", 3, "processors of every group, in replays")
	flags.IntVar(&f.rebalances, "rebalance", 5, "rebalances of each replay")
	flags.IntVar(&f.crashes, "crash", 2, "crashes of each replay")
	flags.StringVar(&f.faults, "faults", "", "`file` with faults of each replay")
}

// replays reports whether replays are disturbed rather than tests run, of which some may be named.
func (f disturbFlags) replays(cmd *cobra.Command, pkg *target.Package, named []string) (bool, error) {
	switch {
	case len(f.inputs) > 0 && len(named) > 0:
		return false, usagef("--run names a test, and --in a recording to replay; leave one of them out")
	case len(f.inputs) > 0:
		return true, nil
	case len(named) > 0:
		return false, f.unused(cmd)
	}
	tests, err := pkg.Simulations()
	if err != nil {
		return false, toldCompile(cmd, err)
	}
	recorded, err := pkg.Testdata()
	if err != nil {
		return false, err
	}
	if len(tests) == 0 && len(pkg.Graphs) > 0 && len(recorded) > 0 {
		return true, nil
	}
	return false, f.unused(cmd)
}

// unused complains of flags that are about replays.
func (f disturbFlags) unused(cmd *cobra.Command) error {
	for _, flag := range []string{"graph", "partitions", "instances", "rebalance", "crash", "faults"} {
		if cmd.Flags().Changed(flag) {
			return usagef("--%s is about replays, and tests that simulate say it themselves; give --in too, or leave it out", flag)
		}
	}
	return nil
}

// lines are the two commands that show what a seed does: the replay in peace, and the disturbed one that is compared with it, in a directory that
// is empty when there is nothing to compare.
func (f disturbFlags) lines(name, expected string, seed uint64) (calm, disturbed string) {
	replay := "gokasim replay " + f.shape(name)
	calm = replay
	if expected != "" {
		replay += " --expect " + expected
		calm = replay + " --update"
	}
	return calm, replay + f.incidents(seed)
}

// shape is the part of a command line that says what is replayed where.
func (f disturbFlags) shape(name string) string {
	return word(name) + flagsOf("--in", f.inputs) + flagsOf("--graph", f.graphs) + fmt.Sprintf(" --partitions %d --instances %d", f.partitions, f.instances)
}

// incidents is the part of a command line that says what disturbs a replay.
func (f disturbFlags) incidents(seed uint64) string {
	return fmt.Sprintf(" --rebalance %d --crash %d%s --seed %d", f.rebalances, f.crashes, flagOf("--faults", f.faults), seed)
}

// disturbance is a program that replays a recording, in peace or with incidents.
type disturbance struct {
	disturbFlags // inputs are absolute
	name         string
	pkg          *target.Package
	binary       string
	plan         string // of the faults
	bare         bool   // the graphs have neither tables nor outputs, so that a replay fails or it does not
	cmd          *cobra.Command
}

// expected is dir as the directory to compare with, "" when there is nothing to compare.
func (d *disturbance) expected(dir string) string {
	if d.bare {
		return ""
	}
	return dir
}

// prepare compiles the graphs.
func (f disturbFlags) prepare(ctx context.Context, cmd *cobra.Command, name string, pkg *target.Package) (*disturbance, func() error, error) {
	r, err := replayFlags{
		graphs: f.graphs, inputs: slices.Clone(f.inputs), partitions: f.partitions, instances: f.instances, rebalances: f.rebalances, crashes: f.crashes,
		faults: f.faults, speed: "max", progress: "none",
	}.parse(cmd, []string{name})
	if err == nil {
		err = r.checkFiles()
	}
	if err != nil {
		return nil, nil, err
	}
	selected, err := target.Select([]*target.Package{pkg}, f.graphs)
	if err == nil {
		err = r.findInputs(selected)
	}
	if err != nil {
		return nil, nil, err
	}
	d := &disturbance{disturbFlags: f, name: name, pkg: pkg, cmd: cmd}
	d.inputs = r.inputs
	if d.plan, err = r.readFaults(); err != nil {
		return nil, nil, err
	}
	var cleanUp func() error
	d.binary, cleanUp, err = r.compile(ctx, selected)
	return d, cleanUp, err
}

// run replays the inputs and leaves tables and outputs in spool.
func (d *disturbance) run(ctx context.Context, spool *results.Spool, s replaywire.Settings, told io.Writer) (*replaywire.Result, error) {
	r := &replay{replayFlags: replayFlags{inputs: d.inputs}, names: []string{d.name}, cmd: d.cmd, display: progress.New(progress.None, told)}
	s.Inputs, s.Partitions, s.Instances, s.Dir = d.inputs, d.partitions, d.instances, spool.Dir
	return r.execute(ctx, d.binary, d.pkg.Dir, s)
}

// peace replays without incidents. The caller closes the spool.
func (d *disturbance) peace(ctx context.Context, told io.Writer) (*results.Spool, error) {
	spool, err := results.NewSpool("")
	if err != nil {
		return nil, err
	}
	result, err := d.run(ctx, spool, replaywire.Settings{}, told)
	if err == nil {
		d.bare = len(result.Tables)+len(result.Outputs) == 0
		err = spool.Rename(result)
	}
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return spool, nil
}

// disturb replays with the incidents of a seed, and returns what it said when it failed or came to other results than peace, "" when it did not.
func (d *disturbance) disturb(ctx context.Context, peace *results.Spool, seed uint64) (said string, err error) {
	spool, err := results.NewSpool("")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	var told strings.Builder
	result, err := d.run(ctx, spool, replaywire.Settings{Seed: seed, Driven: true, Rebalances: d.rebalances, Crashes: d.crashes, Faults: d.plan}, &told)
	switch {
	case err != nil:
		return told.String() + err.Error() + "\n", nil
	case d.bare:
		return "", nil
	}
	compared, err := spool.Compare(result, peace.Dir, &told, true)
	if err != nil || len(compared.Different) == 0 {
		return "", err
	}
	return told.String(), nil
}

// disturb replays a recording once in peace, and then with incidents where each seed says: the results have to be the same.
func (f simulateFlags) disturb(ctx context.Context, cmd *cobra.Command, name string, pkg *target.Package, style progress.Style) (err error) {
	if f.check || f.race {
		return usagef("--check-determinism and --race are for tests that simulate; leave them out with --in")
	}
	d, cleanUp, err := f.prepare(ctx, cmd, name, pkg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	peace, err := d.peace(ctx, cmd.ErrOrStderr())
	if err != nil {
		return fmt.Errorf("the replay that nothing disturbs: %w", err)
	}
	defer func() { err = errors.Join(err, peace.Close()) }()
	again := func(found *simulate.Found) string {
		seed := found.Failures[0].Seed
		calm, disturbed := f.lines(name, d.expected("peace"), seed)
		return fmt.Sprintf("run it again:   %s\nand disturbed:  %s\nmake it small:  gokasim shrink %s%s", calm, disturbed, f.shape(name), f.incidents(seed))
	}
	return f.seek(ctx, cmd, style, "disturbed replays of "+pkg.ImportPath, again, simulate.Options{
		One: func(ctx context.Context, seed uint64) (*simulate.Failure, error) {
			ctx, cancel := context.WithTimeout(ctx, f.timeout)
			defer cancel()
			said, err := d.disturb(ctx, peace, seed)
			if err != nil || said == "" {
				return nil, err
			}
			return &simulate.Failure{Seed: seed, Tests: []string{}, Output: said}, nil
		},
	})
}

func flagsOf(name string, values []string) string {
	flags := ""
	for _, value := range values {
		flags += flagOf(name, value)
	}
	return flags
}

func flagOf(name, value string) string {
	if value == "" {
		return ""
	}
	return " " + name + " " + word(value)
}
