package logfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func segment(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/transactions.log")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const start = "00000000000000000000.log"

func printed(t *testing.T, b []byte, o PrintOptions) (string, error) {
	t.Helper()
	var out strings.Builder
	err := Print(&out, start, bytes.NewReader(b), o)
	return out.String(), err
}

func TestPrintsAsKafkasOwnToolDoes(t *testing.T) {
	recorded, err := os.ReadFile("testdata/transactions.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(recorded), "\n")
	got, err := printed(t, segment(t), PrintOptions{Records: true})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var headers []string
	for line := range strings.Lines(want) {
		if !strings.HasPrefix(line, "|") {
			headers = append(headers, line)
		}
	}
	got, err = printed(t, segment(t), PrintOptions{})
	if diff := cmp.Diff(strings.Join(headers, ""), got); diff != "" || err != nil {
		t.Errorf("batches alone: %v (-want +got):\n%s", err, diff)
	}
}

func TestDamage(t *testing.T) {
	whole := segment(t)
	got, err := printed(t, whole[:900], PrintOptions{})
	var cut *TruncatedError
	if !errors.As(err, &cut) || cut.Bytes != 6 || !strings.HasSuffix(got, "Found 6 invalid bytes at the end of "+start+"\n") {
		t.Errorf("cut off: %v, %q", err, got[max(0, len(got)-200):])
	}
	flipped := bytes.Clone(whole)
	flipped[300] ^= 0xff
	got, err = printed(t, flipped, PrintOptions{})
	if err != nil || strings.Count(got, "isvalid: false") != 1 {
		t.Errorf("a byte that flipped: %v\n%s", err, got)
	}
	if _, err := printed(t, flipped, PrintOptions{Records: true}); err == nil || !strings.Contains(err.Error(), "the batch at byte 280, offsets 4 to 6: ") {
		t.Errorf("records of a batch that is damaged: %v", err)
	}
	if got, err := printed(t, append(bytes.Clone(whole), make([]byte, 1000)...), PrintOptions{}); err != nil || strings.Count(got, "baseOffset") != 10 {
		t.Errorf("a file that was allocated beforehand: %v", err)
	}
	old := bytes.Clone(whole)
	old[magicAt] = 1
	for name, b := range map[string][]byte{
		"message format 1, which Kafka wrote before 0.11, is not read": old,
		"is this a segment of a partition, or is it damaged?":          []byte(strings.Repeat("text that is no segment ", 10)),
	} {
		if _, err := printed(t, b, PrintOptions{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %s, got %v", name, err)
		}
	}
}

func TestLooks(t *testing.T) {
	if !Looks(segment(t)[:17]) {
		t.Error("a segment does not look like one")
	}
	for _, b := range []string{"", `{"topic":"orders","partition":3}`, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if Looks([]byte(b)) {
			t.Errorf("%q looks like a segment", b)
		}
	}
}

func FuzzReader(f *testing.F) {
	b, err := os.ReadFile("testdata/transactions.log")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:500])
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader("fuzz", bytes.NewReader(b))
		for n := 0; ; n++ {
			h, err := r.Next()
			if err != nil {
				return
			}
			if n > len(b)/61 {
				t.Fatalf("%d batches in %d bytes", n, len(b))
			}
			_, _ = h.Records() // it says so when it cannot
			h.Marker()
			h.print(io.Discard)
		}
	})
}
