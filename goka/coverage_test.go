package goka_test

import (
	"bufio"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:generate go test -count=1 -run TestEveryStatementHasATest -write-statements .

var writeStatements = flag.Bool("write-statements", false, "write docs/goka.md")

// testName is a test whose name begins with the number of a statement.
var testName = regexp.MustCompile(`(?m)^func (Test([A-Z]+[0-9]+)_\w+)\(`)

// numberedTests are the tests of goka and storage that carry the number of a statement, by that number.
func numberedTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	for _, dir := range []string{".", "../storage"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range testName.FindAllStringSubmatch(string(text), -1) {
				tests[m[2]] = append(tests[m[2]], m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, names := range tests {
		slices.Sort(names)
	}
	return tests
}

// docs/goka.md lists what goka promises, and the tests that hold it to that. go generate writes it anew.
func TestEveryStatementHasATest(t *testing.T) {
	tests := numberedTests(t)
	f, err := os.Open("testdata/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var page strings.Builder
	page.WriteString(statementsHead)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		id, statement, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			t.Fatalf("testdata/statements.txt has the line %q", lines.Text())
		}
		if len(tests[id]) == 0 {
			t.Errorf("%s (%s) has no test: name one Test%s_...", id, statement, id)
		}
		fmt.Fprintf(&page, "| %s | %s | %s |\n", id, statement, "`"+strings.Join(tests[id], "`, `")+"`")
		delete(tests, id)
	}
	for _, id := range slices.Sorted(maps.Keys(tests)) {
		if !beyond.MatchString(id) {
			t.Errorf("%s names a statement that testdata/statements.txt does not have", tests[id])
		}
	}
	const file = "../docs/goka.md"
	if *writeStatements {
		if err := os.WriteFile(file, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(page.String(), "\n"), strings.Split(string(have), "\n")); diff != "" {
		t.Errorf("docs/goka.md is not what the tests say; run go generate ./goka (-want +got):\n%s", diff)
	}
}

// beyond are the numbers of what other packages promise, and of tests that use a number of their own.
var beyond = regexp.MustCompile(`^(TS|M|L)[0-9]+$|^D(52|5[5-9]|6[0-2])$`)

const statementsHead = `# What goka promises

Each line is a statement about goka, and the tests that fail when it does not hold. The tests carry its number. D numbers
are faults that libraries of this kind have had, and that this one does not have. ` + "`go generate ./goka`" + ` writes this page.

| number | statement | tests |
|---|---|---|
`
