// Package report writes what happened in a replay as one HTML page, which needs nothing else: its plots are SVG in the page.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gokasim/gokasim/internal/replaywire"
)

// Report gathers what is told of a run.
type Report struct {
	Title    string
	Command  string
	Begun    time.Time
	Plan     *replaywire.Plan
	Result   *replaywire.Result  // nil when the run failed
	Failure  *replaywire.Failure // nil when it did not
	Wrong    []string            // lines that could not be read, and what differs
	progress []point
	samples  []replaywire.Sample
}

// point is the progress at a time.
type point struct {
	at      time.Duration
	records int64
}

// Progress notes how far the run is.
func (r *Report) Progress(p replaywire.Progress) {
	r.progress = append(r.progress, point{time.Since(r.Begun), p.Records})
}

// Sample notes a sample.
func (r *Report) Sample(s replaywire.Sample) { r.samples = append(r.samples, s) }

//go:embed page.html
var page string

var parsed = template.Must(template.New("report").Funcs(template.FuncMap{
	"count": count,
	"ms":    func(micros int64) string { return fmt.Sprintf("%.3f ms", float64(micros)/1000) },
}).Parse(page))

// view is what the page shows.
type view struct {
	*Report
	Elapsed    time.Duration
	Records    int64
	Rate       int64
	Throughput Plot
	Lag        Plot
	Changes    Plot
	Owners     template.HTML
	Legend     []key
	Slowest    []replaywire.Callback
	Failures   []replaywire.Callback
	Largest    int64
}

// Write writes the page.
func (r *Report) Write(w io.Writer) error {
	v := view{Report: r}
	if r.Result != nil {
		v.Elapsed = time.Duration(r.Result.Nanos).Round(time.Millisecond)
		v.Slowest, v.Failures = r.Result.Slowest, r.Result.Failures
		for _, t := range r.Result.Inputs {
			v.Records += t.Count
		}
		for _, t := range r.Result.Tables {
			v.Largest = max(v.Largest, t.Count)
		}
		v.progress(r, point{v.Elapsed, v.Records})
	} else {
		if r.Failure != nil {
			v.Slowest, v.Failures = r.Failure.Slowest, r.Failure.Failures
		}
		v.progress(r, point{})
	}
	if s := v.Elapsed.Seconds(); s > 0 {
		v.Rate = int64(float64(v.Records) / s)
	}
	v.Lag = seriesOf(r.samples, func(s replaywire.Sample) map[string]int64 { return s.Lags })
	v.Changes = seriesOf(r.samples, func(s replaywire.Sample) map[string]int64 { return s.Tables })
	v.Owners, v.Legend = r.owners()
	if err := parsed.Execute(w, v); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// progress draws the rate between two looks.
func (v *view) progress(r *Report, end point) {
	line := Line{Name: "records/s"}
	before := point{}
	for _, p := range append(slices.Clone(r.progress), end) {
		if span := p.at - before.at; span > 50*time.Millisecond && p.records >= before.records {
			line.x = append(line.x, p.at.Seconds())
			line.y = append(line.y, float64(p.records-before.records)/span.Seconds())
			before = p
		}
	}
	v.Throughput = plot([]Line{line}, "s")
}

// seriesOf draws numbers over the records that were fed.
func seriesOf(samples []replaywire.Sample, numbers func(replaywire.Sample) map[string]int64) Plot {
	names := map[string]bool{}
	for _, s := range samples {
		for name := range numbers(s) {
			names[name] = true
		}
	}
	var lines []Line
	for _, name := range slices.Sorted(maps.Keys(names)) {
		l := Line{Name: name}
		for _, s := range samples {
			l.x = append(l.x, float64(s.Records))
			l.y = append(l.y, float64(numbers(s)[name]))
		}
		lines = append(lines, l)
	}
	return plot(lines, "records fed")
}

// key is a colour of a legend.
type key struct {
	Name   string
	Colour int
}

// The size of plots, in the units of their SVG.
const (
	width, height = 900, 180
	left, bottom  = 70, 24
)

// Line is one line of a plot.
type Line struct {
	Name   string
	Colour int
	Points string
	x, y   []float64
}

// Plot is lines over one axis.
type Plot struct {
	Lines        []Line
	Top, Right   string // the largest values
	Width, Hight int
	Unit         string
}

const colours = 8

func plot(lines []Line, unit string) Plot {
	p := Plot{Width: width, Hight: height, Unit: unit}
	var maxX, maxY float64
	for _, l := range lines {
		for i := range l.x {
			maxX, maxY = max(maxX, l.x[i]), max(maxY, l.y[i])
		}
	}
	for i, l := range lines {
		l.Colour = i % colours
		var b strings.Builder
		for j := range l.x {
			_, _ = fmt.Fprintf(&b, "%.1f,%.1f ", left+(width-left-10)*l.x[j]/max(maxX, 1e-9), float64(height-bottom)-(height-bottom-12)*l.y[j]/max(maxY, 1)) // a Builder takes all
		}
		l.Points = b.String()
		p.Lines = append(p.Lines, l)
	}
	p.Top, p.Right = count(int64(maxY)), count(int64(maxX))
	if unit == "s" {
		p.Right = fmt.Sprintf("%.1f", maxX)
	}
	return p
}

// owners draws who held which partition when, and what was done to the groups.
func (r *Report) owners() (template.HTML, []key) {
	rows := map[string]bool{}
	last := int64(1)
	for _, s := range r.samples {
		last = max(last, s.Records)
		for name := range s.Owners {
			rows[name] = true
		}
	}
	const rowHeight, labels = 16, 160
	x := func(records int64) float64 { return labels + (width-labels-10)*float64(records)/float64(last) }
	instances := map[string]int{}
	var legend []key
	var b strings.Builder
	names := slices.Sorted(maps.Keys(rows))
	high := rowHeight*len(names) + 20
	_, _ = fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="assignment over time">`, width, high) // a Builder takes all, here and below
	for row, name := range names {
		y := row * rowHeight
		_, _ = fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, labels-6, y+12, template.HTMLEscapeString(name))
		for i := 0; i < len(r.samples); {
			owner := r.samples[i].Owners[name]
			j := i
			for j < len(r.samples) && r.samples[j].Owners[name] == owner {
				j++
			}
			if owner != "" {
				instance, _, _ := strings.Cut(owner, "-")
				colour, known := instances[instance]
				if !known {
					colour = len(instances) % colours
					instances[instance] = colour
					legend = append(legend, key{"instance " + instance, colour})
				}
				end := last
				if j < len(r.samples) {
					end = r.samples[j].Records
				}
				from := x(r.samples[i].Records)
				if i == 0 {
					from = labels
				}
				_, _ = fmt.Fprintf(&b, `<rect class="c%d" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s: instance %s from record %d to %d</title></rect>`,
					colour, from, y+2, max(x(end)-from, 0.5), rowHeight-4, template.HTMLEscapeString(name), template.HTMLEscapeString(owner), r.samples[i].Records, end)
			}
			i = j
		}
	}
	if r.Result != nil {
		for _, i := range r.Result.Incidents {
			_, _ = fmt.Fprintf(&b, `<line class="%s" x1="%.1f" x2="%.1f" y1="0" y2="%d"><title>%s of %s, instance %d, before record %d</title></line>`,
				template.HTMLEscapeString(i.Kind), x(i.Record), x(i.Record), high-18, template.HTMLEscapeString(i.Kind), template.HTMLEscapeString(i.Group), i.Instance, i.Record)
		}
	}
	_, _ = fmt.Fprintf(&b, `<text x="%d" y="%d">0</text><text x="%d" y="%d" text-anchor="end">%s records fed</text></svg>`, labels, high-4, width-10, high-4, count(last))
	return template.HTML(b.String()), legend //nolint:gosec // everything that comes from elsewhere is escaped
}

// count writes a number with commas.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
