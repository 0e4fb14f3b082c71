package logger

import (
	"bytes"
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

func TestSlogGetsLinesWithoutTheirEnd(t *testing.T) {
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	l := FromSlog(slog.New(h))
	l.Println("two", "words")
	l.Printf("n=%d", 1)
	l.Print("x")
	if want := "level=INFO msg=\"two words\"\nlevel=INFO msg=\"n=1\"\nlevel=INFO msg=x\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
