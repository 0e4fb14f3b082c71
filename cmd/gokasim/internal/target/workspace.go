package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// workspace writes a go.work file into dir that uses the modules of the packages, all that the user's own workspace uses, and
// a copy of ours.
func (s Selection) workspace(ctx context.Context, dir string) (string, error) {
	p := s.Host()
	work := workFile{goVersion: p.module.GoVersion}
	for _, c := range s {
		work.need(c.Package.module.GoVersion)
		work.addUse(c.Package.module.Dir)
	}
	if err := work.addUsers(ctx, p.Dir); err != nil {
		return "", err
	}
	ours, err := p.engineDir(ctx)
	if err != nil {
		return "", err
	}
	if err := work.addModule(ctx, ours); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "go.work")
	if err := os.WriteFile(file, []byte(work.String()), 0o600); err != nil {
		return "", fmt.Errorf("preparing the build of %s: %w", p.ImportPath, err)
	}
	return file, nil
}

// workFile is the content of a go.work file.
type workFile struct {
	goVersion string
	use       []string
	replace   []string
}

func (w *workFile) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "go %s\n", w.goVersion)
	for _, dir := range w.use {
		fmt.Fprintf(&b, "use %q\n", dir)
	}
	for _, r := range w.replace {
		fmt.Fprintf(&b, "replace %s\n", r)
	}
	return b.String()
}

func (w *workFile) need(goVersion string) {
	if version.Compare("go"+goVersion, "go"+w.goVersion) > 0 {
		w.goVersion = goVersion
	}
}

func (w *workFile) addUse(dir string) {
	for _, d := range w.use {
		if d == dir {
			return
		}
	}
	w.use = append(w.use, dir)
}

// addUsers takes over the workspace that the user works in, if there is one.
func (w *workFile) addUsers(ctx context.Context, dir string) error {
	out, err := goTool(ctx, dir, nil, "env", "GOWORK")
	if err != nil {
		return err
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == "off" {
		return nil
	}
	out, err = goTool(ctx, dir, nil, "work", "edit", "-json", file)
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	var theirs struct {
		Go      string
		Use     []struct{ DiskPath string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(out, &theirs); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	w.need(theirs.Go)
	for _, u := range theirs.Use {
		w.addUse(absolute(filepath.Dir(file), u.DiskPath))
	}
	for _, r := range theirs.Replace {
		to := fmt.Sprintf("%q", r.New.Path)
		if strings.HasPrefix(r.New.Path, ".") {
			to = fmt.Sprintf("%q", absolute(filepath.Dir(file), r.New.Path))
		}
		w.replace = append(w.replace, strings.TrimSpace(r.Old.Path+" "+r.Old.Version)+" => "+strings.TrimSpace(to+" "+r.New.Version))
	}
	return nil
}

func absolute(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, filepath.FromSlash(path))
}

func (w *workFile) addModule(ctx context.Context, dir string) error {
	out, err := goTool(ctx, dir, []string{"GOWORK=off"}, "mod", "edit", "-json")
	if err != nil {
		return fmt.Errorf("reading go.mod in %s: %w", dir, err)
	}
	var mod struct{ Go string }
	if err := json.Unmarshal(out, &mod); err != nil {
		return fmt.Errorf("reading go.mod in %s: %w", dir, err)
	}
	w.need(mod.Go)
	w.addUse(dir)
	return nil
}

// engineDir returns where a copy of our module with the engine lies: the one that the package's module requires where
// it has the engine, else the one that this program was built from.
func (p *Package) engineDir(ctx context.Context) (string, error) {
	var required struct{ Dir string }
	if out, err := goTool(ctx, p.Dir, nil, "list", "-m", "-json", Module); err == nil && json.Unmarshal(out, &required) == nil && required.Dir != "" {
		if _, err := os.Stat(filepath.Join(required.Dir, "tester", "replay")); err == nil {
			return required.Dir, nil
		}
	}
	return ownDir(ctx)
}

// errNoSource reports that this program cannot find the source that it was built from.
var errNoSource = errors.New("cannot find the source of " + Module)

// ownDir returns the directory of the module that this program was built from: the source tree, or the module cache.
func ownDir(ctx context.Context) (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		for dir := filepath.Dir(file); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil {
				if strings.HasPrefix(string(text), "module "+Module+"\n") {
					return dir, nil
				}
				break
			}
		}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path != Module || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "", fmt.Errorf("%w, which this gokasim was built from; add it to your module: go get %s@latest && go get %s", errNoSource, Module, enginePath)
	}
	out, err := goTool(ctx, os.TempDir(), []string{"GOWORK=off"}, "mod", "download", "-json", Module+"@"+info.Main.Version)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoSource, err)
	}
	var mod struct{ Dir string }
	if err := json.Unmarshal(out, &mod); err != nil {
		return "", fmt.Errorf("%w: %w", errNoSource, err)
	}
	return mod.Dir, nil
}
