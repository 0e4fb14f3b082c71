package logger

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"testing"
)

func TestD51_APrefixIsNoFormat(t *testing.T) {
	var b bytes.Buffer
	l := Prefixed(log.New(&b, "", 0), "[100%d group]")
	l.Printf("value %d", 1)
	l.Print("a", 1, 2)
	l.Println("b", "c")
	if want := "[100%d group] value 1\n[100%d group] a1 2\n[100%d group] b c\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestD51_ANilLoggerDiscards(t *testing.T) {
	l := Prefixed(nil, "p")
	l.Print("x")
	l.Println("x")
	l.Printf("%s", "x")
}

// untimed writes lines without their time.
func untimed(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestSlogGetsLinesWithoutTheirEnd(t *testing.T) {
	var b bytes.Buffer
	l := FromSlog(untimed(&b))
	l.Println("two", "words")
	l.Printf("n=%d", 1)
	l.Print("x")
	if want := "level=INFO msg=\"two words\"\nlevel=INFO msg=\"n=1\"\nlevel=INFO msg=x\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestSlogKnowsWhoWarns(t *testing.T) {
	var b bytes.Buffer
	l := Of(Of(FromSlog(untimed(&b)), "[Processor g]", "group", "g"), "> PartitionProcessor (3)", "partition", 3)
	l.Printf("begins")
	Warnf(l, "%d is late", 1)
	Warnf(Prefixed(l, "own"), "%d%%", 2)
	Warnf(Of(log.New(&b, "", 0), "[Processor g]", "group", "g"), "%d is late", 3)
	want := "level=INFO msg=begins group=g partition=3\nlevel=WARN msg=\"1 is late\" group=g partition=3\n" +
		"level=WARN msg=\"own 2%\" group=g partition=3\n[Processor g] 3 is late\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
