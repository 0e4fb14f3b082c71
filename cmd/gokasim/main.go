// Command gokasim works with group graphs and their topics outside of a production cluster.
//
//	gokasim replay PACKAGE    replays recorded topics through a package's group graphs
//	gokasim record TOPIC...   records topics of a cluster to a dump
//	gokasim load FILE...      loads a dump into a cluster
//	gokasim dump-log FILE...  prints segments of a broker as text
//	gokasim graph PACKAGE     draws a package's group graphs
//	gokasim diff A B          compares two dumps, or the results of two runs
//	gokasim simulate PACKAGE  runs a package's simulations with many seeds
//	gokasim shrink PACKAGE    makes a failing seed small
//	gokasim migrate           rewrites a module that uses github.com/lovoo/goka
//	gokasim serve             runs a Kafka cluster in memory, for development and tests
//
// Data goes to standard output, everything else to standard error. The exit status is 0, 1 when something failed or
// differs, 2 when the command was not used as it is meant to be.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	out := &checked{to: stdout}
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	nameShells(root)
	nameTopics(root)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = out.err
	}
	var wrong *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		tell(stderr, "%v\nRun '%s --help' for what it takes.", err, cmd.CommandPath())
		return 2
	case errors.Is(err, errSaid):
		return 1
	case ctx.Err() != nil:
		said := "interrupted"
		if _, rest, ok := strings.Cut(err.Error(), context.Canceled.Error()+"; "); ok {
			said += "; " + rest // what was done, and how to go on
		}
		tell(stderr, "%s", said)
		return 1
	}
	tell(stderr, "%v", err)
	return 1
}

// checked keeps the first error of what is written, which cobra does not tell of help.
type checked struct {
	to  io.Writer
	err error
}

func (c *checked) Write(text []byte) (int, error) {
	n, err := c.to.Write(text)
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("writing to standard output: %w", err)
	}
	return n, err
}

// nameTopics has the command help, which cobra makes, refuse commands that are not there.
func nameTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"}) // it is there now
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		about, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return usagef("there is no command %q", strings.Join(args, " "))
		}
		about.InitDefaultHelpFlag()
		return about.Help()
	}
}

// nameShells has the command completion, which cobra makes for the output that root has, refuse shells that it does not know.
func nameShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, _ := root.Find([]string{"completion"}) // it is there now
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return usagef("there is no completion for %q; there is for bash, zsh, fish and powershell", args[0])
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.Example = `  source <(gokasim completion bash)
  gokasim completion zsh > "${fpath[1]}/_gokasim"
  gokasim completion fish > ~/.config/fish/completions/gokasim.fish
  gokasim completion powershell | Out-String | Invoke-Expression`
	for _, shell := range cmd.Commands() {
		shell.Example = "  gokasim completion " + shell.Name()
	}
}

// tell writes a message to standard error, which is where a failure to write could be told.
func tell(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, "gokasim: "+format+"\n", args...)
}

// usageError is a command line that is wrong in itself.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// errSaid is a failure that the user has already been told about.
var errSaid = errors.New("failed")

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "gokasim",
		Short: "Runs group graphs on recorded topics, with or without Kafka",
		Example: `  gokasim replay ./examples/flights
  gokasim serve --topic orders:3
  gokasim record orders --brokers localhost:9092 --out orders.jsonl.gz`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q", args[0])
			}
			return nil
		},
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Version = thisRelease().Version
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newReplay(), newServe(), newRecord(), newLoad(), newDumpLog(), newGraph(), newDiff(), newMigrate(), newMan(), newVersion(), newSimulate(), newShrink())
	addCompletions(root)
	return root
}
