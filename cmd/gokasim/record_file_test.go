package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/memkafka"
)

func TestARecordingThroughALinkLeavesTheLink(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "ticks", 0, memkafka.Record{Value: []byte("v"), Timestamp: 1_700_000_000_000})
	elsewhere, dir := t.TempDir(), t.TempDir()
	link, target := filepath.Join(dir, "link.jsonl.gz"), filepath.Join(elsewhere, "ticks.jsonl.gz")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	for _, args := range []string{"", "--force"} { // into nothing, and over a file
		if code, _, stderr := runWith(t, append([]string{"record", "ticks", "-b", brokers, "--out", link}, strings.Fields(args)...)...); code != 0 {
			t.Fatal(stderr)
		}
		if to, err := os.Readlink(link); err != nil || to != target {
			t.Fatalf("the link leads to %s, %v", to, err)
		}
		if n := entries(t, elsewhere); n != 1 {
			t.Errorf("%d files where the link leads, want the recording alone", n)
		}
	}
	if n := entries(t, dir); n != 1 {
		t.Errorf("%d files beside the link, want the link alone", n)
	}
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestARecordingThatCannotBeginLeavesNothing(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "ticks.jsonl")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runWith(t, "record", "ticks", "-b", brokers, "--out", name); code != 1 || !strings.Contains(stderr, name+" exists; --force replaces it") {
		t.Errorf("over a file: status %d, stderr:\n%s", code, stderr)
	}
	if n := entries(t, dir); n != 1 {
		t.Errorf("%d files, want the old one alone", n)
	}
	if runtime.GOOS != "windows" {
		if code, _, stderr := runWith(t, "record", "ticks", "-b", brokers, "--force", "--out", os.DevNull); code != 1 || !strings.Contains(stderr, "is no regular file") {
			t.Errorf("into a device: status %d, stderr:\n%s", code, stderr)
		}
	}
}

// TestAPlanThatWasNotWrittenToItsEndBeginsAnew is a recording that was killed while it wrote what it was about to read.
func TestAPlanThatWasNotWrittenToItsEndBeginsAnew(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "ticks", 0, memkafka.Record{Value: []byte("v"), Timestamp: 1_700_000_000_000})
	for _, begun := range []string{"", `{"version":`} {
		dir := t.TempDir()
		name := filepath.Join(dir, "ticks.jsonl")
		for suffix, text := range map[string]string{".part": "", ".part.json": begun} {
			if err := os.WriteFile(name+suffix, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if code, _, stderr := runWith(t, "record", "ticks", "-b", brokers, "--out", name); code != 0 {
			t.Errorf("after %q: status %d, stderr:\n%s", begun, code, stderr)
		}
		if n := entries(t, dir); n != 1 {
			t.Errorf("after %q: %d files, want the recording alone", begun, n)
		}
	}
}
