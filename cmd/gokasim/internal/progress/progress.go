// Package progress shows how far a run is: as a bar on a terminal, as a line now and then everywhere else.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/gokasim/gokasim/internal/replaywire"
)

// Style is how progress is shown.
type Style string

// The styles: Auto is Bar on a terminal and Plain elsewhere.
const (
	Auto  Style = "auto"
	Bar   Style = "bar"
	Plain Style = "plain"
	None  Style = "none"
)

// ParseStyle returns the style called name.
func ParseStyle(name string) (Style, error) {
	switch s := Style(name); s {
	case Auto, Bar, Plain, None:
		return s, nil
	}
	return "", fmt.Errorf("progress %q is none of auto, bar, plain, none", name)
}

// Display shows the progress of one run, and lets other text pass. It may be used by several goroutines.
type Display interface {
	// Write writes other text, in whole lines.
	io.Writer
	// Begin says that total bytes are going to be read; 0 when that is unknown.
	Begin(total int64)
	// Show says how far the run is.
	Show(replaywire.Progress)
	// End takes down what is shown. It may be called twice, also before Begin.
	End()
}

// New returns a display of the given style on w.
func New(style Style, w io.Writer) Display { return display(style, w, false) }

// NewCopy returns a display of a run that copies records and processes none.
func NewCopy(style Style, w io.Writer) Display { return display(style, w, true) }

// NewSeeds returns a display of a run of many seeds: Records are those that were run, Processed those that failed.
func NewSeeds(style Style, w io.Writer) Display {
	d := display(style, w, false)
	switch d := d.(type) {
	case *plain:
		d.seeds = true
	case *bar:
		d.seeds = true
	}
	return d
}

func display(style Style, w io.Writer, copies bool) Display {
	if style == Auto {
		style = Plain
		if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
			style = Bar
		}
	}
	switch style {
	case Bar:
		return &bar{to: w}
	case Plain:
		return &plain{to: w, every: 5 * time.Second, copies: copies}
	default:
		return &plain{to: w, copies: copies}
	}
}

// plain writes a line each time that every has passed; never when every is 0.
type plain struct {
	mu    sync.Mutex // guards all below
	to    io.Writer
	every time.Duration
	total int64
	start time.Time
	last  time.Time

	copies bool // there is nothing to process
	seeds  bool // records are seeds
}

func (p *plain) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.to.Write(text)
}

func (p *plain) Begin(total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total, p.start = total, time.Now()
	p.last = p.start
}

func (p *plain) Show(at replaywire.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.every == 0 || p.start.IsZero() || now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	if p.seeds {
		_, _ = fmt.Fprintf(p.to, "%s\n", seedsLine(at, now.Sub(p.start)))
		return
	}
	if p.copies {
		part, rest := "", ""
		if p.total > 0 {
			part = fmt.Sprintf("%3d %%, ", 100*min(at.Bytes, p.total)/p.total)
			rest = left(now.Sub(p.start), at.Bytes, p.total)
		}
		_, _ = fmt.Fprintf(p.to, "%s%s records, %s records/s%s\n", part, Count(at.Records),
			Count(int64(float64(at.Records)/now.Sub(p.start).Seconds())), rest)
		return
	}
	part := ""
	if p.total > 0 {
		part = fmt.Sprintf("%3d %% of the input, ", 100*min(at.Bytes, p.total)/p.total)
	}
	// Progress is worth no error: what matters is written by others.
	_, _ = fmt.Fprintf(p.to, "%s%s records read, %s processed, %s records/s\n", part, Count(at.Records), Count(at.Processed),
		Count(int64(float64(at.Records)/now.Sub(p.start).Seconds())))
}

func (p *plain) End() {}

// bar draws a bar that mpb keeps below everything else.
type bar struct {
	mu    sync.Mutex // guards all below
	to    io.Writer
	draw  *mpb.Progress
	bar   *mpb.Bar
	total int64
	start time.Time
	at    replaywire.Progress
	seeds bool // records are seeds
}

func (b *bar) Write(text []byte) (int, error) {
	b.mu.Lock()
	draw := b.draw
	b.mu.Unlock()
	if draw != nil {
		return draw.Write(text)
	}
	return b.to.Write(text)
}

func (b *bar) Begin(total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.draw != nil {
		return
	}
	b.total, b.start = total, time.Now()
	b.draw = mpb.New(mpb.WithOutput(b.to), mpb.WithWidth(40), mpb.WithAutoRefresh())
	status := decor.Any(func(decor.Statistics) string { return b.status() })
	if total > 0 {
		b.bar = b.draw.New(total, mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]"),
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Percentage(decor.WCSyncSpace)), mpb.AppendDecorators(status))
		return
	}
	b.bar = b.draw.New(0, mpb.SpinnerStyle("|", "/", "-", `\`).PositionLeft(), mpb.BarRemoveOnComplete(), mpb.AppendDecorators(status))
}

func (b *bar) status() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	elapsed := time.Since(b.start)
	if b.seeds {
		return " " + seedsLine(b.at, elapsed) + left(elapsed, b.at.Bytes, b.total)
	}
	text := fmt.Sprintf(" %s records, %s/s", Count(b.at.Records), Count(int64(float64(b.at.Records)/max(elapsed.Seconds(), 0.001))))
	return text + left(elapsed, b.at.Bytes, b.total)
}

func seedsLine(at replaywire.Progress, elapsed time.Duration) string {
	return fmt.Sprintf("%s seeds, %.1f seeds/s, %s failed", Count(at.Records), float64(at.Records)/max(elapsed.Seconds(), 0.001), Count(at.Processed))
}

// left says how long the rest will take at the pace so far, once there is a pace.
func left(elapsed time.Duration, done, total int64) string {
	if total <= 0 || done <= 0 || done >= total || elapsed <= time.Second {
		return ""
	}
	rest := time.Duration(float64(elapsed) * float64(total-done) / float64(done))
	return fmt.Sprintf(", %v left", rest.Round(time.Second))
}

func (b *bar) Show(at replaywire.Progress) {
	b.mu.Lock()
	b.at = at
	drawn, total := b.bar, b.total
	b.mu.Unlock()
	if drawn != nil && total > 0 {
		drawn.SetCurrent(min(at.Bytes, total-1)) // the bar ends by End
	}
}

func (b *bar) End() {
	b.mu.Lock()
	draw, drawn := b.draw, b.bar
	b.draw, b.bar = nil, nil
	b.mu.Unlock()
	if draw == nil {
		return
	}
	drawn.Abort(true)
	draw.Wait()
}

// Count writes n with a comma between thousands.
func Count(n int64) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}
