// Package apptest holds what an example prints against its testdata/output.txt, wherever its brokers are.
package apptest

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/memkafka"
)

var update = flag.Bool("update", false, "write testdata/output.txt anew")

// Main runs the tests of an example and looks that they leave no goroutine behind.
func Main(m *testing.M) {
	// One for all of sarama's metrics; it never ends once sarama was used.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// Run runs an example on a cluster in this process and on one behind TCP, as -brokers has it, or, with the addresses in
// GOKASIM_BROKERS, on Apache Kafka, and compares what it prints. Then it runs it there once more, with the topics, groups
// and tables of the first run: that has to end well, too, be its numbers as they may. An example that does something else
// with brokers than without says what it prints then in testdata/output-brokers.txt.
func Run(t *testing.T, example func(ctx context.Context, a *app.App) error) {
	t.Helper()
	var made app.Made
	run := func(brokers []string, out io.Writer) error {
		a := &app.App{Brokers: brokers, Out: out}
		err := a.Run(t.Context(), example)
		made = a.Made
		return err
	}
	twice := func(t *testing.T, brokers []string, printed string) {
		t.Helper()
		first := compare(t, brokers, printed, run)
		var again strings.Builder
		if err := run(brokers, &again); err != nil {
			t.Errorf("second run on %v: %v", brokers, err)
		}
		if second := strings.Count(again.String(), "\n"); first != second {
			t.Errorf("the first run printed %d lines, the second %d:\n%s", first, second, again.String())
		}
	}
	if os.Getenv("GOKASIM_BROKERS") == "" {
		twice(t, []string{"mem://" + t.Name()}, output)
	}
	withBrokers := output
	if _, err := os.Stat(outputWithBrokers); err == nil {
		withBrokers = outputWithBrokers
	}
	twice(t, brokers(t, &made), withBrokers)
}

// Command runs what has a command line of its own, once, with -brokers, and compares what it prints. On Apache Kafka the
// topics and groups of made are deleted at the end, as far as they were not there before.
func Command(t *testing.T, made app.Made, command func(ctx context.Context, args []string, out io.Writer) error) {
	t.Helper()
	compare(t, brokers(t, &made), output, func(brokers []string, out io.Writer) error {
		return command(t.Context(), []string{"-brokers", strings.Join(brokers, ",")}, out)
	})
}

// brokers returns the addresses of an Apache Kafka, or of a cluster in this process that listens.
func brokers(t *testing.T, made *app.Made) []string {
	t.Helper()
	if addresses := os.Getenv("GOKASIM_BROKERS"); addresses != "" {
		brokers := strings.Split(addresses, ",")
		leaveAsFound(t, brokers, made)
		return brokers
	}
	cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
	t.Cleanup(func() { cluster.Close() })
	listener, err := cluster.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addrs()
}

const (
	output            = "testdata/output.txt"
	outputWithBrokers = "testdata/output-brokers.txt"
)

// compare returns how many lines were printed.
func compare(t *testing.T, brokers []string, printed string, run func(brokers []string, out io.Writer) error) (lines int) {
	t.Helper()
	var out strings.Builder
	if err := run(brokers, &out); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(printed, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(printed)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("output on %v differs from %s (-want +got):\n%s", brokers, printed, d)
	}
	return strings.Count(out.String(), "\n")
}

// leaveAsFound deletes what was made, at the end of the test and as far as it is not there now: the next test begins afresh.
func leaveAsFound(t *testing.T, brokers []string, made *app.Made) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(brokers, app.Config())
	if err != nil {
		t.Fatal(err)
	}
	topics, err := admin.ListTopics()
	if err != nil {
		t.Fatal(err)
	}
	groups, err := admin.ListConsumerGroups()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer admin.Close()
		for _, topic := range slices.Compact(slices.Sorted(slices.Values(made.Topics))) {
			if _, before := topics[topic]; before {
				continue
			}
			if err := admin.DeleteTopic(topic); err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
				t.Errorf("deleting topic %s: %v", topic, err)
			}
		}
		for _, group := range slices.Compact(slices.Sorted(slices.Values(made.Groups))) {
			if _, before := groups[group]; before {
				continue
			}
			if err := deleteGroup(admin, group); err != nil && !errors.Is(err, sarama.ErrGroupIDNotFound) {
				t.Errorf("deleting group %s: %v", group, err)
			}
		}
	})
}

// deleteGroup deletes a group, once its last member is gone.
func deleteGroup(admin sarama.ClusterAdmin, group string) error {
	for end := time.Now().Add(time.Minute); ; {
		err := admin.DeleteConsumerGroup(group)
		if !errors.Is(err, sarama.ErrNonEmptyGroup) || time.Now().After(end) {
			return err
		}
		<-time.After(100 * time.Millisecond)
	}
}
