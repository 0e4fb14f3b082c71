package target

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// testerPath is the package whose Simulate and Run simulations call.
const testerPath = Module + "/tester"

// Test is a test function of a package.
type Test struct {
	Name      string
	Package   string // what its file says, which may end in _test
	Simulates bool   // calls tester.Simulate or tester.Run itself
}

// Tests returns the test functions of the package, sorted by name.
func (p *Package) Tests() ([]Test, error) {
	var found []Test
	for _, file := range p.tests {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, &CompileError{Package: p.ImportPath, Output: err.Error()}
		}
		tester := importedAs(f, testerPath)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") || fn.Name.Name == "TestMain" || fn.Body == nil {
				continue
			}
			found = append(found, Test{fn.Name.Name, f.Name.Name, tester != "" && callsSimulation(fn.Body, tester)})
		}
	}
	slices.SortFunc(found, func(a, b Test) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// Simulations are the tests of the package, by name, that call tester.Simulate or tester.Run themselves.
func (p *Package) Simulations() ([]string, error) {
	tests, err := p.Tests()
	var names []string
	for _, t := range tests {
		if t.Simulates {
			names = append(names, t.Name)
		}
	}
	return names, err
}

// importedAs is the name under which f imports path, "" when it does not.
func importedAs(f *ast.File, path string) string {
	for _, spec := range f.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err != nil || imported != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return ""
}

func callsSimulation(body ast.Node, tester string) bool {
	calls := false
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return !calls
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Simulate" || sel.Sel.Name == "Run") {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == tester {
				calls = true
			}
		}
		return !calls
	})
	return calls
}

// BuildTests compiles the package with its own tests, and returns the binary's path in dir.
func (p *Package) BuildTests(ctx context.Context, dir string, race bool) (string, error) {
	binary := filepath.Join(dir, "simulate.test")
	args := []string{"test", "-c", "-vet=off", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	_, err := goTool(ctx, p.Dir, nil, append(args, ".")...)
	var failed *ToolError
	if errors.As(err, &failed) {
		return "", &CompileError{Package: p.ImportPath, Output: seenFromHere(failed.Output, p.Dir)}
	}
	if err != nil {
		return "", fmt.Errorf("compiling %s: %w", p.ImportPath, err)
	}
	return binary, nil
}
