package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocComments looks that whatever users of the module's packages can name says what it is: types, functions, methods,
// those of interfaces among them, variables, constants and fields. One comment may stand for a group of constants, variables or fields.
func TestDocComments(t *testing.T) {
	declared := 0
	for _, name := range tracked(t, ".go") {
		if strings.HasSuffix(name, "_test.go") || internal(name) {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join("../..", name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if file.Name.Name == "main" || ast.IsGenerated(file) {
			continue
		}
		says := func(at token.Pos, id string, comments ...*ast.CommentGroup) {
			declared++
			for _, c := range comments {
				if c.Text() != "" {
					return
				}
			}
			t.Errorf("%s:%d: %s has no comment", name, set.Position(at).Line, id)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exported(d.Recv) {
					says(d.Pos(), d.Name.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						for _, id := range s.Names {
							if id.IsExported() {
								says(id.Pos(), id.Name, s.Doc, s.Comment, d.Doc)
							}
						}
					case *ast.TypeSpec:
						if !s.Name.IsExported() {
							continue
						}
						says(s.Pos(), s.Name.Name, s.Doc, d.Doc)
						for _, m := range members(s.Type) {
							for _, id := range m.Names {
								if id.IsExported() {
									says(id.Pos(), s.Name.Name+"."+id.Name, m.Doc, m.Comment)
								}
							}
						}
					}
				}
			}
		}
	}
	if declared < 1000 {
		t.Errorf("found %d declarations", declared)
	}
}

// internal reports whether a file is in a package that users cannot import, or that is no package of the library.
func internal(name string) bool {
	for _, part := range strings.Split(name, "/") {
		switch part {
		case "internal", "cmd", "examples", "parity", "bench", "tools", "testdata":
			return true
		}
	}
	return false
}

// exported reports whether methods with this receiver can be named; functions have none.
func exported(receiver *ast.FieldList) bool {
	if receiver == nil {
		return true
	}
	expr := receiver.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return false
		}
	}
}

func members(expr ast.Expr) []*ast.Field {
	switch e := expr.(type) {
	case *ast.InterfaceType:
		return e.Methods.List
	case *ast.StructType:
		return e.Fields.List
	}
	return nil
}
