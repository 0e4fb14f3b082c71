package tester

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Bounds of shrinking, in real time and in runs.
const (
	shrinkTime = 20 * time.Second // unless the command line says otherwise
	shrinkRuns = 150
)

// shrinking is set in the processes that try smaller scripts.
const shrinking = "GOKASIM_SHRINKING"

// madeSmall is what one test has made small so far.
type madeSmall struct {
	spent time.Duration   // real time, of what shrinkLimit allows
	known map[uint64]bool // seeds of which a file was kept earlier, that has failed again
}

// shrinkLimit is how long shrinking may take, 0 for not at all.
func shrinkLimit() (time.Duration, error) {
	v := fromShrink.get()
	if v == "" {
		return shrinkTime, nil
	}
	if on, err := strconv.ParseBool(v); err == nil {
		if on {
			return shrinkTime, nil
		}
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("it was not made small: %s is %q; set it to true, false or a time as 1m", fromShrink.names(), v)
	}
	return d, nil
}

// shrink looks for a smaller script that fails in the same way, each try in a process of its own, and returns the
// smallest one it found and a remark about it.
func shrink(t *testing.T, test string, from *script, has shape, limit time.Duration) (*script, string) {
	sh := &shrinker{test: test, has: has, best: from, end: time.Now().Add(limit), dir: t.TempDir()}
	var ok bool
	if sh.sign, ok = sh.try(from); !ok {
		if time.Now().After(sh.end) {
			return from, fmt.Sprintf("it was not made small: one run takes longer than the %v that are left of %s", limit, fromShrink.names())
		}
		return from, "it was not made small: it does not fail alone"
	}
	if !from.noLapses {
		sh.attempt(func(s *script) { s.noLapses = true })
	}
	sh.faults()
	for _, name := range slices.Sorted(maps.Keys(has.inputs)) {
		sh.inputs(name)
	}
	return sh.best, sh.remark()
}

type shrinker struct {
	test string // its name
	has  shape
	best *script
	sign string // how the first one failed
	runs int
	end  time.Time
	dir  string
}

func (sh *shrinker) remark() string {
	var parts []string
	if sh.has.faults > 0 {
		n := sh.has.faults
		if sh.best.few {
			n = len(sh.best.faults)
		}
		parts = append(parts, fmt.Sprintf("%d of %d faults", n, sh.has.faults))
	}
	for _, name := range slices.Sorted(maps.Keys(sh.has.inputs)) {
		n := sh.has.inputs[name]
		if kept, few := sh.best.inputs[name]; few {
			n = len(kept)
		}
		parts = append(parts, fmt.Sprintf("%d of %d records of workload %s", n, sh.has.inputs[name], name))
	}
	lapses := "with lapses of time"
	if sh.best.noLapses {
		lapses = "without lapses of time"
	}
	if len(parts) == 0 {
		return "it fails " + lapses
	}
	return fmt.Sprintf("it was made small in %d runs: %s are left, %s", sh.runs, strings.Join(parts, ", "), lapses)
}

// attempt tries the best script with a change, and keeps that if it fails in the same way.
func (sh *shrinker) attempt(change func(s *script)) bool {
	if sh.runs >= shrinkRuns || time.Now().After(sh.end) {
		return false
	}
	s := &script{seed: sh.best.seed, inputs: maps.Clone(sh.best.inputs), faults: slices.Clone(sh.best.faults), few: sh.best.few, noLapses: sh.best.noLapses}
	if s.inputs == nil {
		s.inputs = map[string][]int{}
	}
	change(s)
	if sign, ok := sh.try(s); !ok || sign != sh.sign {
		return false
	}
	sh.best = s
	return true
}

// faults leaves out what it can of the faults.
func (sh *shrinker) faults() {
	all := sh.best.faults
	if !sh.best.few {
		all = upTo(sh.has.faults)
	}
	reduce(all, func(kept []int) bool {
		return sh.attempt(func(s *script) { s.faults, s.few = kept, true })
	})
}

// inputs leaves out what it can of a workload.
func (sh *shrinker) inputs(name string) {
	all, few := sh.best.inputs[name]
	if !few {
		all = upTo(sh.has.inputs[name])
	}
	reduce(all, func(kept []int) bool {
		return sh.attempt(func(s *script) { s.inputs[name] = kept })
	})
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// reduce takes larger and then smaller pieces out of a list as long as fails says that what is left will do (delta
// debugging).
func reduce(list []int, fails func(kept []int) bool) {
	for size := len(list); size > 0; size = min(size/2, len(list)) {
		for from := 0; from < len(list); {
			to := min(from+size, len(list))
			kept := slices.Concat(list[:from], list[to:])
			if fails(kept) {
				list = kept
			} else {
				from = to
			}
		}
	}
}

// try runs a script in a process of its own, and reports whether it failed, and how.
func (sh *shrinker) try(s *script) (sign string, failed bool) {
	sh.runs++
	file := filepath.Join(sh.dir, "script")
	if err := os.WriteFile(file, []byte(s.String()), 0o600); err != nil {
		return "", false
	}
	ctx, cancel := context.WithDeadline(context.Background(), sh.end)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run="+runPattern(sh.test), "-test.count=1")
	cmd.Env = append(os.Environ(), fromScript.variable+"="+file, shrinking+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		return "", false
	}
	sign = signature(out)
	return sign, sign != "" // else it has not come to the simulation
}

var (
	failureLine = regexp.MustCompile(`^\s+(\S+\.go):\d+: (.*)$`)
	digits      = regexp.MustCompile(`[0-9]+`)
)

// signature is what is the same in failures of one cause: the first line that tells of it, without its numbers.
func signature(output []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(output))
	for lines.Scan() {
		if m := failureLine.FindStringSubmatch(lines.Text()); m != nil {
			return m[1] + ": " + digits.ReplaceAllString(m[2], "#")
		}
		if text := lines.Text(); strings.HasPrefix(text, "panic: ") {
			return digits.ReplaceAllString(text, "#")
		}
	}
	return ""
}
