package tester_test

import (
	"fmt"
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/tester"
)

// The recording was made by gokasim record clicked --brokers kafka:9092 --out testdata/clicked.jsonl, and what each of its
// records causes is in testdata/clicked.golden, which GOKASIM_GOLDEN=1 go test has written.
func ExampleReplay() {
	t := new(testing.T) // the test's own, in a test

	tester.Replay(t, "testdata/clicked.jsonl", clicks(), goka.WithLogger(logger.Discard()),
		tester.Afterwards(func(tt *tester.Tester) {
			fmt.Println(tt.Table("clicks-table"))
			for _, r := range tt.Records("milestones") {
				fmt.Println(r.Key, r.Value)
			}
		}))

	fmt.Println("failed:", t.Failed())
	// Output:
	// map[ann:10 bob:2]
	// ann 10
	// failed: false
}
