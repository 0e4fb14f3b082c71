package histories_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/script"
)

// failing makes the property of TestThatFails run; it is set in a process of its own.
const failing = "GOKASIM_FAILING_HISTORY"

// TestThatFails is a counter that may not pass ten.
func TestThatFails(t *testing.T) {
	if os.Getenv(failing) == "" {
		t.Skip("run by TestFailingHistoryIsAScript")
	}
	histories.Check(t, func(t *rapid.T) {
		sum := rapid.IntRange(3, 5).Draw(t, "first sum")
		t.Repeat(map[string]func(*rapid.T){
			"add to it": func(t *rapid.T) { sum += rapid.IntRange(0, 100).Draw(t, "n") },
			"name":      func(t *rapid.T) { rapid.StringMatching(`a b`).Draw(t, "text") },
			"": func(t *rapid.T) {
				if sum > 10 {
					t.Fatalf("the sum is %d", sum)
				}
			},
		})
	})
}

func TestFailingHistoryIsAScript(t *testing.T) {
	// with a seed, since rapid stops at a history that none of its steps makes shorter, and from one seed in ten that is a longer one
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestThatFails$", "-rapid.nofailfile", "-rapid.seed=1")
	cmd.Env = append(os.Environ(), failing+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the property holds:\n%s", out)
	}
	_, printed, found := strings.Cut(string(out), "as a script:\n")
	if !found || !strings.Contains(string(out), "-rapid.seed=") {
		t.Fatalf("neither seed nor script:\n%s", out)
	}
	var lines []string
	for line := range strings.Lines(printed) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "---") || line == "FAIL" {
			break
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "\n")
	if want := "begin first-sum=3\nadd-to-it n=8"; text != want {
		t.Errorf("the script is\n%s\nwant\n%s", text, want)
	}
	if _, err := script.Parse(text); err != nil {
		t.Error(err)
	}
}
