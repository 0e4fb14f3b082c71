//go:build unix

package whole

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestPipesAreWrittenAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- Write(name, 0o600, text("x")) }()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != "x" {
		t.Errorf("read %q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() {
		t.Errorf("the pipe is gone: %v, %v", info, err)
	}
}
