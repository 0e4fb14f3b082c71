package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/simulate"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
)

// shrinkFlags are the settings of gokasim shrink, as given.
type shrinkFlags struct {
	run     string
	seed    uint64
	out     string
	test    string
	json    bool
	timeout time.Duration

	disturbFlags
}

func newShrink() *cobra.Command {
	var f shrinkFlags
	cmd := &cobra.Command{
		Use:   "shrink PACKAGE --seed N [--run TEST | --in FILE]... [flags]",
		Short: "Makes a failing seed of a simulation small",
		Long: `Shrink runs the simulation that fails with a seed again and again, with less and less of its workload, its faults and its lapses of time, and
keeps what still fails in the same way: as a script, PACKAGE/testdata/gokasim/TEST/seed-N.fail, which go test runs before anything else
from then on. --go-test writes a test that runs the script by itself.

With --in, or when no test of the package simulates, it is a disturbed replay that is made small, with the flags that gokasim simulate was given: what
is left of the recording and a script for the shell, which fails for as long as the seed does, are PACKAGE/testdata/gokasim/replays/seed-N.*.`,
		Example: `  gokasim shrink ./orders --seed 4711
  gokasim shrink ./orders --run TestCountsSurvive --seed 4711 --out small.fail
  gokasim shrink ./orders --seed 4711 --go-test orders/seed_4711_test.go
  gokasim shrink ./orders --in orders.jsonl.gz --rebalance 10 --crash 3 --seed 17`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("name the package whose test fails, as in gokasim shrink ./orders --seed 4711")
			case len(args) > 1:
				return usagef("%q and %q are two packages; name one package", args[0], args[1])
			case f.seed == 0:
				return usagef("name the seed that fails, as in --seed 4711; gokasim simulate finds one")
			case f.timeout <= 0:
				return usagef("--timeout %v: give a time over 0", f.timeout)
			}
			return f.shrink(cmd.Context(), cmd, args[0])
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Uint64Var(&f.seed, "seed", 0, "the seed that fails")
	flags.StringVar(&f.run, "run", "", "the test that fails; needed only when several simulate")
	f.add(flags)
	flags.StringVarP(&f.out, "out", "w", "", "`file` to copy the script to")
	flags.StringVar(&f.test, "go-test", "", "`file` in the package to write a Go test to")
	flags.BoolVar(&f.json, "json", false, "tell test, seed and script on standard output as JSON")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "real time that making it small may take")
	return cmd
}

// firstRun is the real time that a simulation has to fail, before it is made small.
const firstRun = 2 * time.Minute

func (f shrinkFlags) shrink(ctx context.Context, cmd *cobra.Command, name string) (err error) {
	var named []string
	if f.run != "" {
		named = []string{f.run}
	}
	pkg, err := target.Find(ctx, name)
	if err != nil {
		return err
	}
	replays, err := f.replays(cmd, pkg, named)
	switch {
	case err != nil:
		return err
	case replays:
		return f.shrinkReplay(ctx, cmd, name, pkg)
	}
	tests, err := simulations(cmd, name, pkg, named)
	if err != nil {
		return err
	}
	if len(tests) > 1 {
		return usagef("several tests simulate: %s; name one with --run", joined(tests))
	}
	test := tests[0]
	if err := f.checkTest(pkg, test); err != nil {
		return err
	}
	binary, cleanUp, err := compileTests(ctx, cmd, pkg, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	failure, err := simulate.One(ctx, simulate.Options{Binary: binary, Dir: pkg.Dir, Tests: tests, Timeout: f.timeout + firstRun}, f.seed,
		[]string{"GOKASIM_SHRINK=" + f.timeout.String()})
	switch {
	case err != nil:
		return fmt.Errorf("package %s: %w", pkg.ImportPath, err)
	case failure == nil:
		return fmt.Errorf("seed %d does not fail %s of %s", f.seed, test, pkg.ImportPath)
	}
	_, _ = fmt.Fprint(cmd.ErrOrStderr(), failure.Output)
	if len(failure.Tests) > 1 {
		return usagef("several subtests fail with seed %d: %s; name one with --run", f.seed, joined(failure.Tests))
	}
	if len(failure.Tests) == 1 && failure.Tests[0] != test {
		test = failure.Tests[0]
		if err := f.checkTest(pkg, test); err != nil {
			return err
		}
	}
	kept := keptIn.FindStringSubmatch(failure.Output)
	if kept == nil {
		return errors.New("the failure left no script, see above")
	}
	at := filepath.Join(pkg.Dir, kept[1])
	script, err := os.ReadFile(at)
	if err != nil {
		return fmt.Errorf("reading the script: %w", err)
	}
	if f.test != "" {
		if err := f.writeTest(pkg, test); err != nil {
			return err
		}
	}
	return f.hand(cmd, test, at, script)
}

// hand copies the script to where it is wanted, and tells it.
func (f shrinkFlags) hand(cmd *cobra.Command, test, at string, script []byte) error {
	if f.out != "" {
		if err := writeWhole(f.out, script); err != nil {
			return fmt.Errorf("writing the script: %w", err)
		}
	}
	if err := f.tell(cmd.OutOrStdout(), test, at, script); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "the script is %s\n", at)
	return nil
}

// keptIn finds the script in what tester.Simulate says of a failure.
var keptIn = regexp.MustCompile(`is kept in (\S+\.fail)`)

// tell writes the script out, as it is or with what it is about.
func (f shrinkFlags) tell(out io.Writer, test, file string, script []byte) error {
	if !f.json {
		_, err := out.Write(script)
		return err
	}
	return json.NewEncoder(out).Encode(struct {
		Test   string `json:"test,omitempty"` // none of a replay
		Seed   uint64 `json:"seed"`
		File   string `json:"file"`
		Script string `json:"script"`
	}{test, f.seed, file, string(script)})
}

// checkTest says what is wrong with --go-test.
func (f shrinkFlags) checkTest(pkg *target.Package, test string) error {
	if f.test == "" {
		return nil
	}
	if !strings.HasSuffix(f.test, "_test.go") {
		return usagef("--go-test %s: the name of a file with tests ends in _test.go", f.test)
	}
	if abs, err := filepath.Abs(filepath.Dir(f.test)); err != nil || abs != pkg.Dir {
		return usagef("--go-test %s: the test has to lie in the package's directory, %s", f.test, pkg.Dir)
	}
	if strings.Contains(test, "/") {
		return usagef("--go-test %s: no test can call the subtest %s alone; leave it out, and commit the script, which runs first", f.test, test)
	}
	return nil
}

// writeTest writes a test that runs the script that was left.
func (f shrinkFlags) writeTest(pkg *target.Package, test string) error {
	all, err := pkg.Tests()
	if err != nil {
		return err
	}
	in := pkg.Name
	for _, t := range all {
		if t.Name == test {
			in = t.Package
		}
	}
	source := fmt.Sprintf(`package %s

import "testing"

// %s_Seed%d is a failure that gokasim shrink made small.
func %s_Seed%d(t *testing.T) {
	t.Setenv("GOKASIM_SCRIPT", "testdata/gokasim/%s/seed-%d.fail")
	%s(t)
}
`, in, test, f.seed, test, f.seed, test, f.seed, test)
	text, err := format.Source([]byte(source))
	if err != nil {
		return fmt.Errorf("writing a test: %w", err)
	}
	if err := writeWhole(f.test, text); err != nil {
		return fmt.Errorf("writing a test: %w", err)
	}
	return nil
}
