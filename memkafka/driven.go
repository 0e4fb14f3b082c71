package memkafka

import (
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// Driver decides by its seed what happens next in a driven cluster: see NewDriven.
type Driver = seam.Driver

// Feed is input from outside of a driven cluster.
type Feed = seam.Feed

// Trace is what happened in a driven cluster.
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
