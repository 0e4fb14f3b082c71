package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/memkafka/logfile"
)

func newDumpLog() *cobra.Command {
	var o logfile.PrintOptions
	cmd := &cobra.Command{
		Use:   "dump-log FILE...",
		Short: "Prints segment files of a broker as Kafka's own tool does",
		Long: `Dump-log prints segments, the .log files in a broker's folders TOPIC-PARTITION, as kafka-dump-log.sh of Apache Kafka 4.3 does,
line for line, without a Java machine. A file that is damaged is printed as far as it goes, and the exit status is 1.`,
		Example: `  gokasim dump-log /var/lib/kafka/orders-0/00000000000000000000.log
  gokasim dump-log --print-data-log orders-0/*.log
  diff <(gokasim dump-log a.log) <(gokasim dump-log b.log)`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name a segment, as in gokasim dump-log orders-0/00000000000000000000.log")
			}
			return dumpLogs(cmd.OutOrStdout(), args, o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.Records, "print-data-log", false, "print each record, with its key and value")
	flags.BoolVar(&o.Deep, "deep-iteration", false, "print each record, without key and value")
	flags.BoolVar(&o.Bare, "skip-record-metadata", false, "print of each record only key and value")
	return cmd
}

func dumpLogs(w io.Writer, names []string, o logfile.PrintOptions) error {
	var wrong []error
	for _, name := range names {
		if _, err := fmt.Fprintf(w, "Dumping %s\n", name); err != nil {
			return fmt.Errorf("writing to standard output: %w", err)
		}
		f, err := os.Open(name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		wrong = append(wrong, logfile.Print(w, name, f, o), f.Close())
	}
	return errors.Join(wrong...)
}
