package goka

import (
	"fmt"
	"slices"
	"sync"
)

// State is a state of a Signal.
type State int

// The states of a processor.
const (
	// ProcStateIdle is the state before Run.
	ProcStateIdle State = iota
	// ProcStateStarting is the state while clients are made and lookup tables are read, and between two generations
	// of the group.
	ProcStateStarting
	// ProcStateSetup is the state while the partitions of a new generation recover.
	ProcStateSetup
	// ProcStateRunning is the state while messages are handled.
	ProcStateRunning
	// ProcStateStopping is the state while the partitions of a generation finish what they have begun.
	ProcStateStopping
	// ProcStateStopped is the last state, once Run has done its work.
	ProcStateStopped
)

// The states of a partition processor.
const (
	// PPStateIdle is the state before the first generation, and between two of them.
	PPStateIdle State = iota
	// PPStateRecovering is the state while the tables are read.
	PPStateRecovering
	// PPStateRunning is the state while messages are handled.
	PPStateRunning
	// PPStateStopping is the state while outstanding results are waited for.
	PPStateStopping
	// PPStateStopped is the last state.
	PPStateStopped
)

// StateReader reads the state of a processor.
type StateReader interface {
	// State returns the present state.
	State() State
	// IsState reports whether the present state is the given one.
	IsState(State) bool
	// WaitForStateMin returns a channel that is closed once the state is state or a higher one; at once when it is.
	WaitForStateMin(state State) <-chan struct{}
	// WaitForState returns a channel that is closed once the state is state; at once when it is.
	WaitForState(state State) <-chan struct{}
	// ObserveStateChange returns an observer that begins with the present state. Call its Stop when it is of no more use.
	ObserveStateChange() *StateChangeObserver
}

// Signal is a state that can be waited for. All methods may be called from any goroutine; none of them blocks.
type Signal struct {
	allowed []State

	mu        sync.RWMutex // guards what follows
	state     State
	waiters   []waiter
	observers []*StateChangeObserver
}

// waiter is what all share who wait for one state.
type waiter struct {
	state  State
	higher bool          // a higher state is as good
	c      chan struct{} // closed when the state is there
}

func (w waiter) reached(state State) bool { return state == w.state || w.higher && state > w.state }

// NewSignal returns a signal that may take the given states. Its first state is 0.
func NewSignal(states ...State) *Signal {
	return newSignal(slices.Clone(states))
}

// newSignal is NewSignal for states that never change.
func newSignal(states []State) *Signal { return &Signal{allowed: states} }

// SetState changes the state, and tells who waits for it. Setting the present state again does nothing. A state that
// NewSignal was not given is a mistake in the program: SetState panics. It returns s.
func (s *Signal) SetState(state State) *Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.allowed, state) {
		panic(fmt.Sprintf("trying to set illegal state %v", state))
	}
	if s.state == state {
		return s
	}
	s.state = state
	s.waiters = slices.DeleteFunc(s.waiters, func(w waiter) bool {
		if !w.reached(state) {
			return false
		}
		close(w.c)
		return true
	})
	for _, o := range s.observers {
		o.put(state)
	}
	return s
}

// State returns the present state.
func (s *Signal) State() State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state
}

// IsState reports whether the present state is state.
func (s *Signal) IsState(state State) bool { return s.State() == state }

// WaitForState returns a channel that is closed once the state is state; at once when it is.
func (s *Signal) WaitForState(state State) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wait(waiter{state: state})
}

// WaitForStateMin returns a channel that is closed once the state is state or a higher one; at once when it is.
func (s *Signal) WaitForStateMin(state State) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wait(waiter{state: state, higher: true})
}

// WaitForStateMinWithCleanup is WaitForStateMin, and a function to call when nobody waits any more. All who wait for
// one state share a channel, so there is nothing to gain from calling it early.
func (s *Signal) WaitForStateMinWithCleanup(state State) (<-chan struct{}, func()) {
	return s.WaitForStateMin(state), func() {}
}

// wait returns the channel of a waiter. Called with mu held.
func (s *Signal) wait(w waiter) <-chan struct{} {
	for _, other := range s.waiters {
		if other.state == w.state && other.higher == w.higher {
			return other.c
		}
	}
	w.c = make(chan struct{})
	if w.reached(s.state) {
		close(w.c)
	} else {
		s.waiters = append(s.waiters, w)
	}
	return w.c
}

// ObserveStateChange returns an observer that begins with the present state. Call its Stop when it is of no more use.
func (s *Signal) ObserveStateChange() *StateChangeObserver {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &StateChangeObserver{signal: s, c: make(chan State, 1)}
	o.put(s.state)
	s.observers = append(s.observers, o)
	return o
}

// StateChangeObserver tells the states of a signal to one reader. A reader that is slower than the changes misses
// states, and always gets the last one.
type StateChangeObserver struct {
	signal  *Signal
	c       chan State // holds the newest state not read yet; written under signal.mu
	stopped bool       // guarded by signal.mu
}

// C returns the channel of states. Stop closes it.
func (o *StateChangeObserver) C() <-chan State { return o.c }

// Stop ends the observation and closes the channel. It may be called more than once.
func (o *StateChangeObserver) Stop() {
	o.signal.mu.Lock()
	defer o.signal.mu.Unlock()
	if o.stopped {
		return
	}
	o.stopped = true
	o.signal.observers = slices.DeleteFunc(o.signal.observers, func(other *StateChangeObserver) bool { return other == o })
	close(o.c)
}

// put replaces the state that waits to be read. It never blocks, since only the holder of signal.mu writes.
func (o *StateChangeObserver) put(state State) {
	select {
	case <-o.c:
	default:
	}
	o.c <- state
}
