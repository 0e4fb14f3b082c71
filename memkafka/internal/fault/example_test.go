package fault_test

import (
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
)

func Example() {
	plan, err := fault.Parse(`
on produce topic=clicks partition=1 nth=2 name=lost-ack: drop-response
on fetch probability=0.1 name=slow: delay-response for=50ms up-to=2s
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	faults := plan.Start(1, 0)
	produce := fault.Op{Name: "produce", Partitions: []kafka.TopicPartition{{Topic: "clicks", Partition: 1}}}
	for range 3 {
		verdict := fault.Decide(faults.Match(0, produce))
		fmt.Println(verdict.Answered())
	}
	for _, c := range faults.Counts() {
		fmt.Printf("%s: %d of %d\n", c.Fault, c.Injected, c.Seen)
	}
	// Output:
	// true
	// false
	// true
	// lost-ack: 1 of 3
	// slow: 0 of 0
}
