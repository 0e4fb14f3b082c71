package progress

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/replaywire"
)

// screen is a writer for several goroutines.
type screen struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestPlainProgressIsALineNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		d := New(Auto, &out) // no terminal
		d.Show(replaywire.Progress{Records: 1})
		d.Begin(1000)
		for i := range int64(8) {
			d.Show(replaywire.Progress{Records: i * 1000, Processed: i * 1500, Bytes: i * 200})
			<-time.After(time.Second)
		}
		d.End()
		d.End()
		fmt.Fprintln(d, "other text")
		want := "100 % of the input, 5,000 records read, 7,500 processed, 1,000 records/s\nother text\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestNoProgressAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		d := New(None, &out)
		d.Begin(0)
		<-time.After(time.Minute)
		d.Show(replaywire.Progress{Records: 1})
		d.End()
		if out.String() != "" {
			t.Errorf("shown: %q", out.String())
		}
	})
}

func TestABarShowsHowFarItIsAndLetsOtherTextPass(t *testing.T) {
	for _, total := range []int64{0, 1000} {
		var out screen
		d := New(Bar, &out)
		fmt.Fprintln(d, "before")
		d.Begin(total)
		d.Begin(total)
		fmt.Fprintln(d, "amid")
		d.Show(replaywire.Progress{Records: 1234, Bytes: 500})
		d.End()
		d.End()
		fmt.Fprintln(d, "after")
		text := out.String()
		at := -1
		for _, want := range []string{"before\n", "amid\n", "after\n"} {
			next := strings.Index(text, want)
			if next <= at {
				t.Errorf("total %d: %q is missing or too early in %q", total, want, text)
			}
			at = next
		}
	}
}

func TestParseStyle(t *testing.T) {
	for _, name := range []string{"auto", "bar", "plain", "none"} {
		if s, err := ParseStyle(name); err != nil || string(s) != name {
			t.Errorf("%s: %s, %v", name, s, err)
		}
	}
	if _, err := ParseStyle("dots"); err == nil {
		t.Error("dots is a style")
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
}
