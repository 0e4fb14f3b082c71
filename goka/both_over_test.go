package goka

import (
	"context"
	"errors"
	"testing"
)

// A generation that has ended begins nothing, also where what it waits for is there by then: a select alone would take either,
// and the same seed would give two runs.
func TestWhatWaitsForAnEndedGeneration(t *testing.T) {
	over := make(chan struct{})
	close(over)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pp := &PartitionProcessor{guard: &tableGuard{done: over}}
	g := &Processor{leaving: map[int32]chan struct{}{3: over}}
	for range 100 {
		if err := pp.expectForeign(ctx, 2); !errors.Is(err, context.Canceled) {
			t.Fatalf("the table is recovered for a generation that is over (%v)", err)
		}
		if err := g.gone(ctx, 3); !errors.Is(err, context.Canceled) {
			t.Fatalf("the partition is started for a generation that is over (%v)", err)
		}
	}
}
