package metrics_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gokasim/gokasim/goka/metrics"
)

// TestTheDashboardShowsWhatThereIs compares docs/grafana/goka.json with the metrics: it asks for no other names, and for all of them.
func TestTheDashboardShowsWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/grafana/goka.json")
	check(t, err)
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Definition string } }
	}
	check(t, json.Unmarshal(text, &dashboard))
	ids := map[int]bool{}
	var asked []string
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 || p.Title == "" {
			t.Errorf("panel %d, %q, at %+v", p.ID, p.Title, p.GridPos)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			asked = append(asked, target.Expr)
		}
	}
	for _, v := range dashboard.Templating.List {
		asked = append(asked, v.Definition)
	}
	there := described(metrics.New())
	shown := map[string]bool{}
	for _, expr := range asked {
		for _, name := range regexp.MustCompile(`goka_[a-z_]+`).FindAllString(expr, -1) {
			name = strings.TrimSuffix(name, "_bucket")
			shown[name] = true
			if !there[name] {
				t.Errorf("%s asks for %s, which does not exist", expr, name)
			}
		}
		if strings.Count(expr, "(") != strings.Count(expr, ")") {
			t.Errorf("%s is not whole", expr)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !shown[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
}

// described are the names of a collector's metrics.
func described(c prometheus.Collector) map[string]bool {
	names := map[string]bool{}
	descs := make(chan *prometheus.Desc)
	go func() {
		c.Describe(descs)
		close(descs)
	}()
	for d := range descs {
		names[regexp.MustCompile(`fqName: "([^"]*)"`).FindStringSubmatch(d.String())[1]] = true
	}
	return names
}
