package memkafka

import (
	"fmt"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// Faults is a plan of what goes wrong in a cluster: requests that are refused, lost, delayed, duplicated or cut off, and what
// happens to brokers, leaders, coordinators and clocks. The zero Faults is nothing.
//
// A plan is text, a fault in each line; # begins a comment.
//
//	on produce topic=clicks partition=1 nth=3: drop-response
//	on fetch broker=2 from=10s until=40s probability=0.1: delay-response for=50ms up-to=2s
//	on join-group group=counts nth=2 name=moved: move-coordinator, error NOT_COORDINATOR
//	on any client=app-1 times=5: disconnect
//	at 30s every=1m times=3: stop-broker broker=2 for=10s
//	at 1h: jump-clock by=-5s
//
// After "on" stand requests by Kafka's names in lower case with dashes, as offset-commit, or any. These narrow them down, each
// given several times where several values will do:
//
//	topic= partition= group= transactional-id=   what the request is about
//	client= broker=                              the client.id it comes from, the broker it goes to
//	from= until=                                 when it comes, counted from when the plan was given to the cluster
//	nth= every=                                  which of those that passed so far, counted from 1
//	probability= times=                          with what chance, which the cluster's seed decides; how often at most
//	name=                                        what counts call the fault
//
// After the colon stands what happens then, separated by commas:
//
//	error CODE [after-effect]                    Kafka's error is the answer, without what was asked for being done, or with it
//	drop-request, drop-response                  the client waits in vain, before or after that was done
//	delay-request for=, delay-response for=      something comes later; up-to= lets chance decide how much
//	duplicate [times=]                           the request arrives several times
//	hold-response [behind=]                      its answer comes behind later ones
//	disconnect [after-effect]                    the connection is closed
//	move-coordinator, move-leader, stop-broker, start-broker, slow-broker by=, jump-clock by=
//
// The last of these also happen at a time, after "at", where what the request tells otherwise has to be given: group= or
// transactional-id= for move-coordinator, topic= and partition= for move-leader, broker= for the brokers' own. to= names where
// something moves; for= is how long a broker stays away or slow. A jump of the clock concerns timestamps and time-outs that
// brokers keep, of all of them unless broker= names one.
//
// Clients do what they do on a real network. At the wire door that is up to them. Clients of saramaclient act as sarama: they
// wait for an answer for Net.ReadTimeout, producers send again as Producer.Retry says, which writes records twice unless
// Producer.Idempotent is set, consumers fetch again after Consumer.Retry.Backoff, members of groups heartbeat again. Each batch
// of theirs is a produce of its own, and each time that records are read a fetch; the opening of a partition is a list-offsets.
type Faults struct{ plan fault.Plan }

// ParseFaults reads a plan. The error names line and column of what is wrong, and what was expected there.
func ParseFaults(text string) (Faults, error) {
	plan, err := fault.Parse(text)
	if err != nil {
		return Faults{}, fmt.Errorf("faults: %w", err)
	}
	return Faults{plan}, nil
}

// String prints the plan, a line for each fault. ParseFaults reads it as the same plan.
func (f Faults) String() string { return f.plan.String() }

// Len is the number of faults.
func (f Faults) Len() int { return len(f.plan.Faults) }

// FaultCount is how often a fault happened: Fault, its name, or its text if it has none; Seen, the requests that passed its
// selectors, or times that came; Injected, those that went wrong; and Err, why what it does to the cluster could not be done the last
// time, if so.
type FaultCount = seam.FaultCount

// SetFaults makes a plan, given as text, all that goes wrong in the cluster from now on: see Faults. Counts begin anew. The
// same plan and seed (WithSeed) make the same faults of the same requests.
func (c *Cluster) SetFaults(text string) error {
	f, err := ParseFaults(text)
	if err != nil {
		return err
	}
	return c.engine.SetFaults(f.plan)
}

// AddFaults adds a plan, given as text, to what goes wrong in the cluster: see Faults. Its times count from now. It fails for a
// name that a fault has already.
func (c *Cluster) AddFaults(text string) error {
	f, err := ParseFaults(text)
	if err != nil {
		return err
	}
	return c.engine.AddFaults(f.plan)
}

// ClearFaults ends all faults, and forgets their counts. What was delayed comes in its time all the same; brokers that were
// stopped stay so, unless it was for a while, and clocks that jumped stay where they are.
func (c *Cluster) ClearFaults() { c.engine.ClearFaults() }

// FaultCounts tells how often each fault happened so far, in the order in which they were given.
func (c *Cluster) FaultCounts() []FaultCount { return c.engine.FaultCounts() }

// MissedFaults names the faults that never happened so far, so that a test can fail that meant them to.
func (c *Cluster) MissedFaults() []string {
	var missed []string
	for _, f := range c.engine.FaultCounts() {
		if f.Injected == 0 {
			missed = append(missed, f.Fault)
		}
	}
	return missed
}

// MoveCoordinator makes another broker the coordinator of a group; broker 0 is the next that can be. Where there is no other, it
// starts again where it is. It is built from its records; members learn by NOT_COORDINATOR.
func (c *Cluster) MoveCoordinator(group string, broker int32) error {
	return c.change(fmt.Sprintf("coordinator of group %s moves to %d", group, broker), func(core *cluster.Cluster, now Millis) error {
		return core.MoveGroupCoordinator(now, group, broker)
	})
}

// MoveTransactionCoordinator is MoveCoordinator for a transactional id.
func (c *Cluster) MoveTransactionCoordinator(transactionalID string, broker int32) error {
	return c.change(fmt.Sprintf("coordinator of transactional id %s moves to %d", transactionalID, broker), func(core *cluster.Cluster, now Millis) error {
		return core.MoveTransactionCoordinator(now, transactionalID, broker)
	})
}
