package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/internal/replaywire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/gokasim/gokasim/tester/replay.leak"),       // left by a test on purpose
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"), // never ends once sarama was used
	)
}

// outcome is what a replay told and left behind.
type outcome struct {
	*replaywire.Result
	failure  string
	badLines []string
	notes    []string
	dir      string
}

// setup is a replay to be run.
type setup struct {
	graphs     []Graph
	dumps      []string // the content of the dumps
	partitions int      // 1 when 0
	instances  int      // 1 when 0
	dir        string   // a new one when empty
	ctx        context.Context
	brokers    []string // a simulated cluster when empty
	settings   replaywire.Settings
}

func (s setup) run(t *testing.T) outcome {
	t.Helper()
	settings := s.settings
	settings.Partitions, settings.Instances, settings.Dir, settings.Brokers = max(1, s.partitions), max(1, s.instances), s.dir, s.brokers
	if s.dir == "" {
		settings.Dir = t.TempDir()
	}
	inputs := t.TempDir()
	for i, text := range s.dumps {
		name := filepath.Join(inputs, fmt.Sprintf("%d.jsonl", i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		settings.Inputs = append(settings.Inputs, name)
	}
	if s.ctx == nil {
		s.ctx = t.Context()
	}
	var pipe bytes.Buffer
	execute(s.ctx, t, settings, s.graphs, &reporter{to: &pipe, gone: func() { t.Error("writing events failed") }})

	o := outcome{dir: settings.Dir}
	events := replaywire.NewEvents(&pipe)
	for {
		e, err := events.Next()
		switch {
		case err == io.EOF:
			return o
		case err != nil:
			t.Fatal(err)
		case e.Result != nil:
			o.Result = e.Result
		case e.Failure != nil:
			o.failure = strings.ReplaceAll(e.Failure.Reason, inputs+"/", "")
		case e.BadLine != "":
			o.badLines = append(o.badLines, strings.ReplaceAll(e.BadLine, inputs+"/", ""))
		case e.Note != "":
			o.notes = append(o.notes, e.Note)
		}
	}
}

// file returns the content of a file that the replay left.
func (o outcome) file(t *testing.T, name string) string {
	t.Helper()
	if o.failure != "" {
		t.Fatalf("the replay failed: %s", o.failure)
	}
	text, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
