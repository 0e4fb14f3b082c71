package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// How much a report is told of callbacks, and how often of partitions.
const (
	slowest      = 20
	failuresTold = 50
	sampleEvery  = 512 // records at first; the distance doubles with every so many samples
	samples      = 500
)

// observer notes what a report shows of a run. Its goroutines are in a bubble, and callbacks are timed by the clock outside.
type observer struct {
	next, every, taken int64 // of samples
	peaks              map[lagging]int64

	mu       sync.Mutex // guards all below
	slow     []replaywire.Callback
	failures []replaywire.Callback
}

// lagging is a partition that a group reads.
type lagging struct {
	group     *group
	topic     *topic
	partition int
}

// Callback times a callback. Nil observes nothing.
func (o *observer) Callback(ctx goka.Context) (context.Context, func(error)) {
	begun := realMicros()
	return ctx.Context(), func(err error) { o.note(ctx, realMicros()-begun, err) }
}

// Emit observes nothing.
func (o *observer) Emit(context.Context, *goka.Emission) func(error) { return nil }

func (o *observer) note(ctx goka.Context, micros int64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	full := len(o.slow) == slowest
	if full && micros <= o.slow[slowest-1].Micros && (err == nil || len(o.failures) == failuresTold) {
		return
	}
	c := replaywire.Callback{
		Group: string(ctx.Group()), Topic: string(ctx.Topic()), Partition: ctx.Partition(), Offset: ctx.Offset(), Key: ctx.Key(), Micros: micros,
	}
	if err != nil {
		c.Failure = err.Error()
		if len(o.failures) < failuresTold {
			o.failures = append(o.failures, c)
		}
	}
	i, _ := slices.BinarySearchFunc(o.slow, micros, func(c replaywire.Callback, m int64) int { return int(m - c.Micros) })
	o.slow = slices.Insert(o.slow, i, c)
	o.slow = o.slow[:min(len(o.slow), slowest)]
}

// told is what was noted of callbacks.
func (o *observer) told() (slow, failures []replaywire.Callback) {
	if o == nil {
		return nil, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.slow), slices.Clone(o.failures)
}

// observe tells how far the groups are and who holds what, now and then.
func (cur *cursor) observe(f *feed, g *groups) error {
	o := cur.observer
	if o == nil || cur.position < o.next {
		return nil
	}
	if o.every == 0 {
		o.every = sampleEvery
	}
	if o.taken++; o.taken%samples == 0 {
		o.every *= 2
	}
	o.next = cur.position + o.every
	return cur.sample(f, g)
}

// peak notes how far the groups are behind, for the next sample: it is called before they are waited for.
func (cur *cursor) peak(f *feed, g *groups) error {
	o := cur.observer
	if o == nil {
		return nil
	}
	if o.peaks == nil {
		o.peaks = map[lagging]int64{}
	}
	for _, group := range g.plan.groups {
		for _, t := range group.inputs {
			ends, err := g.cluster.ends(t)
			if err != nil {
				return err
			}
			for p, end := range ends {
				behind := end + f.waits(t, int32(p)) - g.positions[group][t.name][p].Load()
				at := lagging{group, t, p}
				o.peaks[at] = max(o.peaks[at], behind, 0)
			}
		}
	}
	return nil
}

// sample tells how far the groups were behind at most since the last one, and who holds what.
func (cur *cursor) sample(f *feed, g *groups) error {
	if err := cur.peak(f, g); err != nil {
		return err
	}
	s := replaywire.Sample{Records: cur.position, Lags: map[string]int64{}, Owners: map[string]string{}, Tables: map[string]int64{}}
	for at, behind := range cur.observer.peaks {
		s.Lags[fmt.Sprintf("%s %s/%d", at.group.name, at.topic.name, at.partition)] = behind
	}
	clear(cur.observer.peaks)
	for _, t := range g.plan.sorted(func(t *topic) bool { return t.owner != "" }) {
		ends, err := g.cluster.ends(t)
		if err != nil {
			return err
		}
		for _, end := range ends {
			s.Tables[t.name] += end
		}
	}
	if cur.simulated != nil {
		claims := cur.simulated.Claims()
		for _, group := range g.plan.groups {
			for _, t := range group.inputs[:min(1, len(group.inputs))] { // the others go with it
				for p := range g.cluster.partitions {
					for _, client := range claims[kafka.TopicPartition{Topic: t.name, Partition: int32(p)}] {
						if rest, mine := strings.CutPrefix(client, "gokasim-"+group.name+"-"); mine {
							rest, _, _ = strings.Cut(rest, "/") // behind it stands what the client is
							s.Owners[fmt.Sprintf("%s %d", group.name, p)] = rest
						}
					}
				}
			}
		}
	}
	cur.tell(replaywire.Event{Sample: &s})
	return nil
}
