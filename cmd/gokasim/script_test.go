package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gokasim": main, "sarama-program": saramaProgram})
}

// TestScripts runs the command as a program of its own, as testdata/script tells.
func TestScripts(t *testing.T) {
	t.Parallel() // most of it is other programs
	if testing.Short() {
		t.Skip("compiles packages")
	}
	if raceDetector {
		t.Skip("the scripts run whole programs, several times slower with the race detector; its step has the tests of their parts")
	}
	testscript.Run(t, testscript.Params{
		Dir:             "testdata/script",
		ContinueOnError: true,
		Deadline:        time.Now().Add(9 * time.Minute), // a script may wait for a program that failed
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN"} {
				out, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return err
				}
				env.Setenv(name, strings.TrimSpace(string(out)))
			}
			repository, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			env.Setenv("REPOSITORY", repository)
			env.Setenv("GONOSUMDB", "*")
			env.Setenv("GOFLAGS", strings.TrimSpace(env.Getenv("GOFLAGS")+" -modcacherw"))
			return nil
		},
	})
}

func runWith(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestWrongUsage(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct{ name, args, want string }{
		{"unknown command", "play", `gokasim: there is no command "play"`},
		{"help about an unknown command", "help play", `gokasim: there is no command "play"`},
		{"standard input twice", "diff - -", "gokasim: standard input is named twice, and can be read once"},
		{"unknown shell", "completion tcsh", `gokasim: there is no completion for "tcsh"; there is for bash, zsh, fish and powershell`},
		{"unknown flag", "replay --sped 2 .", "gokasim: unknown flag: --sped"},
		{"no pace", "replay --speed 2 .", `gokasim: --speed: "2" is no pace; it is max, or a number over 0 and x`},
		{"nothing between times", "replay --from 2026-01-02 --to 2026-01-02 .", "gokasim: --from 2026-01-02, --to 2026-01-02: nothing lies between; give a --to that is behind --from"},
		{"nothing between offsets", "replay --from 7 --to 3 .", "gokasim: --from 7, --to 3: nothing lies between"},
		{"no position", "replay --from noon .", `gokasim: --from: "noon" is neither a time`},
		{"encoding unheard of", "replay --value-format hex .", `encoding "hex" is none of text, json, base64`},
		{"crash of a real cluster", "replay --brokers a:1 --crash 1 .", "gokasim: --rebalance, --crash and --faults act on a simulated cluster; leave --brokers out"},
		{"fewer than no crashes", "replay --crash -1 .", "gokasim: --rebalance 0, --crash -1: give 0 or more"},
		{"update of nothing", "replay --update .", "gokasim: --update writes to the directory of --expect; name one"},
		{"update and out", "replay --update --expect a --out b .", "gokasim: --update writes to the directory of --expect, a; leave --out b out"},
		{"two formats", "graph --json --format svg .", "gokasim: --json and --format svg contradict each other; give one"},
		{"picture that is not drawn", "graph --out x.pdf .", "gokasim: --out x.pdf: there is no picture of the kind .pdf; name a file .svg, .mmd or .json, or give --format"},
		{"two forms of a segment", "dump-log --json --print-data-log a.log", "gokasim: --json writes records as JSON"},
		{"no package", "replay", "gokasim: name the package that has the group graphs, as in gokasim replay ./orders"},
		{"a file that is missing", "replay . --in script_test.go none.jsonl", `gokasim: there is no file none.jsonl`},
		{"two packages", "graph ./a ./b", `gokasim: "./a" and "./b" are two packages`},
		{"no partitions", "replay . --partitions 0", "gokasim: --partitions 0: a topic has 1 or more"},
		{"partitions not a number", "replay . --partitions many", `invalid argument "many" for "--partitions" flag`},
		{"no instances", "replay . --instances -1", "gokasim: --instances -1: a group needs 1 or more"},
		{"progress unheard of", "replay . --progress dots", `gokasim: --progress "dots" is none of auto, bar, plain, none`},
		{"out is expect", "replay . --out " + dir + " --expect " + dir + "/.", "gokasim: --out and --expect name the same directory"},
		{"columns of nothing", "replay . --key-column id", "columns are named, and no input has any: name a .csv or .tsv file"},
		{"form of no times", "replay . --time-layout 2006", `the form of times, "2006", is of no use without a column of times`},
		{"input twice", "replay . --in a --in a", "gokasim: input a is named twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, stdout, stderr := runWith(t, strings.Fields(tc.args)...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tc.want) || !strings.Contains(stderr, "--help' for what it takes.") {
				t.Errorf("status %d, stdout %q, stderr:\n%s\nwant: %s", code, stdout, stderr, tc.want)
			}
		})
	}
}

func TestHelpIsOnStandardOutput(t *testing.T) {
	for _, args := range []string{"", "--help", "replay --help", "completion bash"} {
		code, stdout, stderr := runWith(t, strings.Fields(args)...)
		if code != 0 || stdout == "" || stderr != "" {
			t.Errorf("gokasim %s: status %d, %d bytes on stdout, stderr %q", args, code, len(stdout), stderr)
		}
	}
}

// fullDisk is what nothing can be written to.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestHelpThatCannotBeWrittenIsAFailure(t *testing.T) {
	var stderr strings.Builder
	if code := run(t.Context(), []string{"help", "replay"}, fullDisk{}, &stderr); code != 1 || stderr.String() != "gokasim: writing to standard output: no space left on device\n" {
		t.Errorf("status %d, stderr %q", code, stderr.String())
	}
}

func TestMissingFilesAreToldBeforeAnythingIsCompiled(t *testing.T) {
	for args, want := range map[string]string{
		"replay . --in /none/a.jsonl":       "gokasim: reading --in: open /none/a.jsonl: no such file or directory\n",
		"replay . --in .":                   "gokasim: reading --in: . is a directory; name the files in it\n",
		"replay . --in - --expect /none":    "gokasim: reading the directory of --expect: open /none: no such file or directory\n",
		"replay . --in - --report /none/a":  "gokasim: --report /none/a: there is no directory /none to write it to; make it\n",
		"replay . --in - --expect internal": "gokasim: directory internal of --expect holds no TOPIC.jsonl file; write some by --expect internal --update\n",
		"replay ./missing --in -":           "gokasim: package ./missing: stat ./missing: no such file or directory\n",
		"replay . --in - --out main.go/x":   "gokasim: no such group graph: package github.com/gokasim/gokasim/cmd/gokasim has no exported func() *goka.GroupGraph;",
		"replay . --in - --out main.go --":  "gokasim: no such group graph:",
	} {
		code, stdout, stderr := runWith(t, strings.Fields(args)...)
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, want) {
			t.Errorf("gokasim %s: status %d, stdout %q, stderr %q\nwant: %s", args, code, stdout, stderr, want)
		}
	}
}
