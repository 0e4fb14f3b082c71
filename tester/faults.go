package tester

import (
	"fmt"
	"sync/atomic"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// Faults adds a plan of faults to the cluster, given as text: see memkafka.Faults. Its times count from now. From then on
// processors and emitters send what they emit as on a real network, with sarama's retries and time-outs, so that faults of
// produce requests reach them too; without a plan a tester appends it at once. A request without an answer counts as lost
// after a fifth of the tester's timeout, and not after half a minute as in a simulation, since the test waits for that.
//
//	tt.Faults("on produce topic=out nth=2: error MESSAGE_TOO_LARGE")
func (tt *Tester) Faults(text string) {
	if tt.cluster == nil {
		tt.mark.Helper()
		tt.skip("faults are for simulated clusters")
		return
	}
	if g, ok := tt.ground.(*byHand); ok {
		if err := g.network(); err != nil {
			tt.mark.Helper()
			tt.fatalf("faults: %v", err)
			return
		}
	}
	add := tt.cluster.AddFaults
	if g, ok := tt.ground.(*inSimulation); ok {
		add = g.sim.addFaults
	}
	if err := add(text); err != nil {
		tt.mark.Helper()
		tt.mistakef("%v", err)
	}
}

// testerNumber makes names of clusters unique.
var testerNumber atomic.Uint64

// network gives the cluster an address, so that producers are made that send over what looks like a network.
func (g *byHand) network() error {
	if g.brokers.Load() != nil {
		return nil
	}
	name := fmt.Sprintf("tester-%d", testerNumber.Add(1))
	release, err := memkafka.SetNamed(name, g.cluster)
	if err != nil {
		return err
	}
	g.release = release
	g.brokers.Store(&[]string{"mem://" + name})
	return nil
}

// sender returns a producer that sends over the network, nil as long as there is none.
func (p *producer) sender() (goka.EmissionProducer, error) {
	if p.inner != nil {
		return p.inner, nil
	}
	g, ok := p.tester.ground.(*byHand)
	if !ok {
		return nil, nil
	}
	brokers := g.brokers.Load()
	if brokers == nil {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.late != nil {
		return p.late, nil
	}
	inner, err := goka.ProducerBuilderWithConfig(g.config(p.client))(*brokers, p.client, p.hasher)
	if err != nil {
		return nil, err
	}
	p.late, ok = inner.(goka.EmissionProducer)
	if !ok {
		return nil, fmt.Errorf("producer %T takes no emissions", inner)
	}
	return p.late, nil
}
