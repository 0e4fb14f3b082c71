package migrate

import (
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// rewrite notes the edits of one file.
func (w *work) rewrite(f *file) {
	mocked, others := w.names(f)
	w.imports(f, mocked, others)
	w.comments(f)
}

// names rewrites what is called otherwise now. It returns whether the file uses mocks of package goka, and whether it uses
// anything else of it.
func (w *work) names(f *file) (mocked, others bool) {
	dot := map[string]string{} // what an import with a dot may have brought
	for _, s := range f.syntax.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil && s.Name != nil && s.Name.Name == "." {
			dot[p] = p
		}
	}
	handled := map[ast.Node]bool{}
	selected := map[*ast.Ident]bool{}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			w.call(f, n, handled)
		case *ast.SelectorExpr:
			selected[n.Sel] = true
			switch from := f.imported(n.X); {
			case from == "" || handled[n]:
				others = others || from == oldModule
			case from == oldModule && isMock(n.Sel.Name):
				mocked = true
				f.replace(n.X.Pos(), n.X.End(), "kafkamock")
			case from == oldModule:
				others = true
				w.plain(f, n)
			case gone[from][n.Sel.Name] != "":
				w.problem(f, n.Pos(), "%s.%s: %s", path.Base(from), n.Sel.Name, gone[from][n.Sel.Name])
			case from == oldRedis && w.redis(f) && !redisNames[n.Sel.Name]:
				w.problem(f, n.Pos(), "redis.%s: the client is now %s, whose names and arguments differ", n.Sel.Name, newRedis)
			case from == uberMock && uberOnly[n.Sel.Name] && w.gomock(f):
				w.problem(f, n.Pos(), "gomock.%s: the mocks of kafkamock are made for %s, which does not have it", n.Sel.Name, goMock)
			}
		case *ast.Ident:
			if dot[oldModule] != "" && !selected[n] && f.uses[n] == nil && isMock(n.Name) && n.IsExported() {
				w.problem(f, n.Pos(), "%s comes from an import with a dot; it is kafkamock.%s now", n.Name, n.Name)
			}
		}
		return true
	})
	if dot[oldModule] != "" {
		others = true
	}
	if mocked && f.declares("kafkamock") {
		w.problem(f, f.syntax.Name.Pos(), "the name kafkamock, which the mocks' package has, is taken in this file; rename it, or the import")
	}
	return mocked, others
}

// plain rewrites a name of package goka that is used on its own, not in one of the calls that call knows.
func (w *work) plain(f *file, n *ast.SelectorExpr) {
	if !w.mod.contextual {
		return
	}
	switch n.Sel.Name {
	case "UpdateCallback":
		f.replace(n.Sel.Pos(), n.Sel.End(), "ContextUpdateCallback")
	case "DefaultUpdate":
		w.problem(f, n.Pos(), "goka.DefaultUpdate takes (storage, partition, key, value) here, without a context; wrap it in a function of your own")
	}
}

// contextual has the options whose callback got a context in v1.1.0, and what takes such a callback here.
var contextual = map[string]string{
	"WithUpdateCallback": "WithContextUpdateCallback",
	"WithViewCallback":   "WithViewContextCallback",
}

// call rewrites calls whose arguments tell what they mean.
func (w *work) call(f *file, n *ast.CallExpr, handled map[ast.Node]bool) {
	fun, ok := n.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	switch from, name := f.imported(fun.X), fun.Sel.Name; {
	case from == oldModule && contextual[name] != "" && len(n.Args) == 1:
		handled[fun] = true
		if arg, ok := n.Args[0].(*ast.SelectorExpr); ok && f.imported(arg.X) == oldModule && arg.Sel.Name == "DefaultUpdate" {
			handled[arg] = true // both know their form
			return
		}
		if w.takesContext(f, n.Args[0]) {
			f.replace(fun.Sel.Pos(), fun.Sel.End(), contextual[name])
		}
	case from == oldModule && name == "DefaultUpdate" && len(n.Args) == 4 && w.mod.contextual:
		ctx, ok := n.Args[0].(*ast.Ident)
		if !ok {
			return // told by plain
		}
		handled[fun] = true
		f.replace(ctx.Pos(), n.Args[1].End(), f.text(n.Args[1])+", "+ctx.Name+".Partition()")
	case from == oldModule+"/storage" && name == "BuilderWithOptions" && len(n.Args) == 2:
		if nothing, ok := n.Args[1].(*ast.Ident); ok && nothing.Name == "nil" {
			handled[fun] = true
			f.replace(fun.Sel.Pos(), fun.Sel.End(), "DefaultBuilder")
			f.replace(n.Args[0].End(), n.Args[1].End(), "")
		}
	}
}

// takesContext tells whether an update callback is of the form that has a context. Where its text does not say, the version
// of the old module decides.
func (w *work) takesContext(f *file, callback ast.Expr) bool {
	var t *ast.FuncType
	switch c := callback.(type) {
	case *ast.FuncLit:
		t = c.Type
	case *ast.Ident:
		t = f.pkg.function(c.Name)
	}
	if t == nil || len(t.Params.List) == 0 {
		return w.mod.contextual
	}
	name := "" // by the syntax, and not by f's text: the function may be in another file
	switch p := t.Params.List[0].Type.(type) {
	case *ast.Ident:
		name = p.Name
	case *ast.SelectorExpr:
		name = p.Sel.Name
	}
	return strings.HasSuffix(name, "UpdateContext")
}

// redis tells whether the package of a file hands redis clients to goka.
func (w *work) redis(f *file) bool {
	for _, other := range f.pkg.files {
		if other.imports(oldModule + "/storage/redis") {
			return true
		}
	}
	return false
}

// gomock tells whether the package of a file uses goka's mocks.
func (w *work) gomock(f *file) bool {
	for _, other := range f.pkg.files {
		found := false
		ast.Inspect(other.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && isMock(s.Sel.Name) && other.imported(s.X) == oldModule {
				found = true
			}
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

// imports rewrites import paths.
func (w *work) imports(f *file, mocked, others bool) {
	for _, spec := range f.syntax.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		to := w.successor(f, from)
		switch {
		case to != "":
		case from == oldModule || strings.HasPrefix(from, oldModule+"/"):
			w.problem(f, spec.Pos(), "package %s has no counterpart", from)
			continue
		default:
			continue
		}
		if from == oldModule && mocked {
			if !others { // nothing else of it is used
				f.replace(spec.Pos(), spec.End(), strconv.Quote(mocks))
				continue
			}
			f.addImport(spec, strconv.Quote(mocks))
		}
		f.replace(spec.Path.Pos(), spec.Path.End(), strconv.Quote(to))
	}
}

func (w *work) successor(f *file, from string) string {
	switch {
	case moved[from] != "":
		return moved[from]
	case successors[from] != "":
		return successors[from]
	case from == oldRedis && w.redis(f):
		return newRedis
	case from == uberMock && w.gomock(f):
		return goMock
	}
	return ""
}

var directive = regexp.MustCompile(`^//go:generate .*` + regexp.QuoteMeta(oldModule))

// comments looks for commands in comments that name the old module: what they make cannot be known here.
func (w *work) comments(f *file) {
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if directive.MatchString(c.Text) {
				w.problem(f, c.Pos(), "go:generate names %s; packages of it are in %s now", oldModule, newModule)
			}
		}
	}
}

// importDisk adds the disk store to the main packages that make processors or views, themselves or through packages of
// the module: without it tables are in memory and are read again from Kafka at each start.
func (w *work) importDisk() {
	for _, folder := range sorted(w.packages) {
		p := w.packages[folder]
		var entry *file
		for _, f := range p.files {
			if f.syntax.Name.Name == "main" && !strings.HasSuffix(f.name, "_test.go") && hasMain(f) {
				entry = f
				break
			}
		}
		if entry == nil || p.imports(diskStore) || !w.makes(folder, map[string]bool{}) {
			continue
		}
		var after *ast.ImportSpec
		for _, s := range entry.syntax.Imports { // beside the old module's packages if there are any
			at, _ := strconv.Unquote(s.Path.Value)
			if after == nil || moved[at] != "" {
				after = s
			}
		}
		entry.addImport(after, `_ "`+diskStore+`" // tables on disk`)
	}
}

func (p *pkg) imports(importPath string) bool {
	for _, f := range p.files {
		if f.imports(importPath) {
			return true
		}
	}
	return false
}

func hasMain(f *file) bool {
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "main" {
			return true
		}
	}
	return false
}

// makes tells whether a package of the module, or one that it imports, calls goka.NewProcessor or goka.NewView.
func (w *work) makes(folder string, seen map[string]bool) bool {
	p := w.packages[folder]
	if p == nil || seen[folder] {
		return false
	}
	seen[folder] = true
	for _, f := range p.files {
		if strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		found := false
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && f.imported(s.X) == oldModule && (s.Sel.Name == "NewProcessor" || s.Sel.Name == "NewView") {
				found = true
			}
			return !found
		})
		if found {
			return true
		}
		for _, s := range f.syntax.Imports {
			at, _ := strconv.Unquote(s.Path.Value)
			if sub := w.mod.folder(at); sub != "" && w.makes(sub, seen) {
				return true
			}
		}
	}
	return false
}
