package main

import (
	"testing"

	"github.com/gokasim/gokasim/examples/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func TestOutput(t *testing.T) { apptest.Run(t, example) }
