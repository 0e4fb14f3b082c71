package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/simulate"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// replays reports whether replays are disturbed rather than tests run.
func (f simulateFlags) replays(cmd *cobra.Command, pkg *target.Package) (bool, error) {
	switch {
	case len(f.inputs) > 0:
		return true, nil
	case len(f.run) > 0:
		return false, nil
	}
	tests, err := pkg.Simulations()
	if err != nil {
		return false, toldCompile(cmd, err)
	}
	recorded, err := pkg.Testdata()
	return len(tests) == 0 && len(pkg.Graphs) > 0 && len(recorded) > 0, err
}

// disturb replays a recording once in peace, and then with incidents where each seed says: the results have to be the same.
func (f simulateFlags) disturb(ctx context.Context, cmd *cobra.Command, name string, pkg *target.Package, style progress.Style) (err error) {
	settings := replayFlags{
		graphs: f.graphs, inputs: f.inputs, partitions: f.partitions, instances: f.instances, rebalances: f.rebalances, crashes: f.crashes,
		faults: f.faults, speed: "max", progress: "none",
	}
	r, err := settings.parse(cmd, []string{name})
	if err != nil {
		return err
	}
	if f.check || f.race {
		return usagef("--check-determinism and --race are for tests that simulate; leave them out with --in")
	}
	if err := r.checkFiles(); err != nil {
		return err
	}
	selected, err := target.Select([]*target.Package{pkg}, f.graphs)
	if err != nil {
		return err
	}
	if err := r.findInputs(selected); err != nil {
		return err
	}
	faults, err := r.readFaults()
	if err != nil {
		return err
	}
	r.display = progress.New(progress.None, cmd.ErrOrStderr())
	binary, cleanUp, err := r.compile(ctx, selected)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()

	peace, err := results.NewSpool("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peace.Close()) }()
	run := func(ctx context.Context, spool *results.Spool, disturbed bool, seed uint64, told io.Writer) (*replaywire.Result, error) {
		one := &replay{replayFlags: r.replayFlags, names: []string{name}, cmd: cmd, display: progress.New(progress.None, told)}
		s := replaywire.Settings{Inputs: r.inputs, Partitions: f.partitions, Instances: f.instances, Dir: spool.Dir, Input: r.input}
		if disturbed {
			s.Seed, s.Driven, s.Rebalances, s.Crashes, s.Faults = seed, true, f.rebalances, f.crashes, faults
		}
		return one.execute(ctx, binary, pkg.Dir, s)
	}
	result, err := run(ctx, peace, false, 0, cmd.ErrOrStderr())
	if err != nil {
		return fmt.Errorf("the replay that nothing disturbs: %w", err)
	}
	if err := peace.Rename(result); err != nil {
		return err
	}
	again := func(found *simulate.Found) string {
		replay := "gokasim replay " + word(name) + flagsOf("--in", f.inputs) + flagsOf("--graph", f.graphs) +
			fmt.Sprintf(" --partitions %d --instances %d --expect peace", f.partitions, f.instances)
		return fmt.Sprintf("run it again:   %s --update\nand disturbed:  %s --rebalance %d --crash %d%s --seed %d",
			replay, replay, f.rebalances, f.crashes, flagOf("--faults", f.faults), found.Failures[0].Seed)
	}
	return f.seek(ctx, cmd, style, "disturbed replays of "+pkg.ImportPath, again, simulate.Options{
		One: func(ctx context.Context, seed uint64) (failure *simulate.Failure, err error) {
			ctx, cancel := context.WithTimeout(ctx, f.timeout)
			defer cancel()
			spool, err := results.NewSpool("")
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, spool.Close()) }()
			var told strings.Builder
			result, err := run(ctx, spool, true, seed, &told)
			if err != nil {
				return &simulate.Failure{Seed: seed, Tests: []string{}, Output: told.String() + err.Error() + "\n"}, nil
			}
			compared, err := spool.Compare(result, peace.Dir, &told, true)
			if err != nil {
				return nil, err
			}
			if len(compared.Different) > 0 {
				return &simulate.Failure{Seed: seed, Tests: []string{}, Output: told.String()}, nil
			}
			return nil, nil
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
