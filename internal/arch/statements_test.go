package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStatements looks that every test and transcript exists that docs/parity.md names beside a statement about Kafka.
func TestStatements(t *testing.T) {
	doc, err := os.ReadFile("../../docs/parity.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(doc), "\n## Statements\n")
	if !found {
		t.Fatal("docs/parity.md has no section Statements")
	}
	table, _, _ := strings.Cut(after, "\n## ")
	known := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir("../../memkafka", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.Contains(path, "/testdata/"):
			known[strings.TrimSuffix(d.Name(), filepath.Ext(d.Name()))] = true
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range declared.FindAllSubmatch(text, -1) {
				known[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[3], "`") {
			continue
		}
		rows++
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1) {
			if !known[name[1]] {
				t.Errorf("statement%s: there is no test or transcript %s", strings.TrimRight(cells[1], " "), name[1])
			}
		}
	}
	if rows < 60 {
		t.Errorf("the table has %d statements", rows)
	}
}
