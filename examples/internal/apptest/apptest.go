// Package apptest holds what an example prints against its testdata/output.txt.
package apptest

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/examples/internal/app"
)

var update = flag.Bool("update", false, "write testdata/output.txt anew")

// Run runs an example on a cluster of its own and compares what it prints.
func Run(t *testing.T, example func(ctx context.Context, a *app.App) error) {
	t.Helper()
	var out strings.Builder
	if err := app.Run(t.Context(), []string{"mem://" + t.Name()}, &out, example); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/output.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("output differs from %s (-want +got):\n%s", file, d)
	}
}
