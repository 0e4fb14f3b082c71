package goka_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
)

func TestK4_ABackoffGrowsToItsMaximum(t *testing.T) {
	b := goka.NewSimpleBackoff(time.Second, 3500*time.Millisecond)
	durations := func() string {
		var all []time.Duration
		for range 6 {
			all = append(all, b.Duration())
		}
		return fmt.Sprint(all)
	}
	const want = "[0s 1s 2s 3s 3s 3s]"
	if got := durations(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	b.Reset()
	if got := durations(); got != want {
		t.Errorf("after a reset: %s, want %s", got, want)
	}
	d, err := goka.DefaultBackoffBuilder()
	if err != nil {
		t.Fatal(err)
	}
	var last time.Duration
	for range 20 {
		last = d.Duration()
	}
	if last != 2*time.Minute {
		t.Errorf("the default grows to %s", last)
	}
}
