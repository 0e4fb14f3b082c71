package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
	"github.com/gokasim/gokasim/internal/dump"
)

// replayShrinker makes a disturbed replay small: each try is a replay in peace and a disturbed one of what is left.
type replayShrinker struct {
	*disturbance
	seed  uint64
	lines [][]string // of each input, a record a line
	dir   string     // for the inputs of tries
	end   time.Time
	sign  string // how the first one failed
	tries int
}

// shrinkReplay finds out which records and incidents a failing seed needs, and keeps them.
func (f shrinkFlags) shrinkReplay(ctx context.Context, cmd *cobra.Command, name string, pkg *target.Package) (err error) {
	if f.test != "" {
		return usagef("--go-test is for tests that simulate; what is left of a replay is kept as a script, leave it out")
	}
	d, cleanUp, err := f.prepare(ctx, cmd, name, pkg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	room, err := results.NewTemporary()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, room.Close()) }()
	s := &replayShrinker{disturbance: d, seed: f.seed, dir: room.Dir, end: time.Now().Add(f.timeout)}
	var all []int // the places of records: all of the first input, then all of the second
	if s.lines, all, err = linesOf(d.inputs); err != nil {
		return err
	}
	whole := d.disturbFlags
	said, err := s.try(ctx, all, whole.rebalances, whole.crashes)
	switch {
	case err != nil:
		return fmt.Errorf("the replay that nothing disturbs: %w", err)
	case said == "":
		return fmt.Errorf("seed %d does not fail the disturbed replays of %s", f.seed, pkg.ImportPath)
	}
	_, _ = fmt.Fprint(cmd.ErrOrStderr(), said)
	tell(cmd.ErrOrStderr(), "making it small, for %v at most: %s", f.timeout, counted(int64(len(all)), "record"))
	s.sign = signOf(said)
	kept := s.reduce(ctx, all)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	remark := fmt.Sprintf("%d of %d records, %d of %d rebalances and %d of %d crashes are left, after %d tries",
		len(kept), len(all), d.rebalances, whole.rebalances, d.crashes, whole.crashes, s.tries)
	at, script, err := s.keep(f.faults, remark, kept)
	if err != nil {
		return fmt.Errorf("keeping the script: %w", err)
	}
	return f.hand(cmd, "", at, script)
}

// linesOf reads the records of the inputs, and counts them.
func linesOf(inputs []string) (lines [][]string, places []int, err error) {
	for _, name := range inputs {
		of, err := linesIn(name)
		if err != nil {
			return nil, nil, fmt.Errorf("reading --in: %w", err)
		}
		for range of {
			places = append(places, len(places))
		}
		lines = append(lines, of)
	}
	return lines, places, nil
}

func linesIn(name string) (lines []string, err error) {
	r, err := dump.OpenWith(name, dump.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		var rec dump.Record
		var bad *dump.LineError
		switch err := r.Next(&rec); {
		case err == io.EOF:
			return lines, nil
		case errors.As(err, &bad): // which every replay leaves out
			continue
		case err != nil:
			return nil, err
		}
		var text bytes.Buffer
		w := dump.NewWriter(&text)
		if err := errors.Join(w.Write(&rec), w.Flush()); err != nil {
			return nil, err
		}
		lines = append(lines, text.String())
	}
}

var digits = regexp.MustCompile(`[0-9]+`)

// signOf is what is the same in failures of one cause: the table or the group that is told first, without numbers.
func signOf(said string) string {
	what, _, _ := strings.Cut(said, ":")
	return digits.ReplaceAllString(what, "#")
}

// try replays some of the records, and returns what a disturbed replay of them says that fails. Err is that of the replay in peace.
func (s *replayShrinker) try(ctx context.Context, kept []int, rebalances, crashes int) (said string, err error) {
	s.tries++
	d := *s.disturbance
	d.rebalances, d.crashes = rebalances, crashes
	if d.inputs, err = s.write(s.dir, "try", kept); err != nil {
		return "", err
	}
	ctx, cancel := context.WithDeadline(ctx, s.end)
	defer cancel()
	peace, err := d.peace(ctx, io.Discard)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, peace.Close()) }()
	s.bare = d.bare
	said, err = d.disturb(ctx, peace, s.seed)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if first, rest, _ := strings.Cut(said, "\n"); strings.HasPrefix(first, "replaying ") {
		said = rest
	}
	return said, err
}

// write writes the records at the places to files of dir, one for each input that has any.
func (s *replayShrinker) write(dir, name string, kept []int) (files []string, err error) {
	before := 0
	for i, lines := range s.lines {
		var text strings.Builder
		for k, line := range lines {
			if _, found := slices.BinarySearch(kept, before+k); found {
				text.WriteString(line)
			}
		}
		before += len(lines)
		if text.Len() == 0 {
			continue
		}
		file := filepath.Join(dir, name+".jsonl")
		if len(s.lines) > 1 {
			file = filepath.Join(dir, fmt.Sprintf("%s-%d.jsonl", name, i+1))
		}
		if err := writeWhole(file, []byte(text.String())); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// reduce takes away incidents and records for as long as what is left fails in the same way, and returns the places of the records.
func (s *replayShrinker) reduce(ctx context.Context, kept []int) []int {
	fails := func(kept []int, rebalances, crashes int) bool {
		if len(kept) == 0 || ctx.Err() != nil || time.Now().After(s.end) {
			return false
		}
		said, err := s.try(ctx, kept, rebalances, crashes)
		return err == nil && said != "" && signOf(said) == s.sign
	}
	fewer := func(count *int) {
		for n := range *count {
			before := *count
			if *count = n; fails(kept, s.rebalances, s.crashes) {
				return
			}
			*count = before
		}
	}
	for size := len(kept); size > 0; size = min(size/2, len(kept)) { // delta debugging
		for from := 0; from < len(kept); {
			if left := slices.Delete(slices.Clone(kept), from, min(from+size, len(kept))); fails(left, s.rebalances, s.crashes) {
				kept = left
			} else {
				from += size
			}
		}
	}
	fewer(&s.rebalances)
	fewer(&s.crashes)
	return kept
}

// keep writes what is left, and a script that replays it, beside the package.
func (s *replayShrinker) keep(faults, remark string, kept []int) (at string, script []byte, err error) {
	const place = "testdata/gokasim/replays"
	dir := filepath.Join(s.pkg.Dir, filepath.FromSlash(place))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", nil, err
	}
	name := fmt.Sprintf("seed-%d", s.seed)
	files, err := s.write(dir, name, kept)
	if err != nil {
		return "", nil, err
	}
	f := s.disturbFlags
	f.inputs = nil
	for _, file := range files {
		f.inputs = append(f.inputs, place+"/"+filepath.Base(file))
	}
	if faults != "" {
		f.faults = place + "/" + name + ".faults"
		if err := writeWhole(filepath.Join(dir, name+".faults"), []byte(s.plan)); err != nil {
			return "", nil, err
		}
	}
	calm, disturbed := f.lines(".", s.expected(`"$peace"`), s.seed)
	script = fmt.Appendf(nil, `#!/bin/sh
# Seed %d of disturbed replays of %s: %s.
# It fails for as long as the disturbed replay comes to other results than the one in peace.
set -e
cd "$(dirname "$0")/../../.."
peace=$(mktemp -d)
trap 'rm -rf "$peace"' EXIT
%s
%s
`, s.seed, s.pkg.ImportPath, remark, calm, disturbed)
	at = filepath.Join(dir, name+".sh")
	if err := writeWhole(at, script); err != nil {
		return "", nil, err
	}
	return at, script, os.Chmod(at, 0o755) // a script
}
