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
)

// TestAReplayThatIsKilledGoesOn kills the command at any moment of its run. What is under final names then is whole or absent,
// and with --resume the results are those of a run that nobody killed. GOKASIM_KILLS=50 does it as often.
func TestAReplayThatIsKilledGoesOn(t *testing.T) {
	path, dir := program(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	out, once, kept := filepath.Join(dir, "out"), filepath.Join(dir, "once"), filepath.Join(dir, "kept")
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, path, append([]string{"replay", "../../examples/flights", "--progress", "none"}, args...)...)
		cmd.Env = append(cmd.Environ(), "GOFLAGS=") // the package is found by the path of its source
		return cmd
	}
	if text, err := command("--out", once).CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	same := func() {
		t.Helper()
		if code, stdout, stderr := runWith(t, "diff", once, out); code != 0 {
			t.Fatalf("it differs:\n%s%s", stdout, stderr)
		}
	}
	args := []string{"--out", out, "--checkpoint", kept, "--checkpoint-every", "2000", "--resume"}
	rng := rand.New(rand.NewPCG(3, 4))
	resumed, finished := 0, 0
	for range kills(t) {
		cmd := command(args...)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stderr)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "replaying ") {
			continue
		}
		timer := time.AfterFunc(time.Duration(rng.IntN(2000))*time.Millisecond, func() { _ = cmd.Process.Kill() }) // it may have ended
		rest, err := io.ReadAll(stderr)
		if err == nil && strings.Contains(string(rest), "going on behind") {
			resumed++
		}
		timer.Stop()
		if cmd.Wait() == nil {
			finished++
		}
		names, err := filepath.Glob(filepath.Join(out, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 3 {
			same()
		}
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	text, err := command(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	same()
	if _, err := os.Stat(filepath.Join(kept, replaywire.CheckpointFile)); err == nil {
		t.Error("the checkpoint is there after the end of the run")
	}
	t.Logf("%d runs were killed, %d ended before, %d went on from a checkpoint", kills(t)-finished, finished, resumed)
}
