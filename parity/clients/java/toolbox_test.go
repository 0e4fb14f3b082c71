package java

import (
	"slices"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

// tools are the distribution's scripts, by the classes they start.
var tools = map[string]string{
	"kafka-acls":                "org.apache.kafka.tools.AclCommand",
	"kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
	"kafka-cluster":             "org.apache.kafka.tools.ClusterTool",
	"kafka-configs":             "kafka.admin.ConfigCommand",
	"kafka-console-consumer":    "org.apache.kafka.tools.consumer.ConsoleConsumer",
	"kafka-console-producer":    "org.apache.kafka.tools.ConsoleProducer",
	"kafka-consumer-groups":     "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
	"kafka-consumer-perf-test":  "org.apache.kafka.tools.ConsumerPerformance",
	"kafka-delete-records":      "org.apache.kafka.tools.DeleteRecordsCommand",
	"kafka-e2e-latency":         "org.apache.kafka.tools.EndToEndLatency",
	"kafka-features":            "org.apache.kafka.tools.FeatureCommand",
	"kafka-get-offsets":         "org.apache.kafka.tools.GetOffsetShell",
	"kafka-groups":              "org.apache.kafka.tools.GroupsCommand",
	"kafka-leader-election":     "org.apache.kafka.tools.LeaderElectionCommand",
	"kafka-log-dirs":            "org.apache.kafka.tools.LogDirsCommand",
	"kafka-producer-perf-test":  "org.apache.kafka.tools.ProducerPerformance",
	"kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
	"kafka-topics":              "org.apache.kafka.tools.TopicCommand",
	"kafka-transactions":        "org.apache.kafka.tools.TransactionsCommand",
}

// toolbox runs tools on one broker.
type toolbox struct {
	broker rig.Broker
	config string // a file of client settings, if there is one
}

func (b toolbox) command(t *testing.T, tool string, args []string) (class string, line []string) {
	t.Helper()
	class = tools[tool]
	if class == "" {
		t.Fatalf("no tool %s", tool)
	}
	servers := []string{"--bootstrap-server", b.broker.Servers}
	if b.config != "" {
		servers = append(servers, "--command-config", b.config)
	}
	if tool == "kafka-cluster" {
		return class, append(slices.Clone(args), servers...) // it wants to know first what to do
	}
	return class, append(servers, args...)
}

// run runs a tool to its end, and returns what it wrote to standard output, each run of blanks as one.
func (b toolbox) run(t *testing.T, tool string, args ...string) string {
	t.Helper()
	return b.feed(t, "", tool, args...)
}

// feed is run with a standard input.
func (b toolbox) feed(t *testing.T, stdin, tool string, args ...string) string {
	t.Helper()
	class, line := b.command(t, tool, args)
	stdout, stderr, code := theShell.run(t, stdin, class, line...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s\n%s", tool, strings.Join(args, " "), code, stdout, stderr)
	}
	return squeeze(stdout)
}

// start runs a tool beside the test.
func (b toolbox) start(t *testing.T, tool string, args ...string) *rig.Process {
	t.Helper()
	class, line := b.command(t, tool, args)
	return start(t, class, line...)
}

// say runs a tool, and looks for what it has to say, in any order, whatever its exit code.
func (b toolbox) say(t *testing.T, wanted []string, tool string, args ...string) {
	t.Helper()
	class, line := b.command(t, tool, args)
	stdout, stderr, code := theShell.run(t, "", class, line...)
	text := squeeze(stdout + "\n" + stderr)
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%s %s: no %q (exit code %d) in:\n%s", tool, strings.Join(args, " "), w, code, text)
		}
	}
}

// squeeze has each run of blanks be one, and lines end without any.
func squeeze(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
