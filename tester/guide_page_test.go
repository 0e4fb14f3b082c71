package tester_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestGuide holds docs/testing.md to the snippets of guide_test.go, which run as tests.
func TestGuide(t *testing.T) {
	source, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	snippets := map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)// snippet: (\w+)\n(.*?)\n// end\n`).FindAllStringSubmatch(string(source), -1) {
		snippets[m[1]] = strings.TrimSpace(m[2])
	}
	page, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile("(?s)<!-- (\\w+) -->\n```go\n(.*?)\n```").FindAllSubmatch(page, -1) {
		name := string(m[1])
		shown[name] = true
		if got := string(bytes.TrimSpace(m[2])); got != snippets[name] {
			t.Errorf("docs/testing.md shows another %s than guide_test.go has:\n%s", name, got)
		}
	}
	if blocks := bytes.Count(page, []byte("```go")); blocks != len(shown) {
		t.Errorf("%d blocks of Go are shown, and %d have a name of a snippet", blocks, len(shown))
	}
	for name := range snippets {
		if !shown[name] {
			t.Errorf("snippet %s is not in docs/testing.md", name)
		}
	}
}

// printing is a T for examples.
type printing struct{}

func (printing) Errorf(format string, args ...interface{}) { fmt.Printf(format+"\n", args...) }
func (printing) Fatalf(format string, args ...interface{}) { fmt.Printf(format+"\n", args...) }
func (printing) Fatal(args ...interface{})                 { fmt.Println(args...) }
