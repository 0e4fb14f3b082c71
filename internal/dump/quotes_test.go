package dump

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// endless is text that goes on for ever, which nobody may read to its end.
type endless struct {
	head string
	n    int
}

func (e *endless) Read(b []byte) (int, error) {
	if e.head != "" {
		n := copy(b, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.n += len(b); e.n > 8*maxQuoted {
		return 0, errors.New("it was read on and on")
	}
	for i := range b {
		b[i] = "x\n"[i%2]
	}
	return len(b), nil
}

func TestAQuoteThatDoesNotEndNamesItsLine(t *testing.T) {
	const head = "id,note\na,\"b\n\"\"c\"\"\nd\"\ne,\"open\n"
	read := func(c *columns) {
		t.Helper()
		var rec Record
		if err := c.next(&rec, Options{}); err != nil || !strings.Contains(string(rec.Value), `b\n\"c\"\nd`) {
			t.Fatalf("the first record is %s, %v", rec.Value, err)
		}
		var bad *LineError
		if err := c.next(&rec, Options{}); !errors.As(err, &bad) || bad.Line != 5 || !strings.Contains(bad.Reason, "does not end") {
			t.Fatalf("a quote that does not end: %v", err)
		}
		if err := c.next(&rec, Options{}); err != io.EOF {
			t.Errorf("behind it: %v", err)
		}
	}
	for name, from := range map[string]io.Reader{"at the end": strings.NewReader(head + "f,g\n"), "for ever": &endless{head: head}} {
		t.Run(name, func(t *testing.T) {
			c, err := newColumns("f.csv", from, ',', Options{})
			if err != nil {
				t.Fatal(err)
			}
			read(c)
		})
	}
	name := filepath.Join(t.TempDir(), "f.csv")
	if err := os.WriteFile(name, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rec Record
	if err := r.Next(&rec); err != nil {
		t.Fatal(err)
	}
	if err := r.Next(&rec); err == nil || !strings.HasPrefix(err.Error(), name+":5:") {
		t.Errorf("the error is %v", err)
	}
}

func TestAQuoteWithinAFieldOpensNothing(t *testing.T) {
	text := "id,note\na,5\" wide\n" + strings.Repeat("b,c\n", maxQuoted/2)
	c, err := newColumns("f.csv", strings.NewReader(text), ',', Options{})
	if err != nil {
		t.Fatal(err)
	}
	bad, records := 0, 0
	for {
		var rec Record
		var wrong *LineError
		switch err := c.next(&rec, Options{}); {
		case err == io.EOF:
			if bad != 1 || records != maxQuoted/2 {
				t.Errorf("%d lines are wrong and %d are records", bad, records)
			}
			return
		case errors.As(err, &wrong):
			bad++
		case err != nil:
			t.Fatal(err)
		default:
			records++
		}
	}
}
