// Package simulate runs simulations with many seeds, each in a process of its own.
package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say what to run.
type Options struct {
	Binary   string   // the package's compiled tests
	Dir      string   // the package's directory
	Tests    []string // to run, each the name of a test or TEST/SUBTEST
	First    uint64   // the first seed
	Seeds    uint64   // how many; 0 for as many as there is time
	For      time.Duration
	Parallel int
	Failures int           // stop after so many; 0 never
	Timeout  time.Duration // of one seed
	Check    bool          // run each seed twice and compare

	Done func(seeds, failures int64) // is told after each seed

	// One runs one seed, and returns how it failed, nil when it did not; nil runs the tests of Binary.
	One func(ctx context.Context, seed uint64) (*Failure, error)
}

// Failure is a seed that failed.
type Failure struct {
	Seed   uint64   `json:"seed"`
	Tests  []string `json:"tests"` // those that failed, subtests rather than the test that they are part of
	Output string   `json:"output"`
}

// Found is what came of it.
type Found struct {
	Seeds    int64     `json:"seeds"`
	Failures []Failure `json:"failures"`
}

// Run runs seeds until there are no more, time is over, or there are failures enough. An error is one of running, not of a simulation.
func Run(ctx context.Context, o Options) (*Found, error) {
	one := o.One
	if one == nil {
		one = func(ctx context.Context, seed uint64) (*Failure, error) { return One(ctx, o, seed, nil) }
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	end := time.Time{}
	if o.For > 0 {
		end = time.Now().Add(o.For)
	}
	seeds := make(chan uint64)
	go func() {
		defer close(seeds)
		for n := uint64(0); o.Seeds == 0 || n < o.Seeds; n++ {
			if !end.IsZero() && time.Now().After(end) {
				return
			}
			select {
			case seeds <- o.First + n:
			case <-ctx.Done():
				return
			}
		}
	}()
	var (
		mu     sync.Mutex // guards all below
		found  = Found{Failures: []Failure{}}
		broken error
		work   sync.WaitGroup
	)
	for range o.Parallel {
		work.Go(func() {
			for seed := range seeds {
				failure, err := one(ctx, seed)
				if ctx.Err() != nil {
					return
				}
				mu.Lock()
				switch {
				case err != nil:
					broken = errors.Join(broken, err)
					stop()
				case failure != nil:
					found.Failures = append(found.Failures, *failure)
					if o.Failures > 0 && len(found.Failures) >= o.Failures {
						stop()
					}
				}
				found.Seeds++
				o.Done(found.Seeds, int64(len(found.Failures)))
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return &found, broken
}

// One runs one seed, and returns how it failed, nil when it did not.
func One(ctx context.Context, o Options, seed uint64, environment []string) (*Failure, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.Binary, "-test.run", Pattern(o.Tests...), "-test.count=1", "-test.paniconexit0", "-test.timeout", o.Timeout.String())
	cmd.Dir = o.Dir
	cmd.Env = append(os.Environ(), "GOKASIM_SEED="+strconv.FormatUint(seed, 10))
	if environment == nil {
		environment = []string{"GOKASIM_SHRINK=false"}
	}
	cmd.Env = append(cmd.Env, environment...)
	if o.Check {
		cmd.Env = append(cmd.Env, "GOKASIM_CHECK_DETERMINISM=1")
	}
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var status *exec.ExitError
	switch {
	case err == nil && strings.Contains(out.String(), "no tests to run"):
		return nil, fmt.Errorf("the package has no %s", strings.Join(o.Tests, ", "))
	case err == nil:
		return nil, nil
	case errors.As(err, &status) && status.Error() == "signal: interrupt":
		return nil, context.Canceled // a terminal interrupts all that runs in it, and may reach this process last
	case errors.As(err, &status):
		names := failed(out.String())
		if len(names) == 0 {
			fmt.Fprintln(&out, err) // how the process died, of which it may not have said a word
		}
		return &Failure{Seed: seed, Tests: names, Output: out.String()}, nil
	}
	return nil, fmt.Errorf("running seed %d: %w", seed, err)
}

// Pattern matches the named tests, as -test.run takes it.
func Pattern(tests ...string) string {
	patterns := make([]string, len(tests))
	for i, test := range tests {
		parts := strings.Split(test, "/")
		for k, part := range parts {
			parts[k] = "^" + regexp.QuoteMeta(part) + "$"
		}
		patterns[i] = strings.Join(parts, "/")
	}
	return strings.Join(patterns, "|")
}

// failedTest finds tests that failed, and those that ran when time was up.
var failedTest = regexp.MustCompile(`(?m)^(?: *--- FAIL: |\t\t)(Test\S*) \(\d`)

// failed returns the tests that failed, without those of which a subtest did.
func failed(output string) []string {
	names := []string{}
	for _, m := range failedTest.FindAllStringSubmatch(output, -1) {
		names = append(names, m[1])
	}
	all := slices.Clone(names)
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
}
