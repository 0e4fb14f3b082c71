package tester

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs f in a testing/synctest bubble and waits until it ends. The goroutine that makes a bubble ends with it when
// f has failed the test; here that is one of its own, so that the caller can say more, at the line of the test. failed is
// set then, and stuck is what the bubble panics with when goroutines are left in it of which none can go on.
func bubble(t *testing.T, f func(t *testing.T)) (failed bool, stuck any) {
	done := make(chan struct{})
	failed = true
	go func() {
		defer close(done)
		defer func() { stuck = recover() }()
		synctest.Test(t, f)
		failed = false
	}()
	<-done
	return failed, stuck
}

// watchLimit is how long, in real time, a bubble may show no progress before it is given up.
const watchLimit = 30 * time.Second

// watchTicks are when watch looks.
var watchTicks = func() (ticks <-chan time.Time, stop func()) {
	t := time.NewTicker(watchLimit)
	return t.C, t.Stop
}

// watch sees from outside that a bubble goes on: a goroutine that waits for a mutex, a socket or a
// channel from outside stops virtual time, which nobody inside can notice. It then shows all goroutines.
func watch(progress *atomic.Uint64) (stop func()) {
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticks, stop := watchTicks()
		defer stop()
		last := progress.Load()
		for {
			select {
			case <-done:
				return
			case <-ticks:
			}
			now := progress.Load()
			if now == last {
				stacks := make([]byte, 1<<20)
				stacks = stacks[:runtime.Stack(stacks, true)]
				panic(fmt.Sprintf("tester: virtual time has stood still for %v: a goroutine of the test waits for something "+
					"outside of its bubble. Look for one marked \"synctest bubble\" and not \"durable\":\n%s", watchLimit, stacks))
			}
			last = now
		}
	})
	return func() { close(done); ended.Wait() }
}
