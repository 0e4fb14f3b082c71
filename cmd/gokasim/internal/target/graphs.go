package target

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"strconv"
)

// Graph is an exported function that makes a group graph.
type Graph struct{ Func string }

// findGraphs reads one file of the package.
func (p *Package) findGraphs(file string) error {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
	var wrong scanner.ErrorList
	if errors.As(err, &wrong) {
		broken := &CompileError{Package: p.ImportPath}
		for _, e := range wrong {
			broken.Output += e.Error() + "\n"
		}
		return broken
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	names := gokaNames(f)
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil {
			continue
		}
		kind := resultOf(fn, names)
		place := set.Position(fn.Pos())
		where := fmt.Sprintf("func %s in %s:%d", fn.Name.Name, path.Base(place.Filename), place.Line)
		switch {
		case kind == otherGoka:
			p.near = append(p.near, where+" returns a graph of github.com/lovoo/goka; import "+gokaPath+" instead")
		case kind != oneGraph && kind != severalResults:
		case !fn.Name.IsExported():
			p.near = append(p.near, where+" is not exported; give it a name with a capital letter")
		case fn.Type.Params.NumFields() > 0 || fn.Type.TypeParams != nil:
			p.near = append(p.near, where+" takes parameters; add a function without any that calls it")
		case kind == severalResults:
			p.near = append(p.near, where+" has more than one result; add a function that returns the graph alone")
		default:
			p.Graphs = append(p.Graphs, Graph{Func: fn.Name.Name})
		}
	}
	return nil
}

// gokaNames returns under which names f imports goka, "." included, and for each whether it is ours.
func gokaNames(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil || imported != gokaPath && imported != "github.com/lovoo/goka" {
			continue
		}
		name := "goka"
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported == gokaPath
	}
	return names
}

type resultKind int

const (
	noGraph resultKind = iota
	oneGraph
	severalResults // one of them a graph
	otherGoka
)

// resultOf says whether fn returns a *goka.GroupGraph, where goka is imported under names.
func resultOf(fn *ast.FuncDecl, names map[string]bool) resultKind {
	if fn.Type.Results == nil {
		return noGraph
	}
	for _, field := range fn.Type.Results.List {
		star, ok := field.Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		name := ""
		switch t := star.X.(type) {
		case *ast.SelectorExpr:
			if x, ok := t.X.(*ast.Ident); ok && t.Sel.Name == "GroupGraph" {
				name = x.Name
			}
		case *ast.Ident:
			if t.Name == "GroupGraph" {
				name = "."
			}
		}
		ours, imported := names[name]
		switch {
		case !imported:
		case !ours:
			return otherGoka
		case fn.Type.Results.NumFields() > 1:
			return severalResults
		default:
			return oneGraph
		}
	}
	return noGraph
}
