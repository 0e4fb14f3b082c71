package main

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/examples/internal/apptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOutput(t *testing.T) {
	apptest.Run(t, func(_ context.Context, a *app.App) error { simulate(t, a); return nil })
}
