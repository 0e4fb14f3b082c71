// Package target finds a user's package, the group graphs in it, and makes a test binary out of both without writing
// anything into the user's tree.
package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the path of the module that gokasim, goka and the replay engine live in.
const Module = "github.com/gokasim/gokasim"

const (
	gokaPath   = Module + "/goka"
	enginePath = Module + "/tester/replay"
)

// Package is a package of a user's.
type Package struct {
	Dir        string // absolute
	ImportPath string
	Name       string
	Graphs     []Graph // in the order of files and lines

	tests  []string // the user's own test files, absolute
	module moduleInfo
	near   []string // functions that are almost graphs, and what they lack
}

type moduleInfo struct{ Path, Dir, GoMod, GoVersion string }

// listed is what go list tells about a package.
type listed struct {
	Dir, ImportPath, Name     string
	GoFiles, CgoFiles         []string
	TestGoFiles, XTestGoFiles []string
	Module                    *moduleInfo
	Error                     *listError
}

type listError struct{ Pos, Err string }

func (e *listError) String() string {
	if e.Pos == "" {
		return e.Err
	}
	return e.Pos + ": " + e.Err
}

// Find returns the package that name stands for: a directory, as ./flights, or an import path.
func Find(ctx context.Context, name string) (*Package, error) {
	dir, pattern := ".", name
	if filepath.IsAbs(name) || name == "." || name == ".." || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") {
		if strings.HasSuffix(name, "...") {
			return nil, fmt.Errorf("%s stands for several packages; name one", name)
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("package %s: %w", name, err)
		case !info.IsDir():
			return nil, fmt.Errorf("%s is a file; name the directory of the package", name)
		}
		dir, pattern = name, "." // so that the package's own module decides, wherever it is
	}
	packages, err := list(ctx, dir, "-e", "-json=Dir,ImportPath,Name,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Module,Error", "--", pattern)
	if err != nil {
		return nil, fmt.Errorf("finding package %s: %w", name, err)
	}
	if len(packages) != 1 {
		return nil, fmt.Errorf("%s stands for %d packages; name one", name, len(packages))
	}
	l := packages[0]
	if l.Error != nil && l.Error.Pos != "" && l.Dir != "" {
		return nil, &CompileError{Package: name, Output: l.Error.String()}
	}
	if l.Error != nil {
		return nil, fmt.Errorf("finding package %s: %s", name, l.Error)
	}
	p := &Package{Dir: l.Dir, ImportPath: l.ImportPath, Name: l.Name}
	if l.Module != nil {
		p.module = *l.Module
	}
	if p.module.GoMod == "" {
		return nil, fmt.Errorf("package %s lies in no module; run go mod init in it, and go get %s", name, Module)
	}
	for _, f := range slices.Concat(l.TestGoFiles, l.XTestGoFiles) {
		p.tests = append(p.tests, filepath.Join(l.Dir, f))
	}
	for _, f := range slices.Concat(l.GoFiles, l.CgoFiles) {
		if err := p.findGraphs(filepath.Join(l.Dir, f)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Testdata returns the dumps that lie beside the package: testdata/*.jsonl, plain or compressed, sorted by name.
func (p *Package) Testdata() ([]string, error) {
	var found []string
	for _, pattern := range []string{"*.jsonl", "*.jsonl.gz", "*.jsonl.zst"} {
		files, err := filepath.Glob(filepath.Join(escapeGlob(p.Dir), "testdata", pattern))
		if err != nil {
			return nil, fmt.Errorf("looking for dumps beside %s: %w", p.ImportPath, err)
		}
		found = append(found, files...)
	}
	slices.Sort(found)
	return found, nil
}

func escapeGlob(path string) string {
	if os.PathSeparator == '\\' {
		return path // where patterns know no escape
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// list runs go list in dir.
func list(ctx context.Context, dir string, args ...string) ([]listed, error) {
	out, err := goTool(ctx, dir, nil, append([]string{"list"}, args...)...)
	if err != nil {
		return nil, err
	}
	var packages []listed
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var l listed
		if err := d.Decode(&l); err != nil {
			return nil, fmt.Errorf("reading what go list says: %w", err)
		}
		packages = append(packages, l)
	}
	return packages, nil
}

// goTool runs the go command in dir and returns its standard output. Its error holds what the command said.
func goTool(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("the go command is needed to compile the package; install Go from https://go.dev/dl: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &ToolError{Args: args, Output: strings.TrimSpace(stderr.String() + stdout.String()), Err: err}
	}
	return stdout.Bytes(), nil
}

// A ToolError is a go command that failed.
type ToolError struct {
	Args   []string
	Output string // what it printed
	Err    error
}

func (e *ToolError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("go %s: %v", e.Args[0], e.Err)
	}
	return e.Output
}

func (e *ToolError) Unwrap() error { return e.Err }

// ErrNoGraph reports a package without a function that makes a group graph, or without the one that was asked for.
var ErrNoGraph = errors.New("no such group graph")

// Select returns the graphs called names, in that order, or all of them when names is empty.
func (p *Package) Select(names []string) ([]Graph, error) {
	var known []string
	for _, g := range p.Graphs {
		known = append(known, g.Func)
	}
	if len(known) == 0 {
		err := fmt.Errorf("%w: package %s has no exported func() *goka.GroupGraph; "+
			"add one, as in\n\n\tfunc Orders() *goka.GroupGraph { return goka.DefineGroup(...) }", ErrNoGraph, p.ImportPath)
		for _, n := range p.near {
			err = fmt.Errorf("%w\n\n%s", err, n)
		}
		return nil, err
	}
	if len(names) == 0 {
		return p.Graphs, nil
	}
	var selected []Graph
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			err := fmt.Errorf("%w: package %s has no exported func %s() *goka.GroupGraph; it has %s",
				ErrNoGraph, p.ImportPath, name, strings.Join(known, ", "))
			for _, n := range p.near {
				if strings.Contains(n, " "+name+" ") {
					err = fmt.Errorf("%w (%s)", err, n)
				}
			}
			return nil, err
		}
		if slices.Contains(selected, p.Graphs[i]) {
			return nil, fmt.Errorf("graph %s is named twice", name)
		}
		selected = append(selected, p.Graphs[i])
	}
	return selected, nil
}
