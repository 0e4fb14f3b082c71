package simulate

import (
	"testing"

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
