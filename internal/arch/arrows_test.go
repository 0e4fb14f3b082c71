package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gokasim/gokasim"

// row says what a package may import beside the standard library. Names of ours are relative to the module; NAME/... is
// NAME and everything below it. A package goes by its own row, else by the longest that covers it.
type row struct {
	name   string
	ours   string // packages of ours in production code
	others string // modules of others in production code, and the standard library's testing
	tests  string // what tests may import beside these, and testTools; their own package goes without saying
}

// arrows is every arrow between the module's packages. A new one is a decision: take it here, say why in the commit, and
// bring ARCHITECTURE.md up to date.
var arrows = []row{
	{name: "internal/zz_apicheck", tests: "goka goka/logger kafkamock storage github.com/IBM/sarama github.com/golang/mock"},
	{name: "internal/arch"},
	{name: "internal/kafka"},
	{name: "internal/dump", ours: "internal/kafka memkafka/logfile", others: "github.com/klauspost/compress"},
	{name: "internal/door", others: "github.com/IBM/sarama"},
	{name: "internal/histories", ours: "internal/script", others: "testing pgregory.net/rapid"},
	{name: "internal/outbox", others: "github.com/IBM/sarama", tests: "memkafka"},
	{name: "internal/page", others: "github.com/gorilla/mux"},
	{name: "internal/page/pagetest"},
	{name: "internal/picture"},
	{name: "internal/replaywire", ours: "internal/dump internal/picture"},
	{name: "internal/script"},
	{name: "internal/stack"},
	{name: "internal/whole"},

	{name: "memkafka", ours: "internal/kafka memkafka/internal/cluster memkafka/internal/fault memkafka/internal/group memkafka/internal/keep memkafka/internal/plog memkafka/internal/seam memkafka/internal/server memkafka/internal/txn", tests: "memkafka/saramaclient github.com/IBM/sarama"},
	{name: "memkafka/internal/assign", ours: "internal/kafka"},
	{name: "memkafka/internal/batch", ours: "internal/kafka", others: "github.com/klauspost/compress github.com/pierrec/lz4", tests: "github.com/twmb/franz-go/pkg/kmsg"},
	{name: "memkafka/internal/api", ours: "internal/kafka memkafka/internal/batch memkafka/internal/cluster memkafka/internal/fault memkafka/internal/group memkafka/internal/plog memkafka/internal/sasl memkafka/internal/seam memkafka/internal/txn memkafka/internal/wire", others: "github.com/twmb/franz-go/pkg/kmsg", tests: "memkafka"},
	{name: "memkafka/internal/check", ours: "internal/kafka memkafka/internal/...", tests: "internal/histories"},
	{name: "memkafka/internal/cluster", ours: "internal/kafka memkafka/internal/batch memkafka/internal/group memkafka/internal/plog memkafka/internal/txn"},
	{name: "memkafka/internal/fault", ours: "internal/kafka internal/script"},
	{name: "memkafka/internal/group", ours: "internal/kafka memkafka/internal/assign", tests: "internal/histories"},
	{name: "memkafka/internal/keep", ours: "internal/whole memkafka/internal/cluster"},
	{name: "memkafka/internal/plog", ours: "internal/kafka memkafka/internal/batch", tests: "internal/histories"},
	{name: "memkafka/internal/seam", ours: "internal/kafka memkafka/internal/batch memkafka/internal/cluster memkafka/internal/fault memkafka/internal/group memkafka/internal/plog memkafka/internal/txn"},
	{name: "memkafka/internal/sasl"},
	{name: "memkafka/logfile", ours: "internal/kafka memkafka/internal/batch"},
	{name: "memkafka/internal/server", ours: "internal/kafka memkafka/internal/api memkafka/internal/cluster memkafka/internal/sasl memkafka/internal/seam memkafka/internal/wire", tests: "github.com/twmb/franz-go/pkg/kmsg golang.org/x/net/nettest"},
	{name: "memkafka/internal/txn", ours: "internal/kafka", tests: "internal/histories"},
	{name: "memkafka/internal/wire", others: "github.com/twmb/franz-go/pkg/kmsg"},
	{name: "memkafka/saramaclient", ours: "internal/door internal/kafka internal/stack memkafka memkafka/internal/cluster memkafka/internal/group memkafka/internal/seam memkafka/internal/txn", others: "github.com/IBM/sarama github.com/rcrowley/go-metrics"},
	{name: "memkafka/saramaclient/suite", tests: "memkafka memkafka/saramaclient github.com/IBM/sarama"},

	{name: "storage", others: "github.com/tidwall/btree", tests: "storage/storagetest"},
	{name: "storage/disk", ours: "storage", others: "github.com/cockroachdb/pebble", tests: "storage/storagetest"},
	{name: "storage/redis", ours: "storage", others: "github.com/redis/go-redis github.com/tidwall/btree", tests: "storage/storagetest github.com/alicebob/miniredis"},
	{name: "storage/storagetest", ours: "storage", others: "testing pgregory.net/rapid"},

	{name: "goka", ours: "goka/internal/... goka/logger internal/door internal/kafka internal/outbox internal/stack storage", others: "github.com/IBM/sarama", tests: "goka/codec memkafka memkafka/saramaclient tester"},
	{name: "goka/codec", others: "google.golang.org/protobuf/proto", tests: "google.golang.org/protobuf/types/known/structpb google.golang.org/protobuf/types/known/wrapperspb"},
	{name: "goka/metrics", ours: "goka", others: "github.com/prometheus/client_golang github.com/rcrowley/go-metrics", tests: "goka/codec goka/logger memkafka memkafka/saramaclient tester"},
	{name: "goka/otel", ours: "goka internal/kafka", others: "go.opentelemetry.io/otel github.com/IBM/sarama", tests: "goka/codec goka/logger memkafka memkafka/saramaclient tester"},
	{name: "goka/typed", ours: "goka", tests: "goka/codec goka/logger tester"},
	{name: "goka/web/...", ours: "goka goka/logger internal/page internal/picture", tests: "goka/codec goka/web/... internal/page/pagetest memkafka memkafka/saramaclient tester github.com/gorilla/mux"},
	{name: "goka/internal/ack"},
	{name: "goka/internal/beginning"},
	{name: "goka/internal/copartition"},
	{name: "goka/internal/overlay", ours: "storage"},
	{name: "goka/internal/recovery"},
	{name: "goka/logger"},
	{name: "goka/multierr", others: "golang.org/x/sync"},

	{name: "tester", ours: "goka internal/door internal/dump internal/kafka memkafka memkafka/saramaclient storage", others: "github.com/IBM/sarama github.com/google/go-cmp testing", tests: "goka/codec goka/logger"},
	{name: "tester/replay", ours: "goka goka/logger internal/door internal/dump internal/kafka internal/picture internal/replaywire internal/whole memkafka memkafka/saramaclient storage", others: "github.com/IBM/sarama testing", tests: "goka/codec"},
	{name: "kafkamock", ours: "goka memkafka memkafka/saramaclient storage tester", others: "github.com/IBM/sarama github.com/golang/mock testing"},
	{name: "kafkamock/internal/mocked", ours: "storage"},

	{name: "cmd/gokasim", ours: "cmd/gokasim/internal/... internal/dump internal/page internal/picture internal/replaywire internal/whole memkafka memkafka/logfile", others: "github.com/spf13/cobra github.com/spf13/pflag golang.org/x/net", tests: "github.com/IBM/sarama github.com/twmb/franz-go"},
	{name: "cmd/gokasim/internal/clusterpage", ours: "cmd/gokasim/internal/filter cmd/gokasim/internal/schema internal/dump internal/kafka internal/page memkafka", others: "github.com/prometheus/client_golang", tests: "internal/page/pagetest memkafka/saramaclient github.com/IBM/sarama github.com/prometheus/common"},
	{name: "cmd/gokasim/internal/connect", others: "github.com/twmb/franz-go github.com/spf13/cobra github.com/spf13/pflag"},
	{name: "cmd/gokasim/internal/filter", ours: "internal/kafka", others: "github.com/expr-lang/expr"},
	{name: "cmd/gokasim/internal/load", ours: "cmd/gokasim/internal/connect internal/dump", others: "github.com/twmb/franz-go", tests: "memkafka"},
	{name: "cmd/gokasim/internal/migrate", others: "github.com/rogpeppe/go-internal/diff"},
	{name: "cmd/gokasim/internal/record", ours: "cmd/gokasim/internal/connect internal/dump internal/kafka internal/whole", others: "github.com/twmb/franz-go github.com/klauspost/compress", tests: "memkafka"},
	{name: "cmd/gokasim/internal/progress", ours: "internal/replaywire", others: "github.com/vbauerster/mpb golang.org/x/term"},
	{name: "cmd/gokasim/internal/report", ours: "internal/replaywire"},
	{name: "cmd/gokasim/internal/results", ours: "internal/dump internal/replaywire internal/whole"},
	{name: "cmd/gokasim/internal/schema", others: "github.com/bufbuild/protocompile github.com/hamba/avro google.golang.org/protobuf"},
	{name: "cmd/gokasim/internal/simulate"},
	{name: "cmd/gokasim/internal/target", ours: "internal/replaywire"},

	{name: "parity", ours: "internal/kafka internal/script", others: "github.com/twmb/franz-go/pkg/kmsg github.com/klauspost/compress github.com/pierrec/lz4", tests: "memkafka"},

	{name: "examples/...", ours: "examples/internal/app goka goka/codec goka/logger goka/typed goka/web/... memkafka storage storage/redis tester", others: "github.com/alicebob/miniredis github.com/redis/go-redis testing", tests: "examples/internal/apptest"},
	{name: "examples/internal/app", ours: "goka goka/logger memkafka/saramaclient storage", others: "github.com/IBM/sarama golang.org/x/sync"},
	{name: "examples/internal/apptest", ours: "examples/internal/app memkafka", others: "github.com/IBM/sarama github.com/google/go-cmp go.uber.org/goleak testing"},
	{name: "examples/flights", ours: "goka goka/logger storage memkafka/saramaclient", others: "github.com/IBM/sarama github.com/segmentio/encoding golang.org/x/sync", tests: "examples/internal/app examples/internal/apptest memkafka tester"},
	{name: "examples/testing", tests: "goka goka/codec tester"},
}

// testTools are modules that tests may import anywhere.
const testTools = "github.com/google/go-cmp go.uber.org/goleak pgregory.net/rapid github.com/cockroachdb/datadriven " +
	"github.com/rogpeppe/go-internal"

// listed is what go list tells about a package.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	CgoFiles     []string
	Standard     bool
	Error        *struct{ Err string }
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	args = append([]string{"list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports,CgoFiles,Standard,Error"}, args...)
	cmd := exec.Command("go", args...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS=linux") // the same arrows wherever the tests run
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

func TestArrows(t *testing.T) {
	used := map[string]bool{}  // "ROW PATTERN"
	taken := map[string]bool{} // rows that a package goes by
	for _, p := range goList(t, "./...") {
		from := ours(p.ImportPath)
		r, ok := rowOf(from)
		if !ok {
			t.Errorf("new package: %s has no row in arrows; give it one", from)
			continue
		}
		taken[r.name] = true
		for _, to := range p.Imports {
			if !r.allows(to, r.ours+" "+r.others, used) {
				t.Errorf("new arrow: %s → %s", from, ours(to))
			}
		}
		for _, to := range append(p.TestImports, p.XTestImports...) {
			if ours(to) != from && !r.allows(to, r.ours+" "+r.others+" testing "+testTools, nil) && !r.allows(to, r.tests, used) {
				t.Errorf("new arrow of a test: %s → %s", from, ours(to))
			}
		}
	}
	rows := map[string]bool{}
	for _, r := range arrows {
		if rows[r.name] {
			t.Errorf("two rows: %s", r.name)
		}
		rows[r.name] = true
		if !taken[r.name] {
			t.Errorf("stale row: there is no package %s", r.name)
		}
		for _, pattern := range strings.Fields(r.ours + " " + r.others + " " + r.tests) {
			if !used[r.name+" "+pattern] {
				t.Errorf("stale arrow: nothing goes from %s to %s", r.name, pattern)
			}
		}
	}
	if t.Failed() {
		t.Log("what is meant goes into arrows, in internal/arch/arrows_test.go, and into ARCHITECTURE.md; what is stale leaves both")
	}
}

// ours is the name of a package of ours within the module, and any other import path as it is.
func ours(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func rowOf(name string) (row, bool) {
	var best row
	found := false
	for _, r := range arrows {
		if r.name == name {
			return r, true
		}
		if fits(r.name, name) && len(r.name) > len(best.name) {
			best, found = r, true
		}
	}
	return best, found
}

// fits reports whether pattern, NAME or NAME/..., covers the package.
func fits(pattern, name string) bool {
	if dir, below := strings.CutSuffix(pattern, "/..."); below {
		return name == dir || strings.HasPrefix(name, dir+"/")
	}
	return pattern == name
}

// allows reports whether an import fits one of the patterns, and notes in used, unless that is nil, which one.
func (r row) allows(path, patterns string, used map[string]bool) bool {
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") && first != "testing" {
		return true // the standard library
	}
	allowed := false
	for _, p := range strings.Fields(patterns) {
		inside := fits(p+"/...", path) // a module's packages count as the module
		if strings.HasPrefix(path, module+"/") {
			inside = fits(p, ours(path))
		}
		if inside {
			allowed = true
			if used != nil {
				used[r.name+" "+p] = true
			}
		}
	}
	return allowed
}

// TestProductionCarriesNothingForTests holds what the packages that production builds import must not bring along,
// however far away it stands.
func TestProductionCarriesNothingForTests(t *testing.T) {
	for _, c := range []struct{ name, mustNot string }{
		{"goka", "mock/gomock go-cmp " + module + "/memkafka " + module + "/tester " + module + "/kafkamock pebble sentry " +
			"prometheus opentelemetry DataDog redis cobra mpb datadriven goleak rapid"},
		{"storage", "sarama go-cmp " + module + "/memkafka pebble redis"},
		{"memkafka", "sarama go-cmp " + module + "/goka " + module + "/tester"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, dep := range goList(t, "-deps", "./"+c.name) {
				if dep.Error != nil {
					t.Fatal(dep.Error.Err)
				}
				unwanted := func(word string) bool { return strings.Contains(dep.ImportPath, word) }
				if dep.ImportPath == "testing" || slices.ContainsFunc(strings.Fields(c.mustNot), unwanted) {
					t.Errorf("%s carries %s", c.name, dep.ImportPath)
				}
				if !dep.Standard && len(dep.CgoFiles) > 0 {
					t.Errorf("%s carries %s, which needs cgo", c.name, dep.ImportPath)
				}
			}
		})
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"memkafka", "memkafka", true},
		{"memkafka", "memkafka/logfile", false},
		{"memkafka/...", "memkafka", true},
		{"memkafka/...", "memkafka/internal/plog", true},
		{"memkafka/...", "memkafkas", false},
	} {
		if got := fits(c.pattern, c.name); got != c.want {
			t.Errorf("fits(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
	if r := (row{ours: "goka/...", others: "github.com/IBM/sarama"}); true {
		for path, want := range map[string]bool{
			"context": true, "testing": false, "testing/synctest": false,
			"github.com/IBM/sarama": true, "github.com/IBM/sarama/mocks": true, "github.com/IBM/saramander": false,
			module + "/goka/codec": true, module + "/gokas": false, module + "/storage": false,
		} {
			if got := r.allows(path, r.ours+" "+r.others, nil); got != want {
				t.Errorf("allows(%q) = %v", path, got)
			}
		}
	}
	if got := fmt.Sprint(ours(module+"/goka"), " ", ours("context")); got != "goka context" {
		t.Errorf("ours: %s", got)
	}
}
