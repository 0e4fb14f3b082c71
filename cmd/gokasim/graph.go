package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/progress"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/target"
	"github.com/gokasim/gokasim/internal/picture"
	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
)

// graphFlags are the settings of gokasim graph, as given.
type graphFlags struct {
	graphs []string
	format string
	json   bool
	out    string
}

func newGraph() *cobra.Command {
	var f graphFlags
	cmd := &cobra.Command{
		Use:   "graph PACKAGE [--graph FUNC]... [flags]",
		Short: "Draws a package's group graphs, as Mermaid or SVG",
		Long: `Graph compiles PACKAGE, a directory or an import path, and draws the group graphs that its exported functions
func() *goka.GroupGraph return, in one picture: groups as boxes, streams with round ends, tables as cylinders. Mermaid is text
that Markdown pages show as a picture; SVG is a file that stands alone and suits light and dark pages.`,
		Example: `  gokasim graph ./orders
  gokasim graph ./orders --graph Totals --out orders.svg
  gokasim graph ./orders --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usagef("name the package that has the group graphs, as in gokasim graph ./orders")
			case 1:
				return f.run(cmd.Context(), cmd, args[0])
			}
			return usagef("%q and %q are two packages; name one package", args[0], args[1])
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.graphs, "graph", nil, "function that makes a graph to draw; all of the package unless given")
	flags.StringVar(&f.format, "format", "", "mermaid, svg or json; unless given what the name of --out ends in, .svg, .json or .mmd, else mermaid")
	flags.BoolVar(&f.json, "json", false, "another name of --format json")
	flags.StringVarP(&f.out, "out", "w", "", "`file` to write; standard output unless given")
	return cmd
}

// drawing turns a graph into text, in the format that was asked for.
func (f graphFlags) drawing() (func(*picture.Graph) (string, error), error) {
	format := f.format
	if f.json {
		if format != "" && format != "json" {
			return nil, usagef("--json and --format %s contradict each other; give one", format)
		}
		format = "json"
	}
	if format == "" {
		switch ending := strings.ToLower(filepath.Ext(f.out)); ending {
		case ".svg", ".json":
			format = ending[1:]
		case "", ".mmd", ".mermaid", ".md", ".txt":
			format = "mermaid"
		default:
			return nil, usagef("--out %s: there is no picture of the kind %s; name a file .svg, .mmd or .json, or give --format", f.out, ending)
		}
	}
	switch format {
	case "mermaid":
		return func(g *picture.Graph) (string, error) { return g.Mermaid(), nil }, nil
	case "svg":
		return func(g *picture.Graph) (string, error) { return g.SVG(), nil }, nil
	case "json":
		return func(g *picture.Graph) (string, error) {
			text, err := json.MarshalIndent(g, "", "  ")
			return string(text) + "\n", err
		}, nil
	}
	return nil, usagef("--format %q is none of mermaid, svg, json", format)
}

func (f graphFlags) run(ctx context.Context, cmd *cobra.Command, name string) (err error) {
	draw, err := f.drawing()
	if err != nil {
		return err
	}
	pkg, err := target.Find(ctx, name)
	if err != nil {
		return err
	}
	selected, err := target.Select([]*target.Package{pkg}, f.graphs)
	if err != nil {
		return err
	}
	r := &replay{names: []string{name}, cmd: cmd, display: progress.New(progress.None, cmd.ErrOrStderr())}
	binary, cleanUp, err := r.compile(ctx, selected)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	if _, err := r.execute(ctx, binary, pkg.Dir, replaywire.Settings{Describe: true}); err != nil {
		return err
	}
	if r.drawn == nil {
		return fmt.Errorf("the program made from package %s told nothing of its graphs", name)
	}
	text, err := draw(r.drawn)
	if err != nil {
		return fmt.Errorf("drawing the graphs of %s: %w", name, err)
	}
	if f.out == "" {
		_, err = fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	}
	if err := writeWhole(f.out, []byte(text)); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(name string, text []byte) error {
	return whole.Write(name, 0o666, writes(text))
}

// writes writes text.
func writes(text []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
}
