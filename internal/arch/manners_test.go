package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cores are the packages whose values are stepped: they are told the time, start nothing, lock nothing and wait for
// nothing, so that what they do is a function of what they are given.
var cores = []string{
	"goka/internal",
	"internal/kafka",
	"memkafka/internal/assign",
	"memkafka/internal/cluster",
	"memkafka/internal/fault",
	"memkafka/internal/group",
	"memkafka/internal/plog",
	"memkafka/internal/txn",
}

// clocks are the functions of package time that read or set a clock.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// chance are the functions of package math/rand/v2 that draw from a source which nobody seeds.
var chance = []string{
	"ExpFloat64", "Float32", "Float64", "Int", "Int32", "Int32N", "Int64", "Int64N", "IntN", "N", "NormFloat64", "Perm",
	"Shuffle", "Uint", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN",
}

func TestCoresReadNoClockAndStartNothing(t *testing.T) {
	eachFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		dir := filepath.ToSlash(filepath.Dir(name))
		if strings.HasSuffix(name, "_test.go") || !slices.ContainsFunc(cores, func(c string) bool { return fits(c+"/...", dir) }) {
			return
		}
		for _, imported := range file.Imports {
			switch path, _ := strconv.Unquote(imported.Path.Value); path {
			case "sync", "sync/atomic", "math/rand", "crypto/rand", "hash/maphash", "net", "os":
				t.Errorf("%s: a core imports %s; that belongs into its shell", fset.Position(imported.Pos()), path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a core starts a goroutine; that belongs into its shell", fset.Position(n.Pos()))
			case *ast.SelectStmt:
				t.Errorf("%s: a core waits; that belongs into its shell", fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if fn, ok := pick(file, n, "time", "time"); ok && slices.Contains(clocks, fn) {
					t.Errorf("%s: a core calls time.%s; it is told the time", fset.Position(n.Pos()), fn)
				}
				if fn, ok := pick(file, n, "math/rand/v2", "rand"); ok && slices.Contains(chance, fn) {
					t.Errorf("%s: a core calls rand.%s; it draws from a source that a seed began", fset.Position(n.Pos()), fn)
				}
			}
			return true
		})
	})
}

// TestTestsWaitForConditions refuses to sleep in tests, unless the package's tests run in testing/synctest bubbles:
// there a sleep lets virtual time pass, and costs none.
func TestTestsWaitForConditions(t *testing.T) {
	bubbles := map[string]bool{} // by directory
	sleeps := map[string][]token.Position{}
	eachFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		dir := filepath.Dir(name)
		for _, imported := range file.Imports {
			if imported.Path.Value == `"testing/synctest"` {
				bubbles[dir] = true
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if fn, ok := pick(file, sel, "time", "time"); ok && fn == "Sleep" {
					sleeps[dir] = append(sleeps[dir], fset.Position(n.Pos()))
				}
			}
			return true
		})
	})
	for dir, places := range sleeps {
		for _, place := range places {
			if !bubbles[dir] {
				t.Errorf("%s: time.Sleep in a test; wait for the condition, or run the test in a testing/synctest bubble", place)
			}
		}
	}
}

// pick returns the name that sel picks out of the package with the given path, if that is what it picks from.
func pick(file *ast.File, sel *ast.SelectorExpr, path, name string) (string, bool) {
	from, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	for _, imported := range file.Imports {
		if imported.Path.Value != strconv.Quote(path) {
			continue
		}
		if imported.Name != nil {
			name = imported.Name.Name
		}
		return sel.Sel.Name, from.Name == name
	}
	return "", false
}

// eachFile parses every Go file of the module and gives it to visit, with its name relative to the module's root.
func eachFile(t *testing.T, visit func(name string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); name != "." && (err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir // another module's, or nobody's
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(name, fset, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
