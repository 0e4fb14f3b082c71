// Command simulation finds bugs that only show in a rebalance or a crash. Three groups count the same visits. Each is run
// by many seeds, with a second instance that comes, crashes, and comes back; a seed decides what happens when. The first
// two go wrong, each time in the same way when a seed is repeated. The third never does.
//
//	go run ./examples/simulation
//	go run ./examples/simulation -brokers localhost:9092    the third on a cluster, where nothing crashes
package main

import (
	"context"
	"os"
	"testing"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() {
	app.Main("simulation", func(_ context.Context, a *app.App) error {
		if a.InProcess() {
			inTest(func(t *testing.T) { simulate(t, a) })
		}
		return onCluster(a)
	})
}

// inTest ends the program with a test: simulations have to be in one, since their time is that of testing/synctest.
func inTest(f func(t *testing.T)) {
	os.Stdout = os.Stderr // where the testing package says PASS
	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "simulation", F: f}}, nil, nil)
}

// row is what is known of a visitor.
type row struct {
	Visits int64
	Offset int64 // of the last visit that is counted
}

// counting makes the group, with one of the three callbacks.
func counting(callback goka.ProcessCallback) *goka.GroupGraph {
	return goka.DefineGroup("visitors",
		goka.Input("visitor-arrivals", new(codec.String), callback),
		goka.Persist(new(codec.JSON[row])),
	)
}

// InMap counts in a map of the process. An instance that is given a partition knows nothing of what others counted.
func InMap() *goka.GroupGraph {
	visits := map[string]int64{}
	return counting(func(ctx goka.Context, _ any) {
		visits[ctx.Key()]++
		ctx.SetValue(row{Visits: visits[ctx.Key()]})
	})
}

// InTable counts in the group's table, which goes where the partition goes. A visit that is delivered again after a crash,
// because its offset was not committed yet, is counted again.
func InTable() *goka.GroupGraph {
	return counting(func(ctx goka.Context, _ any) {
		r, _ := ctx.Value().(row)
		ctx.SetValue(row{Visits: r.Visits + 1})
	})
}

// Once counts in the table, with the offset of what it counted: a visit that is delivered again changes nothing.
func Once() *goka.GroupGraph {
	return counting(func(ctx goka.Context, _ any) {
		r, known := ctx.Value().(row)
		if known && ctx.Offset() <= r.Offset {
			return
		}
		ctx.SetValue(row{Visits: r.Visits + 1, Offset: ctx.Offset()})
	})
}

func onCluster(a *app.App) error {
	if err := a.Streams(partitions, "visitor-arrivals"); err != nil {
		return err
	}
	processor, err := a.Process(Once())
	if err != nil {
		return err
	}
	before, err := processor.Get("ann")
	if err != nil {
		return err
	}
	r, _ := before.(row)
	if err := a.Emit("visitor-arrivals", new(codec.String), app.Message{Key: "ann", Value: ""}, app.Message{Key: "ann", Value: ""}); err != nil {
		return err
	}
	err = a.Until("two visits", func() (bool, error) {
		after, err := processor.Get("ann")
		now, _ := after.(row)
		return now.Visits >= r.Visits+2, err
	})
	if err == nil {
		a.Printf("two visits counted")
	}
	return err
}
