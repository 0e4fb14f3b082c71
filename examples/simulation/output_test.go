package main

import (
	"context"
	"testing"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/examples/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func TestOutput(t *testing.T) {
	apptest.Run(t, func(_ context.Context, a *app.App) error {
		if a.InProcess() {
			simulate(t, a)
			return nil
		}
		return onCluster(a)
	})
}
