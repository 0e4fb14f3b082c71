package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tracked returns the repository's files with a suffix, relative to its root, with those that git does not know yet.
func tracked(t *testing.T, suffix string) []string {
	t.Helper()
	out, err := exec.Command("git", "-C", "../..", "ls-files", "--cached", "--others", "--exclude-standard", "*"+suffix).Output()
	if err != nil {
		t.Skipf("no checkout: %v", err)
	}
	var files []string
	for _, name := range strings.Fields(string(out)) {
		if _, err := os.Stat(filepath.Join("../..", name)); err == nil && !strings.Contains(name, "testdata/") {
			files = append(files, name)
		}
	}
	return files
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	fence   = regexp.MustCompile("(?s)```.*?```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchor is what a heading is linked by.
func anchor(h string) string {
	return strings.ReplaceAll(strings.ToLower(dropped.ReplaceAllString(h, "")), " ", "-")
}

// TestLinks looks that the files and headings exist that documents lead to.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range tracked(t, ".md") {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text(t, page), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			links++
			if name, ok := strings.CutPrefix(m[1], "../../actions/workflows/"); ok { // of the place where the repository is
				name, _, _ = strings.Cut(name, "/")
				if _, err := os.Stat(filepath.Join("../../.github/workflows", name)); err != nil {
					t.Errorf("%s leads to the workflow %s, which is not there", page, name)
				}
				continue
			}
			file, fragment, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, m[1])
				continue
			}
			if fragment == "" || !strings.HasSuffix(target, ".md") {
				continue
			}
			found := false
			for _, h := range heading.FindAllStringSubmatch(text(t, target), -1) {
				found = found || anchor(h[1]) == fragment
			}
			if !found {
				t.Errorf("%s leads to %s, and that page has no such heading", page, m[1])
			}
		}
	}
	if links < 50 {
		t.Errorf("found %d links", links)
	}
}

// guides are the pages whose Go is taken from files that are compiled and run.
var guides = []string{
	"README.md", "docs/concepts.md", "docs/guarantees.md", "docs/configuration.md", "docs/operations.md", "docs/troubleshooting.md", "docs/migration.md",
}

// TestSnippets holds the Go of the guides to the files that it is from. What is shown from its package clause on may have a
// package of its own.
func TestSnippets(t *testing.T) {
	clause := regexp.MustCompile(`^package \w+\n`)
	named := regexp.MustCompile("(?s)<!-- from ([^ ]+) -->\n```go\n(.*?)```")
	for _, page := range guides {
		content := text(t, page)
		snippets := named.FindAllStringSubmatch(content, -1)
		for _, m := range snippets {
			if !strings.Contains(text(t, m[1]), clause.ReplaceAllString(m[2], "")) {
				t.Errorf("%s shows what is not in %s:\n%s", page, m[1], m[2])
			}
		}
		if blocks := strings.Count(content, "```go"); blocks != len(snippets) {
			t.Errorf("%s has %d blocks of Go, %d of them with a file that they are from", page, blocks, len(snippets))
		}
	}
}

// TestGuarantees looks that the tests exist that docs/guarantees.md names.
func TestGuarantees(t *testing.T) {
	all := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, name := range tracked(t, "_test.go") {
		for _, m := range declared.FindAllStringSubmatch(text(t, name), -1) {
			all[m[1]] = true
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(text(t, "docs/guarantees.md"), -1)
	if len(named) < 15 {
		t.Errorf("the page names %d tests", len(named))
	}
	for _, m := range named {
		if !all[m[1]] {
			t.Errorf("docs/guarantees.md names %s, which is not there", m[1])
		}
	}
}

// TestErrorTexts looks that every error text that docs/troubleshooting.md explains is one that the code has.
func TestErrorTexts(t *testing.T) {
	var code strings.Builder
	for _, name := range tracked(t, ".go") {
		if !strings.HasSuffix(name, "_test.go") && (strings.HasPrefix(name, "goka/") || strings.HasPrefix(name, "storage/") || strings.HasPrefix(name, "memkafka/saramaclient/")) {
			code.WriteString(text(t, name))
		}
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text(t, "docs/troubleshooting.md"), -1)
	if len(rows) < 25 {
		t.Errorf("the page explains %d texts", len(rows))
	}
	for _, m := range rows {
		if !strings.Contains(code.String(), m[1]) {
			t.Errorf("docs/troubleshooting.md explains %q, which no error says", m[1])
		}
	}
}
