//go:build unix

package results

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
)

// A process of this test publishes into outVariable, and is killed before the step numbered stepVariable, from 0 on.
const (
	outVariable  = "GOKASIM_TEST_OUT"
	stepVariable = "GOKASIM_TEST_STEP"
)

// big is a text that no file system writes at once.
func big(word string) string { return strings.Repeat(word+"\n", 1<<15) }

var published = &replaywire.Result{Tables: topics("rows", "more"), Outputs: topics("out")}

// TestPublishAndBeKilled is what the processes of the test below run.
func TestPublishAndBeKilled(t *testing.T) {
	out := os.Getenv(outVariable)
	if out == "" {
		t.Skip("it is run by another test")
	}
	rest, err := strconv.Atoi(os.Getenv(stepVariable))
	if err != nil {
		t.Fatal(err)
	}
	s := fill(t, out, map[string]string{"rows.jsonl": big("new rows"), "more.jsonl": big("new more"), "out.jsonl": big("new out"), "out.0.part": "x"})
	s.step = func() {
		if rest == 0 {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			select {}
		}
		rest--
	}
	if err := s.Publish(published); err != nil {
		t.Fatal(err)
	}
}

func TestPublishingThatIsKilledAtAnyStepLeavesWholeFiles(t *testing.T) {
	mixed := 0
	for step := 0; ; step++ {
		out := t.TempDir()
		for _, name := range []string{"rows", "out"} { // there is none of the other
			if err := os.WriteFile(filepath.Join(out, name+".jsonl"), []byte(big("old "+name)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ended := publishAndKill(t, out, step)
		states := map[string]bool{}
		for _, name := range []string{"rows", "more", "out"} {
			got, err := os.ReadFile(filepath.Join(out, name+".jsonl"))
			switch {
			case os.IsNotExist(err) && name == "more", err == nil && string(got) == big("old "+name):
				states["old"] = true
			case err == nil && string(got) == big("new "+name):
				states["new"] = true
			default:
				t.Errorf("step %d: %s has %d bytes, which are neither all of the old nor all of the new (%v)", step, name, len(got), err)
			}
		}
		if len(states) == 2 {
			mixed++
		}
		if ended {
			if states["old"] || step < 7 {
				t.Errorf("published in %d steps, with %v", step, states)
			}
			break
		}
		next := fill(t, out, map[string]string{"rows.jsonl": "1", "more.jsonl": "2", "out.jsonl": "3"})
		if err := next.Publish(published); err != nil {
			t.Fatal(err)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		if got := names(t, out); got != "more.jsonl out.jsonl rows.jsonl" && whole.CanSweep {
			t.Errorf("step %d: after the next run there are %s", step, got)
		}
	}
	if mixed != 2 { // among the three renames
		t.Errorf("%d kills came between two files, want 2", mixed)
	}
}

func TestPublishingANewDirectoryThatIsKilledAtAnyStepLeavesAllOfItOrNothing(t *testing.T) {
	for step := 0; ; step++ {
		parent := t.TempDir()
		out := filepath.Join(parent, "deep", "out")
		if publishAndKill(t, out, step) { // it came to its end
			if got := names(t, out); got != "more.jsonl out.jsonl rows.jsonl" || step < 8 {
				t.Errorf("published in %d steps: %s", step, got)
			}
			if got := names(t, filepath.Dir(out)); got != "out" {
				t.Errorf("beside the results there are %s", got)
			}
			return
		}
		if _, err := os.Lstat(out); err == nil {
			if got := names(t, out); got != "more.jsonl out.jsonl rows.jsonl" {
				t.Errorf("step %d: a part of the results is there: %q", step, got)
			}
		}
		next := fill(t, out, map[string]string{"rows.jsonl": "1", "more.jsonl": "2", "out.jsonl": "3"})
		if err := errors.Join(next.Publish(published), next.Close()); err != nil {
			t.Fatal(err)
		}
		if got := names(t, filepath.Dir(out)); got != "out" && whole.CanSweep {
			t.Errorf("step %d: after the next run there are %s", step, got)
		}
	}
}

// publishAndKill publishes into out in a process that is killed before a step, and reports whether that came to its end.
func publishAndKill(t *testing.T, out string, step int) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPublishAndBeKilled$")
	cmd.Env = append(os.Environ(), outVariable+"="+out, fmt.Sprintf("%s=%d", stepVariable, step))
	text, err := cmd.CombinedOutput()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if err != nil && status.Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: %v:\n%s", step, err, text)
	}
	return err == nil
}
