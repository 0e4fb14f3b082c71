package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/simulate"
)

func TestAnInterruptedHuntTellsWhatItHasFound(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stdout, stderr strings.Builder
	cmd := &cobra.Command{}
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	f := simulateFlags{first: 1, seeds: 1000, parallel: 1, json: true}
	err := f.seek(ctx, cmd, progress.None, "nothing", func(*simulate.Found) string { return "again" }, simulate.Options{
		One: func(_ context.Context, seed uint64) (*simulate.Failure, error) {
			if seed == 2 {
				interrupt()
			}
			return &simulate.Failure{Seed: seed, Tests: []string{}, Output: "wrong"}, nil
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want an interrupt", err)
	}
	if !strings.Contains(stderr.String(), "seed 1:\nwrong") || !strings.Contains(stdout.String(), `"failures":[{"seed":1,`) {
		t.Errorf("standard output: %s\nstandard error: %s", &stdout, &stderr)
	}
}
