package memkafka

import (
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// Driver decides by its seed what happens next in a driven cluster: see NewDriven. Its methods are called by one goroutine, in the
// bubble of the cluster. Step lets one event happen, or time pass when there is none, and reports whether there was one; Settle lets
// every goroutine run until none can go on; Quiet reports whether nothing is left to do; Rand(name) draws a number that the seed, the step and
// the name decide; AddFeed adds input, and Input appends one record; Kill ends clients as a crash does, of which coordinators learn
// by the session's time-out; Note writes a line into the Trace; Pending says, for people, what is not finished. tester.Simulate
// does all of this for applications of goka.
type Driver = seam.Driver

// Feed is input from outside of a driven cluster: its Name, and Next, which returns the next record and where it goes, false when
// there is none any more. Each of its records is an event.
type Feed = seam.Feed

// Trace is what happened in a driven cluster, a line for each event. Text, an io.Writer, gets the lines while it is set; Digest
// returns the SHA-256 of all lines so far, in hex, and Lines their number.
type Trace = seam.Trace

// NewDriven returns a cluster in which nothing happens by itself: every call of a client waits until its Driver lets it
// happen, one event at a time, in an order that the seed decides. With clients that keep the determinism rules, as goka
// does, the same seed gives the same run, byte for byte of its trace.
//
// It must be called inside a testing/synctest bubble; wait is testing/synctest.Wait, handed in so that programs which
// only use a cluster do not carry package testing.
func NewDriven(seed uint64, wait func(), options ...Option) (*Cluster, *Driver, error) {
	c, err := Open(append([]Option{WithSeed(seed)}, options...)...)
	if err != nil {
		return nil, nil, err
	}
	return c, c.engine.Drive(seed, wait), nil
}
