package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAFullDiskLeavesNothingUnderAFinalName(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a package")
	}
	disk := t.TempDir()
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	var dump strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&dump, `{"topic":"flights","key":"N%d","ts":%d,"payload":"{\"carrier\":\"UA\",\"origin\":\"EWR\",\"dest\":\"IAH\"}"}`+"\n", i, i)
	}
	in := filepath.Join(t.TempDir(), "flights.jsonl")
	if err := os.WriteFile(in, []byte(dump.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runWith(t, "replay", "../../examples/flights", "--graph", "Aircraft", "--in", in, "--out", filepath.Join(disk, "out"))
	if code != 1 || stdout != "" || !strings.Contains(stderr, "gokasim: ") || !strings.Contains(stderr, "no space left on device") {
		t.Errorf("status %d, stdout %q, stderr:\n%s", code, stdout, stderr)
	}
	left, err := os.ReadDir(disk)
	if len(left) != 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
