// Command rebalance reads two streams with several instances of one group, and shows how they share the partitions as
// instances come and go. Nothing is lost or counted twice on the way.
//
//	go run ./examples/rebalance
//	go run ./examples/rebalance -brokers localhost:9092    from several terminals at once, too
package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() { app.Main("rebalance", example) }

const partitions = 6

// Stock counts what came in and what went out. Both streams have the same number of partitions, so that one instance has
// both sides of an article.
func Stock() *goka.GroupGraph {
	return goka.DefineGroup("stock",
		goka.Input("arrivals", new(codec.Int64), func(ctx goka.Context, msg any) { add(ctx, msg.(int64)) }),
		goka.Input("sales", new(codec.String), func(ctx goka.Context, _ any) { add(ctx, -1) }),
		goka.Persist(new(codec.Int64)),
	)
}

func add(ctx goka.Context, n int64) {
	pieces, _ := ctx.Value().(int64)
	ctx.SetValue(pieces + n)
}

// shares knows which partitions each instance has.
type shares struct {
	mu  sync.Mutex // guards has
	has map[string][]int32
}

func (s *shares) assigned(instance string) goka.RebalanceCallback {
	return func(a goka.Assignment) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.has[instance] = slices.Sorted(maps.Keys(a))
	}
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

func example(ctx context.Context, a *app.App) error {
	if err := a.Streams(partitions, "arrivals", "sales"); err != nil {
		return err
	}
	s := &shares{has: map[string][]int32{}}
	var stops []func() error
	for n := 1; n <= 3; n++ {
		stop, err := start(ctx, a, s, fmt.Sprintf("stock-%d", n))
		if err != nil {
			return err
		}
		stops = append(stops, stop)
		if err := s.wait(a, n); err != nil {
			return err
		}
		if err := trade(a, n); err != nil {
			return err
		}
	}
	view, err := a.View(goka.GroupTable("stock"), new(codec.Int64))
	if err != nil {
		return err
	}
	for i, stop := range stops[1:] {
		if err := stop(); err != nil {
			return err
		}
		if err := s.wait(a, 2-i); err != nil {
			return err
		}
	}
	if err := trade(a, 4); err != nil {
		return err
	}
	for i := range articles {
		if err := a.UntilRow(view, article(i), int64(4*9)); err != nil {
			return err
		}
	}
	a.Printf("each of %d articles: 4 times 10 in and 1 out, 36 in stock", articles)
	return stops[0]()
}

// start runs an instance; what it returns ends it and waits for that.
func start(ctx context.Context, a *app.App, s *shares, instance string) (stop func() error, err error) {
	config := app.Config()
	config.Consumer.Group.Heartbeat.Interval = 20 * time.Millisecond // how soon an instance hears that another one came
	p, err := a.NewProcessor(Stock(), goka.WithClientID(instance), goka.WithConfig(config), goka.WithRebalanceCallback(s.assigned(instance)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() error {
		cancel()
		err := <-done
		s.assigned(instance)(nil)
		return err
	}, nil
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

const articles = 20

func article(i int) string { return fmt.Sprintf("article-%d", i) }

// trade has 10 pieces of each article arrive and sells one.
func trade(a *app.App, round int) error {
	var in, out []app.Message
	for i := range articles {
		in = append(in, app.Message{Key: article(i), Value: int64(10)})
		out = append(out, app.Message{Key: article(i), Value: fmt.Sprintf("round %d", round)})
	}
	if err := a.Emit("arrivals", new(codec.Int64), in...); err != nil {
		return err
	}
	return a.Emit("sales", new(codec.String), out...)
}
