package migrate

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pkg is the files of one folder.
type pkg struct {
	files []*file
}

// function finds a function of the package by name, or nil.
func (p *pkg) function(name string) *ast.FuncType {
	for _, f := range p.files {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == name {
				return fn.Type
			}
		}
	}
	return nil
}

// file is one Go file and what shall change in it.
type file struct {
	path, name string // name is relative to where the command runs
	src        []byte
	syntax     *ast.File
	tok        *token.File
	pkg        *pkg
	uses       map[*ast.Ident]types.Object
	edits      []edit
}

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

func (f *file) replace(from, to token.Pos, text string) {
	f.edits = append(f.edits, edit{f.tok.Offset(from), f.tok.Offset(to), text})
}

func (f *file) text(n ast.Node) string {
	return string(f.src[f.tok.Offset(n.Pos()):f.tok.Offset(n.End())])
}

// spec finds the import of a package, or nil.
func (f *file) spec(importPath string) *ast.ImportSpec {
	for _, s := range f.syntax.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil && p == importPath {
			return s
		}
	}
	return nil
}

// imports tells whether the file imports a package, be it for its effects.
func (f *file) imports(importPath string) bool { return f.spec(importPath) != nil }

// resolve finds out which identifiers name an imported package, and which a variable of the same name. Imported packages
// count as empty: what they hold does not matter here.
func (f *file) resolve(fset *token.FileSet) {
	f.uses = map[*ast.Ident]types.Object{}
	conf := types.Config{Importer: hollow{}, Error: func(error) {}, FakeImportC: true}
	_, _ = conf.Check(f.name, fset, []*ast.File{f.syntax}, &types.Info{Uses: f.uses}) // mistakes are expected: the imports are empty
}

// hollow imports packages without anything in them.
type hollow struct{}

func (hollow) Import(importPath string) (*types.Package, error) {
	p := types.NewPackage(importPath, packageName(importPath))
	p.MarkComplete()
	return p, nil
}

var versionSuffix = regexp.MustCompile(`^v[0-9]+$`)

// packageName guesses a package's name from its path, as people name them.
func packageName(importPath string) string {
	base := path.Base(importPath)
	if versionSuffix.MatchString(base) {
		base = path.Base(path.Dir(importPath))
	}
	if name, _, found := strings.Cut(base, ".v"); found {
		base = name
	}
	base = strings.TrimPrefix(base, "go-")
	return strings.ReplaceAll(base, "-", "_")
}

// imported returns the path of the package that an identifier names, or nothing.
func (f *file) imported(x ast.Expr) string {
	id, ok := x.(*ast.Ident)
	if !ok {
		return ""
	}
	if name, ok := f.uses[id].(*types.PkgName); ok {
		return name.Imported().Path()
	}
	return ""
}

// declares tells whether the file uses name for something of its own.
func (f *file) declares(name string) bool {
	found := false
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			found = true
		}
		return !found
	})
	return found
}

// addImport adds an import after the one given, or after the package clause when that is nil.
func (f *file) addImport(after *ast.ImportSpec, text string) {
	if after == nil {
		end := f.syntax.Name.End()
		f.replace(end, end, "\n\nimport "+text)
		return
	}
	decl := f.declOf(after)
	end := after.End()
	if decl.Lparen.IsValid() {
		if after.Comment != nil {
			end = after.Comment.End()
		}
		f.replace(end, end, "\n\t"+text)
		return
	}
	f.replace(decl.End(), decl.End(), "\nimport "+text)
}

func (f *file) declOf(spec *ast.ImportSpec) *ast.GenDecl {
	for _, d := range f.syntax.Decls {
		if g, ok := d.(*ast.GenDecl); ok && slices.Contains(g.Specs, ast.Spec(spec)) {
			return g
		}
	}
	panic("migrate: an import that no declaration holds")
}

// apply returns the file with its edits. A file that was formatted stays so.
func (f *file) apply() ([]byte, error) {
	if len(f.edits) == 0 {
		return f.src, nil
	}
	slices.SortStableFunc(f.edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	at := 0
	for _, e := range f.edits {
		out = append(append(out, f.src[at:e.start]...), e.text...)
		at = e.end
	}
	out = append(out, f.src[at:]...)
	formatted, err := format.Source(f.src)
	if err != nil || !bytes.Equal(formatted, f.src) {
		return out, nil
	}
	formatted, err = format.Source(out)
	if err != nil {
		return nil, fmt.Errorf("%s: what was rewritten is no Go: %w", f.name, err)
	}
	return formatted, nil
}
