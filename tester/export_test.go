package tester

import "time"

// WatchOnceBlocked has simulations and replays of this process looked at as if half a minute passed again and again, from when
// blocked is closed.
func WatchOnceBlocked(blocked <-chan struct{}) {
	watchTicks = func() (<-chan time.Time, func()) {
		ticks, done := make(chan time.Time), make(chan struct{})
		go func() {
			<-blocked
			for {
				select {
				case ticks <- time.Time{}:
				case <-done:
					return
				}
			}
		}()
		return ticks, func() { close(done) }
	}
}
