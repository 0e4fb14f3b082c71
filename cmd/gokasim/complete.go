package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// offered are the words that flags take.
var offered = map[string][]string{
	"progress":     {"auto\ta bar on a terminal, lines elsewhere", "bar", "plain", "none"},
	"key-format":   {"text", "json", "base64"},
	"value-format": {"text", "json", "base64"},
	"format":       {"mermaid", "svg", "json"},
	"log-level":    {"debug", "info", "warn", "error", "none"},
	"sasl":         mechanisms,
	"speed":        {"max\tas fast as possible", "1x\tas fast as the records were made", "10x"},
	"as-version":   {"2.1", "2.8", "3.0", "3.6", "3.9", "4.0", "4.3"},
	"offset":       {"start", "end", ":end", "@-1h", "@-24h"},
	"brokers":      {"localhost:9092"},
	"listen":       {"127.0.0.1:9092", "127.0.0.1:0"},
	"http":         {":8080"},
	"pprof":        {":6060"},
}

// Flags whose values are names of files, which shells complete themselves, and of directories.
var (
	fileFlags      = []string{"in", "load", "out", "report", "faults", "config-file", "tls-cert", "tls-key", "tls-client-ca", "tls-ca", "go-test"}
	directoryFlags = []string{"data", "data-dir", "expect", "checkpoint"}
)

// addCompletions has shells complete the values of flags and the names of packages. Flags that take neither words nor files complete to nothing, and not
// to whatever files there are.
func addCompletions(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if _, has := cmd.GetFlagCompletionFunc(f.Name); has || f.Value.Type() == "bool" || slices.Contains(fileFlags, f.Name) {
				return
			}
			complete := cobra.FixedCompletions(offered[f.Name], cobra.ShellCompDirectiveNoFileComp)
			if slices.Contains(directoryFlags, f.Name) {
				complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
			}
			if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
				panic(err) // the flag is there, and has no completion
			}
		})
		switch cmd.Name() {
		case "replay", "graph", "simulate", "shrink", "migrate", "man":
			cmd.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		case "serve", "version":
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
}
