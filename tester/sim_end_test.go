package tester_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka/saramaclient"
	"github.com/gokasim/gokasim/tester"
)

// scripts are simulations that have to fail, by name, with what their failure has to say.
var scripts = map[string]struct {
	script func(s *tester.Sim)
	says   []string
}{
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

// TestSimulationsThatFail runs each script in a process of its own.
func TestSimulationsThatFail(t *testing.T) {
	if name := os.Getenv("GOKASIM_TEST_SCRIPT"); name != "" {
		t.Chdir(t.TempDir()) // for traces
		tester.Simulate(t, scripts[name].script)
		return
	}
	for name, s := range scripts {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSimulationsThatFail$", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), "GOKASIM_TEST_SCRIPT="+name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Error("the simulation did not fail")
			}
			for _, part := range s.says {
				if !strings.Contains(string(out), part) {
					t.Errorf("the failure does not say %q:\n%s", part, out)
				}
			}
			if strings.Contains(string(out), "test timed out") {
				t.Error("the simulation hung")
			}
		})
	}
}
