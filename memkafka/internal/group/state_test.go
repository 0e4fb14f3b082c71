package group

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheMovesOfAClassicGroup(t *testing.T) {
	var lines []string
	for _, from := range slices.Sorted(maps.Keys(next)) {
		for _, to := range next[from] {
			lines = append(lines, fmt.Sprintf("%s -> %s", from, to))
		}
	}
	want := []string{
		"CompletingRebalance -> Stable",
		"CompletingRebalance -> PreparingRebalance",
		"CompletingRebalance -> Dead",
		"Dead -> Empty",
		"Dead -> Stable",
		"Empty -> PreparingRebalance",
		"Empty -> Dead",
		"PreparingRebalance -> CompletingRebalance",
		"PreparingRebalance -> Empty",
		"PreparingRebalance -> Dead",
		"Stable -> PreparingRebalance",
		"Stable -> Dead",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func TestAMoveThatNoGroupMakesPanics(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "Dead to PreparingRebalance") {
			t.Errorf("recovered %v", r)
		}
	}()
	g := New("g", DefaultConfig(), nil)
	g.classic.move(Preparing)
}
