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

// openRuns are the runs that have begun and not returned: those of the present generation, and those of earlier ones, or of
// partitions that have moved away, of which a callback does not return.
type openRuns struct {
	mu   sync.Mutex // guards list
	list []*partitionRun
}

func (o *openRuns) add(r *partitionRun) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, r)
}

func (o *openRuns) remove(r *partitionRun) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = slices.DeleteFunc(o.list, func(other *partitionRun) bool { return other == r })
}

func (o *openRuns) all() []*partitionRun {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list)
}

// unfinished tells what the partitions wait for, where they wait for the user's code or have failed. It goes on to do so when
// a generation has ended.
func (g *Processor) unfinished() []string {
	var lines []string
	var present []*partitionRun
	for _, pp := range g.partitionProcessors() {
		if r := pp.current(); r != nil {
			present = append(present, r)
			lines = append(lines, r.unfinished("")...)
		}
	}
	for _, r := range g.shared.runs.all() {
		if !slices.Contains(present, r) {
			lines = append(lines, r.unfinished(", and the generation in which it got the partition has ended")...)
		}
	}
	return lines
}

func (r *partitionRun) unfinished(since string) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)+since) }
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
