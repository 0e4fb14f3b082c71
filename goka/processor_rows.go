package goka

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gokasim/gokasim/storage"
)

// IteratorWithRange iterates over the rows of the group's table that this instance has: those of its partitions that are recovered, whose
// keys are start or greater, and less than limit. An empty limit is none: then these are the rows whose keys begin with start. It fails
// with ErrNotRunning when no partition is recovered. Rows appear here once Kafka has them.
func (g *Processor) IteratorWithRange(start, limit string) (Iterator, error) {
	table := g.graph.GroupTable()
	if table == nil {
		return nil, errors.New("can't iterate over the table of a stateless processor")
	}
	from, to := []byte(start), []byte(limit)
	if limit == "" {
		to = afterPrefix(start)
	}
	g.mu.RLock()
	held := maps.Clone(g.held)
	g.mu.RUnlock()
	var tables []*PartitionTable
	for _, p := range slices.Sorted(maps.Keys(held)) {
		if t := held[p].table; t != nil && t.IsRecovered() {
			tables = append(tables, t)
		}
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("group %s has no recovered partition in this process: %w", g.graph.Group(), ErrNotRunning)
	}
	return iterateAll(tables, apart(table.Codec()), func(t *PartitionTable) (storage.Iterator, error) { return t.IteratorWithRange(from, to) })
}
