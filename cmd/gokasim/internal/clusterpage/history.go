package clusterpage

import (
	"slices"
	"sync"
	"time"

	"github.com/gokasim/gokasim/memkafka"
)

// Generation is what a group was like when a generation of it had become stable.
type Generation struct {
	Generation int32     `json:"generation"`
	At         time.Time `json:"at"` // when it was seen first
	Members    []Holding `json:"members"`
	Changed    string    `json:"changed"` // since the one before
}

// Holding is what a member of a generation had.
type Holding struct {
	Member   string   `json:"member"`
	Client   string   `json:"client"`
	Assigned []string `json:"assigned"`
}

// How often groups are looked at, so that of shorter generations nothing is known; and how many generations are kept of each group.
const (
	historyInterval = 500 * time.Millisecond
	generationsKept = 50
)

// history is what is known of the generations of groups.
type history struct {
	mu     sync.Mutex // guards what follows
	groups map[string][]Generation
	lags   []lags // the oldest first
}

// lags is how far groups were behind.
type lags struct {
	at time.Time
	of map[string]int64
}

// How often lags are looked at, and how long they are known.
const (
	lagInterval = 5 * time.Second
	lagsKept    = time.Minute
)

func newHistory() *history { return &history{groups: map[string][]Generation{}} }

// sample notes the lags of all groups, if it is time to.
func (h *history) sample(c *memkafka.Cluster, now time.Time) {
	h.mu.Lock()
	due := len(h.lags) == 0 || now.Sub(h.lags[len(h.lags)-1].at) >= lagInterval
	h.mu.Unlock()
	if !due {
		return
	}
	l := lags{now, map[string]int64{}}
	for _, g := range c.GroupProgresses() {
		l.of[g.ID] = g.Lag()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lags = append(slices.DeleteFunc(h.lags, func(l lags) bool { return now.Sub(l.at) > lagsKept }), l)
}

// trend says whether a group's lag is greater than it was, up to a minute ago.
func (h *history) trend(id string, lag int64) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.lags {
		if before, known := l.of[id]; known {
			switch {
			case lag > before:
				return "↑"
			case lag < before:
				return "↓"
			}
			break
		}
	}
	return "→"
}

// look notes the groups whose generation is new.
func (h *history) look(c *memkafka.Cluster, now time.Time) {
	generations := c.GroupGenerations()
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.groups {
		if _, there := generations[id]; !there && len(h.groups[id]) > 0 {
			if _, err := c.DescribeGroup(id); err != nil { // deleted, and not just rebalancing
				delete(h.groups, id)
			}
		}
	}
	for id, generation := range generations {
		known := h.groups[id]
		if n := len(known); n > 0 && known[n-1].Generation == generation {
			continue
		}
		d, err := c.DescribeGroup(id)
		if err != nil || d.Generation != generation {
			continue // it went on meanwhile
		}
		g := Generation{Generation: generation, At: now}
		for _, m := range d.Members {
			holding := Holding{Member: m.ID, Client: m.ClientID}
			for _, tp := range m.Assigned {
				holding.Assigned = append(holding.Assigned, tp.String())
			}
			g.Members = append(g.Members, holding)
		}
		if n := len(known); n > 0 {
			g.Changed = changed(known[n-1], g)
		}
		if len(known) == generationsKept {
			known = known[1:]
		}
		h.groups[id] = append(known, g)
	}
}

// changed says who came and went.
func changed(before, after Generation) string {
	names := func(g Generation) []string {
		var list []string
		for _, m := range g.Members {
			list = append(list, m.Member)
		}
		return list
	}
	text := ""
	for _, m := range after.Members {
		if !slices.Contains(names(before), m.Member) {
			text += "+" + m.Client + " "
		}
	}
	for _, m := range before.Members {
		if !slices.Contains(names(after), m.Member) {
			text += "−" + m.Client + " "
		}
	}
	return text
}

// of returns the generations of a group, the newest first.
func (h *history) of(id string) []Generation {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Clone(h.groups[id])
	slices.Reverse(list)
	return list
}
