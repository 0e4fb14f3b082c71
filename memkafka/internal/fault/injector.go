package fault

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Injector is a plan in a run: it is asked about each request and each moment, and counts. It reads no clock and draws no
// chance but what the seed gives: the same plan, seed and requests lead to the same injections. Whether a fault is injected
// does not depend on the others, so faults can be taken out of a plan while the rest goes on as before.
//
// It is not safe for concurrent use.
type Injector struct {
	faults []running
	seed   uint64
	start  kafka.Millis
}

// running is one fault and how far it got.
type running struct {
	Fault
	on             *On // nil if it is not about requests
	label          string
	key            uint64 // of its chance
	seen, injected int
}

// Injection is one action of a fault, to be carried out.
type Injection struct {
	Fault  string // its [Fault.Label]
	Action Action
	// Partitions is those of the request that passed the fault's selectors, in the order of the request; nil if it selects
	// none, and concerns the whole request.
	Partitions []kafka.TopicPartition
}

// Start begins a run of the plan at a time from which its own times count.
func (p Plan) Start(seed uint64, start kafka.Millis) *Injector {
	in := &Injector{seed: seed, start: start}
	same := map[string]uint64{}
	for _, f := range p.Faults {
		text := f.String()
		h := fnv.New64a()
		h.Write([]byte(text))
		r := running{Fault: f, label: f.Label(), key: h.Sum64() + same[text]}
		if on, ok := f.When.(On); ok {
			r.on = &on
		}
		in.faults = append(in.faults, r)
		same[text]++
	}
	return in
}

// Match asks about a request that came at time now. It returns what to do, in the order of the plan, and nothing for most
// requests. Each request is to be asked about once.
func (in *Injector) Match(now kafka.Millis, op Op) []Injection {
	var injections []Injection
	for i := range in.faults {
		f := &in.faults[i]
		if f.on == nil {
			continue
		}
		passed, selects, ok := f.on.pass(in.since(now), &op)
		if !ok {
			continue
		}
		if !selects {
			passed = nil
		}
		actions := f.actions(&op, passed)
		if actions == nil {
			continue // an action lacks what the request is not about
		}
		f.seen++
		if !f.on.chooses(f.seen, f.injected, in.chance(f.key, f.seen, 0)) {
			continue
		}
		f.injected++
		for n, a := range actions {
			injections = append(injections, Injection{Fault: f.label, Action: in.drawn(a, f, n), Partitions: passed})
		}
	}
	return injections
}

func (in *Injector) since(now kafka.Millis) time.Duration {
	return time.Duration(now-in.start) * time.Millisecond
}

// pass is whether a request passes the selectors, and which of its partitions do, if there is a selector of them.
func (on *On) pass(since time.Duration, op *Op) (passed []kafka.TopicPartition, selects, ok bool) {
	switch {
	case !slices.Contains(on.Operations, op.Name) && on.Operations[0] != Any,
		since < on.From, on.Until != 0 && since >= on.Until,
		!among(on.Clients, op.ClientID), !among(on.Brokers, op.Broker),
		!anyAmong(on.Groups, op.Groups), !anyAmong(on.TransactionalIDs, op.TransactionalIDs):
		return nil, false, false
	case len(on.Topics) == 0 && len(on.Partitions) == 0:
		return nil, false, true
	}
	for _, tp := range op.Partitions {
		if among(on.Topics, tp.Topic) && among(on.Partitions, tp.Partition) {
			passed = append(passed, tp)
		}
	}
	return passed, true, len(passed) > 0
}

// among is true if v is one of the values, or there are none.
func among[T comparable](values []T, v T) bool { return len(values) == 0 || slices.Contains(values, v) }

func anyAmong[T comparable](values, of []T) bool {
	return len(values) == 0 || slices.ContainsFunc(of, func(v T) bool { return slices.Contains(values, v) })
}

// chooses is whether the request that was seen as number n goes wrong.
func (on *On) chooses(n, injected int, chance uint64) bool {
	switch {
	case len(on.Nth) > 0 && !slices.Contains(on.Nth, int32(n)),
		on.Every > 0 && n%int(on.Every) != 0,
		on.Times > 0 && injected >= int(on.Times):
		return false
	}
	return on.Probability == 0 || float64(chance>>11)/(1<<53) < on.Probability
}

// actions fills in what actions leave to the request. It is nil if the request cannot tell.
func (f *running) actions(op *Op, passed []kafka.TopicPartition) []Action {
	if passed == nil {
		passed = op.Partitions
	}
	actions := make([]Action, 0, len(f.Do))
	for _, a := range f.Do {
		before := len(actions)
		switch a := a.(type) {
		case MoveCoordinator:
			if a.Group != "" || a.TransactionalID != "" {
				actions = append(actions, a)
				break
			}
			for _, g := range op.Groups {
				if among(f.on.Groups, g) {
					actions = append(actions, MoveCoordinator{Group: g, To: a.To})
				}
			}
			for _, id := range op.TransactionalIDs {
				if among(f.on.TransactionalIDs, id) {
					actions = append(actions, MoveCoordinator{TransactionalID: id, To: a.To})
				}
			}
		case MoveLeader:
			if a.TP.Topic != "" {
				actions = append(actions, a)
				break
			}
			for _, tp := range passed {
				if tp.Partition != WholeTopic {
					actions = append(actions, MoveLeader{TP: tp, To: a.To})
				}
			}
		case StopBroker:
			if a.Broker == NoBroker {
				a.Broker = op.Broker
			}
			if a.Broker != NoBroker {
				actions = append(actions, a)
			}
		case SlowBroker:
			if a.Broker == NoBroker {
				a.Broker = op.Broker
			}
			if a.Broker != NoBroker {
				actions = append(actions, a)
			}
		default:
			actions = append(actions, a)
		}
		if len(actions) == before {
			return nil
		}
	}
	return actions
}

// drawn replaces the range of a delay by one of its values.
func (in *Injector) drawn(a Action, f *running, n int) Action {
	draw := func(least, most time.Duration) time.Duration {
		if most <= least {
			return least
		}
		steps := uint64((most-least)/time.Millisecond) + 1
		return least + time.Duration(in.chance(f.key, f.seen, n+1)%steps)*time.Millisecond
	}
	switch a := a.(type) {
	case DelayRequest:
		return DelayRequest{For: draw(a.For, a.UpTo)}
	case DelayResponse:
		return DelayResponse{For: draw(a.For, a.UpTo)}
	}
	return a
}

// chance is a random number that depends on nothing but its arguments and the seed.
func (in *Injector) chance(key uint64, seen, what int) uint64 {
	return mix(mix(mix(in.seed^key)+uint64(seen)) + uint64(what))
}

// mix is the finalizer of SplitMix64, which changes half of the bits for each that differs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// next is when a fault at a time comes again.
func (f *running) next(start kafka.Millis) (kafka.Millis, bool) {
	at, ok := f.When.(At)
	if !ok || f.injected > 0 && at.Every == 0 || at.Times > 0 && f.injected >= int(at.Times) {
		return 0, false
	}
	since := at.Time + time.Duration(f.injected)*at.Every
	if at.Until > 0 && since >= at.Until {
		return 0, false
	}
	return start + kafka.Millis(since/time.Millisecond), true
}

// first is the fault at a time that comes next, of those due together the first of the plan; nil if none comes.
func (in *Injector) first() (*running, kafka.Millis) {
	var first *running
	var due kafka.Millis
	for i := range in.faults {
		f := &in.faults[i]
		if at, ok := f.next(in.start); ok && (first == nil || at < due) {
			first, due = f, at
		}
	}
	return first, due
}

// Next is when Due has something to tell; ok is false if it never has again.
func (in *Injector) Next() (at kafka.Millis, ok bool) {
	f, at := in.first()
	return at, f != nil
}

// Due asks what happens at time now or should have happened before, and was not told yet: in the order of time, and of the
// plan for what is due together.
func (in *Injector) Due(now kafka.Millis) []Injection {
	var injections []Injection
	for {
		f, at := in.first()
		if f == nil || at > now {
			return injections
		}
		f.seen++
		f.injected++
		for _, a := range f.Do {
			injections = append(injections, Injection{Fault: f.label, Action: a})
		}
	}
}

// Count is how often a fault happened.
type Count struct {
	Fault    string // its [Fault.Label]
	Seen     int    // requests that passed its selectors, or times that came
	Injected int    // and went wrong
}

// Counts is how often each fault happened so far, in the order of the plan.
func (in *Injector) Counts() []Count {
	counts := make([]Count, len(in.faults))
	for i, f := range in.faults {
		counts[i] = Count{Fault: f.label, Seen: f.seen, Injected: f.injected}
	}
	return counts
}

// Injected is how often the fault with this label was injected so far; zero for one that is not in the plan.
func (in *Injector) Injected(label string) int {
	n := 0
	for _, f := range in.faults {
		if f.label == label {
			n += f.injected
		}
	}
	return n
}

// Missed is the labels of the faults that were never injected, in the order of the plan.
func (in *Injector) Missed() []string {
	var missed []string
	for _, f := range in.faults {
		if f.injected == 0 {
			missed = append(missed, f.label)
		}
	}
	return missed
}
