//go:build unix

package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/gokasim/gokasim/storage"
)

func TestNoPermission(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	path := t.TempDir()
	if err := os.Chmod(path, 0o500); err != nil {
		t.Fatal(err)
	}
	st, err := Builder(filepath.Join(path, "tables"))("clicks", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Open(); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "choose another path") {
		t.Errorf("Open in a folder that belongs to others: %v", err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(st.Open(), st.Set("a", []byte("1")), st.Close()); err != nil {
		t.Fatalf("Open once it is allowed: %v", err)
	}

	// The table is there, and its folder is not ours to write.
	table := filepath.Join(path, "tables", "clicks.1")
	if err := os.Chmod(table, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := st.Open(); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), table) {
		t.Errorf("Open of a table that belongs to others: %v", err)
	}
	if err := errors.Join(os.Chmod(table, 0o700), st.Open()); err != nil {
		t.Fatal(err)
	}
	if value, err := st.Get("a"); err != nil || string(value) != "1" {
		t.Errorf("the row is %q, %v", value, err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

// runAsNobody runs the test that calls it again, as a user whom permissions bind.
func runAsNobody(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "disk.test")
	program, err := os.ReadFile(os.Args[0])
	if err := errors.Join(err, os.Chmod(dir, 0o777), os.WriteFile(binary, program, 0o755), os.Chmod(binary, 0o755)); err != nil {
		t.Fatal(err)
	}
	again := exec.Command(binary, "-test.v", "-test.timeout=30s", "-test.run", "^"+t.Name()+"$")
	again.Dir = dir
	again.Env = append(os.Environ(), "TMPDIR="+dir)
	again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// What the system says of a folder that cannot be made says nothing about a table.
func TestAFolderThatCannotBeMade(t *testing.T) {
	for _, cause := range []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR, syscall.EROFS} {
		fs := failingFS(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpMkdirAll {
				return &os.PathError{Op: "mkdir", Path: op.Path, Err: cause}
			}
			return nil
		})
		st, err := Builder("/proc/tables", withFS(fs))("clicks", 1)
		if err != nil {
			t.Fatal(err)
		}
		err = st.Open()
		if !errors.Is(err, cause) || errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "choose a path") || !strings.Contains(err.Error(), "clicks.1") {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
