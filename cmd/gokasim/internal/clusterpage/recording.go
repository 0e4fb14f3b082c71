package clusterpage

import (
	"fmt"
	"go/format"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/filter"
	"github.com/gokasim/gokasim/internal/page"
)

// command is the command that records what a page shows, and all that comes on its later pages.
func (s *Server) command(want wanted) string {
	b := "HOST:PORT"
	if len(s.addrs) > 0 {
		b = strings.Join(s.addrs, ",")
	}
	parts := []string{"gokasim record", quoted(want.topic), "-b", quoted(b)}
	if want.Partition >= 0 {
		parts = append(parts, "-p", strconv.Itoa(int(want.Partition)))
	}
	if at := want.from(); at != "" {
		parts = append(parts, "-o", quoted(at))
	}
	var expressions []string
	if want.Q != "" {
		expressions = append(expressions, filter.Containing(want.Q, want.In))
	}
	if want.Filter != "" {
		expressions = append(expressions, want.Filter)
	}
	if len(expressions) == 2 {
		expressions[0], expressions[1] = "("+expressions[0]+")", "("+expressions[1]+")"
	}
	if len(expressions) > 0 {
		for _, e := range s.schemas.List() {
			if e.File == "" {
				continue // nobody else has it
			}
			if e.Target == "*:value" || e.Target == want.topic+":value" || strings.HasPrefix(e.Target, "id:") {
				parts = append(parts, "--schema", quoted(e.Target+"="+e.Given()))
			}
		}
		parts = append(parts, "--filter", quoted(strings.Join(expressions, " && ")))
	}
	return strings.Join(parts, " ")
}

// from is where a page begins, in record's words: from there on if the oldest come first, else up to there.
func (w wanted) from() string {
	switch at, err := parseTime(w.Time); {
	case w.Time != "" && err == nil:
		bound := at.UTC().Format(time.RFC3339Nano)
		if w.Oldest {
			return "@" + bound
		}
		return "@:" + bound
	case w.From == "" || w.From == "start" || w.From == "end":
		return ""
	}
	n, err := strconv.ParseInt(w.From, 10, 64)
	switch {
	case err != nil:
		return ""
	case w.Oldest:
		return strconv.FormatInt(n, 10) + ":"
	}
	return ":" + strconv.FormatInt(n+1, 10)
}

// quoted is a word of a shell's command line.
func quoted(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.,:/=@", c)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// test shows a Go test that sends the marked records, or all that the page has, through a group graph; with format=go it is the file.
func (s *Server) test(w http.ResponseWriter, r *http.Request) {
	want, list, err := s.exported(r)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("there are no such records in topic %s, of which a test could be made", want.topic)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	source, err := testOf(want.topic, s.cluster.Partitions(want.topic), len(list))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	file := strings.ToLower(identifier(want.topic)) + "_recording_test.go"
	query := r.URL.Query()
	if query.Get("format") == "go" {
		w.Header().Set("Content-Type", "text/x-go; charset=utf-8")
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", file))
		_, _ = w.Write(source) // the browser may be gone
		return
	}
	base := s.site.Path("topics", want.topic)
	query.Del("format")
	shown := struct {
		Topic, Source, File, Go, Dump string
		Records                       int
	}{Topic: want.topic, Source: string(source), File: file, Records: len(list), Dump: base + "/dump?" + query.Encode()}
	query.Set("format", "go")
	shown.Go = base + "/test?" + query.Encode()
	s.site.Show(w, r, "test.html", page.View{Title: "A test of " + want.topic, Trail: s.trail("topics", want.topic, "records"), Body: shown})
}

// testOf is the source of a test.
func testOf(topic string, partitions int32, records int) ([]byte, error) {
	name := identifier(topic) + "Recording"
	options := ""
	if partitions > 1 {
		options = fmt.Sprintf(", tester.WithPartitions(%d)", partitions)
	}
	counted := fmt.Sprintf("%d records", records)
	if records == 1 {
		counted = "a record"
	}
	return format.Source(fmt.Appendf(nil, `// Put this file beside the code under test, and name its package. What the dump has belongs into testdata/%[1]s.jsonl.
package orders

import (
	"testing"

	"github.com/gokasim/gokasim/tester"
)

// Test%[2]s sends %[3]s of %[1]s through the group graph, and compares what each of them causes with
// testdata/%[1]s.golden, which
//
//	go test -run 'Test%[2]s$' -gokasim.golden
//
// writes anew: read it before you keep it.
func Test%[2]s(t *testing.T) {
	tester.Replay(t, "testdata/%[1]s.jsonl", graph()%[4]s) // graph returns your *goka.GroupGraph
}
`, topic, name, counted, options))
}

// identifier is a topic's name as part of one in Go: order-lines becomes OrderLines.
func identifier(topic string) string {
	var b strings.Builder
	up := true
	for _, c := range topic {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			up = true
			continue
		}
		if up {
			c = unicode.ToUpper(c)
		}
		b.WriteRune(c)
		up = false
	}
	if b.Len() == 0 {
		return "Topic"
	}
	return b.String()
}
