package target

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module writes files into a new directory and returns it.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const goMod = "module example.com/app\n\ngo 1.26.0\n"

const graphs = `package app

import "github.com/gokasim/gokasim/goka"

func One() *goka.GroupGraph { return goka.DefineGroup("one") }
func Two() *goka.GroupGraph { return goka.DefineGroup("two") }
func hidden() *goka.GroupGraph { return nil }
func With(n int) *goka.GroupGraph { return nil }
func Both() (*goka.GroupGraph, error) { return nil, nil }
func Generic[T any]() *goka.GroupGraph { return nil }
func Value() goka.GroupGraph { return *One() }
func Text() string { return "" }

type T struct{}

func (T) Method() *goka.GroupGraph { return nil }
`

func TestGraphsOfAPackage(t *testing.T) {
	dir := module(t, map[string]string{
		"go.mod": goMod, "a.go": graphs,
		"b.go":      "package app\n\nimport g \"github.com/gokasim/gokasim/goka\"\n\nfunc Named() *g.GroupGraph { return nil }\n",
		"c.go":      "package app\n\nimport . \"github.com/gokasim/gokasim/goka\"\n\nfunc Dot() *GroupGraph { return nil }\n",
		"d.go":      "package app\n\ntype GroupGraph int\n\nfunc Own() *GroupGraph { return nil }\n",
		"e.go":      "//go:build never\n\npackage app\n\nimport \"github.com/gokasim/gokasim/goka\"\n\nfunc Never() *goka.GroupGraph { return nil }\n",
		"f_test.go": "package app\n\nimport \"github.com/gokasim/gokasim/goka\"\n\nfunc InTest() *goka.GroupGraph { return nil }\n",
	})
	p, err := Find(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.ImportPath != "example.com/app" || p.Name != "app" {
		t.Errorf("package %s at %s", p.Name, p.ImportPath)
	}
	all, err := p.Select(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Graph{{"One"}, {"Two"}, {"Named"}, {"Dot"}}, all); diff != "" {
		t.Errorf("graphs (-want +got):\n%s", diff)
	}
	some, err := p.Select([]string{"Dot", "One"})
	if diff := cmp.Diff([]Graph{{"Dot"}, {"One"}}, some); diff != "" || err != nil {
		t.Errorf("selected (-want +got):\n%s\n%v", diff, err)
	}

	for name, want := range map[string]string{
		"Three":  "no such group graph: package example.com/app has no exported func Three() *goka.GroupGraph; it has One, Two, Named, Dot",
		"hidden": "func hidden in a.go:7 is not exported; give it a name with a capital letter",
		"With":   "func With in a.go:8 takes parameters; add a function without any that calls it",
		"Both":   "func Both in a.go:9 has more than one result; add a function that returns the graph alone",
	} {
		if _, err := p.Select([]string{name}); !errors.Is(err, ErrNoGraph) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant: %s", name, err, want)
		}
	}
	if _, err := p.Select([]string{"One", "One"}); err == nil || !strings.Contains(err.Error(), "graph One is named twice") {
		t.Errorf("named twice: %v", err)
	}
}

func TestGraphsOfSeveralPackages(t *testing.T) {
	with := func(name, path string, graphs ...string) *Package {
		p := &Package{Name: name, ImportPath: path}
		for _, g := range graphs {
			p.Graphs = append(p.Graphs, Graph{g})
		}
		return p
	}
	orders, deep, program := with("orders", "a/orders", "Totals", "Late"), with("deep", "a/internal/deep", "Totals"), with("main", "a/cmd", "Main")
	for name, test := range map[string]struct {
		packages []*Package
		names    []string
		want     string // package paths with their graphs, or the error
	}{
		"all":              {[]*Package{orders, deep, program}, nil, "a/cmd[{Main}] a/internal/deep[{Totals}] a/orders[{Totals} {Late}]"},
		"named":            {[]*Package{orders, deep, program}, []string{"Totals"}, "a/internal/deep[{Totals}] a/orders[{Totals}]"},
		"named of all":     {[]*Package{orders, program}, []string{"Main", "Late"}, "a/cmd[{Main}] a/orders[{Late}]"},
		"none":             {[]*Package{orders, program}, []string{"Late", "None"}, "no such group graph: none of packages a/orders, a/cmd has an exported func None() *goka.GroupGraph"},
		"without graphs":   {[]*Package{orders, with("x", "a/x")}, []string{"Late"}, "no such group graph: package a/x has no exported func() *goka.GroupGraph"},
		"twice":            {[]*Package{orders, orders}, nil, "package a/orders is named twice"},
		"several programs": {[]*Package{program, with("main", "b/cmd", "X")}, nil, "packages a/cmd, b/cmd are programs, of which only one"},
	} {
		s, err := Select(test.packages, test.names)
		var got []string
		for _, c := range s {
			got = append(got, fmt.Sprint(c.Package.ImportPath, c.Graphs))
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if text := strings.Join(got, " "); !strings.HasPrefix(text, test.want) || err == nil && text != test.want {
			t.Errorf("%s: %s\nwant: %s", name, text, test.want)
		}
	}
}

// The directory that was named counts, not the version that another package's module requires of its module.
func TestPackagesAreBuiltWhereTheyWereFound(t *testing.T) {
	const required = "\n\nrequire (\n\texample.com/b v0.0.0\n\tgithub.com/gokasim/gokasim v0.0.0\n)\n\n" +
		"replace example.com/b => ../old\n\nreplace github.com/gokasim/gokasim => ../engine\n"
	const b = "package b\n\nimport \"github.com/gokasim/gokasim/goka\"\n\nfunc B() *goka.GroupGraph { return nil }\n"
	dir := module(t, map[string]string{
		"a/go.mod": "module example.com/a\n\ngo 1.26.0" + required, "a/a.go": strings.ReplaceAll(b, "package b", "package a"),
		"old/go.mod": "module example.com/b\n\ngo 1.26.0\n", "old/b.go": b,
		"new/go.mod": "module example.com/b\n\ngo 1.26.0\n", "new/b.go": b,
		"engine/go.mod": "module " + Module + "\n\ngo 1.26.0\n", "engine/goka/goka.go": "package goka\n\ntype GroupGraph struct{}\n",
		"engine/tester/replay/replay.go": "package replay\n",
	})
	for at, workspace := range map[string]bool{"old": false, "new": true} {
		var packages []*Package
		for _, name := range []string{"a", at} {
			p, err := Find(t.Context(), filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			packages = append(packages, p)
		}
		s, err := Select(packages, nil)
		if err != nil {
			t.Fatal(err)
		}
		env, err := s.environment(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		out, err := goTool(t.Context(), s.Host().Dir, env, "list", "-f", "{{.Dir}}", "example.com/b")
		if got := filepath.Base(strings.TrimSpace(string(out))); err != nil || got != at || (len(env) > 1) != workspace {
			t.Errorf("package b of %s is built from %s: %v, %v", at, got, env, err)
		}
	}
}

func TestPackagesWithoutGraphs(t *testing.T) {
	dir := module(t, map[string]string{
		"go.mod":       goMod,
		"none/none.go": "package none\n",
		"old/old.go":   "package old\n\nimport \"github.com/lovoo/goka\"\n\nfunc Old() *goka.GroupGraph { return nil }\n",
	})
	for name, want := range map[string]string{
		"none": "package example.com/app/none has no exported func() *goka.GroupGraph; add one",
		"old":  "func Old in old.go:5 returns a graph of github.com/lovoo/goka; import github.com/gokasim/gokasim/goka instead",
	} {
		p, err := Find(t.Context(), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Select(nil); !errors.Is(err, ErrNoGraph) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant: %s", name, err, want)
		}
	}
}

func TestWrongPackages(t *testing.T) {
	dir := module(t, map[string]string{"go.mod": goMod, "file.go": "package app\n", "empty/README": "", "two/a.go": "package a\n", "two/b.go": "package b\n"})
	outside := module(t, map[string]string{"a.go": "package a\n"})
	for name, want := range map[string]string{
		dir + "/missing":       "no such file or directory",
		dir + "/file.go":       "is a file; name the directory of the package",
		dir + "/empty":         "no Go files",
		dir + "/two":           "found packages a (a.go) and b (b.go)",
		dir + "/...":           "stands for several packages; name one",
		outside:                "go.mod file not found",
		"example.com/unheard":  "example.com/unheard",
		"github.com/gokasim/x": "github.com/gokasim/x",
	} {
		_, err := Find(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant: %s", name, err, want)
		}
	}
}

func TestTestdata(t *testing.T) {
	dir := module(t, map[string]string{
		"go.mod": goMod, "a.go": "package app\n",
		"testdata/b.jsonl": "", "testdata/a.jsonl.gz": "", "testdata/c.jsonl.zst": "", "testdata/notes.json": "", "testdata/deep/d.jsonl": "",
	})
	p, err := Find(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	found, err := p.Testdata()
	var names []string
	for _, f := range found {
		names = append(names, filepath.Base(f))
	}
	if diff := cmp.Diff([]string{"a.jsonl.gz", "b.jsonl", "c.jsonl.zst"}, names); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

func TestFlagsWithoutMod(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "-mod=mod": "", "-buildvcs=false -mod=vendor -race": "-buildvcs=false -race", "--mod=mod -modcacherw": "-modcacherw",
	} {
		if got := withoutMod(in); got != want {
			t.Errorf("withoutMod(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOwnDirIsThisModule(t *testing.T) {
	if _, file, _, _ := runtime.Caller(0); !filepath.IsAbs(file) {
		t.Skip("built with -trimpath, which leaves no trace of the source")
	}
	dir, err := ownDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cmd", "gokasim", "internal", "target", "target.go")); err != nil {
		t.Error(err)
	}
}

func TestSyntaxErrorsAreTheCompilersOwn(t *testing.T) {
	dir := module(t, map[string]string{"go.mod": goMod, "a.go": "package app\n\nfunc {\n"})
	_, err := Find(t.Context(), dir)
	var broken *CompileError
	if !errors.As(err, &broken) || !strings.Contains(broken.Output, "a.go:3:6: expected 'IDENT', found '{'") {
		t.Errorf("got %#v", err)
	}
}

func TestWorkspaceKeepsTheUsersOwn(t *testing.T) {
	dir := module(t, map[string]string{
		"go.work":    "go 1.26.0\n\nuse (\n\t./app\n\t./other\n)\n\nreplace example.com/dep v1.0.0 => ./fork\n\nreplace example.com/x => example.com/y v1.2.3\n",
		"app/go.mod": goMod, "app/a.go": "package app\n",
		"other/go.mod": "module example.com/other\n\ngo 1.25.0\n", "fork/go.mod": "module example.com/dep\n\ngo 1.26.0\n",
	})
	t.Setenv("GOWORK", filepath.Join(dir, "go.work"))
	w := workFile{goVersion: "1.24", use: []string{filepath.Join(dir, "app")}}
	if err := w.addUsers(t.Context(), filepath.Join(dir, "app")); err != nil {
		t.Fatal(err)
	}
	if err := w.addModule(t.Context(), filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	want := "go 1.26.0\nuse \"DIR/app\"\nuse \"DIR/other\"\nreplace example.com/dep v1.0.0 => \"DIR/fork\"\nreplace example.com/x => \"example.com/y\" v1.2.3\n"
	if diff := cmp.Diff(want, strings.ReplaceAll(w.String(), dir, "DIR")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
