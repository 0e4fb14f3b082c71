package results

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
)

// write puts files into a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fill puts files into a new spool.
func fill(t *testing.T, out string, files map[string]string) *Spool {
	t.Helper()
	s, err := NewSpool(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestWhatAKilledRunLeftIsRemoved(t *testing.T) {
	if !whole.CanSweep {
		t.Skip("spools are not swept here")
	}
	out := t.TempDir()
	left := filepath.Join(out, spools+"1")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{lock, "a.jsonl"} {
		if err := os.WriteFile(filepath.Join(left, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	foreign := filepath.Join(out, spools+"x") // without a lock: of somebody else
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	running := fill(t, out, map[string]string{"a.jsonl": "1"})
	fill(t, out, nil)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a killed run left is there: %v", err)
	}
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, lock), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", out)
	room, err := NewTemporary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a killed run left among temporary files is there: %v", err)
	}
	if err := room.Close(); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{foreign, running.Dir} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

func topics(names ...string) []replaywire.Topic {
	var ts []replaywire.Topic
	for _, n := range names {
		ts = append(ts, replaywire.Topic{Name: n, Count: 1, File: n + ".jsonl"})
	}
	return ts
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return strings.Join(found, " ")
}

func TestFilesAppearUnderTheirNamesByPublishOnly(t *testing.T) {
	out := t.TempDir()
	s := fill(t, out, map[string]string{"t.jsonl": "new", "left.part": "x"})
	if err := os.WriteFile(filepath.Join(out, "t.jsonl"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, out), filepath.Base(s.Dir)+" t.jsonl"; got != want {
		t.Errorf("before: %s, want %s", got, want)
	}
	if err := s.Publish(&replaywire.Result{Tables: topics("t")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "t.jsonl"))
	if err != nil || string(text) != "new" {
		t.Errorf("published %q, %v", text, err)
	}
	if got := names(t, out); got != "t.jsonl" {
		t.Errorf("afterwards: %s, want t.jsonl alone", got)
	}
}

func TestSpoolNamesADirectoryThatCannotBe(t *testing.T) {
	dir := write(t, map[string]string{"file": ""})
	if _, err := NewSpool(filepath.Join(dir, "file", "out")); err == nil || !strings.Contains(err.Error(), "making the directory of --out") {
		t.Errorf("got %v", err)
	}
}

func TestADirectoryThatAppearsMeanwhileIsPublishedInto(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	first := fill(t, out, map[string]string{"rows.jsonl": "1"})
	second := fill(t, out, map[string]string{"rows.jsonl": "2"})
	for _, s := range []*Spool{first, second} {
		if err := s.Publish(&replaywire.Result{Tables: topics("rows")}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(out, "rows.jsonl")); err != nil || string(got) != "2" {
		t.Errorf("there is %q, %v, want what was published last", got, err)
	}
}

func TestCompare(t *testing.T) {
	manyWant, manyGot := "", ""
	for i := range 25 {
		manyWant += fmt.Sprintf(`{"key":"k%02d","payload":"a"}`+"\n", i)
		manyGot += fmt.Sprintf(`{"key":"k%02d","payload":"b"}`+"\n", i)
	}
	for _, tc := range []struct {
		name            string
		table, output   string // what the run gave
		expected        map[string]string
		want            string
		different, none string
	}{
		{
			name: "equal", table: `{"key":"a","payload":"1"}`, output: `{"topic":"o","partition":0,"offset":0,"key":"x","payload":"y"}`,
			expected: map[string]string{"t.jsonl": `{"payload":"1","key":"a"}`, "o.jsonl": `{"topic":"o","partition":3,"offset":7,"ts":5,"key":"x","payload":"y"}`},
		},
		{
			name: "an expected table may be a log, compressed or not", table: `{"key":"a","payload":"2"}`,
			expected: map[string]string{"t.jsonl": "{\"key\":\"a\",\"payload\":\"1\"}\n{\"key\":\"b\",\"payload\":\"x\"}\n{\"key\":\"b\",\"payload\":null}\n{\"key\":\"a\",\"payload\":\"2\"}"}, none: "o",
		},
		{
			name: "members of JSON objects", table: `{"key":"a","payload":"{\"n\":1,\"s\":\"x\",\"new\":[1, 2]}"}`, none: "o", different: "t",
			expected: map[string]string{"t.jsonl": `{"key":"a","payload":"{\"n\":2,\"s\":\"x\",\"old\":null}"}`},
			want: `t: 1 row differs (-expected +got)
  a:
-     n: 2
+     n: 1
+     new: [1,2]
-     old: null
`,
		},
		{
			name: "JSON in another order", table: `{"key":"a","payload":"{\"n\":1,\"m\":2}"}`, none: "o", different: "t",
			expected: map[string]string{"t.jsonl": `{"key":"a","payload":"{\"m\":2,\"n\":1}"}`},
			want: `t: 1 row differs (-expected +got)
  a:
-     {"m":2,"n":1}
+     {"n":1,"m":2}
`,
		},
		{
			name: "rows missing and too many", table: "{\"key\":\"b\",\"payload\":\"1\"}\n{\"key\":\"c\",\"payload\":\"\\u0000\"}", none: "o", different: "t",
			expected: map[string]string{"t.jsonl": "{\"key\":\"a\",\"payload\":\"1\"}\n{\"key\":\"b\",\"payload\":\"2\"}"},
			want: `t: 3 rows differ (-expected +got)
- a: 1
- b: 2
+ b: 1
+ c: "\x00"
`,
		},
		{
			name: "records as often as they occur", output: "{\"key\":\"x\",\"payload\":\"1\"}\n{\"key\":\"x\",\"payload\":\"1\"}\n{\"key\":null,\"payload\":\"2\"}", none: "t", different: "o",
			expected: map[string]string{"o.jsonl": "{\"key\":\"x\",\"payload\":\"1\"}\n{\"key\":\"\",\"payload\":\"2\"}"},
			want: `o: 3 records differ (-expected +got)
- "": 2
+ x: 1
+ "": 2
`,
		},
		{
			name: "headers count", output: `{"key":"x","payload":"1","headers":["a",null]}`, none: "t", different: "o",
			expected: map[string]string{"o.jsonl": `{"key":"x","payload":"1","headers":["a",""]}`},
			want: `o: 2 records differ (-expected +got)
- x: 1
+ x: 1
`,
		},
		{
			name: "a topic that nobody has", none: "t o", different: "z", expected: map[string]string{"z.jsonl": ""},
			want: "z: expected by DIR/z.jsonl, but no graph of this run has such a table or output\n",
		},
		{
			name: "many differences are counted", table: manyGot, none: "o", different: "t", expected: map[string]string{"t.jsonl": manyWant},
			want: "t: 25 rows differ (-expected +got)\n" + first20() + "  ... and 5 rows more\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := fill(t, "", map[string]string{"t.jsonl": tc.table, "o.jsonl": tc.output})
			dir := write(t, tc.expected)
			var out strings.Builder
			c, err := s.Compare(&replaywire.Result{Tables: topics("t"), Outputs: topics("o")}, dir, &out, false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, strings.ReplaceAll(out.String(), dir, "DIR")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := strings.Join(c.Different, " "); got != tc.different {
				t.Errorf("different: %q, want %q", got, tc.different)
			}
			if got := strings.Join(c.Unexpected, " "); got != tc.none {
				t.Errorf("without an expectation: %q, want %q", got, tc.none)
			}
		})
	}
}

func first20() string {
	text := ""
	for i := range 20 {
		text += fmt.Sprintf("- k%02d: a\n+ k%02d: b\n", i, i)
	}
	return text
}

func TestCompareRefusesAnEmptyDirectoryAndAmbiguousFiles(t *testing.T) {
	s := fill(t, "", nil)
	for name, files := range map[string]map[string]string{
		"holds no TOPIC.jsonl file": {"README": ""},
		"expect the same topic":     {"t.jsonl": "", "t.jsonl.gz": ""},
	} {
		if _, err := s.Compare(&replaywire.Result{}, write(t, files), new(strings.Builder), false); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not say %q", err, name)
		}
	}
}

func TestShow(t *testing.T) {
	s := fill(t, "", map[string]string{
		"carriers.jsonl": `{"key":"9E","payload":"{\"name\":\"Endeavor Air Inc.\",\"flights\":18460,\"mean\":16.7,\"note\":null}"}
{"key":"AA","payload":"{\"name\":\"American \u00dcber\",\"flights\":-3,\"mean\":8,\"extra\":{\"a\": [1]}}"}
`,
		"words.jsonl": `{"key":"a","payload":"one"}
{"key":"","payload":"[1,2]"}
`,
		"empty.jsonl": "",
	})
	result := &replaywire.Result{Tables: append(topics("carriers", "words", "empty"), replaywire.Topic{Name: "long", Count: 51})}
	var out strings.Builder
	long, err := s.Show(result, &out)
	if err != nil {
		t.Fatal(err)
	}
	const want = `carriers (2 rows)
key  name               flights  mean  note  extra
9E   Endeavor Air Inc.    18460  16.7
AA   American Über           -3     8        {"a":[1]}

words (2 rows)
key  value
a    one
""   [1,2]

empty (0 rows)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"long"}, long); diff != "" {
		t.Errorf("too long to show (-want +got):\n%s", diff)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain äöü": "plain äöü", "": `""`, `with "quotes" and \`: `with "quotes" and \`, "line\n": `"line\n"`, "\xff": `"\xff"`, "\x1b[31m": `"\x1b[31m"`,
		strings.Repeat("ä", 200): strings.Repeat("ä", 150) + "...",
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %s, want %s", in, got, want)
		}
	}
}
