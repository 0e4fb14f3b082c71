package simulate

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPatternsOfTests(t *testing.T) {
	for want, tests := range map[string][]string{
		"^TestA$":            {"TestA"},
		"^TestA$|^TestB$":    {"TestA", "TestB"},
		`^TestA$/^\(b\+c\)$`: {"TestA/(b+c)"},
	} {
		if got := Pattern(tests...); got != want {
			t.Errorf("%v: %s, want %s", tests, got, want)
		}
	}
}

func TestFailedTests(t *testing.T) {
	for name, test := range map[string]struct {
		output string
		want   []string
	}{
		"a test":   {"--- FAIL: TestA (0.00s)\n    a_test.go:1: --- FAIL: no\n--- FAIL: TestB (1.00s)\nFAIL\n", []string{"TestA", "TestB"}},
		"subtests": {"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/x (0.00s)\n        --- FAIL: TestA/x/y (0.00s)\n    --- FAIL: TestA/z (0.00s)\n", []string{"TestA/x/y", "TestA/z"}},
		"time":     {"panic: test timed out after 1s\n\trunning tests:\n\t\tTestA (1s)\n\t\tTestA/x (0s)\n\ngoroutine 1 [running]:\n", []string{"TestA/x"}},
		"a panic":  {"panic: no\n\ngoroutine 1 [running]:\n", []string{}},
	} {
		if diff := cmp.Diff(test.want, failed(test.output)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestASeedThatEndsTheProcessFails: code under test that calls os.Exit takes the result of its test along.
func TestASeedThatEndsTheProcessFails(t *testing.T) {
	if code, err := strconv.Atoi(os.Getenv("GOKASIM_TEST_EXIT")); err == nil {
		os.Exit(code)
	}
	for code, want := range map[string]string{"0": "unexpected call to os.Exit(0) during test", "7": "exit status 7\n"} {
		o := Options{Binary: os.Args[0], Dir: t.TempDir(), Tests: []string{t.Name()}, Timeout: time.Minute}
		failure, err := One(t.Context(), o, 1, []string{"GOKASIM_TEST_EXIT=" + code})
		if err != nil || failure == nil || !strings.Contains(failure.Output, want) {
			t.Errorf("exit with %s: %+v, %v; want a failure that says %q", code, failure, err, want)
		}
	}
}
