//go:build unix

package main

import (
	"fmt"
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

func TestALoadFromAPipeMakesTopicsAsWideAsTheyTurnOutToBe(t *testing.T) {
	c, brokers := listening(t)
	var text strings.Builder
	for i, p := range []int{0, 3, 1, 5, 5} {
		fmt.Fprintf(&text, `{"topic":"wide","partition":%d,"offset":0,"ts":%d,"key":"k","payload":"%d"}`+"\n", p, 1_700_000_000_000+i, i)
	}
	code, _, stderr := runWith(t, "load", pipe(t, text.String()), "-b", brokers)
	if n := c.Partitions("wide"); code != 0 || n != 6 {
		t.Errorf("status %d, %d partitions, want those of the dump, 6; stderr:\n%s", code, n, stderr)
	}
	_, stdout, _ := runWith(t, "record", "wide", "-b", brokers)
	if n := strings.Count(stdout, "\n"); n != 5 {
		t.Errorf("loaded:\n%s", stdout)
	}
	narrow := `{"topic":"wide","partition":6,"payload":"v"}` + "\n"
	if code, _, stderr := runWith(t, "load", pipe(t, narrow), "-b", brokers); code != 1 || !strings.Contains(stderr, "topic wide has 6 partitions, and ") {
		t.Errorf("into a topic that was there: status %d, stderr:\n%s", code, stderr)
	}
}
