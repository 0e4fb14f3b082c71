package parity_test

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/parity"
)

var (
	keyLine = regexp.MustCompile(`^ +api-keys api-key=(\d+) min-version=(\d+) max-version=(\d+)$`)
	keyRow  = regexp.MustCompile(`^\| (\d+) \| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|`)
)

// ranges is what an answer to ApiVersions says of each key, as "0-4".
func ranges(lines []string) map[string]string {
	served := map[string]string{}
	for _, l := range lines {
		if m := keyLine.FindStringSubmatch(l); m != nil {
			served[m[1]] = m[2] + "-" + m[3]
		}
	}
	return served
}

// TestAPIKeysAreDocumented holds the table of docs/parity.md to what brokers say, here and there.
func TestAPIKeysAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/parity.md")
	if err != nil {
		t.Fatal(err)
	}
	recorded := load(t, "errors/api-keys")
	theirs := ranges(recorded.Steps[0].Answers)
	ours := map[string]string{}
	synctest.Test(t, func(t *testing.T) {
		cluster := memkafka.New()
		defer cluster.Close()
		ours = ranges(play(t, &parity.Transcript{Steps: recorded.Steps}, func() (net.Conn, error) { return cluster.Dial("tcp", cluster.Addrs()[0]) }).Steps[0].Answers)
	})
	said := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		m := keyRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		key, name, kafka, here, file := m[1], m[2], m[3], m[4], m[5]
		said[key] = true
		if want := dash(theirs[key]); kafka != want {
			t.Errorf("docs/parity.md says that Apache Kafka has %s (%s) in %s; it has it in %s", name, key, kafka, want)
		}
		if want := dash(ours[key]); here != want {
			t.Errorf("docs/parity.md says that %s (%s) is served in %s; it is in %s", name, key, here, want)
		}
		if path := fmt.Sprintf("../memkafka/internal/api/%s", strings.Trim(file, "`")); ours[key] != "" {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("docs/parity.md says that %s (%s) is in %s: %v", name, key, file, err)
			}
		}
	}
	for _, served := range []map[string]string{theirs, ours} {
		for key := range served {
			if !said[key] {
				t.Errorf("docs/parity.md says nothing of key %s", key)
			}
		}
	}
}

// dash stands for no version at all.
func dash(versions string) string {
	if versions == "" {
		return "–"
	}
	return versions
}
