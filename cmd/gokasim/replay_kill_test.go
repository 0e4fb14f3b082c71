package main

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
)

// killed is a replay of the flights that is killed again and again.
type killed struct {
	path, out string
	once      string // what a run that nobody killed gives
}

func newKilled(t *testing.T, ctx context.Context) killed { //nolint:revive // t comes first in tests
	t.Helper()
	dir := t.TempDir()
	k := killed{path: program(t), out: filepath.Join(dir, "out"), once: filepath.Join(dir, "once")}
	if text, err := k.command(ctx, "--out", k.once).CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return k
}

func (k killed) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, k.path, append([]string{"replay", "../../examples/flights", "--progress", "none"}, args...)...)
	cmd.Env = append(cmd.Environ(), "GOFLAGS=") // the package is found by the path of its source
	return cmd
}

// kill runs the command and kills it so long after it has begun to replay. It returns what it said until then, and whether it had ended.
func (k killed) kill(t *testing.T, ctx context.Context, after time.Duration, args ...string) (said string, ended bool) { //nolint:revive // t comes first in tests
	t.Helper()
	cmd := k.command(ctx, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "replaying ") {
			break
		}
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	return string(rest), cmd.Wait() == nil
}

// same checks that the results are those of a run that nobody killed.
func (k killed) same(t *testing.T) {
	t.Helper()
	if code, stdout, stderr := runWith(t, "diff", k.once, k.out); code != 0 {
		t.Fatalf("it differs:\n%s%s", stdout, stderr)
	}
}

// clear removes the results.
func (k killed) clear(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(k.out); err != nil {
		t.Fatal(err)
	}
}

// TestTheResultsOfAReplayThatIsKilledAreWholeOrAbsent kills the command at any moment of its run. All of its results are there then, or none, and
// the next run gives the same results and leaves nothing else behind. GOKASIM_KILLS=50 does it as often.
func TestTheResultsOfAReplayThatIsKilledAreWholeOrAbsent(t *testing.T) {
	t.Parallel() // most of it is other programs
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	k := newKilled(t, ctx)
	rng := rand.New(rand.NewPCG(5, 6))
	finished, published := 0, 0
	for range kills(t) {
		_, ended := k.kill(t, ctx, time.Duration(rng.IntN(2000))*time.Millisecond, "--out", k.out)
		if ended {
			finished++
		}
		if _, err := os.Lstat(k.out); err == nil {
			published++
			k.same(t)
		} else if ended {
			t.Fatalf("it ended, and there are no results: %v", err)
		}
		k.clear(t)
	}
	if text, err := k.command(ctx, "--out", k.out).CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	k.same(t)
	if n := entries(t, filepath.Dir(k.out)); n != 2 && whole.CanSweep { // once and out
		t.Errorf("there are %d entries beside the results, want 2", n)
	}
	t.Logf("%d runs were killed, %d of them after they published, %d ended before", kills(t)-finished, published-finished, finished)
}

// TestAReplayThatIsKilledGoesOn kills the command at any moment of its run. With --resume the results are those of a run that nobody killed.
// GOKASIM_KILLS=50 does it as often.
func TestAReplayThatIsKilledGoesOn(t *testing.T) {
	t.Parallel() // most of it is other programs
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	k := newKilled(t, ctx)
	kept := t.TempDir()
	args := []string{"--out", k.out, "--checkpoint", kept, "--checkpoint-every", "2000", "--resume"}
	rng := rand.New(rand.NewPCG(3, 4))
	resumed, finished := 0, 0
	for range kills(t) {
		said, ended := k.kill(t, ctx, time.Duration(rng.IntN(2000))*time.Millisecond, args...)
		if strings.Contains(said, "going on behind") {
			resumed++
		}
		if ended {
			finished++
			k.same(t)
		}
		k.clear(t)
	}
	text, err := k.command(ctx, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	k.same(t)
	if _, err := os.Stat(filepath.Join(kept, replaywire.CheckpointFile)); err == nil {
		t.Error("the checkpoint is there after the end of the run")
	}
	t.Logf("%d runs were killed, %d ended before, %d went on from a checkpoint", kills(t)-finished, finished, resumed)
}
