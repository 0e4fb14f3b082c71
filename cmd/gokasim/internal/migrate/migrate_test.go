package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// migrated runs a migration over one file and returns it afterwards, with what was told.
func migrated(t *testing.T, version, src string) (after string, problems []Problem) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/app\n\ngo 1.26\n\nrequire github.com/lovoo/goka "+version+"\n")
	write(t, dir, "app.go", src)
	plan, err := Make(dir, []string{"./..."}, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mod), oldModule) || !strings.Contains(string(mod), newModule+" v1.2.3") {
		t.Errorf("go.mod:\n%s", mod)
	}
	out, err := os.ReadFile(filepath.Join(dir, "app.go"))
	if err != nil {
		t.Fatal(err)
	}
	return string(out), plan.Problems
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	const (
		one  = "package app\n\nimport \"github.com/lovoo/goka\"\n\n"
		two  = "package app\n\nimport (\n\t\"github.com/lovoo/goka\"\n)\n\n"
		goka = "package app\n\nimport \"github.com/gokasim/gokasim/goka\"\n\n"
		mock = "package app\n\nimport \"github.com/gokasim/gokasim/kafkamock\"\n\n"
	)
	for _, tc := range []struct{ name, version, before, after string }{
		{"an import", "v1.1.14", one + "var _ goka.Group\n", goka + "var _ goka.Group\n"},
		{"mocks alone", "v1.1.14", one + "var _ *goka.MockStorage\n", mock + "var _ *kafkamock.MockStorage\n"},
		{
			"mocks and more", "v1.1.14", two + "var _ *goka.MockStorage\n\nvar _ goka.Group\n",
			"package app\n\nimport (\n\t\"github.com/gokasim/gokasim/goka\"\n\t\"github.com/gokasim/gokasim/kafkamock\"\n)\n\nvar _ *kafkamock.MockStorage\n\nvar _ goka.Group\n",
		},
		{
			"a name of one's own", "v1.1.14", "package app\n\nimport kafka \"github.com/lovoo/goka\"\n\nvar _ kafka.Group\n",
			"package app\n\nimport kafka \"github.com/gokasim/gokasim/goka\"\n\nvar _ kafka.Group\n",
		},
		{
			"a variable of the package's name", "v1.1.14", one + "func f(goka struct{ MockStorage int }) { _ = goka.MockStorage }\n\nvar _ goka.Group\n",
			goka + "func f(goka struct{ MockStorage int }) { _ = goka.MockStorage }\n\nvar _ goka.Group\n",
		},
		{"a callback with a context", "v1.1.14", one + "var _ goka.UpdateCallback\n\nvar _ = goka.WithUpdateCallback(f)\n", goka + "var _ goka.ContextUpdateCallback\n\nvar _ = goka.WithContextUpdateCallback(f)\n"},
		{"a callback without", "v1.0.6", one + "var _ goka.UpdateCallback\n\nvar _ = goka.WithViewCallback(f)\n", goka + "var _ goka.UpdateCallback\n\nvar _ = goka.WithViewCallback(f)\n"},
		{"the default callback", "v1.1.14", one + "var _ = goka.WithViewCallback(goka.DefaultUpdate)\n", goka + "var _ = goka.WithViewCallback(goka.DefaultUpdate)\n"},
		{
			"a function's text says more than the version", "v1.0.6", one + "func f(ctx goka.UpdateContext) error { return nil }\n\nvar _ = goka.WithViewCallback(f)\n",
			goka + "func f(ctx goka.UpdateContext) error { return nil }\n\nvar _ = goka.WithViewContextCallback(f)\n",
		},
		{
			"the default update called", "v1.1.14", one + "func f(ctx goka.UpdateContext) error { return goka.DefaultUpdate(ctx, s, k, v) }\n",
			goka + "func f(ctx goka.UpdateContext) error { return goka.DefaultUpdate(s, ctx.Partition(), k, v) }\n",
		},
		{
			"web pages", "v1.1.14", "package app\n\nimport _ \"github.com/lovoo/goka/web/monitor\"\n",
			"package app\n\nimport _ \"github.com/gokasim/gokasim/goka/web/monitor\"\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			after, problems := migrated(t, tc.version, tc.before)
			if after != tc.after || len(problems) > 0 {
				t.Errorf("%v\n%s\nwant:\n%s", problems, after, tc.after)
			}
		})
	}
}

func TestWhatIsLeftToPeople(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"names without a package", "import . \"github.com/lovoo/goka\"\n\nvar _ = NewMockController\n", "app.go:5: NewMockController comes from an import with a dot; it is kafkamock.NewMockController now"},
		{"the default update as a value", "import \"github.com/lovoo/goka\"\n\nvar f = goka.DefaultUpdate\n", "app.go:5: goka.DefaultUpdate takes (storage, partition, key, value) here"},
		{"the mocks' name taken", "import \"github.com/lovoo/goka\"\n\nvar kafkamock *goka.MockStorage\n", "app.go:1: the name kafkamock"},
		{"leveldb", "import \"github.com/lovoo/goka/storage\"\n\nvar _, _ = storage.New(nil)\n", "app.go:5: storage.New: tables are no longer kept in goleveldb"},
		{"redis", "import (\n\t_ \"github.com/lovoo/goka/storage/redis\"\n\tredis \"gopkg.in/redis.v5\"\n)\n\nvar _ = redis.NewRing\n", "app.go:8: redis.NewRing: the client is now github.com/redis/go-redis/v9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, problems := migrated(t, "v1.1.14", "package app\n\n"+tc.body)
			if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), tc.want) {
				t.Errorf("%v\nwant %s", problems, tc.want)
			}
		})
	}
}

// TestACallbackOfAnotherFile has an update callback that is declared elsewhere in its package.
func TestACallbackOfAnotherFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "go.mod", "module app\n\ngo 1.22\n\nrequire github.com/lovoo/goka v1.1.14\n")
	write(t, dir, "app.go", "package app\n\nimport \"github.com/lovoo/goka\"\n\nvar _ = goka.WithViewCallback(keep)\n")
	write(t, dir, "keep.go", "// Package app has a comment, so that nothing is where it is in the other file.\npackage app\n\n"+
		"import \"github.com/lovoo/goka\"\n\nfunc keep(ctx goka.UpdateContext, s, key, value any) error { return nil }\n")
	plan, err := Make(dir, []string{"./..."}, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "app.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), "goka.WithViewContextCallback(keep)") {
		t.Errorf("app.go:\n%s", got)
	}
}
