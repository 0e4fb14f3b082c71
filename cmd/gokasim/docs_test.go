package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocsNameWhatThereIs looks for commands and flags in the pages that users read.
func TestDocsNameWhatThereIs(t *testing.T) {
	root := newRoot()
	root.InitDefaultCompletionCmd()
	call := regexp.MustCompile(`gokasim ([a-z-]+)([^\n|&` + "`" + `#]*)`)
	flag := regexp.MustCompile(`(?:^|\s)(--[a-z-]+|-[a-z])\b`)
	found := 0
	for _, name := range []string{"../../docs/gokasim.md", "../../README.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			if m[1] == "in" { // prose
				continue
			}
			cmd, _, err := root.Find([]string{m[1]})
			if err != nil {
				t.Errorf("%s: %q: %v", name, m[0], err)
				continue
			}
			found++
			for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
				if f[1] != "--help" && !has(cmd, f[1]) {
					t.Errorf("%s: %q: there is no flag %s", name, m[0], f[1])
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("%d commands were found, want 20 or more", found)
	}
}

func has(cmd *cobra.Command, flag string) bool {
	if long, ok := strings.CutPrefix(flag, "--"); ok {
		return cmd.Flags().Lookup(long) != nil
	}
	return cmd.Flags().ShorthandLookup(flag[1:]) != nil
}
