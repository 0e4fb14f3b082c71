package goka

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleepOfNoTimeIsOverAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	for _, d := range []time.Duration{0, -time.Second} {
		if err := sleep(ctx, d); err != nil {
			t.Errorf("sleep of %v: %v, want no error", d, err)
		}
	}
	cancel()
	if err := sleep(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("sleep in a context that has ended: %v, want %v", err, context.Canceled)
	}
}

// With a timer for no time at all, the race detector of go1.26 ends the whole process here.
func TestManyMaySleepForNoTimeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		for range 8 {
			go func() {
				for range 20000 {
					if err := sleep(ctx, 0); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		synctest.Wait()
	})
}
