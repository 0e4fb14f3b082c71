package tester_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
	"github.com/gokasim/gokasim/tester"
)

// No bubble's own.
var outside, blocked = make(chan struct{}), make(chan struct{})

// scripts are simulations that have to fail, by name, with what their failure has to say.
var scripts = map[string]struct {
	script  func(s *tester.Sim)
	blocks  bool // and nobody waits half a minute for it
	mistake bool // of the script alone, whatever the seed
	says    []string
	not     string // what it has not to say
}{
	"a callback that never returns": { // while heartbeats go on
		script: func(s *tester.Sim) {
			never := make(chan struct{})
			s.StartProcessor("p", goka.DefineGroup("g",
				goka.Input("in", new(codec.String), func(goka.Context, interface{}) { <-never })), goka.WithLogger(logger.Discard()))
			s.Tester().Consume("in", "k", "x")
		},
		says: []string{
			"no progress", "p/group g in/0 was handed offsets up to 1 of 1 and has finished up to 0",
			`the callback of group g for in/0, offset 0, key "k" has not returned`,
		},
	},
	"a callback that never returns, through a rebalance": {
		script: func(s *tester.Sim) {
			never := make(chan struct{})
			graph := goka.DefineGroup("g", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { <-never }))
			s.StartProcessor("p", graph, goka.WithLogger(logger.Discard()))
			s.Tester().Produce("in", tester.Msg("k", "x"))
			s.Advance(time.Minute)
			s.Tester().Rebalance("g") // the callback is waited for, and left behind
			s.Advance(10 * time.Minute)
			s.Idle()
		},
		says: []string{
			"no progress", `the callback of group g for in/0, offset 0, key "k" has not returned, and the generation in which it got the partition has ended`,
		},
	},
	"a callback that waits for something outside": {
		script: func(s *tester.Sim) {
			s.StartProcessor("p", goka.DefineGroup("g",
				goka.Input("in", new(codec.String), func(goka.Context, any) {
					close(blocked)
					<-outside
				})), goka.WithLogger(logger.Discard()))
			s.Tester().Consume("in", "k", "x")
		},
		blocks: true,
		says:   []string{"virtual time has stood still for 30s", "sim_end_test.go"},
	},
	"a script that panics": {
		script: func(*tester.Sim) { panic("oh") },
		says:   []string{"the script panics: oh", "sim_end_test.go", "-gokasim.seed=1", "seed-1.fail"},
	},
	"faults that are no plan": {
		script:  func(s *tester.Sim) { s.Faults("on produce: drop-reqest") },
		mistake: true,
		says:    []string{"drop-reqest"},
	},
	"faults of its tester that are no plan": {
		script:  func(s *tester.Sim) { s.Tester().Faults("on produce: drop-reqest") },
		mistake: true,
		says:    []string{"drop-reqest"},
	},
	"outputs that nobody expected": {
		script: func(s *tester.Sim) {
			s.StartProcessor("p", clicks())
			for range 10 {
				s.Tester().Consume("clicked", "ann", "button")
			}
			s.Tester().ExpectNoOutput()
		},
		says: []string{"output milestones has records that nobody expected", `"ann" = 10`},
	},
	"a workload that nobody can encode": {
		script:  func(s *tester.Sim) { s.Workload("w", "nowhere", tester.Msg("a", 1), tester.Msg("b", 2)); s.Idle() },
		mistake: true,
		says:    []string{`workload w, key "a": no codec for topic nowhere registered`},
		not:     `key "b"`,
	},
	"a workload for a partition that is not there": {
		script:  func(s *tester.Sim) { s.Workload("w", "in", tester.Msg("a", "x").At(1, 0)) },
		mistake: true,
		says:    []string{`workload w: key "a" is for partition 1, and topic in has 1`},
	},
	"a graph without an input": {
		script:  func(s *tester.Sim) { s.StartProcessor("p", goka.DefineGroup("g")) },
		mistake: true,
		says:    []string{"no input stream in group graph"},
	},
	"a graph of its tester without an input": {
		script:  func(s *tester.Sim) { s.Tester().StartProcessor(goka.DefineGroup("g")) },
		mistake: true,
		says:    []string{"no input stream in group graph"},
	},
	"no graph": {
		script:  func(s *tester.Sim) { s.StartProcessor("p", nil) },
		mistake: true,
		says:    []string{"processor p has no group graph"},
	},
	"no function": {
		script:  func(s *tester.Sim) { s.Start("p", nil) },
		mistake: true,
		says:    []string{"instance p has no function to run"},
	},
	"no function for later": {
		script:  func(s *tester.Sim) { s.At(time.Minute, nil) },
		mistake: true,
		says:    []string{"there is no function to call at 1m0s"},
	},
	"no condition": {
		script:  func(s *tester.Sim) { s.Until("ever", nil) },
		mistake: true,
		says:    []string{`Until "ever" has no condition`},
	},
	"no invariant": {
		script:  func(s *tester.Sim) { s.Invariant("order", nil) },
		mistake: true,
		says:    []string{`invariant "order" has no test`},
	},
	"no feed": {
		script:  func(s *tester.Sim) { s.Feed("orders", nil) },
		mistake: true,
		says:    []string{"feed orders has no function"},
	},
	"an invariant that ends the test": {
		script: func(s *tester.Sim) {
			s.Invariant("rows", func() error { s.Tester().TableValue("misspelt", "a"); return nil })
			s.StartProcessor("p", counter("count", "in"))
			s.Idle()
		},
		says: []string{"table misspelt does not exist", `invariant "rows" has ended its goroutine`, "-gokasim.seed=1"},
		not:  "deadlock",
	},
	"an invariant that fails the test": {
		script: func(s *tester.Sim) {
			s.Invariant("rows", func() error { s.T().Error("many times"); return nil })
			s.StartProcessor("p", counter("count", "in"))
			s.Idle()
		},
		says: []string{`invariant "rows" has failed the test after step 1`},
	},
	"an invariant that waits": {
		script: func(s *tester.Sim) {
			s.Invariant("rows", func() error { s.Idle(); return nil })
			s.StartProcessor("p", counter("count", "in"))
			s.Idle()
		},
		says: []string{`invariant "rows" may only look`, "cannot wait for everything to be handled"},
		not:  "deadlock",
	},
	"a condition that panics": {
		script: func(s *tester.Sim) {
			s.StartProcessor("p", counter("count", "in"))
			s.Until("ever", func() bool { panic("oh") })
		},
		says: []string{`the condition of Until "ever" panics: oh`, "-gokasim.seed=1"},
	},
	"a condition that ends the test": {
		script: func(s *tester.Sim) {
			s.StartProcessor("p", counter("count", "in"))
			s.Until("ever", func() bool { s.T().Fatal("no"); return true })
		},
		says: []string{"no", "-gokasim.seed=1"},
		not:  "deadlock",
	},
	"a feed that ends the test": {
		script: func(s *tester.Sim) {
			s.Feed("orders", func() (memkafka.TopicPartition, memkafka.Record, bool) { panic("no") })
			s.Idle()
		},
		says: []string{"feed orders panics: no", "-gokasim.seed=1"},
		not:  "deadlock",
	},
	"waits": {
		script: func(s *tester.Sim) {
			createTopics(s, 1, "in")
			s.StartProcessor("p", counter("count", "in"))
			<-make(chan struct{})
		},
		says: []string{"seed 1", "the script has waited for something outside of the simulation for 24h"},
	},
	"leaves a producer": {
		script: func(s *tester.Sim) {
			createTopics(s, 1, "in")
			config := sarama.NewConfig()
			config.Producer.Return.Successes = true
			p, err := saramaclient.NewAsyncProducer(s.Cluster(), config)
			if err != nil {
				s.T().Fatal(err)
			}
			p.Input() <- &sarama.ProducerMessage{Topic: "in"}
		},
		says: []string{"seed 1", "blocked goroutines remain", "asyncProducer"},
	},
	"stops": {
		script: func(s *tester.Sim) {
			createTopics(s, 1, "in")
			s.StartProcessor("p", counter("count", "in"))
			s.T().FailNow()
		},
		says: []string{"seed 1 failed at step", "-gokasim.seed=1"},
	},
}

// poisoned fails when two certain messages were handled, of many, in the presence of a fault.
func poisoned(s *tester.Sim) {
	handled := map[string]bool{}
	s.Tester().StartProcessor(goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
		handled[ctx.Key()] = true
	})))
	s.Faults("on heartbeat probability=0.1: drop-response\non offset-commit name=needed nth=1: drop-request\non fetch nth=2: delay-response for=5ms\n")
	var records []tester.Record
	for i := range 40 {
		records = append(records, tester.Msg(fmt.Sprintf("k%d", i), "x"))
	}
	s.Workload("orders\nof today", "in", records...)
	s.Invariant("no two poisons", func() error {
		for _, c := range s.Cluster().FaultCounts() {
			if c.Fault == "needed" && c.Injected > 0 && handled["k7"] && handled["k31"] {
				return errors.New("both are here")
			}
		}
		return nil
	})
	s.Idle()
	s.Advance(time.Minute)
}

func TestFailingSimulationsAreMadeSmall(t *testing.T) {
	if os.Getenv("GOKASIM_TEST_SHRINK") != "" {
		tester.Simulate(t, poisoned)
		return
	}
	dir := t.TempDir()
	run := func(arguments ...string) string {
		cmd := exec.Command(os.Args[0], append([]string{"-test.run=^TestFailingSimulationsAreMadeSmall$", "-test.v"}, arguments...)...)
		cmd.Env = append(os.Environ(), "GOKASIM_TEST_SHRINK=1", "GOKASIM_SEED=", "GOKASIM_SEEDS=")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("the simulation did not fail:\n%s", out)
		}
		return string(out)
	}
	out := run("-gokasim.shrink=5m")
	for _, part := range []string{`invariant "no two poisons" does not hold after step`, "2 of 40 records of workload orders", "1 of 3 faults", "-gokasim.script="} {
		if !strings.Contains(out, part) {
			t.Errorf("the failure does not say %q:\n%s", part, out)
		}
	}
	file := filepath.Join(dir, "testdata", "gokasim", "TestFailingSimulationsAreMadeSmall", "seed-1.fail")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\nseed 1\nkeep-input \"orders\\nof today\" 7 31\nkeep-faults 1\n") {
		t.Errorf("the script is\n%s", text)
	}
	if out := run(); !strings.Contains(out, "seed=1,kept") || strings.Index(out, "seed=1,kept") > strings.Index(out, "seed=1\n") {
		t.Errorf("what failed before does not run first:\n%s", out)
	}
	if out := run("-gokasim.script=" + file); strings.Contains(out, "seed=") && strings.Contains(out, "=== RUN   TestFailingSimulationsAreMadeSmall/seed=1\n") {
		t.Errorf("a script does not run alone:\n%s", out)
	}
}

// TestOneTestsFailuresShareTheTime: many seeds that fail take no longer than one, and what is kept is not made again.
func TestOneTestsFailuresShareTheTime(t *testing.T) {
	if os.Getenv("GOKASIM_TEST_KEPT") != "" {
		tester.Simulate(t, func(s *tester.Sim) { s.T().Errorf("seed %d fails", s.Seed()) }, tester.WithSeeds(0, 5))
		return
	}
	dir := t.TempDir()
	run := func(arguments ...string) string {
		seed := ""
		if slices.Contains(arguments, "-gokasim.seeds=1") {
			seed = "7" // which a flag overrules
		}
		cmd := exec.Command(os.Args[0], append([]string{"-test.run=^TestOneTestsFailuresShareTheTime$", "-test.v"}, arguments...)...)
		cmd.Env = append(os.Environ(), "GOKASIM_TEST_KEPT=1", "GOKASIM_SEED="+seed, "GOKASIM_SEEDS=")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("the simulation did not fail:\n%s", out)
		}
		return string(out)
	}
	for _, c := range []struct {
		arguments []string
		says      []string
		not       string
	}{
		{[]string{"-gokasim.shrink=1us"}, []string{"one run takes longer", "other seeds took the 1µs", "seed-0.fail", "seed-5.fail"}, "kept (0"},
		{nil, []string{"seed=0,kept", "seed=5,kept", "seed 0 fails", "seed 5 fails"}, "made small"},
		{[]string{"-gokasim.seed=0", "-gokasim.shrink=false"}, []string{"seed 0 fails"}, "seed 5"},
		{[]string{"-gokasim.seeds=1", "-gokasim.shrink=false"}, []string{"seed 1 fails"}, "seed 7"},
		{[]string{"-gokasim.seeds=0"}, []string{"-gokasim.seeds (GOKASIM_SEEDS) is 0; set it to 1 or more"}, "seed 0"},
	} {
		out := run(c.arguments...)
		for _, part := range c.says {
			if !strings.Contains(out, part) {
				t.Errorf("%q do not say %q:\n%s", c.arguments, part, out)
			}
		}
		if strings.Contains(out, c.not) {
			t.Errorf("%q say %q:\n%s", c.arguments, c.not, out)
		}
	}
}

// rerun runs the present test once more, in a process of its own, and returns what it said and whether it passed.
func rerun(t *testing.T) (string, bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=10m")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// TestSimulationsThatFail runs each script in a process of its own.
func TestSimulationsThatFail(t *testing.T) {
	if name := os.Getenv("GOKASIM_TEST_SCRIPT"); name != "" {
		t.Chdir(t.TempDir()) // for traces
		if scripts[name].blocks {
			tester.WatchOnceBlocked(blocked)
		}
		tester.Simulate(t, scripts[name].script)
		return
	}
	for name, s := range scripts {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSimulationsThatFail$", "-test.timeout=10m")
			cmd.Env = append(os.Environ(), "GOKASIM_TEST_SCRIPT="+name, "GOKASIM_SEED=", "GOKASIM_SEEDS=", "GOKASIM_SHRINK=false")
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Error("the simulation did not fail")
			}
			for _, part := range s.says {
				if !strings.Contains(string(out), part) {
					t.Errorf("the failure does not say %q:\n%s", part, out)
				}
			}
			if s.not != "" && strings.Contains(string(out), s.not) {
				t.Errorf("the failure says %q:\n%s", s.not, out)
			}
			if s.mistake && strings.Contains(string(out), "run it again") {
				t.Errorf("the seed is kept:\n%s", out)
			}
			if strings.Contains(string(out), "test timed out") {
				t.Error("the simulation hung")
			}
		})
	}
}

// TestMistakesAreToldOnce: who has written no valid test does not want to read so for each of a thousand seeds.
func TestMistakesAreToldOnce(t *testing.T) {
	if os.Getenv("GOKASIM_TEST_MISTAKE") != "" {
		t.Chdir(t.TempDir())
		tester.Simulate(t, func(*tester.Sim) {}, tester.WithCluster(memkafka.WithBrokers(-1)), tester.WithSeeds(1, 2, 3))
		return
	}
	t.Setenv("GOKASIM_TEST_MISTAKE", "1")
	out, passed := rerun(t)
	if passed || strings.Count(out, "-1 is not a number of brokers") != 1 || strings.Contains(out, "run it again") {
		t.Errorf("it passed: %v\n%s", passed, out)
	}
}

// TestTheCommandOfAFailureRunsItAgain: also where the name of a subtest means something to a shell or to a pattern.
func TestTheCommandOfAFailureRunsItAgain(t *testing.T) {
	if os.Getenv("GOKASIM_TEST_NAMES") != "" {
		for _, name := range []string{"a b", "it's c++", "x[1](y)|$HOME", "seed=7"} {
			t.Run(name, func(t *testing.T) { tester.Simulate(t, func(s *tester.Sim) { s.T().Error(t.Name() + " fails") }) })
		}
		return
	}
	dir := t.TempDir()
	run := func(cmd *exec.Cmd) string {
		cmd.Env = append(os.Environ(), "GOKASIM_TEST_NAMES=1", "GOKASIM_SHRINK=false", "GOKASIM_SEED=", "GOKASIM_SEEDS=")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s did not fail:\n%s", cmd, out)
		}
		return string(out)
	}
	out := run(exec.Command(os.Args[0], "-test.run=^TestTheCommandOfAFailureRunsItAgain$"))
	lines := regexp.MustCompile(`go test \. (-run .*)`).FindAllStringSubmatch(out, -1)
	if len(lines) != 8 {
		t.Fatalf("there are %d commands:\n%s", len(lines), out)
	}
	for _, line := range lines { // a shell takes the pattern and the file apart as they were meant
		out := run(exec.Command("sh", "-c", os.Args[0]+" "+strings.Replace(line[1], "-run", "-test.run", 1)))
		if strings.Count(out, " fails\n") != 1 {
			t.Errorf("%s runs other tests:\n%s", line[0], out)
		}
	}
	if out := run(exec.Command(os.Args[0], "-test.run=^TestTheCommandOfAFailureRunsItAgain$", "-test.v")); strings.Count(out, "seed-1.kept.trace") != 4 {
		t.Errorf("what was kept does not run:\n%s", out)
	}
}
