package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
)

// instance is a running processor of the group.
type instance struct {
	name      string
	processor *goka.Processor
	shares    *shares
	stopping  context.CancelFunc
	done      chan struct{}
}

// start runs an instance; one that fails ends the example.
func start(a *app.App, s *shares, name string) (*instance, error) {
	config := app.Config()
	config.Consumer.Group.Heartbeat.Interval = 20 * time.Millisecond // how soon an instance hears that another one came
	p, err := a.NewProcessor(Stock(), goka.WithClientID(name), goka.WithConfig(config), goka.WithRebalanceCallback(func(a goka.Assignment) {
		s.set(name, slices.Sorted(maps.Keys(a)))
	}))
	if err != nil {
		return nil, err
	}
	stopped, stopping := context.WithCancel(context.Background())
	i := &instance{name: name, processor: p, shares: s, stopping: stopping, done: make(chan struct{})}
	a.Go(func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(stopped, cancel)()
		defer close(i.done)
		return p.Run(ctx)
	})
	return i, nil
}

// stop ends the instance and waits for that.
func (i *instance) stop() {
	i.stopping()
	<-i.done
	i.shares.set(i.name, nil)
}

// shares knows which partitions each instance has.
type shares struct {
	before [articles]int64 // in stock before the first trade

	mu   sync.Mutex // guards the rest
	has  map[string][]int32
	tell func(instance string, partitions []int32) // of every change; may be nil
}

func newShares() *shares { return &shares{has: map[string][]int32{}} }

func (s *shares) set(instance string, partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tell != nil && !slices.Equal(s.has[instance], partitions) {
		s.tell(instance, partitions)
	}
	s.has[instance] = partitions
}

// sizes returns how many partitions the instances have, if that is a partition of all of them.
func (s *shares) sizes() (sizes []int, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[int32]int{}
	for _, p := range s.has {
		if len(p) > 0 {
			sizes = append(sizes, len(p))
		}
		for _, p := range p {
			seen[p]++
		}
	}
	slices.Sort(sizes)
	for _, n := range seen {
		if n != 1 {
			return nil, false
		}
	}
	return sizes, len(seen) == partitions
}

// wait waits until n instances share all partitions evenly.
func (s *shares) wait(a *app.App, n int) error {
	var sizes []int
	err := a.Until(fmt.Sprintf("%d instances to have all partitions", n), func() (bool, error) {
		var whole bool
		sizes, whole = s.sizes()
		return whole && len(sizes) == n, nil
	})
	if err == nil {
		a.Printf("instances: %d, partitions of each: %v", n, sizes)
	}
	return err
}

// comeAndGo has up to three instances come and go by chance, trades meanwhile, and prints who has which partitions.
func comeAndGo(ctx context.Context, a *app.App, limit time.Duration) error {
	if err := a.Streams(partitions, "arrivals", "sales"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s := newShares()
	s.tell = func(instance string, partitions []int32) { a.Printf("%s has %v", instance, partitions) }
	running := map[int]*instance{}
	rounds := 0
	for ctx.Err() == nil {
		n := 1 + rand.IntN(3)
		if i := running[n]; i != nil && len(running) > 1 {
			delete(running, n)
			i.stop()
		} else if i == nil {
			i, err := start(a, s, fmt.Sprintf("stock-%d-%d", os.Getpid(), n))
			if err != nil {
				return err
			}
			running[n] = i
		}
		rounds++
		if err := trade(a, rounds); err != nil {
			return err
		}
		pause := time.NewTimer(time.Duration(500+rand.IntN(2500)) * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
	for _, n := range slices.Sorted(maps.Keys(running)) {
		running[n].stop()
	}
	a.Printf("traded %d times", rounds)
	return nil
}
