package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Writes manual pages of all commands",
		Long: `Man writes manual pages, one a command, to a directory, which it creates when it is missing. Install them where man finds them, as in
/usr/local/share/man/man1.`,
		Example: `  gokasim man /usr/local/share/man/man1
  gokasim man . && man ./gokasim-replay.1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name the directory to write to, as in gokasim man /usr/local/share/man/man1")
			}
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "GOKASIM", Section: "1", Source: "gokasim " + root.Version}, args[0]); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			return nil
		},
	}
}
