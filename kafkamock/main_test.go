package kafkamock

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// witness is a test that a mock may fail without failing the one that looks on.
type witness struct {
	mu       sync.Mutex // guards what follows
	errors   []string
	cleanups []func()
}

func newWitness(t *testing.T) *witness {
	w := &witness{}
	t.Cleanup(w.end)
	return w
}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...interface{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}

func (w *witness) Fatalf(format string, args ...interface{}) { w.Errorf("fatal: "+format, args...) }

func (w *witness) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }

// end is the end of the test.
func (w *witness) end() {
	for _, f := range slices.Backward(w.cleanups) {
		f()
	}
	w.cleanups = nil
}

// saw checks that the test failed as often as there are texts, each with its text.
func (w *witness) saw(t *testing.T, texts ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.errors) != len(texts) {
		t.Fatalf("the mock failed its test %d times, with %q; want %d times, with %q", len(w.errors), w.errors, len(texts), texts)
	}
	for i, text := range texts {
		if !strings.Contains(w.errors[i], text) {
			t.Errorf("the mock failed its test with %q; want %q in it", w.errors[i], text)
		}
	}
	w.errors = nil
}
