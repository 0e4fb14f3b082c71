package dump

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

// file is a dump of keys with times, as in "a1 b2 c"; c has none.
func file(t *testing.T, name, keys string) *Reader {
	t.Helper()
	var b strings.Builder
	for _, f := range strings.Fields(keys) {
		switch {
		case f == "!":
			b.WriteString("broken\n")
		case len(f) == 1:
			fmt.Fprintf(&b, "{\"topic\":%q,\"key\":%q}\n", name, f)
		default:
			fmt.Fprintf(&b, "{\"topic\":%q,\"key\":%q,\"ts\":%s}\n", name, f[:1], f[1:])
		}
	}
	r, err := NewReader(name, strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mergeAll(t *testing.T, m *Merge) string {
	t.Helper()
	var got []string
	for {
		rec, err := m.Next()
		var bad *LineError
		switch {
		case err == io.EOF:
			return strings.Join(got, " ")
		case errors.As(err, &bad):
			got = append(got, fmt.Sprintf("!%s:%d", bad.File, bad.Line))
		case err != nil:
			got = append(got, "!"+err.Error())
		default:
			got = append(got, rec.Topic+string(rec.Key))
		}
	}
}

func TestMerge(t *testing.T) {
	tablesFirst := func(rec *Record) int {
		switch {
		case rec.Timestamp >= 0:
			return 2
		case rec.Topic == "t":
			return 0
		}
		return 1
	}
	for _, tc := range []struct {
		name  string
		rank  func(*Record) int
		files []string // the first is called s, the second t, the third u
		want  string
		late  int
	}{
		{"nothing", nil, nil, "", 0},
		{"empty files", nil, []string{"", ""}, "", 0},
		{"by time", nil, []string{"a1 b4", "c2 d3", "e5"}, "sa tc td sb ue", 0},
		{"equal times by file", nil, []string{"a1 b1 c2", "d1 e2"}, "sa sb td sc te", 0},
		{"without a time first", nil, []string{"a1", "b c"}, "tb tc sa", 0},
		{"by rank", tablesFirst, []string{"a b", "c d", "e1"}, "tc td sa sb ue", 0},
		{"a file keeps its own order", nil, []string{"a1 b5 c2 d6", "e3 f7"}, "sa te sb sc sd tf", 1},
		{"a record without a time amid others stays there", nil, []string{"a3 b c4", "d1"}, "td sa sb sc", 0},
		{"malformed lines are told and passed", nil, []string{"! a1 ! b3", "c2"}, "!s:1 sa !s:3 tc sb", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var readers []*Reader
			for i, f := range tc.files {
				readers = append(readers, file(t, string(rune('s'+i)), f))
			}
			m := NewMerge(tc.rank, readers...)
			if diff := cmp.Diff(tc.want, mergeAll(t, m)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if m.Late() != tc.late {
				t.Errorf("%d records were late, want %d", m.Late(), tc.late)
			}
		})
	}
}

func TestMergeGoesOnAfterABrokenFile(t *testing.T) {
	broken, err := NewReader("b", io.MultiReader(strings.NewReader("{\"key\":\"x\",\"ts\":1}\n"), failing{}))
	if err != nil {
		t.Fatal(err)
	}
	m := NewMerge(nil, broken, file(t, "s", "a1 b2"))
	if diff := cmp.Diff("x !reading b after line 1: disk on fire sa sb", mergeAll(t, m)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func BenchmarkMerge(b *testing.B) {
	const records = 20000
	text := flightLines(records)
	b.ReportAllocs()
	for b.Loop() {
		var readers []*Reader
		for range 4 {
			r, err := NewReader("in", strings.NewReader(text))
			if err != nil {
				b.Fatal(err)
			}
			readers = append(readers, r)
		}
		m := NewMerge(nil, readers...)
		for {
			if _, err := m.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*4*records/b.Elapsed().Seconds(), "records/s")
}

func TestSegmentsOfAFolderFollowEachOther(t *testing.T) {
	source, err := os.ReadFile("../../memkafka/logfile/testdata/transactions.log")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "t-0")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const cut = 894 + 128 // between two batches
	var readers []*Reader
	for _, part := range []struct {
		name string
		data []byte
	}{{"00000000000000000019.log", source[cut:]}, {"00000000000000000000.log", source[:cut]}} {
		name := filepath.Join(dir, part.name)
		if err := os.WriteFile(name, part.data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		readers = append(readers, r)
	}
	m := NewMerge(func(rec *Record) int { return -int(rec.Offset) }, readers...) // as if times ran backwards
	last, n := kafka.Offset(-1), 0
	for ; ; n++ {
		rec, err := m.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.Offset <= last {
			t.Errorf("offset %d comes after %d", rec.Offset, last)
		}
		last = rec.Offset
	}
	if n < 3 || last < 8 {
		t.Errorf("%d records up to offset %d", n, last)
	}
}
