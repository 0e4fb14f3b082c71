package testing_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/tester"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a processor, as programs do, until the test ends.
func run(t *testing.T, tt *tester.Tester, gg *goka.GroupGraph) *goka.Processor {
	t.Helper()
	p, err := goka.NewProcessor([]string{"localhost:9092"}, gg, goka.WithTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}
