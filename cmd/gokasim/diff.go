package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/results"
	"github.com/gokasim/gokasim/internal/dump"
)

func newDiff() *cobra.Command {
	var o results.DiffOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compares two dumps, or the results of two runs",
		Long: `Diff compares two dumps, plain or compressed, from files, pipes or standard input (-), or two directories that gokasim replay --out wrote. Records are compared by topic,
partition and key: those of a key have to be the same, in the same order, with their headers. Rows of tables are compared by
key. The exit status is 0 when nothing differs, and 1 when something does.`,
		Example: `  gokasim diff before.jsonl.gz after.jsonl.gz
  gokasim diff out-1-partition out-8-partitions --ignore-partitions
  gokasim diff before.jsonl after.jsonl --times --offsets`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("name two dumps or two directories, as in gokasim diff before.jsonl after.jsonl")
			}
			if args[0] == dump.Stdin && args[1] == dump.Stdin {
				return usagef("standard input is named twice, and can be read once; name a file beside it")
			}
			out := cmd.OutOrStdout()
			text := out
			if asJSON {
				text = cmd.ErrOrStderr()
			}
			topics, different, err := results.Diff(args[0], args[1], o, text)
			if err != nil {
				return err
			}
			if asJSON {
				summary := struct {
					Topics    int      `json:"topics"`
					Different []string `json:"different"`
				}{topics, append([]string{}, different...)}
				if err := json.NewEncoder(out).Encode(summary); err != nil {
					return fmt.Errorf("writing to standard output: %w", err)
				}
			}
			if len(different) > 0 {
				tell(cmd.ErrOrStderr(), "%d of %s differ: %s", len(different), counted(int64(topics), "topic"), joined(different))
				return errSaid
			}
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "no difference in %s\n", counted(int64(topics), "topic"))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.IgnorePartitions, "ignore-partitions", false, "a record may be in another partition")
	flags.BoolVar(&o.Times, "times", false, "timestamps count too")
	flags.BoolVar(&o.Offsets, "offsets", false, "offsets count too")
	flags.BoolVar(&asJSON, "json", false, "sum up on standard output as JSON, and write differences to standard error")
	return cmd
}
