package main

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/examples/internal/apptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOutput(t *testing.T) { apptest.Run(t, example) }
