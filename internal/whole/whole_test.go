package whole

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// holds checks that a directory has these files alone, NAME=CONTENT each.
func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Name()+"="+string(content))
	}
	if !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
}

func TestWriteReplacesAFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	for _, s := range []string{"first", "second, which is longer", "3rd"} {
		if err := Write(name, 0o600, text(s)); err != nil {
			t.Fatal(err)
		}
		holds(t, dir, "a="+s)
	}
}

func TestWriteKeepsPermissionsOfWhatItReplaces(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	for _, perm := range []os.FileMode{0o600, 0o666} {
		if err := Write(name, perm, text("x")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("permissions %v, %v, want those of the first", info.Mode(), err)
		}
	}
}

func TestAWriteThatFailsLeavesWhatWas(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := Write(name, 0o600, text("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(name, 0o600, func(w io.Writer) error { return errors.Join(text("new")(w), broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	holds(t, dir, "a=old")
	if err := Write(filepath.Join(dir, "none", "b"), 0o600, text("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a directory that is not there: %v", err)
	}
	if err := Write(dir, 0o600, text("x")); err == nil || !strings.Contains(err.Error(), "is a directory; name a file") {
		t.Errorf("over a directory: %v", err)
	}
}

func TestWriteFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	for _, d := range []string{target, filepath.Join(dir, "links")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	near, far := filepath.Join(dir, "links", "near"), filepath.Join(dir, "links", "far")
	for name, to := range map[string]string{near: "../target/a", far: near} {
		if err := os.Symlink(to, name); err != nil {
			t.Skip(err)
		}
	}
	for _, s := range []string{"into nothing", "over a file"} {
		if err := Write(far, 0o600, text(s)); err != nil {
			t.Fatal(err)
		}
		holds(t, target, "a="+s)
	}
	if to, err := os.Readlink(far); err != nil || to != near {
		t.Errorf("the link leads to %s, %v", to, err)
	}
	round := filepath.Join(dir, "round")
	if err := os.Symlink(round, round); err != nil {
		t.Fatal(err)
	}
	if err := Write(round, 0o600, text("x")); err == nil || !strings.Contains(err.Error(), "symbolic links") {
		t.Errorf("into a link to itself: %v", err)
	}
}

func TestWriteRemovesWhatAKilledProcessLeft(t *testing.T) {
	if !CanSweep {
		t.Skip("what was left cannot be told here")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	left, others := "a.0123456789abcdef.tmp", []string{"a.0123456789abcdeg.tmp", "a.backup.tmp", "ab.0123456789abcdef.tmp"}
	for _, name := range append(others, left) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := Write(name, 0o600, func(w io.Writer) error { // while another is under way
		return errors.Join(text("first")(w), Write(name, 0o600, text("second")))
	})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, "a=first", others[0]+"=", others[1]+"=", others[2]+"=")
}

func TestWritersOfOneNameDoNotMeet(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	var writing sync.WaitGroup
	for i := range 8 {
		writing.Go(func() {
			for range 20 {
				if err := Write(name, 0o600, text(strings.Repeat(strconv.Itoa(i), 100))); err != nil && runtime.GOOS != "windows" {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != strings.Repeat(string(got[:1]), 100) {
		t.Errorf("there is %q, %v", got, err)
	}
	holds(t, dir, "a="+string(got))
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, second := open(), open()
	defer func() { _ = second.Close() }() // nothing was written
	if err := Lock(first); err != nil {
		t.Fatal(err)
	}
	if err := Lock(second); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Lock(second); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
}
