// Package migrate rewrites a Go module that uses github.com/lovoo/goka so that it uses this module.
//
// Files are read as syntax alone: nothing is downloaded, files of every platform and build tag take part, and what is
// not rewritten keeps its bytes.
package migrate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Problem is a place that has to be changed by hand.
type Problem struct {
	Path   string // relative to the directory that Make was given
	Line   int
	Reason string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s", filepath.ToSlash(p.Path), p.Line, p.Reason)
}

// Change is a file before and after.
type Change struct {
	Path          string // relative to the directory that Make was given
	Before, After []byte
}

// Plan is what a migration would do.
type Plan struct {
	Changes  []Change  // by path
	Problems []Problem // by position
	Next     []string  // commands that the user has to run afterwards

	dir string
}

// Make reads the packages that the patterns name, as in ./... or ./cmd/app, below dir, which lies in a module. Version
// is what go.mod shall require of this module; it is left to a command in Next when it is none, such as (devel). It
// writes nothing.
func Make(dir string, patterns []string, version string) (*Plan, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	mod, err := readModule(dir)
	if err != nil {
		return nil, err
	}
	paths, err := find(dir, patterns)
	if err != nil {
		return nil, err
	}
	p := &Plan{dir: dir}
	w := &work{plan: p, mod: mod, fset: token.NewFileSet(), packages: map[string]*pkg{}}
	for _, path := range paths {
		if err := w.read(path); err != nil {
			return nil, err
		}
	}
	if len(w.files) == 0 {
		return nil, fmt.Errorf("no Go files in %s", strings.Join(patterns, " "))
	}
	for _, f := range w.files {
		w.rewrite(f)
	}
	w.importDisk()
	for _, f := range w.files {
		after, err := f.apply()
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(f.src, after) {
			p.Changes = append(p.Changes, Change{Path: f.name, Before: f.src, After: after})
		}
	}
	if len(p.Changes) > 0 || mod.requiresOld() {
		if err := w.changeModule(version); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.Changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(p.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return p, nil
}

// Diff is what Write would do, as a unified diff.
func (p *Plan) Diff() []byte {
	var out []byte
	for _, c := range p.Changes {
		name := filepath.ToSlash(c.Path)
		out = append(out, diff.Diff("a/"+name, c.Before, "b/"+name, c.After)...)
	}
	return out
}

// Write changes the files. A file that cannot be written leaves the ones before it changed; running the command again
// goes on from there.
func (p *Plan) Write() error {
	for _, c := range p.Changes {
		path := filepath.Join(p.dir, c.Path)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, c.After, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// find returns the Go files that the patterns name, in order. Folders that the go command ignores, vendor and modules of
// their own are left out.
func find(dir string, patterns []string) ([]string, error) {
	var paths []string
	for _, pattern := range patterns {
		root, deep := strings.CutSuffix(filepath.ToSlash(pattern), "...")
		root = filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(root, "/")))
		if filepath.IsAbs(pattern) {
			root = filepath.Clean(strings.TrimSuffix(pattern, "..."))
		}
		info, err := os.Stat(root)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("pattern %s: name a folder, as ./... does", pattern)
		}
		err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case !d.IsDir():
				if strings.HasSuffix(path, ".go") && d.Type().IsRegular() {
					paths = append(paths, path)
				}
				return nil
			case path == root:
				return nil
			case !deep, d.Name() == "vendor", d.Name() == "testdata", strings.HasPrefix(d.Name(), "."), strings.HasPrefix(d.Name(), "_"):
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// work is a migration under way.
type work struct {
	plan     *Plan
	mod      *module
	fset     *token.FileSet
	files    []*file
	packages map[string]*pkg // by folder
}

// read parses one file. A file that cannot be parsed is left as it is, and is a problem if it mentions the old module.
func (w *work) read(path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(w.plan.dir, path)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(w.fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		if bytes.Contains(src, []byte(oldModule)) {
			var mistakes scanner.ErrorList
			if !errors.As(err, &mistakes) || len(mistakes) == 0 {
				return fmt.Errorf("reading %s: %w", name, err)
			}
			w.plan.Problems = append(w.plan.Problems, Problem{name, mistakes[0].Pos.Line, mistakes[0].Msg + "; the file is left as it is"})
		}
		return nil
	}
	f := &file{path: path, name: name, src: src, syntax: syntax, tok: w.fset.File(syntax.Pos())}
	w.files = append(w.files, f)
	folder := filepath.Dir(path)
	if w.packages[folder] == nil {
		w.packages[folder] = new(pkg)
	}
	f.pkg = w.packages[folder]
	f.pkg.files = append(f.pkg.files, f)
	f.resolve(w.fset)
	return nil
}

func (w *work) problem(f *file, pos token.Pos, format string, args ...any) {
	w.plan.Problems = append(w.plan.Problems, Problem{f.name, f.tok.Line(pos), fmt.Sprintf(format, args...)})
}
