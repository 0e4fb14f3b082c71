package goka

import (
	"context"
	"errors"
	"sync"
	"time"
)

// failureGrace is how long things that go on at the same time go on after one of them has failed. What fails together
// is reported together then, in the same order every time.
const failureGrace = time.Second

// together calls f for 0 to n-1 at the same time. When one fails, the context of the others ends soon. It returns all
// errors, but not those of calls that ended because of that, in the order of the numbers.
func together(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	if n == 1 { // most have one partition, or one table, and a goroutine costs a stack that grows
		return errors.Join(f(ctx, 0))
	}
	var (
		wg    sync.WaitGroup
		errs  = make([]error, n)
		once  sync.Once
		timer *time.Timer
	)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range n {
		wg.Go(func() {
			errs[i] = f(inner, i)
			if errs[i] != nil {
				once.Do(func() { timer = time.AfterFunc(failureGrace, cancel) })
			}
		})
	}
	wg.Wait()
	if timer != nil {
		timer.Stop()
	}
	for i, err := range errs {
		if inner.Err() != nil && ctx.Err() == nil && errors.Is(err, context.Canceled) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}
