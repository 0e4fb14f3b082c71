package replay

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/replaywire"
)

// BenchmarkReplay replays words through a group that counts them and passes them on: GOKASIM_RECORDS of them, 100,000 unless
// set. It reports records a second, and how much memory the process had at most. The words are made while it runs, and are no part of
// the time.
func BenchmarkReplay(b *testing.B) {
	records := 100_000
	if text := os.Getenv("GOKASIM_RECORDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatalf("GOKASIM_RECORDS: %v", err)
		}
		records = n
	}
	name := filepath.Join(b.TempDir(), "words.jsonl")
	if err := writeWords(name, records); err != nil {
		b.Fatal(err)
	}
	counting := graph("counts", goka.Persist(text), goka.Output("seen", text), goka.Input("words", text, func(ctx goka.Context, msg any) {
		ctx.SetValue(msg)
		ctx.Emit("seen", ctx.Key(), msg)
	}))
	for _, shape := range [][2]int{{1, 1}, {8, 3}} {
		b.Run(fmt.Sprintf("partitions=%d/instances=%d", shape[0], shape[1]), func(b *testing.B) {
			for b.Loop() {
				settings := replaywire.Settings{Inputs: []string{name}, Partitions: shape[0], Instances: shape[1], Dir: b.TempDir()}
				var result *replaywire.Result
				var err error
				synchronously(b, func(t *testing.T) {
					result, err = replay(t.Context(), t, settings, []Graph{counting}, &reporter{to: new(bytes.Buffer), gone: func() {}})
				})
				if err != nil {
					b.Fatal(err)
				}
				if n := result.Outputs[0].Count; n != int64(records) {
					b.Fatalf("%d records came out, want %d", n, records)
				}
				b.ReportMetric(float64(records)/(float64(result.Nanos)/1e9), "records/s")
			}
			b.ReportMetric(peakMiB(), "peak-MiB")
		})
	}
}

// synchronously runs f in a test of its own, which a bubble needs.
func synchronously(b *testing.B, f func(t *testing.T)) {
	b.Helper()
	if !testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: b.Name(), F: f}}) {
		b.Fatal("the replay failed")
	}
}

func writeWords(name string, records int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	for i := range records {
		fmt.Fprintf(out, "{\"topic\":\"words\",\"ts\":%d,\"key\":\"k%d\",\"payload\":\"%090d\"}\n", 1_000_000_000_000+i, i*7919%10_000, i)
	}
	return out.Flush()
}

// peakMiB is the most memory that the process ever had, 0 where that cannot be told.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		var kib float64
		if _, err := fmt.Sscanf(string(line), "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	return 0
}
