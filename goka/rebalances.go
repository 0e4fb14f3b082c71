package goka

import (
	"slices"
	"time"
)

// Rebalance is one generation of a group, as one instance took part in it.
type Rebalance struct {
	Number     int       // of this instance's generations, from 1 on
	Generation int32     // of the group
	Partitions []int32   // that the instance was given, sorted
	Began      time.Time // when the instance learned of it
	Ready      time.Time // when all its partitions were recovered; zero until then, or if it never came to that
	Ended      time.Time // when the instance let go of it; zero until then
	Err        error     // what went wrong while it was set up
}

// rebalancesKept is how many generations a processor remembers.
const rebalancesKept = 64

// Rebalances returns the last 64 generations of the group that this instance took part in, oldest first; none before Run.
func (g *Processor) Rebalances() []Rebalance {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.Clone(g.rebalances)
}

// noteGeneration remembers that a generation began.
func (g *Processor) noteGeneration(generation int32, partitions []int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.rebalances) == rebalancesKept {
		g.rebalances = slices.Delete(g.rebalances, 0, 1)
	}
	g.rebalances = append(g.rebalances, Rebalance{
		Number: g.generations, Generation: generation, Partitions: slices.Clone(partitions), Began: time.Now(),
	})
}

// noteReady remembers that the present generation is set up, or what kept it from that.
func (g *Processor) noteReady(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.rebalances); n > 0 {
		g.rebalances[n-1].Err = err
		if err == nil {
			g.rebalances[n-1].Ready = time.Now()
		}
	}
}

// noteEnd remembers that the present generation is over.
func (g *Processor) noteEnd() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.rebalances); n > 0 {
		g.rebalances[n-1].Ended = time.Now()
	}
}
