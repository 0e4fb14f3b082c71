package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// module is the go.mod that the files belong to.
type module struct {
	dir        string // where go.mod is
	path       string
	requires   map[string]string // versions
	replaces   []replacement
	contextual bool // the old module's update callbacks take a context
}

type replacement struct{ path, version string }

func (m *module) requiresOld() bool { return m.requires[oldModule] != "" }

// folder returns where a package of the module is, or nothing when it is of another one.
func (m *module) folder(importPath string) string {
	if importPath == m.path {
		return m.dir
	}
	if rest, ok := strings.CutPrefix(importPath, m.path+"/"); ok {
		return filepath.Join(m.dir, filepath.FromSlash(rest))
	}
	return ""
}

func readModule(dir string) (*module, error) {
	root := dir
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(root)
		if up == root {
			return nil, fmt.Errorf("%s is in no module: there is no go.mod in it or above", dir)
		}
		root = up
	}
	out, err := goCommand(root, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var parsed struct {
		Module  struct{ Path string }
		Require []struct{ Path, Version string }
		Replace []struct {
			Old struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(out, &parsed); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(root, "go.mod"), err)
	}
	m := &module{dir: root, path: parsed.Module.Path, requires: map[string]string{}}
	for _, r := range parsed.Require {
		m.requires[r.Path] = r.Version
	}
	for _, r := range parsed.Replace {
		m.replaces = append(m.replaces, replacement{r.Old.Path, r.Old.Version})
	}
	m.contextual = !olderThan11(m.requires[oldModule])
	return m, nil
}

var majorMinor = regexp.MustCompile(`^v(\d+)\.(\d+)\.`)

// olderThan11 tells whether a version is one before v1.1. What is no version is taken for a newer one.
func olderThan11(version string) bool {
	m := majorMinor.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major < 1 || major == 1 && minor < 1
}

var release = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// changeModule adds go.mod to the changes: the old module goes, the new one comes.
func (w *work) changeModule(version string) error {
	m := w.mod
	args := []string{"mod", "edit"}
	if w.remains() {
		w.plan.Next = append(w.plan.Next, "go mod edit -droprequire="+oldModule+" # once nothing imports it")
	} else {
		args = append(args, "-droprequire="+oldModule)
		for _, r := range m.replaces {
			if r.path != oldModule {
				continue
			}
			old := r.path
			if r.version != "" {
				old += "@" + r.version
			}
			args = append(args, "-dropreplace="+old)
		}
	}
	replaced := slices.ContainsFunc(m.replaces, func(r replacement) bool { return r.path == newModule })
	switch {
	case m.requires[newModule] != "":
	case release.MatchString(version):
		args = append(args, "-require="+newModule+"@"+version)
	case replaced:
		args = append(args, "-require="+newModule+"@v0.0.0")
	default:
		w.plan.Next = append(w.plan.Next, "go get "+newModule+"@latest")
	}
	w.plan.Next = append(w.plan.Next, "go mod tidy")
	if _, err := os.Stat(filepath.Join(m.dir, "vendor")); err == nil {
		w.plan.Next = append(w.plan.Next, "go mod vendor")
	}
	w.plan.Next = append(w.plan.Next, "go vet ./...")
	if len(args) == 2 {
		return nil
	}

	path := filepath.Join(m.dir, "go.mod")
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after, err := goCommand(m.dir, append(args, "-print")...)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(w.plan.dir, path)
	if err != nil {
		return err
	}
	if !bytes.Equal(before, after) {
		w.plan.Changes = append(w.plan.Changes, Change{Path: name, Before: before, After: after})
	}
	return nil
}

// remains tells whether any file of the module will still import the old one: because it has no counterpart, or because
// the patterns left it out.
func (w *work) remains() bool {
	known := map[string]bool{}
	for _, f := range w.files {
		known[f.path] = true
		for _, s := range f.syntax.Imports {
			at, _ := strconv.Unquote(s.Path.Value)
			if (at == oldModule || strings.HasPrefix(at, oldModule+"/")) && moved[at] == "" {
				return true
			}
		}
	}
	all, err := find(w.mod.dir, []string{"./..."})
	if err != nil {
		return true
	}
	for _, path := range all {
		if known[path] {
			continue
		}
		if src, err := os.ReadFile(path); err != nil || bytes.Contains(src, []byte(`"`+oldModule)) {
			return true
		}
	}
	return false
}

func goCommand(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("go %s: %s", strings.Join(args, " "), bytes.TrimSpace(failed.Stderr))
	}
	return out, err
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
