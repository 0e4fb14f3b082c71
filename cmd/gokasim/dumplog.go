package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/memkafka/logfile"
)

func newDumpLog() *cobra.Command {
	var o logfile.PrintOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "dump-log FILE...",
		Short: "Prints segment files of a broker as Kafka's own tool does",
		Long: `Dump-log prints segments, the .log files in a broker's folders TOPIC-PARTITION, as kafka-dump-log.sh of Apache Kafka 4.3 does,
line for line, without a Java machine. A file that is damaged is printed as far as it goes, and the exit status is 1.

With --json the records are written instead, as kcat -J prints them, which gokasim load and replay read.`,
		Example: `  gokasim dump-log /var/lib/kafka/orders-0/00000000000000000000.log
  gokasim dump-log --print-data-log orders-0/*.log
  diff <(gokasim dump-log a.log) <(gokasim dump-log b.log)
  gokasim dump-log --json orders-0/*.log | gokasim load - --brokers localhost:9092`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name a segment, as in gokasim dump-log orders-0/00000000000000000000.log")
			}
			if asJSON {
				if o != (logfile.PrintOptions{}) {
					return usagef("--json writes records as JSON, and not as Kafka's own tool prints them; leave the other flags out")
				}
				return dumpLogsAsJSON(cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
			}
			return dumpLogs(cmd.OutOrStdout(), args, o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.Records, "print-data-log", false, "print each record, with its key and value")
	flags.BoolVar(&o.Deep, "deep-iteration", false, "print each record, without key and value")
	flags.BoolVar(&o.Bare, "skip-record-metadata", false, "print of each record only key and value")
	flags.BoolVar(&asJSON, "json", false, "write the records as JSON lines, as kcat -J prints them")
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

// dumpLogsAsJSON writes the records of segments, as many as can be read.
func dumpLogsAsJSON(out, stderr io.Writer, names []string) error {
	w := dump.NewWriter(out)
	var failed error
	for _, name := range names {
		switch err := dumpLogAsJSON(w, stderr, name); {
		case errors.Is(err, errSaid):
			failed = errSaid
		case err != nil:
			tell(stderr, "%v", err)
			failed = errSaid
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return failed
}

func dumpLogAsJSON(w *dump.Writer, stderr io.Writer, name string) (err error) {
	r, err := dump.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	damaged := false
	for {
		var rec dump.Record
		err := r.Next(&rec)
		var malformed *dump.LineError
		switch {
		case err == io.EOF && damaged:
			return errSaid
		case err == io.EOF:
			return nil
		case errors.As(err, &malformed):
			damaged = true
			tell(stderr, "%v", err)
		case err != nil:
			return err
		default:
			if err := w.Write(&rec); err != nil {
				return fmt.Errorf("writing to standard output: %w", err)
			}
		}
	}
}
