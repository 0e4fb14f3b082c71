package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandHasExamples(t *testing.T) {
	root := newRoot()
	nameShells(root)
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		if !strings.Contains(cmd.Example, cmd.CommandPath()+" ") && !strings.HasSuffix(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s has no example of its use: %q", cmd.CommandPath(), cmd.Example)
		}
		for _, c := range cmd.Commands() {
			look(c)
		}
	}
	look(root)
}

func TestShellsCompleteValues(t *testing.T) {
	const files, nothing, directories = ":0", ":4", ":16"
	for _, tc := range []struct{ line, want, directive string }{
		{"record --progress ", "auto\ta bar on a terminal, lines elsewhere bar plain none", nothing},
		{"graph --format ", "mermaid svg json", nothing},
		{"serve --log-level ", "debug info warn error none", nothing},
		{"load --value-format ", "text json base64", nothing},
		{"replay --partitions ", "", nothing},
		{"replay --checkpoint ", "", directories},
		{"replay ", "", directories},
		{"load ", "", files},
		{"load --config-file ", "", files},
		{"serve ", "", nothing},
	} {
		words := strings.Split(tc.line, " ")
		code, stdout, _ := runWith(t, append([]string{"__complete"}, words...)...)
		lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		if got, directive := strings.Join(lines[:len(lines)-1], " "), lines[len(lines)-1]; code != 0 || got != tc.want || directive != tc.directive {
			t.Errorf("gokasim %s: status %d, offered %q with %s, want %q with %s", tc.line, code, got, directive, tc.want, tc.directive)
		}
	}
}
