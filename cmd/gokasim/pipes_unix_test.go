//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// pipe is a named pipe that gives text once.
func pipe(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(name, []byte(text), 0) }()
	t.Cleanup(func() {
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
	return name
}

func TestDiffReadsPipes(t *testing.T) {
	const line = `{"topic":"t","partition":0,"offset":0,"key":"k","payload":"VALUE"}` + "\n"
	a, b := pipe(t, strings.Replace(line, "VALUE", "old", 1)), pipe(t, strings.Replace(line, "VALUE", "new", 1))
	code, stdout, stderr := runWith(t, "diff", a, b)
	want := "t: 2 records differ (-" + a + " +" + b + ")\n- [0] k: old\n+ [0] k: new\n"
	if code != 1 || stdout != want {
		t.Errorf("status %d, stdout:\n%s\nwant:\n%s\nstderr:\n%s", code, stdout, want, stderr)
	}
}
