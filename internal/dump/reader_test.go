package dump

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, text string) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll([]byte(text), nil)
}

func TestNotesAndBlankLinesAreSkipped(t *testing.T) {
	r, err := NewReader("in", strings.NewReader("\xef\xbb\xbf{\"key\":\"a\"}\r\n% Reached end of topic t [0] at offset 1\n\n   \r\n%3|1|FAIL|\n{\"key\":\"b\"}"))
	if err != nil {
		t.Fatal(err)
	}
	var rec Record
	var got []string
	for {
		err := r.Next(&rec)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s:%d %s", rec.File, rec.Line, rec.Key))
	}
	if diff := cmp.Diff([]string{"in:1 a", "in:6 b"}, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if r.Skipped() != 2 || r.Lines() != 6 {
		t.Errorf("skipped %d of %d lines, want 2 of 6", r.Skipped(), r.Lines())
	}
	if err := r.Next(&rec); err != io.EOF {
		t.Errorf("after the end: %v, want io.EOF", err)
	}
}

func TestCompressionIsRecognisedByContent(t *testing.T) {
	const text = `{"key":"a"}` + "\n" + `{"key":"b"}` + "\n"
	for name, content := range map[string][]byte{
		"plain.gz":    []byte(text),
		"gzip.jsonl":  gzipped(t, text),
		"members.zst": append(gzipped(t, text[:12]), gzipped(t, text[12:])...),
		"zstd":        zstandard(t, text),
		"empty":       nil,
		"short":       []byte("\n"),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := Open(file)
			if err != nil {
				t.Fatal(err)
			}
			var keys string
			var rec Record
			for err = r.Next(&rec); err == nil; err = r.Next(&rec) {
				keys += string(rec.Key)
			}
			want := "ab"
			if len(content) < 2 {
				want = ""
			}
			if keys != want || err != io.EOF {
				t.Errorf("read keys %q and %v, want %q and io.EOF", keys, err, want)
			}
			if r.BytesRead() != int64(len(content)) {
				t.Errorf("%d bytes read of %d", r.BytesRead(), len(content))
			}
			if err := errors.Join(r.Close(), r.Close()); err != nil {
				t.Error(err)
			}
			if err := r.Next(&rec); err == nil {
				t.Error("a closed reader gave a record")
			}
		})
	}
}

func TestTruncatedCompressionIsAnError(t *testing.T) {
	text := strings.Repeat(`{"key":"a"}`+"\n", 100000)
	for name, content := range map[string][]byte{"gzip": gzipped(t, text), "zstd": zstandard(t, text)} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader("in", bytes.NewReader(content[:len(content)-20]))
			if err != nil {
				t.Fatal(err)
			}
			var rec Record
			for err = r.Next(&rec); err == nil; err = r.Next(&rec) {
				if string(rec.Key) != "a" {
					t.Fatalf("key %q, want a", rec.Key)
				}
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "reading in after line ") {
				t.Errorf("%v; want an unexpected end that names file and line", err)
			}
			if again := r.Next(&rec); !errors.Is(again, err) {
				t.Errorf("then %v, want the same error", again)
			}
		})
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	got, bad := readAll(t, `{"key":"`+long+`"}`+"\n"+`{"key":"b"}`+"\n")
	if len(bad) != 0 || len(got) != 2 || string(got[0].Key) != long || string(got[1].Key) != "b" {
		t.Errorf("%d records, malformed %q", len(got), bad)
	}
}

func TestEndlessLineIsRefusedAndReadingGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a quarter of a gigabyte")
	}
	endless := io.LimitReader(constant('x'), MaxLine+1)
	r, err := NewReader("in", io.MultiReader(endless, strings.NewReader("\n"+`{"key":"b"}`)))
	if err != nil {
		t.Fatal(err)
	}
	var rec Record
	err = r.Next(&rec)
	want := fmt.Sprintf("in:1:%d: the line is longer than 256 MiB; is this a dump of one record a line?", MaxLine+1)
	if err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	if err := r.Next(&rec); err != nil || string(rec.Key) != "b" {
		t.Errorf("the line below: key %q, %v", rec.Key, err)
	}
}

type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none.jsonl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("directory: %v", err)
	}
	if _, err := NewReader("in", strings.NewReader("\xff\xfe{\x00")); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

// flightLines is a dump as examples/flights has it.
func flightLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"topic":"flights","key":"N%05d","payload":"{\"carrier\":\"UA\",\"flight\":1545,\"tailnum\":\"N14228\",\"origin\":\"EWR\",\"dest\":\"IAH\",\"dep_delay\":2,\"arr_delay\":11,\"air_time\":227,\"distance\":1400}","tstype":"create","ts":%d}`+"\n",
			i%4000, 1357035420000+int64(i)*60000)
	}
	return b.String()
}

func BenchmarkRead(b *testing.B) {
	const records = 20000
	text := flightLines(records)
	for name, content := range map[string][]byte{"plain": []byte(text), "gzip": gzipped(b, text), "zstd": zstandard(b, text)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r, err := NewReader("in", bytes.NewReader(content))
				if err != nil {
					b.Fatal(err)
				}
				var rec Record
				for err = r.Next(&rec); err == nil; err = r.Next(&rec) {
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*records/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	r, err := NewReader("in", strings.NewReader(flightLines(1)))
	if err != nil {
		b.Fatal(err)
	}
	var rec Record
	if err := r.Next(&rec); err != nil {
		b.Fatal(err)
	}
	w := NewWriter(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(&rec); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func TestQuotesInTabSeparatedColumnsSwallowNoLine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.tsv")
	text := "id\tv\n1\t\"a\" b\n2\t\"open\n3\t{\"a\":1}\n4\t\"say \"\"hi\"\"\"\r\n\n5\n6\t\"\"\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenWith(name, Options{KeyColumn: "id", ValueColumn: "v"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for {
		var rec Record
		err := r.Next(&rec)
		var bad *LineError
		switch {
		case err == io.EOF:
			want := []string{`1="a" b`, `2="open`, `3={"a":1}`, `4=say "hi"`, "line 7: the line has 1 columns, and the first line names 2", "6="}
			if !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
			return
		case errors.As(err, &bad):
			got = append(got, fmt.Sprintf("line %d: %s", bad.Line, bad.Reason))
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(rec.Key)+"="+string(rec.Value))
		}
	}
}
