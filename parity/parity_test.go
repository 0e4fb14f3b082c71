package parity_test

import (
	"flag"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/parity"
)

var (
	kafkaAddr    = flag.String("kafka", "", "ask the Apache Kafka at HOST:PORT, a fresh one with one broker and testdata/broker.properties")
	kafkaRelease = flag.String("release", "4.3.0", "what -kafka is")
	record       = flag.Bool("record", false, "with -kafka: write down what it answers")
)

// newest is the release whose answers stand in the transcripts themselves, older the ones that stand beside where they differ.
const newest = "4.3"

var older = []string{"3.9"}

var overlaid = regexp.MustCompile(`\.\d+\.\d+$`)

// scripts are the names of all transcripts, as log/offsets.
func scripts(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(filepath.ToSlash(path), "testdata/")
		if err == nil && !d.IsDir() && strings.Contains(name, "/") && !overlaid.MatchString(name) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func load(t *testing.T, name string) *parity.Transcript {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	transcript, err := parity.Parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return transcript
}

// of is the transcript with a release's answers.
func of(t *testing.T, name, release string) *parity.Transcript {
	t.Helper()
	if _, err := os.Stat(filepath.Join("testdata", name+"."+release)); err == nil && release != newest {
		return load(t, name+"."+release)
	}
	return load(t, name)
}

// minor is 4.3 of 4.3.0.
func minor(release string) string {
	parts := strings.SplitN(release, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// play asks a broker, once its coordinators are there.
func play(t *testing.T, transcript *parity.Transcript, dial func() (net.Conn, error)) *parity.Transcript {
	t.Helper()
	player := parity.NewPlayer(dial)
	defer player.Close()
	if err := player.Ready(); err != nil {
		t.Fatal(err)
	}
	played, err := player.Play(transcript)
	if err != nil {
		t.Fatalf("%v, after\n%s", err, played)
	}
	return played
}

// settings are those of broker.properties that a cluster here knows.
func settings(t *testing.T) []memkafka.Option {
	t.Helper()
	text, err := os.ReadFile("testdata/broker.properties")
	if err != nil {
		t.Fatal(err)
	}
	options := []memkafka.Option{memkafka.WithAuthorizer("User:ANONYMOUS")}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, "not here") {
			break
		}
		if name, value, ok := strings.Cut(line, "="); ok {
			options = append(options, memkafka.WithSetting(name, value))
		}
	}
	return options
}

func TestTranscripts(t *testing.T) {
	if *kafkaAddr != "" {
		t.Skip("Apache Kafka is asked")
	}
	options := settings(t)
	for _, release := range append(older, newest) {
		for _, name := range scripts(t) {
			t.Run(release+"/"+name, func(t *testing.T) {
				want := of(t, name, release)
				if want.Since > release {
					t.Skipf("since Apache Kafka %s", want.Since)
				}
				if want.Recorded == "" {
					t.Error("not recorded yet; see docs/parity.md")
				}
				synctest.Test(t, func(t *testing.T) {
					cluster := memkafka.New(append(options, memkafka.AsVersion(release))...)
					defer cluster.Close()
					got := play(t, want, func() (net.Conn, error) { return cluster.Dial("tcp", cluster.Addrs()[0]) })
					compare(t, name, release, want, got)
				})
			})
		}
	}
}

// compare goes command by command, so that a difference stands beside what was asked.
func compare(t *testing.T, name, release string, want, got *parity.Transcript) {
	t.Helper()
	known := slices.DeleteFunc(slices.Clone(left), func(d difference) bool { return d.script != name || d.release != "" && d.release != release })
	differs := make([]bool, len(known))
	for i, step := range want.Steps {
		asked, said := answers(step.Answers), answers(got.Steps[i].Answers)
		if len(asked) != len(said) {
			t.Errorf("%s, line %d: Apache Kafka %s answers %d times, here there are %d answers:\n%s", name, step.Line, release, len(asked), len(said), lineDiff(step.Answers, got.Steps[i].Answers))
			continue
		}
		for n, command := range got.Steps[i].By {
			if slices.Equal(asked[n], said[n]) {
				continue
			}
			at := slices.IndexFunc(known, func(d difference) bool { return strings.HasPrefix(command, d.command) })
			if at < 0 {
				t.Errorf("%s, line %d: %s\nApache Kafka %s (-), here (+):\n%s", name, step.Line, command, release, lineDiff(asked[n], said[n]))
				continue
			}
			differs[at] = true
		}
	}
	for i, d := range known {
		if !differs[i] && !t.Failed() {
			t.Errorf("%s no longer differs from Apache Kafka %s in %q; take it out of the list of differences", name, release, d.command)
		}
	}
}

// answers takes what a step said apart: each answer begins at the left margin.
func answers(lines []string) [][]string {
	var list [][]string
	for _, l := range lines {
		if !strings.HasPrefix(l, " ") {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], l)
	}
	return list
}

// TestKafka puts all scripts to Apache Kafka. It differs from itself where something was recorded by chance.
func TestKafka(t *testing.T) {
	if *kafkaAddr == "" {
		t.Skip("-kafka=HOST:PORT asks an Apache Kafka; make parity starts one")
	}
	release := minor(*kafkaRelease)
	dial := func() (net.Conn, error) { return net.Dial("tcp", *kafkaAddr) }
	for _, name := range scripts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := of(t, name, release)
			if want.Since > release {
				t.Skipf("since Apache Kafka %s", want.Since)
			}
			if !*record {
				got := play(t, want, dial)
				if diff := lineDiff(strings.Split(want.String(), "\n"), strings.Split(got.String(), "\n")); diff != "" {
					t.Errorf("Apache Kafka said before (-), and says now (+):\n%s", diff)
				}
				return
			}
			got := play(t, load(t, name), dial)
			got.Recorded = *kafkaRelease
			write(t, name, release, got)
		})
	}
}

// write keeps what Apache Kafka answered; an older one's only where it differs.
func write(t *testing.T, name, release string, got *parity.Transcript) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if release != newest {
		path += "." + release
		same := load(t, name)
		same.Recorded = got.Recorded
		if same.String() == got.String() {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			return
		}
	}
	if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOlderTranscriptsHaveTheSameScript(t *testing.T) {
	for _, name := range scripts(t) {
		for _, release := range older {
			if o := of(t, name, release); !o.SameScript(load(t, name)) {
				t.Errorf("%s.%s has other commands than %s; record it again", name, release, name)
			}
		}
	}
}
