package report

import (
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/internal/replaywire"
)

func TestAPageNeedsNothingElse(t *testing.T) {
	r := &Report{
		Title: "Replay of <orders>", Command: "gokasim replay ./orders", Begun: time.Now(), Plan: &replaywire.Plan{Groups: []string{"totals"}, Partitions: 2, Instances: 2},
		Result: &replaywire.Result{
			Nanos: 1e9, Inputs: []replaywire.Topic{{Name: "orders", Count: 1200}}, Tables: []replaywire.Topic{{Name: "totals-table", Count: 7}},
			Incidents: []replaywire.Incident{{Record: 600, Kind: "crash", Group: "totals", Instance: 1}},
			Failures:  []replaywire.Callback{{Group: "totals", Topic: "orders", Offset: 9, Key: "<script>alert(1)</script>", Micros: 1500, Failure: "no such order"}},
		},
	}
	r.Sample(replaywire.Sample{Records: 100, Lags: map[string]int64{"totals orders/0": 5}, Owners: map[string]string{"totals 0": "0", "totals 1": "1"}})
	r.Sample(replaywire.Sample{Records: 1200, Lags: map[string]int64{"totals orders/0": 0}, Owners: map[string]string{"totals 0": "0", "totals 1": "1-1"}})
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"1,200", "totals orders/0", "instance 1-1 from record 1200", "crash of totals, instance 1", "orders/0 at 9", "no such order", "Replay of &lt;orders&gt;", "prefers-color-scheme: dark"} {
		if !strings.Contains(page, want) {
			t.Errorf("it does not show %q", want)
		}
	}
	for _, not := range []string{"<script", "http://", "https://", "url(", "src="} {
		if strings.Contains(page, not) {
			t.Errorf("it has %q", not)
		}
	}
	var failed strings.Builder
	if err := (&Report{Failure: &replaywire.Failure{Reason: "it broke"}}).Write(&failed); err != nil || !strings.Contains(failed.String(), "it broke") {
		t.Errorf("a failed run: %v", err)
	}
}
