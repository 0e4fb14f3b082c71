package goka

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// deferredCommits are the messages whose deferred commits are open.
type deferredCommits struct {
	mu   sync.Mutex // guards open
	open map[*deferredCommit]struct{}
}

type deferredCommit struct {
	topic  string
	offset int64
	key    string
}

func (d *deferredCommits) add(topic string, offset int64, key string) *deferredCommit {
	c := &deferredCommit{topic, offset, key}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = make(map[*deferredCommit]struct{})
	}
	d.open[c] = struct{}{}
	return c
}

func (d *deferredCommits) remove(c *deferredCommit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, c)
}

// all returns the open ones, the oldest of each topic first.
func (d *deferredCommits) all() []*deferredCommit {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(maps.Keys(d.open), func(a, b *deferredCommit) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.offset, b.offset))
	})
}

// unfinished tells what the partitions wait for, where they wait for the user's code or have failed.
func (g *Processor) unfinished() []string {
	var lines []string
	for _, pp := range g.partitionProcessors() {
		if r := pp.current(); r != nil {
			lines = append(lines, r.unfinished()...)
		}
	}
	return lines
}

func (r *partitionRun) unfinished() []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if err := r.err(); err != nil {
		say("group %s failed on partition %d: %v", r.pp.graph.group, r.pp.partition, err)
	}
	if msg := r.handling.Load(); msg != nil {
		say("the callback of group %s for %s/%d, offset %d, key %q has not returned", r.pp.graph.group, msg.Topic, r.pp.partition, msg.Offset, msg.Key)
	}
	for _, d := range r.deferred.all() {
		say("the commit of %s/%d, offset %d, key %q is deferred by group %s, and the function that DeferCommit returned was not called",
			d.topic, r.pp.partition, d.offset, d.key, r.pp.graph.group)
	}
	return lines
}
