package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// goodbye is how long the compiled program may take to end after it was told to.
const goodbye = 15 * time.Second

// execute runs the compiled program in the package's directory, shows what it tells, and returns its result.
func (r *replay) execute(ctx context.Context, binary, dir string, settings replaywire.Settings) (*replaywire.Result, error) {
	if runtime.GOOS == "windows" {
		return nil, errors.New("programs cannot be handed a pipe on Windows, by which they tell what they do; run this command on Linux or macOS, or in WSL")
	}
	entry, err := settings.Environment()
	if err != nil {
		return nil, err
	}
	events, pipe, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the replay: %w", err)
	}
	defer events.Close()                    // it was only read
	cmd := exec.CommandContext(ctx, binary) // no flags: an init function that parses them knows none of testing's
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = goodbye
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), entry)
	cmd.ExtraFiles = []*os.File{pipe}
	if slices.Contains(settings.Inputs, dump.Stdin) {
		cmd.Stdin = os.Stdin
	}
	stdout := &lineFilter{to: r.display}
	cmd.Stdout = stdout
	cmd.Stderr = r.display
	if err := errors.Join(cmd.Start(), pipe.Close()); err != nil {
		return nil, fmt.Errorf("starting the replay: %w", err)
	}
	result, failure, err := r.follow(events)
	r.display.End()
	died := cmd.Wait()
	stdout.flush()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case failure != nil:
		return nil, errors.New(failure.Reason)
	case result == nil && died != nil:
		return nil, fmt.Errorf("the program made from package %s ended before it was done: %w; see its output above", joined(r.names), died)
	case err != nil:
		return nil, fmt.Errorf("reading what the replay tells: %w", err)
	case result == nil:
		return nil, fmt.Errorf("the program made from package %s ended without a result; does a callback or an init function of it call os.Exit?", joined(r.names))
	}
	return result, nil
}

// follow shows events until the last one.
func (r *replay) follow(from io.Reader) (result *replaywire.Result, failure *replaywire.Failure, err error) {
	events := replaywire.NewEvents(bufio.NewReader(from))
	for {
		e, err := events.Next()
		switch {
		case err == io.EOF:
			return result, failure, nil
		case err != nil:
			return result, failure, err
		case e.Sample != nil && r.told != nil:
			r.told.Sample(*e.Sample)
		case e.Plan != nil:
			r.announce(e.Plan)
			if r.told != nil {
				r.told.Plan, r.told.Begun = e.Plan, time.Now()
			}
		case e.Progress != nil:
			r.display.Show(*e.Progress)
			if r.told != nil {
				r.told.Progress(*e.Progress)
			}
		case e.Note != "":
			r.say("%s", e.Note)
		case e.BadLine != "":
			r.say("%s", e.BadLine)
			if r.told != nil {
				r.told.Wrong = append(r.told.Wrong, e.BadLine)
			}
		case e.Graph != nil:
			r.drawn = e.Graph
		case e.Result != nil:
			result = e.Result
			if r.told != nil {
				r.told.Result = result
			}
		case e.Failure != nil:
			failure = e.Failure
			if r.told != nil {
				r.told.Failure = failure
			}
		}
	}
}

func (r *replay) announce(p *replaywire.Plan) {
	where := "a simulated cluster"
	if len(r.brokers) > 0 {
		where = strings.Join(r.brokers, ",")
	}
	r.say("replaying %s into %s on %s (partitions: %d, instances: %d)", files(r.inputs), joined(p.Groups), where, p.Partitions, p.Instances)
	r.display.Begin(p.TotalBytes)
}

func files(names []string) string {
	if len(names) == 1 {
		if names[0] == dump.Stdin {
			return "standard input"
		}
		return names[0]
	}
	return fmt.Sprintf("%d files", len(names))
}

// lineFilter hands on what the user's code prints in whole lines, without the test framework's last word.
type lineFilter struct {
	to   io.Writer
	line []byte
}

func (f *lineFilter) Write(text []byte) (int, error) {
	for _, c := range text {
		f.line = append(f.line, c)
		if c == '\n' {
			f.flush()
		}
	}
	return len(text), nil
}

func (f *lineFilter) flush() {
	if line := string(f.line); line != "" && line != "PASS\n" {
		_, _ = io.WriteString(f.to, line) // what the user's code prints is worth no error of ours
	}
	f.line = f.line[:0]
}
