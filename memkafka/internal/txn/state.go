package txn

import (
	"fmt"
	"slices"
)

// State is where a transactional id is between two transactions, with the numbers that Kafka's records give it.
type State int8

// The states of a transactional id.
const (
	Empty             State = 0 // no transaction since the producer id was given out
	Ongoing           State = 1 // a transaction is open
	PrepareCommit     State = 2 // it will be committed, markers are being written
	PrepareAbort      State = 3 // it will be aborted, markers are being written
	CompleteCommit    State = 4 // the last transaction was committed
	CompleteAbort     State = 5 // the last transaction was aborted
	Dead              State = 6 // expired, and about to be forgotten
	PrepareEpochFence State = 7 // the epoch is being bumped to lock a producer out; never seen between two steps
)

var stateNames = [...]string{
	"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence",
}

// String is Kafka's name of the state.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int8(s))
	}
	return stateNames[s]
}

// StateNamed finds a state by Kafka's name of it.
func StateNamed(name string) (State, bool) {
	i := slices.Index(stateNames[:], name)
	return State(i), i >= 0
}

// next is the legal moves. An empty transaction may be aborted from anywhere at rest, since a producer of KIP-890 does
// not know whether its first write arrived.
var next = map[State][]State{
	Empty:             {Empty, Ongoing, PrepareAbort, Dead},
	Ongoing:           {Ongoing, PrepareCommit, PrepareAbort, PrepareEpochFence},
	PrepareCommit:     {CompleteCommit},
	PrepareAbort:      {CompleteAbort},
	CompleteCommit:    {Empty, Ongoing, PrepareAbort, Dead},
	CompleteAbort:     {Empty, Ongoing, PrepareAbort, Dead},
	PrepareEpochFence: {PrepareAbort},
	Dead:              nil,
}

// ending is true while markers are being written. Requests have to wait.
func (s State) ending() bool { return s == PrepareCommit || s == PrepareAbort }

func (t *transaction) mayMove(to State) bool { return slices.Contains(next[t.state], to) }
