package soak

import "sync"

// ledger is what is known about records, by their ids.
type ledger struct {
	mu    sync.Mutex // guards all below
	known map[string]fate
	seen  map[string]map[string]struct{} // by group
}

// fate is what a producer was told about a record.
type fate int

const (
	unknown   fate = iota // it may be there or not
	acked                 // it is there
	committed             // in a transaction that was committed
	aborted               // in one that was not
)

func newLedger() *ledger {
	return &ledger{known: map[string]fate{}, seen: map[string]map[string]struct{}{}}
}

func (l *ledger) learn(f fate, ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.known[id] = f
	}
}

func (l *ledger) see(group, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[group] == nil {
		l.seen[group] = map[string]struct{}{}
	}
	l.seen[group][id] = struct{}{}
}

// missing is how many of the ids a group has not seen.
func (l *ledger) missing(group string, ids map[string]int) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range ids {
		if _, ok := l.seen[group][id]; !ok {
			n++
		}
	}
	return n
}

// those are the ids with a fate.
func (l *ledger) those(f fate) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, g := range l.known {
		if f == g {
			ids = append(ids, id)
		}
	}
	return ids
}
