package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiffComparesByTopicPartitionAndKey(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	line := func(partition, offset, key, payload string) string {
		return `{"topic":"t","partition":` + partition + `,"offset":` + offset + `,"tstype":"create","ts":1,"broker":1,"key":` + key + `,"payload":` + payload + "}\n"
	}
	a := file("a", line("0", "0", `"k"`, `"1"`)+line("0", "1", `"k"`, `"2"`)+line("1", "0", `null`, `null`))
	for _, tc := range []struct{ name, b, flags, want string }{
		{"same", line("1", "5", `null`, `null`) + line("0", "7", `"k"`, `"1"`) + line("0", "8", `"k"`, `"2"`), "", ""},
		{"offsets count", line("0", "7", `"k"`, `"1"`) + line("0", "1", `"k"`, `"2"`) + line("1", "0", `null`, `null`), "--offsets", "t: 2 records differ (-A +B)\n- [0] k: 1 offset 0\n+ [0] k: 1 offset 7\n"},
		{"missing", line("0", "0", `"k"`, `"1"`) + line("1", "0", `null`, `null`), "", "t: 1 record differs (-A +B)\n- [0] k: 2\n"},
		{"null is not empty", line("0", "0", `"k"`, `"1"`) + line("0", "1", `"k"`, `"2"`) + line("1", "0", `null`, `""`), "", "t: 2 records differ (-A +B)\n- [1] null: null\n+ [1] null: \"\"\n"},
		{"order", line("0", "0", `"k"`, `"2"`) + line("0", "1", `"k"`, `"1"`) + line("1", "0", `null`, `null`), "", "t: 1 record differs (-A +B)\n! [0] k: the same records in another order\n"},
		{"partition", line("2", "0", `"k"`, `"1"`) + line("2", "1", `"k"`, `"2"`) + line("1", "0", `null`, `null`), "--ignore-partitions", ""},
		{"other topic", strings.ReplaceAll(line("0", "0", `"k"`, `"1"`), `"t"`, `"u"`), "", "t: 3 records differ (-A +B)\n- [0] k: 1\n- [0] k: 2\n- [1] null: null\nu: 1 record differs (-A +B)\n+ [0] k: 1\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := file("b", tc.b)
			code, stdout, stderr := runWith(t, append([]string{"diff", a, b}, strings.Fields(tc.flags)...)...)
			want := strings.NewReplacer("-A +B", "-"+a+" +"+b).Replace(tc.want)
			if stdout != want || (code == 0) != (want == "") {
				t.Errorf("status %d, stdout:\n%s\nwant:\n%s\nstderr: %s", code, stdout, want, stderr)
			}
		})
	}
	if code, _, stderr := runWith(t, "diff", a, dir); code != 1 || !strings.Contains(stderr, "holds no TOPIC.jsonl file") {
		t.Errorf("a file and a directory: %d, %s", code, stderr)
	}
	if code, _, stderr := runWith(t, "diff", a); code != 2 || !strings.Contains(stderr, "name two dumps") {
		t.Errorf("one dump: %d, %s", code, stderr)
	}
}

func TestVersionAndManualPages(t *testing.T) {
	if code, stdout, _ := runWith(t, "version", "--json"); code != 0 || !strings.HasPrefix(stdout, `{"version":"`) {
		t.Errorf("version: %d, %s", code, stdout)
	}
	dir := filepath.Join(t.TempDir(), "man1")
	if code, stdout, stderr := runWith(t, "man", dir); code != 0 || stdout != "" || stderr != "" {
		t.Fatalf("man: %d, %q, %q", code, stdout, stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "gokasim-replay.1"))
	if err != nil || !strings.Contains(string(text), "Replays recorded topics") {
		t.Errorf("gokasim-replay.1: %v\n%s", err, text)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, stdout, _ := runWith(t, "completion", shell); code != 0 || len(stdout) < 1000 {
			t.Errorf("completion for %s: %d, %d bytes", shell, code, len(stdout))
		}
	}
}
