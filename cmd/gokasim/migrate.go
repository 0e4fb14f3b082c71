package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/migrate"
)

func newMigrate() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "migrate [PATTERN...]",
		Short: "Rewrites a module that uses github.com/lovoo/goka so that it uses this one",
		Long: `Migrate rewrites the packages that the patterns name, ./... unless given, from github.com/lovoo/goka, v1.0 and newer, to this
module: imports, names that moved, go.mod, and, in main packages that make processors or views, the import of the disk store.
It needs no network and reads the files of every platform and build tag; what it does not rewrite keeps its bytes.

What has to be done by hand is told as FILE:LINE and a reason, and the exit status is 1. Everything else is rewritten
nevertheless.`,
		Example: `  gokasim migrate --dry-run ./...
  gokasim migrate ./... && go mod tidy && go test ./...`,
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if len(patterns) == 0 {
				patterns = []string{"./..."}
			}
			plan, err := migrate.Make(".", patterns, thisRelease().Version)
			if err != nil {
				return err
			}
			stderr := cmd.ErrOrStderr()
			if dryRun {
				if _, err := cmd.OutOrStdout().Write(plan.Diff()); err != nil {
					return fmt.Errorf("writing to standard output: %w", err)
				}
			} else if err := plan.Write(); err != nil {
				return err
			}
			for _, p := range plan.Problems {
				_, _ = fmt.Fprintln(stderr, p)
			}
			verb := "rewrote"
			if dryRun {
				verb = "would rewrite"
			}
			_, _ = fmt.Fprintf(stderr, "%s %s\n", verb, counted(int64(len(plan.Changes)), "file"))
			if len(plan.Next) > 0 {
				_, _ = fmt.Fprintln(stderr, "run next:")
				for _, line := range plan.Next {
					_, _ = fmt.Fprintln(stderr, "  "+line)
				}
			}
			if n := len(plan.Problems); n > 0 {
				tell(stderr, "%s to change by hand", counted(int64(n), "place"))
				return errSaid
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "print what would change, as a unified diff, and change nothing")
	return cmd
}
