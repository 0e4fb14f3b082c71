package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDumpLogPrintsWhatKafkasToolPrints(t *testing.T) {
	const dir = "../../memkafka/logfile/testdata/"
	want, err := os.ReadFile(dir + "transactions.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(want), "Log starting offset: 0\n") // the file is not named by an offset here
	code, stdout, stderr := runWith(t, "dump-log", "--print-data-log", dir+"transactions.log")
	if code != 0 || stdout != "Dumping "+dir+"transactions.log\n"+lines {
		t.Errorf("status %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	folder := filepath.Join(t.TempDir(), "orders-3")
	segment, err := os.ReadFile(dir + "transactions.log")
	if err := errors.Join(err, os.Mkdir(folder, 0o777), os.WriteFile(filepath.Join(folder, "0.log"), segment, 0o666)); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = runWith(t, "dump-log", "--json", filepath.Join(folder, "0.log"))
	if code != 0 || !strings.HasPrefix(stdout, `{"topic":"orders","partition":3,"offset":0,`) || stderr != "" {
		t.Errorf("status %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	segment[100] ^= 0xff // in the first batch
	if err := os.WriteFile(filepath.Join(folder, "0.log"), segment, 0o666); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = runWith(t, "dump-log", "--json", filepath.Join(folder, "0.log"), "none.log")
	if code != 1 || !strings.HasPrefix(stdout, `{"topic":"orders"`) || !strings.Contains(stderr, "CORRUPT_MESSAGE") || !strings.Contains(stderr, "none.log") {
		t.Errorf("status %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	code, _, stderr = runWith(t, "dump-log", "none.log", dir+"transactions.txt")
	if code != 1 || !strings.Contains(stderr, "open none.log: no such file") || !strings.Contains(stderr, "is this a segment of a partition") {
		t.Errorf("status %d, stderr %q", code, stderr)
	}
	if code, _, stderr = runWith(t, "dump-log"); code != 2 || !strings.Contains(stderr, "name a segment") {
		t.Errorf("status %d, stderr %q", code, stderr)
	}
}
