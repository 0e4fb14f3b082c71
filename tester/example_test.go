package tester_test

import (
	"fmt"

	"github.com/gokasim/gokasim/tester"
)

// In a test, New takes its *testing.T.
func Example() {
	tt := tester.New(printing{})
	defer tt.Close()
	tt.StartProcessor(clicks())
	for range 10 {
		tt.Consume("clicked", "ann", "button")
	}
	fmt.Println(tt.TableValue("clicks-table", "ann"))
	for _, r := range tt.Records("milestones") {
		fmt.Println(r.Key, r.Value)
	}
	// Output:
	// 10
	// ann 10
}

func ExampleIn() {
	tt := tester.New(printing{})
	defer tt.Close()
	tt.StartProcessor(clicks())
	clicked := tester.In[string](tt, "clicked")
	clicked.Send("ann", "button")
	n, ok := tester.TableOf[int64](tt, "clicks-table").Get("ann")
	fmt.Println(n, ok)
	// Output: 1 true
}

func ExampleTester_ExpectTable() {
	tt := tester.New(printing{})
	defer tt.Close()
	tt.StartProcessor(clicks())
	tt.Consume("clicked", "ann", "button")
	tt.ExpectTable("clicks-table", map[string]any{"ann": int64(1)})
	fmt.Println("as expected")
	// Output: as expected
}
