package tester

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// script is what to run of a simulation: its seed, and what is left of its workload and its faults. A script that was
// made by shrinking is a file under testdata/gokasim, which runs before all other seeds.
type script struct {
	seed     uint64
	named    bool   // a file has said seed
	file     string // "" when it is none
	inputs   map[string][]int
	faults   []int
	few      bool // faults counts
	noLapses bool // time passes only where nothing else can happen
}

// shape is how much there is to leave out.
type shape struct {
	inputs map[string]int
	faults int
}

func (s *script) keepsInput(workload string, n int) bool {
	kept, few := s.inputs[workload]
	if !few {
		return true
	}
	_, found := slices.BinarySearch(kept, n)
	return found
}

func (s *script) keepsFault(n int) bool { return !s.few || slices.Contains(s.faults, n) }

// whole reports whether nothing is left out.
func (s *script) whole() bool { return len(s.inputs) == 0 && !s.few && !s.noLapses }

// String prints a script, which readScript reads as the same.
func (s *script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", s.seed)
	for _, name := range slices.Sorted(maps.Keys(s.inputs)) {
		fmt.Fprintf(&b, "keep-input %q%s\n", name, numbers(s.inputs[name]))
	}
	if s.few {
		fmt.Fprintf(&b, "keep-faults%s\n", numbers(s.faults))
	}
	if s.noLapses {
		b.WriteString("no-lapses\n")
	}
	return b.String()
}

func numbers(list []int) string {
	var b strings.Builder
	for _, n := range list {
		b.WriteString(" " + strconv.Itoa(n))
	}
	return b.String()
}

// readScript reads a script; # begins a comment.
func readScript(file string) (*script, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &script{file: file, inputs: map[string][]int{}}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if err := s.take(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	if !s.named {
		return nil, fmt.Errorf("%s names no seed; it needs a line like: seed 7", file)
	}
	return s, nil
}

func (s *script) take(line string) error {
	command, rest, _ := strings.Cut(line, " ")
	var err error
	switch {
	case line == "" || line[0] == '#':
	case command == "seed":
		s.named = true
		s.seed, err = strconv.ParseUint(rest, 10, 64)
	case command == "keep-input":
		var quoted, name string
		if quoted, err = strconv.QuotedPrefix(rest); err != nil {
			return fmt.Errorf("keep-input is followed by the name of a workload in quotes: %q", rest)
		}
		if name, err = strconv.Unquote(quoted); err == nil {
			s.inputs[name], err = wholeNumbers(rest[len(quoted):])
		}
	case command == "keep-faults":
		s.few = true
		s.faults, err = wholeNumbers(rest)
	case line == "no-lapses":
		s.noLapses = true
	default:
		err = fmt.Errorf("unknown command %q; there are seed, keep-input, keep-faults and no-lapses", command)
	}
	return err
}

func wholeNumbers(text string) ([]int, error) {
	list := []int{}
	for _, word := range strings.Fields(text) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", word)
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return list, nil
}

// keptDir is where failing seeds of a test are kept. What a subtest's name has beyond letters and digits may mean
// something to a shell, and not every file system takes it.
func keptDir(test string) string {
	return filepath.Join("testdata", "gokasim", strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.,+=@%#", r) {
			return r
		}
		return '_'
	}, test))
}

// keptScripts are those of seeds that failed before, from small to large.
func keptScripts(test string) ([]*script, error) {
	dir := keptDir(test)
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var scripts []*script
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "seed-") || !strings.HasSuffix(f.Name(), ".fail") {
			continue
		}
		s, err := readScript(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, s)
	}
	slices.SortFunc(scripts, func(a, b *script) int {
		if a.seed < b.seed {
			return -1
		}
		return 1
	})
	return scripts, nil
}

// keep writes a script down, so that it runs first next time, and returns its file.
func (s *script) keep(test, remark string) (string, error) {
	dir := keptDir(test)
	file := filepath.Join(dir, fmt.Sprintf("seed-%d.fail", s.seed))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text := fmt.Sprintf("# %s failed. This runs first until the file is deleted; commit it to keep it as a test.\n# %s\n",
		test, strings.ReplaceAll(remark, "\n", "\n# "))
	return file, os.WriteFile(file, []byte(text+s.String()), 0o644)
}

// traceName is the name of the file for the trace of a run, which is not that of the whole seed where less of it ran.
func (s *script) traceName() string {
	if s.file == "" {
		return fmt.Sprintf("seed-%d.trace", s.seed)
	}
	return strings.TrimSuffix(filepath.Base(s.file), ".fail") + ".kept.trace"
}

// again is the command that runs a script of a test again, with one more argument or none.
func (s *script) again(test, argument string) string {
	what := fmt.Sprintf("-gokasim.seed=%d", s.seed)
	if s.file != "" {
		what = "-gokasim.script=" + shellWord(filepath.ToSlash(s.file))
	}
	line := fmt.Sprintf("go test %s -run %s %s %s", packagePath(), quoted(runPattern(test)), what, argument)
	return strings.TrimSpace(line)
}

// shellWord is a word of a command line, in quotes where it needs them.
func shellWord(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.,+=@%#/:", r)
	}) {
		return quoted(word)
	}
	return word
}

// quoted is a word of a command line in quotes.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// runPattern is the value of -run for one test.
func runPattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// packagePath is the path of the package under test as the go command takes it from its module's root.
func packagePath() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			rel, err := filepath.Rel(root, dir)
			if err != nil || rel == "." {
				return "."
			}
			return "./" + filepath.ToSlash(rel)
		}
		if root == filepath.Dir(root) {
			return "."
		}
	}
}
